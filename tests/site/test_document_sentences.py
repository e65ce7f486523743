"""Sentences of the page of all documents and of the page of one document: each form, and where it is not said."""

from dataclasses import replace

import numpy as np
import pytest
from markupsafe import escape
from study_views import study_view

from attviz_pipeline.aggregates import AGGREGATES
from attviz_pipeline.analysis.group_documents import FEWEST_DOCUMENTS
from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.report.sentences import document, documents, parts
from attviz_pipeline.report.sentences.document import Ranked
from attviz_pipeline.report.sentences.study import (
    associations_only,
    by_position,
    distribution_of_head,
    documents_with_maps,
    documents_with_vectors,
    gold_of_rows,
    kept_whole,
    rows_of_documents,
    unknown_tokens,
)
from attviz_pipeline.report.tiers import Tiers
from attviz_pipeline.report.views.document import DocumentView, document_view
from attviz_pipeline.report.views.document_groups import DeviationView, DocumentGroups, DocumentGroupView
from attviz_pipeline.report.views.documents import others_view
from attviz_pipeline.report.views.study import HeadRef

WORDS = [parts.token(word) for word in ("tax", "<i>vote</i>", "law")]


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ((98, 0, 0), "98 documents"),
        ((55, 55, 7), "55 documents, 7 misclassified"),
        ((55, 55, 0), "55 documents, none misclassified"),
        ((55, 40, 7), "55 documents, 7 of the 40 with a gold label misclassified"),
        ((1, 1, 1), "1 document, 1 misclassified"),
    ],
)
def test_the_heading_counts_only_what_is_known(counts: tuple[int, int, int], sentence: str) -> None:
    n_documents, n_labelled, n_wrong = counts
    assert documents.heading(study_view(n_documents=n_documents, n_labelled=n_labelled, n_wrong=n_wrong)) == sentence


def test_the_source_of_the_predictions_is_named() -> None:
    loaded = {"model": {"source": "bert", "mode": "load"}}

    assert documents.source(study_view(settings=loaded)) == "Predictions of <bdi>bert</bdi>."
    assert "fine-tuned" in documents.source(study_view())
    assert "which names no model." in documents.source(study_view(imported=True))


def groups(**changed: object) -> DocumentGroups:
    heads = [DeviationView(HeadRef(0, 1, "page"), 1.0)]
    found = DocumentGroups(
        groups=[DocumentGroupView(number, 20, heads) for number in (1, 2)],
        outcome="found",
        n_documents=40,
        silhouette=0.39,
        silhouette_by_chance=0.16,
        p=0.01,
        length_share=0.08,
        length_share_by_chance=0.02,
        of_document=np.zeros(40, np.int64),
    )
    return replace(found, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            groups(),
            (
                "2 groups of 40 documents, by the activity of their heads at equal length, are separated beyond chance "
                "(mean silhouette 0.39; 95 % of clouds without groups are below 0.16; p 0.01). They account for 8 % of "
                "the variance of log length, random groups for 2 %."
            ),
        ),
        (
            groups(groups=[], outcome="nothing_found", silhouette=0.14, p=0.3),
            (
                "Documents were grouped by the activity of their heads at equal length: no groups were found that are "
                "beyond chance (mean silhouette 0.14; 95 % of clouds without groups are below 0.16; p 0.3)."
            ),
        ),
        (
            groups(groups=[], outcome="nothing_found", silhouette=None),
            "Documents were grouped by the activity of their heads at equal length: no groups were found.",
        ),
        (
            groups(groups=[], outcome="not_compared", n_documents=1),
            (
                "Documents were not grouped by the activity of their heads at equal length: 1 document with words, and "
                "20 are needed."
            ),
        ),
    ],
)
def test_groups_are_described_beside_chance(found: DocumentGroups, sentence: str) -> None:
    assert documents.groups(found) == sentence


def test_the_fewest_documents_to_group_are_those_of_the_stage() -> None:
    assert documents.FEWEST_GROUPED == FEWEST_DOCUMENTS


def test_a_score_stands_beside_the_length_of_documents() -> None:
    assert (
        documents.score("Mean", "a mean", -0.812, study_view())
        == "Mean: a mean; Spearman with the number of tokens −0.81."
    )
    assert documents.score("Mean", "a mean", None, study_view()) == "Mean: a mean."


