"""What the prediction of a document depends on: tables, payload, page, index, and each form of each sentence."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from document_pages import filled_page, page_payload
from markupsafe import Markup
from site_visits import row_at
from study_views import study_view
from synthetic_evidence import N_SAMPLE, N_SMALL
from synthetic_site import site_settings

from attviz_pipeline import formats
from attviz_pipeline.artifacts import evidence_schemas, files, packing
from attviz_pipeline.artifacts.layout import EvidencePaths
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.sentences import document_evidence as sentences
from attviz_pipeline.report.sentences.document_evidence import Changes
from attviz_pipeline.report.token_evidence import EvidenceSample, LeftOut, TokenEvidence, TokenEvidenceReader
from attviz_pipeline.report.views.document_evidence import (
    N_CLASSES,
    DocumentEvidenceView,
    bytes_of_evidence,
    document_evidence_view,
)
from attviz_pipeline.tasks.single_label import SingleLabel

TASK = SingleLabel()
SCALE = TASK.scale
SMALLER, LARGER, OUTSIDE = 3, N_SMALL + 2, N_SAMPLE + 1
SAMPLE = EvidenceSample(frozenset(range(40)), 5, "mask")


def paths_of(inputs: SiteInputs) -> EvidencePaths:
    assert inputs.evidence is not None
    return inputs.evidence


def table_row(path: Path, schema: Any, position: int) -> dict[str, Any]:  # noqa: ANN401 - a schema
    return next(row for row in files.read_table(path, schema).to_pylist() if row["position"] == position)


def test_documents_are_found_in_any_order(inputs: SiteInputs) -> None:
    reader = TokenEvidenceReader(paths_of(inputs))

    found = {position: reader.of(row_at(inputs, position)) for position in (LARGER, OUTSIDE, SMALLER)}

    assert found[OUTSIDE] is None
    larger, smaller = found[LARGER], found[SMALLER]
    assert larger is not None
    assert smaller is not None
    assert larger.left_out is None
    assert not larger.taus
    assert smaller.left_out is not None
    expected = table_row(paths_of(inputs).leave_one_out, evidence_schemas.LEAVE_ONE_OUT, SMALLER)
    assert smaller.left_out.changes.ravel().tolist() == expected["changes"]
    assert {tau.score for tau in smaller.taus} == {"self_mean", "gradient_x_input"}
    assert (reader.sample.n_left_out, len(reader.sample.positions)) == (N_SMALL, N_SAMPLE)


def test_evidence_of_other_documents_is_refused(inputs: SiteInputs) -> None:
    reader, row = TokenEvidenceReader(paths_of(inputs)), row_at(inputs, SMALLER)

    with pytest.raises(ArtifactError, match=r"gradients\.parquet is of other documents"):
        reader.of(replace(row, id="another"))
    with pytest.raises(ArtifactError, match=r"gradients\.parquet is of other documents"):
        reader.of(replace(row, tokens=row.tokens[1:]))
    with pytest.raises(ArtifactError, match=r"leave_one_out\.parquet is of other documents"):
        reader.of(replace(row, special=~row.special))


def decoded(part: dict[str, Any]) -> Any:  # noqa: ANN401 - an array
    return packing.unpack(part["codes"], np.dtype("<i2")) * part["scale"] / 32767


def test_the_page_holds_the_numbers_of_the_tables(inputs: SiteInputs, site: Path) -> None:
    row, held = row_at(inputs, SMALLER), page_payload(site, SMALLER)["evidence"]
    gradients = table_row(paths_of(inputs).gradients, evidence_schemas.GRADIENTS, SMALLER)
    left_out = table_row(paths_of(inputs).leave_one_out, evidence_schemas.LEAVE_ONE_OUT, SMALLER)
    n_classes = len(row.probabilities)

    assert decoded(held["gradient"]) == pytest.approx(gradients["gradient_x_input"], abs=1e-4)
    assert held["left_out"]["classes"][0] == row.predicted
    assert sorted(held["left_out"]["classes"]) == list(range(n_classes))
    changes = decoded(held["left_out"]).reshape(n_classes, len(row.tokens))
    assert not changes[:, row.special].any()
    expected = np.reshape(left_out["changes"], (-1, n_classes))[:, held["left_out"]["classes"]].T
    assert changes[:, ~row.special] == pytest.approx(expected, abs=1e-4)


def test_pages_say_what_was_measured_and_others_say_nothing(inputs: SiteInputs, site: Path) -> None:
    smaller, larger, outside = (filled_page(site, position) for position in (SMALLER, LARGER, OUTSIDE))

    assert "was masked alone" in smaller
    taus = files.read_table(paths_of(inputs).document_faithfulness, evidence_schemas.DOCUMENT_FAITHFULNESS).to_pylist()
    for row in taus:
        if row["position"] == SMALLER and row["score"] in {"self_mean", "gradient_x_input"}:
            assert f"<td>{formats.signed(row['tau'])}" in smaller
    assert "in 8 of the 16 documents with gradients, not in this one" in larger
    assert "agreement-of-scores" not in larger
    assert 'id="evidence"' not in outside
    assert "evidence" not in page_payload(site, OUTSIDE)


@pytest.fixture(scope="module")
def bare_site(inputs: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same study without evidence."""
    folder = tmp_path_factory.mktemp("bare") / "site"
    write_site(site_settings(title="News & views"), replace(inputs, evidence=None), folder)
    return folder


