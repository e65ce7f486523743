"""Words on which the prediction depends: each form of each sentence, the view against the table, and the pages."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from html_page import words as text_of
from sentence_views import HOSTILE, term_measure, words
from synthetic_evidence import N_SAMPLE, N_SMALL
from synthetic_site import site_settings

from attviz_pipeline.artifacts import evidence_schemas, files, term_schemas
from attviz_pipeline.formats import signed
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.sentences import term_evidence as sentences
from attviz_pipeline.report.views.term_evidence import (
    FEWEST_COMPARED,
    Attended,
    TermEvidence,
    TermMeasureView,
    TermRowView,
)


def row(term: str = "goal", **others: Any) -> TermRowView:  # noqa: ANN401 - any field
    values = {
        "term": term,
        "n_documents": 5,
        "mean": 0.123,
        "low": 0.031,
        "high": 0.215,
        "floor": 0.008,
        "rank": 0.93,
        "q": 0.01,
        "attended": Attended(7, 1.8),
    }
    return TermRowView(**(values | others))


def measure(*found: TermRowView, **others: Any) -> TermMeasureView:  # noqa: ANN401 - any field
    return term_measure(**{"rows": [*found, row("other", q=0.3)], "found": list(found), **others})


def test_words_that_were_found_stand_beside_random_ones_and_their_support() -> None:
    assert words(sentences.dependence(measure(row(), row("bank"), row("film")))) == (
        "Of the 43 words in at least 3 of 50 documents in which tokens were masked one by one, 3 lower the probability "
        "of the predicted class more than random words of the same documents if masked (permutation test of ranks, "
        "q < 0.05 over all words and predicted classes). The highest rank is that of goal, above 93 % of the words in "
        "the same documents on average (after "
        "shrinkage): mean fall +12.3 points over 5 documents (95 % interval +3.1 to +21.5; random words +0.8)."
    )
    assert words(sentences.dependence(measure(row(), measure="gradient_x_input", group="sport"))) == (
        "Of the 43 words in at least 3 of 50 documents predicted as sport with gradients, 1 has more gradient x input "
        "for sport than random words of the same documents (permutation test of ranks, q < 0.05 over all words and "
        "predicted classes). It is goal, above "
        "93 % of the words in the same documents on average (after shrinkage): mean +0.12 nats over 5 "
        "documents (95 % interval +0.031 to +0.21; random words +0.0080)."
    )


def test_no_interval_is_said_where_there_is_none() -> None:
    sentence = words(sentences.dependence(measure(row(low=None, high=None))))
    assert sentence.endswith(
        "It is goal, above 93 % of the words in the same documents on average (after shrinkage): mean fall +12.3 "
        "points over 5 documents (random words +0.8)."
    )


def test_nothing_found_is_another_sentence() -> None:
    assert words(sentences.dependence(measure(removal="delete", group="sport"))) == (
        "Of the 43 words in at least 3 of 50 documents predicted as sport in which tokens were deleted one by one, "
        "none lowers the probability of sport more than random words of the same documents if deleted (permutation "
        "test of ranks, q < 0.05 over all words and predicted classes)."
    )
    assert "none has more gradient x input for the predicted class" in words(
        sentences.dependence(measure(measure="gradient_x_input"))
    )


def test_not_compared_is_a_third_sentence() -> None:
    none = measure(rows=[], n_terms=0)
    assert words(sentences.dependence(none)) == (
        "No word is in at least 3 of 50 documents in which tokens were masked one by one, so words were not compared."
    )
    assert words(sentences.dependence(replace(none, n_documents=0, group="sport", measure="gradient_x_input"))) == (
        "Words were not compared: there are no documents predicted as sport with gradients."
    )
    assert words(sentences.dependence(replace(none, n_documents=1, noun="token"))) == (
        "Tokens were not compared: a token must be in 3 documents, and only 1 sampled document is measured."
    )
    few = replace(none, n_documents=1, group="business")
    assert words(sentences.dependence(few)).endswith("and only 1 sampled document is predicted as business.")
    several = replace(few, n_documents=2, many_labels=True)
    assert words(sentences.dependence(several)).endswith(
        "and only 2 sampled documents have the predicted label business."
    )
    assert sentences.not_measured().endswith("was not measured: evidence.enabled is false.")


def test_words_of_the_corpus_are_escaped() -> None:
    for view in (measure(row(HOSTILE), group=HOSTILE), measure(group=HOSTILE), measure(n_terms=0, group=HOSTILE)):
        assert "<script" not in sentences.dependence(view)


def test_the_overlap_with_attention_stands_beside_that_of_random_words() -> None:
    several = measure(row(), row("bank"), row("film"))
    assert sentences.most_attended(several) == (
        "Of these 3 words, 1 is among the 25 words with the highest self-attention; of as many random ones, 1.4 would "
        "be on average."
    )
    assert "2 are among" in sentences.most_attended(replace(several, n_found_attended=2))
    assert "none is among" in sentences.most_attended(replace(several, n_found_attended=0))
    assert sentences.most_attended(replace(several, n_attended=0, n_found_attended=0)) == ""
    assert "; of as many random ones, fewer than one would" in sentences.most_attended(
        replace(several, n_terms=100, n_attended=1)
    )
    assert sentences.most_attended(measure(row())) == (
        "This word is among the 25 words with the highest self-attention; the chance of a random one is 47 %."
    )
    assert "is not among" in sentences.most_attended(measure(row(), n_found_attended=0))
    assert sentences.most_attended(measure()) == ""
    assert sentences.most_attended(measure(row(), n_terms=1)) == ""


def test_tables_are_named_and_explained() -> None:
    view = measure(row())
    assert sentences.rows_of(view) == "2 of 43 words, the highest rank first"
    assert sentences.rows_of(replace(view, n_terms=2)) == "All 2 words, the highest rank first"
    assert sentences.rows_of(replace(view, n_terms=1, rows=[row()])) == "The only word"
    assert "with its 95 % interval." in sentences.columns(view)
    assert "Pieces of a word are masked one by one, and added." in sentences.columns(view)
    assert "Pieces" not in sentences.columns(replace(view, noun="token"))
    assert "in nats" in sentences.columns(replace(view, measure="gradient_x_input"))
    assert [sentences.title(one) for one in (view, replace(view, measure="gradient_x_input"))] == [
        "Masked one by one",
        "Gradient x input",
    ]
    assert sentences.value(-0.0213, view) == signed(-2.1, 1)
    assert sentences.value(-0.0213, replace(view, measure="gradient_x_input")) == "−0.021"
    assert sentences.value(3.42e-5, replace(view, measure="gradient_x_input")) == "+3.4e−5"


@pytest.fixture(scope="module")
def term_evidence(inputs: SiteInputs) -> TermEvidence:
    assert inputs.evidence is not None
    return TermEvidence(inputs.evidence.term_evidence, inputs.terms.terms)


def test_the_view_is_the_table(inputs: SiteInputs, term_evidence: TermEvidence) -> None:
    assert inputs.evidence is not None
    every = files.read_table(inputs.evidence.term_evidence, evidence_schemas.TERM_EVIDENCE).to_pylist()
    rows = [found for found in every if found["n_documents"] >= FEWEST_COMPARED]
    assert 0 < len(rows) < len(every), "words in few documents are no findings, and are not shown"
    ranking = files.read_table(inputs.terms.terms, term_schemas.TERMS)["term"].to_pylist()
    names = files.read_facts(inputs.evidence.term_evidence, evidence_schemas.TERM_EVIDENCE)["label_names"]

    views = [*term_evidence.of_all(), *(view for label in range(len(names)) for view in term_evidence.of_class(label))]

    assert [view.n_documents for view in views[:2]] == [N_SMALL, N_SAMPLE]
    assert sum(view.n_documents for view in views[2::2]) == N_SMALL
    assert sum(view.n_terms for view in views) == len(rows)
    assert sum(len(view.found) for view in views) == sum(found["q"] < 0.05 for found in rows)
    for view in views:
        mine = [found for found in rows if (found["measure"], found["group"]) == (view.measure, view.group or "")]
        assert view.n_terms == len(mine)
        assert [shown.term for shown in view.rows] == [found["term"] for found in mine[:10]]
        for shown, found in zip(view.rows, mine, strict=False):
            assert (shown.mean, shown.floor, shown.q) == (found["mean"], found["floor"], found["q"])
            assert shown.low == found["mean_low"]
            place = ranking.index(shown.term) + 1 if shown.term in ranking else None
            assert (shown.attended and shown.attended.rank) == place


def test_pages_show_what_was_measured(site: Path, term_evidence: TermEvidence) -> None:
    tokens = text_of(site / links.TOKENS)
    for view in term_evidence.of_all():
        assert words(sentences.dependence(view)) in tokens
        assert words(sentences.rows_of(view)) in tokens
    for label in range(3):
        page = text_of(site / links.class_page(label))
        for view in term_evidence.of_class(label):
            assert words(sentences.dependence(view)) in page
    evidence = (site / links.EVIDENCE).read_text(encoding="utf-8")
    assert f'href="{links.EVIDENCE}#heads-title"' in (site / links.HEADS).read_text(encoding="utf-8")
    assert 'id="heads-title"' in evidence
    for address in (f"{links.HEADS}#importance", f"{links.TOKENS}#prediction", f"{links.class_page(0)}#prediction"):
        assert f'href="{address}"' in evidence
        page, _, name = address.partition("#")
        assert f'id="{name}"' in (site / page).read_text(encoding="utf-8")


def test_a_study_without_evidence_says_that_it_was_not_measured(inputs: SiteInputs, tmp_path: Path) -> None:
    write_site(site_settings(), replace(inputs, evidence=None), tmp_path / "site")

    for address in (links.TOKENS, links.class_page(0)):
        page = tmp_path / "site" / address
        assert sentences.not_measured() in text_of(page)
        assert links.EVIDENCE not in page.read_text(encoding="utf-8")