def test_shades_say_what_they_compare_and_where_they_were_measured() -> None:
    assert documents.shades(None).endswith("So shades compare the tokens of one text, not those of two.")
    assert documents.shades(360).endswith("Of each text, the first 360 characters are here.")
    meaning = "Blue tokens speak for the predicted class, orange tokens against it."
    some = "Measured in 40 of 55 documents; the other texts have no colour."
    assert documents.signed_shades(40, study_view()) == f"{meaning} {some}"
    assert documents.signed_shades(55, study_view()) == meaning


def test_gold_labels_of_segments_are_those_of_their_input_rows() -> None:
    shared = study_view(n_sources=20)
    assert gold_of_rows(shared) == (
        "Gold labels are those of the input rows: the whole texts that the documents are parts of."
    )
    assert gold_of_rows(study_view()) == ""
    assert gold_of_rows(study_view(n_sources=20, n_labelled=0, confusion=None)) == ""
    values = study_view(n_sources=20, task="regression", label_names=[], confusion=None)
    assert gold_of_rows(values).startswith("Gold values are those of the input rows:")
    assert rows_of_documents(shared).endswith("the 55 documents of this site come from 20 input rows.")
    assert rows_of_documents(study_view()) == ""


def test_mistakes_are_counted_among_labelled_documents() -> None:
    assert documents.mistakes(study_view(), "<x>", 0.65) == (
        '7 of 55 documents are misclassified. Highest confidence: <bdi class="class-name">&lt;x&gt;</bdi> with 65 %; '
        "with 2 equally probable classes it would be 50 %."
    )
    part = documents.mistakes(study_view(n_wrong=1, n_labelled=40), "a", 0.5)
    assert part.startswith("1 of 40 documents with a gold label is misclassified.")
    assert documents.no_mistakes(55, 55) == "All 55 documents are correctly classified."
    assert documents.no_mistakes(55, 1) == "The one document with a gold label is correctly classified."


def test_maps_and_whole_pages_name_the_kinds_of_documents_that_there_are() -> None:
    reasons = {0: "named", 3: "misclassified", 5: "low_confidence", 7: "sample"}
    labelled, unlabelled = study_view(map_reasons=reasons), study_view(imported=True)

    assert documents_with_maps(labelled) == (
        "4 of 55 documents have token-to-token maps: those that the configuration names, then 1 of the 7 "
        "misclassified ones, then "
        "the least confident ones, then a sample."
    )
    assert documents_with_maps(study_view(map_reasons={5: "sample"})).startswith("1 of 55 documents has")
    assert not documents_with_maps(unlabelled)
    vectors = documents_with_vectors(replace(labelled, with_vectors=(0, 3)))
    assert vectors == (
        "2 of these 4, the first chosen, also have query and key vectors: those that the configuration names, then 1 "
        "of the 7 misclassified ones."
    )
    assert documents_with_vectors(labelled) == "No document has query and key vectors."
    kinds = "those with maps, then misclassified ones, then the least confident ones, then a sample"
    assert kept_whole(labelled) == kinds
    assert kept_whole(unlabelled) == "the least confident ones, then a sample"
    tiers = Tiers(frozenset({1, 2}), 55)
    assert documents.pages_with_every_head(tiers, unlabelled).startswith("2 of 55 pages contain every head: the least")
    assert "2 of 55 documents have every head: the least" in document.layers_only(tiers, unlabelled)


def test_where_not_all_documents_have_a_page_the_index_says_which_and_how_to_have_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    part = replace(study_view(map_reasons={0: "named"}), with_page=np.array([0, 1, 9, 54]), has_evidence=True)
    kinds = "those with maps or evidence, then misclassified ones, then the least confident ones, then a sample"
    assert documents.documents_with_pages(part) == (
        f"4 of 55 documents have a page: {kinds}. Statistics are not restricted to these. A larger "
        "<code>site.max_megabytes</code> (now 900) makes room for more."
    )
    one = replace(study_view(imported=True), with_page=np.array([7]))
    assert documents.documents_with_pages(one).startswith("1 of 55 documents has a page: the least confident ones,")
    monkeypatch.setattr(documents, "MOST_PAGES", 4)
    assert documents.documents_with_pages(part).endswith(
        "More would make the index slow: analyse a part of the corpus to see others."
    )
    tiers = Tiers(frozenset({0}), 55, part.with_page)
    assert documents.pages_with_every_head(tiers, part).startswith("1 of 4 pages contain every head: those with maps,")
    assert "1 of 4 documents with a page have every head" in document.layers_only(tiers, part)
    assert documents.score("Mean", "a mean", 0.5, part) == (
        "Mean: a mean; Spearman with the number of tokens in the documents with a page +0.50."
    )
    assert "Measured in 2 of 4 documents with a page; the other texts" in documents.signed_shades(2, part)
    assert "Measured" not in documents.signed_shades(4, part)