def test_a_study_without_evidence_says_nothing_of_it(bare_site: Path) -> None:
    assert 'id="evidence"' not in filled_page(bare_site, SMALLER)
    assert "evidence" not in page_payload(bare_site, SMALLER)
    assert "filter-evidence" not in (bare_site / links.DOCUMENTS).read_text(encoding="utf-8")
    assert '"evidence":' not in (bare_site / "assets" / "documents-000.js").read_text(encoding="utf-8")


def test_the_room_for_evidence_suffices(inputs: SiteInputs, site: Path, bare_site: Path) -> None:
    for position in range(N_SAMPLE):
        row = row_at(inputs, position)
        sizes = [(folder / links.document(position)).stat().st_size for folder in (site, bare_site)]
        counted = bytes_of_evidence(np.array([len(row.tokens)]), SingleLabel(tuple("x" for _ in row.probabilities)))
        # The tables of this study have few scores.
        assert 500 < sizes[0] - sizes[1] < counted - 10 * 70


def test_the_index_marks_documents_with_evidence(site: Path) -> None:
    assert "filter-evidence" in (site / links.DOCUMENTS).read_text(encoding="utf-8")
    script = (site / "assets" / "documents-000.js").read_text(encoding="utf-8")
    columns = json.loads(script[script.index("{") : script.rindex("}") + 1])
    assert columns["evidence"] == [int(position < N_SAMPLE) for position in range(24)]


def test_hostile_names_stay_texts(hostile_site: Path) -> None:
    page = filled_page(hostile_site, 0)

    section = page[page.index('id="evidence"') :]
    assert "<script>alert" not in section[: section.index("</section>")]


def test_a_page_holds_the_changes_of_few_classes(inputs: SiteInputs) -> None:
    row = row_at(inputs, SMALLER)
    places = np.flatnonzero(~row.special).astype(np.int32)
    whole = np.linspace(0.3, 0.01, 9)
    changes = np.zeros((len(places), 9), np.float32)
    evidence = TokenEvidence(None, LeftOut(places, whole, changes))
    row = replace(row, probabilities=whole.tolist(), predicted=0, gold=8)

    view = document_evidence_view(row, evidence, SAMPLE, study_view(label_names=[str(n) for n in range(9)]))

    assert view.payload["left_out"]["classes"] == [0, 8, 1, 2, 3, 4]
    assert len(view.payload["left_out"]["classes"]) == N_CLASSES


def view_of(inputs: SiteInputs, evidence: TokenEvidence) -> DocumentEvidenceView:
    row = row_at(inputs, SMALLER)
    names = [f"class {number}" for number in range(len(row.probabilities))]
    return document_evidence_view(row, evidence, SAMPLE, study_view(label_names=names))


def test_the_token_with_the_largest_fall_is_named(inputs: SiteInputs) -> None:
    row = row_at(inputs, SMALLER)
    places = np.flatnonzero(~row.special).astype(np.int32)
    others = [index for index in range(len(row.probabilities)) if index != row.predicted]
    whole = np.full(len(row.probabilities), 0.2 / max(1, len(others)))
    whole[row.predicted] = 0.8
    changes = np.zeros((len(places), len(whole)), np.float32)
    changes[4, row.predicted], changes[4, others[0]] = -0.6, 0.6
    changes[7, row.predicted] = 0.01

    sentence = view_of(inputs, TokenEvidence(None, LeftOut(places, whole, changes))).sentence

    word = row.text[row.starts[places[4]] : row.ends[places[4]]]
    assert f'Without <bdi class="token">{word}</bdi>' in sentence
    assert "by 60.0 percentage points, from 80 %" in sentence
    mean = formats.decimal(100 * 0.61 / len(places), 1)
    assert (
        f"a random one changes it by {mean} points on average, up or down, the median one by less than 0.1." in sentence
    )
    assert "1 token, masked alone, changes the predicted class." in sentence
    assert sentence.endswith(sentences.no_gradient())