def test_the_search_of_the_others_says_what_it_covers() -> None:
    part = replace(study_view(), with_page=np.arange(15))
    covered = "40 documents have no page. Here you can search the id and the first 120 characters of each text"
    assert documents.other_documents(part, 40, 120) == f"{covered}."
    assert documents.other_documents(part, 12, 120) == (
        f"{covered} in 12 of them, a random sample, since site.max_megabytes has no room for all."
    )
    assert documents.other_documents(replace(part, with_page=np.arange(54)), 1, 120).startswith("1 document has no")
    assert others_view(part, 0, 0) is None
    titles = [view.title for n in (12, 40) if (view := others_view(part, n, 1))]
    assert titles == ["Search 12 of the other 40 documents", "Search the other 40 documents"]


def test_unknown_tokens_are_described_where_there_are_any() -> None:
    numbers = {"n_documents_with_unknown": 1, "n_tokens_without_special": 200}

    assert not unknown_tokens(study_view(n_unknown_tokens=0, **numbers))
    assert unknown_tokens(study_view(n_unknown_tokens=1, **numbers)).startswith(
        "1 token of text (0.5 %), in 1 document, is unknown to the model"
    )
    assert "Rankings exclude them" in unknown_tokens(study_view(n_unknown_tokens=2, **numbers))


def test_only_a_study_without_interventions_says_that_it_only_observed() -> None:
    observed, intervened = (associations_only(replace(study_view(), has_evidence=known)) for known in (False, True))

    assert observed.endswith("This study only observed attention and predictions, and measured associations:")
    assert "only observed" not in intervened
    assert "intervened, but tested no score of attention" in intervened


def test_plots_of_a_head_say_what_they_show() -> None:
    assert distribution_of_head(0.0123) == "Share of tokens per tenth of a decade; median about 0.012."
    assert by_position(study_view()).endswith(
        "for the layer of this head: positions are recorded per layer, not per head."
    )
    assert "over all vectors" in by_position(study_view(imported=True))


def test_the_prediction_has_its_probability_unless_there_is_one_class() -> None:
    assert document.heading("a&b", 0.59, 2) == 'Predicted <bdi class="class-name">a&amp;b</bdi> with 59 %'
    assert document.heading("a", 1.0, 1).endswith("the only class")


@pytest.mark.parametrize(
    ("gold", "second", "margin", "labelled", "sentence"),
    [
        ("a", "b", 0.414, True, "The gold label is the same; b is second, 41.4 percentage points lower."),
        ("c", "b", 0.414, True, "The gold label is c; b is second, 41.4 percentage points lower."),
        ("b", "b", 0.0001, True, "The gold label, b, is second, less than 0.1 percentage points lower."),
        ("a", "b", 0.0, True, "The gold label is the same; b is equally probable."),
        (None, "b", 0.5, True, "This document has no gold label; b is second, 50.0 percentage points lower."),
        (None, "b", 0.5, False, "b is second, 50.0 percentage points lower."),
        ("a", None, 1.0, True, "The gold label is the same."),
        (None, None, 1.0, False, ""),
    ],
)
def test_the_prediction_is_compared(
    gold: str | None, second: str | None, margin: float, labelled: object, sentence: str
) -> None:
    assert document.runner_up(gold, "a", second, margin, labelled=bool(labelled)).striptags() == sentence


@pytest.mark.parametrize(
    ("ranked", "even", "sentence"),
    [
        (
            Ranked(WORDS, 0.0507, 0.01, 94),
            1 / 96,
            (
                "Of its 94 tokens other than special and unknown ones, tax has the highest mean self-attention "
                "over all 72 heads of the fine-tuned bert (0.0507; even attention: 0.0104), then <i>vote</i> and law."
            ),
        ),
        (
            Ranked(WORDS[:2], 0.3, 0.1, 2),
            None,
            (
                "Of its 2 tokens other than special and unknown ones, tax has the highest mean self-attention "
                "over all 72 heads of the fine-tuned bert (0.300)."
            ),
        ),
        (
            Ranked(WORDS[:1], 0.3, 0.3, 1),
            1 / 3,
            (
                "Its only token other than special and unknown ones, tax, has the mean self-attention over "
                "all 72 heads of the fine-tuned bert (0.300; even attention: 0.333)."
            ),
        ),
        (
            Ranked(WORDS, 0.010403, 0.010402, 94),
            1 / 96,
            (
                "All 94 tokens other than special and unknown ones have the same mean self-attention over "
                "all 72 heads of the fine-tuned bert (0.0104; even attention: 0.0104)."
            ),
        ),
        (Ranked([], 0, 1, 0), 1 / 2, "It has no tokens other than special and unknown ones, which are not ranked."),
    ],
)
def test_the_strongest_tokens_are_named_if_there_are_any(ranked: Ranked, even: float | None, sentence: str) -> None:
    found = document.strongest_tokens(ranked, study_view(), even)

    assert found.replace('<bdi class="token">', "").replace("<bdi>", "").replace("</bdi>", "") == escape(sentence)