def test_documents_that_are_too_short_say_so(inputs: SiteInputs) -> None:
    row = row_at(inputs, SMALLER)
    special = np.ones(len(row.tokens), np.bool_)
    special[1] = False
    evidence = TokenEvidence(np.zeros(len(row.tokens), np.float32), None)

    view = document_evidence_view(replace(row, special=special), evidence, SAMPLE, study_view())

    assert "fewer than two tokens of text" in view.sentence
    assert "left_out" not in view.payload
    assert decoded(view.payload["gradient"]).tolist() == [0] * len(row.tokens)


CHANGES = Changes("<sport>", 0.74, Markup("goal"), -0.619, 0.051, 0.027, 1234, 0, SCALE)


FALL = "Without goal, the probability of &lt;sport&gt; falls most: by 61.9 percentage points, from 74 %."
BESIDE = (
    "One of 1,234 tokens always comes first: a random one changes it by 5.1 points on average, up or down, the median"
)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({}, f"{FALL} {BESIDE} one by 2.7."),
        ({"median": 0.0001}, f"{FALL} {BESIDE} one by less than 0.1."),
        ({"strongest": 0.0}, "The probability of &lt;sport&gt; falls without none of them."),
    ],
)
def test_the_largest_fall_stands_beside_a_random_and_the_median_token(changed: dict[str, Any], sentence: str) -> None:
    found = sentences.strongest_change(replace(CHANGES, **changed), "mask")

    assert found.replace('<bdi class="class-name">', "").replace("</bdi>", "") == (
        f"Each of its 1,234 tokens was masked alone. {sentence}"
    )


def test_the_way_of_leaving_out_is_named() -> None:
    assert "tokens was deleted alone." in sentences.strongest_change(CHANGES, "delete")
    assert "tokens was hidden from attention alone." in sentences.strongest_change(CHANGES, "hide")
    assert sentences.flips(CHANGES, "hide").startswith("No token, hidden from attention alone, changes")
    assert sentences.flips(replace(CHANGES, n_flips=1), "mask").startswith("1 token, masked alone, changes")
    assert sentences.flips(replace(CHANGES, n_flips=3), "delete").startswith("3 tokens, deleted alone, change the")


def test_a_document_without_left_out_tokens_says_why() -> None:
    assert sentences.not_left_out(SAMPLE, too_short=True).startswith("This document has fewer than two tokens")
    assert "in 5 of the 40 documents with gradients, not in this one" in sentences.not_left_out(SAMPLE, too_short=False)
    none = replace(SAMPLE, n_left_out=0)
    assert sentences.not_left_out(none, too_short=False) == (
        "Gradients were computed for 40 documents; tokens were left out in none of them."
    )


def test_colours_are_explained_where_there_are_any() -> None:
    assert "<em>gradient x input</em> or <em>fall without the token</em>" in sentences.shading(
        SCALE, gradient=True, left_out=True
    )
    assert " or " not in sentences.shading(SCALE, gradient=True, left_out=False)
    assert not sentences.shading(SCALE, gradient=False, left_out=False)


def test_bars_say_if_classes_are_left_out() -> None:
    sentence = "If the token is deleted: change in percentage points"
    assert sentences.changes_of_classes("delete", 5, 5, TASK) == sentence
    assert sentences.changes_of_classes("delete", 6, 77, TASK) == f"{sentence}, 6 of 77 classes"


def test_agreement_stands_beside_random_orders() -> None:
    sentence = sentences.agreement(70, "mask", SCALE)

    assert "when the token is masked, over 70 tokens of this document." in sentence
    # The standard deviation of tau is sqrt(2 (2 * 70 + 5) / (9 * 70 * 69)).
    assert sentence.endswith("95 % have a tau between −0.16 and +0.16.")
    assert "Of random orders" not in sentences.agreement(9, "mask", SCALE)