def test_the_strongest_head_stands_beside_the_usual_one() -> None:
    study = study_view()
    here, usual = (parts.head_link(HeadRef(1, head, "page"), study, "../") for head in (1, 2))
    heads = Ranked([here], 0.127, 0.001, 72)

    named = [document.strongest_head(heads, study, one).striptags() for one in (None, here, usual)]
    assert named == [
        "The head with the highest mean here is L1·H1 (0.127).",
        "The head with the highest mean here is L1·H1 (0.127), as over all documents.",
        "The head with the highest mean here is L1·H1 (0.127); over all documents it is L1·H2.",
    ]
    assert not document.strongest_head(Ranked([here], 0.0104, 0.0104, 72), study, usual)
    assert not document.strongest_head(Ranked([here], 0.2, 0.2, 1), study, usual)


def test_a_page_without_maps_says_why() -> None:
    assert "1 of 55 documents has" in document.no_map(study_view(map_reasons={0: "sample"}))
    assert document.no_map(study_view(imported=True)).startswith("Imported attention")
    redacted = study_view(settings={"redaction": {"mode": "shape"}})
    assert document.no_map(redacted).startswith("Words are redacted")
    assert "maps.max_documents" in document.no_map(study_view())


def test_the_grid_counts_what_is_pinned() -> None:
    assert document.grid_of_heads(study_view(), 3, lite=False).endswith(
        "the 3 with the largest standard deviation over tokens are pinned."
    )
    assert document.grid_of_heads(study_view(n_layers=3), 3, lite=True).endswith("At first, all are pinned.")
    one = study_view(imported=True, n_layers=1, n_heads=1)
    assert document.grid_of_heads(one, 3, lite=False).startswith("One cell per vector")
    assert document.grid_of_heads(one, 3, lite=False).endswith("At first, it is pinned.")


def test_a_model_that_reads_from_left_to_right_is_given_and_compared_with_no_even_share() -> None:
    attention = np.full((2, 3), 0.2, np.float32)
    attention[:, 0] = 1
    row = replace(_row(), self_attention=attention)
    view = view_of(row)

    assert document.left_to_right() in view.notes
    assert "even attention" not in view.strongest_of_all
    assert document.left_to_right() not in view_of(_row()).notes
    assert "even attention: 0.333" in view_of(_row()).strongest_of_all


def test_even_attention_is_not_given_of_windows_of_several_lengths() -> None:
    windows = [{"first_token": 0, "n_model_tokens": length} for length in (3, 2)]

    view = view_of(replace(_row(), windows=windows, truncated=True))

    assert "even attention" not in view.strongest_of_all
    assert view.notes == [document.windows(2), document.truncated()]


def view_of(row: DocumentRow) -> DocumentView:
    return document_view(row, study_view(n_layers=1, n_heads=2))


def _row() -> DocumentRow:
    """Three tokens in two heads."""
    nothing = np.zeros(3, np.bool_)
    return DocumentRow(
        position=0,
        id="a",
        source_id="a",
        split="test",
        gold=0,
        predicted=0,
        outcome="right",
        error=None,
        text="a b c",
        truncated=False,
        tokens=["a", "b", "c"],
        windows=[{"first_token": 0, "n_model_tokens": 3}],
        probabilities=[0.7, 0.3],
        starts=np.array([0, 2, 4], np.int32),
        ends=np.array([1, 3, 5], np.int32),
        special=nothing,
        unknown=nothing,
        punctuation=nothing,
        words=np.arange(3, dtype=np.int32),
        segments=np.zeros(3, np.int8),
        self_attention=np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.2]], np.float32),
        aggregates=np.linspace(0.1, 0.3, 3 * len(AGGREGATES), dtype=np.float32).reshape(len(AGGREGATES), 3),
        measures={},
        on_special=None,
    )
