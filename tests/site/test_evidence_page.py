"""The page Evidence: each form of each sentence, its numbers against the tables, and a site that has no evidence."""

import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from html_page import words
from scipy.stats import false_discovery_control
from sentence_views import HOSTILE, study_view
from sentence_views import words as said
from synthetic_evidence import N_SAMPLE, N_SMALL, NO_GATES, write_evidence
from synthetic_site import site_settings

from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.artifacts.layout import EvidencePaths
from attviz_pipeline.formats import probability, signed
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.sentences import evidence
from attviz_pipeline.report.views.evidence_page import evidence_page_view
from attviz_pipeline.report.views.line_chart import Axis, Line, line_chart

Row = dict[str, Any]
STUDY = study_view()
SCALE = STUDY.task.scale


def score_row(**others: Any) -> Row:  # noqa: ANN401 - any column
    row = {
        "score": "self_mean",
        "layer": None,
        "fraction": 0.1,
        "n_documents": 40,
        "n_sources": 40,
        "mean": 0.455,
        "floor": 0.153,
        "difference": 0.302,
        "difference_low": 0.192,
        "difference_high": 0.412,
        "difference_q": 3e-6,
    }
    return row | others


UNCLEAR: Row = {"difference": 0.01, "difference_low": -0.02, "difference_high": 0.04, "difference_q": 0.4}
LESS: Row = {"difference": -0.05, "difference_low": -0.08, "difference_high": -0.02, "difference_q": 0.01}


def test_the_answer_stands_beside_random_tokens_and_names_sample_and_model() -> None:
    assert said(evidence.answer(score_row(), [0.1], "mask", STUDY)) == (
        "In 40 of 55 documents, the probability that the fine-tuned "
        "some/bert gives to the predicted class falls by 45.5 points on "
        "average if the 10 % of tokens with the highest mean self-attention over heads are masked; it falls by 15.3 "
        "points if as many random tokens are masked. The difference is +30.2 points (95 % interval +19.2 to +41.2, "
        "q = 3e−6). The prediction depends on these tokens more than on random ones."
    )
    several = said(evidence.answer(score_row(), [0.05, 0.1, 0.5], "mask", STUDY))
    assert (
        "falls by 45.5 points on average if the 5 %, 10 % and 50 % of tokens with the highest mean self-attention over "
        "heads are masked (mean over these shares); it falls by 15.3 points if as many random tokens are masked."
    ) in several


@pytest.mark.parametrize(
    ("changed", "conclusion"),
    [
        (LESS, "The prediction depends on these tokens less than on random ones."),
        (UNCLEAR, "The difference cannot be distinguished from zero."),
        # An interval without 0 is no finding if q is not below the level.
        ({"difference_q": 0.05}, "The difference cannot be distinguished from zero."),
        ({"difference_low": None, "difference_high": None, "difference_q": None}, "One input row gives no interval."),
        ({"difference_q": None}, "It is the same in every document, so it is not tested."),
    ],
)
def test_the_answer_claims_no_more_than_was_found(changed: Row, conclusion: str) -> None:
    sentence = said(evidence.answer(score_row(**changed), [0.1], "mask", STUDY))
    assert sentence.endswith(conclusion)
    assert ("interval +" in sentence or "interval −" in sentence) == (changed.get("difference_low", 0) is not None)


def test_the_answer_says_how_tokens_were_removed_and_that_a_probability_can_rise() -> None:
    sentence = said(evidence.answer(score_row(mean=-0.02, floor=-0.0001), [0.1], "delete", STUDY))
    assert "rises by 2.0 points on average" in sentence
    assert "it falls by 0.0 points if as many random tokens are deleted" in sentence
    assert "are hidden from attention;" in said(evidence.answer(score_row(), [0.1], "hide", STUDY))


def test_documents_of_fewer_input_rows_name_these() -> None:
    sentence = said(evidence.answer(score_row(n_sources=31), [0.1], "mask", STUDY))
    assert sentence.startswith("In 40 of 55 documents (from 31 input rows), the probability that")
    assert evidence.sufficiency(score_row(n_sources=31), [0.1], SCALE).startswith(
        "With only these 10 % left in 40 documents (from 31 input rows), the probability falls by"
    )


def test_what_was_not_measured_is_no_finding() -> None:
    sentence = said(evidence.answer(None, [0.1], "mask", STUDY))
    assert "was not measured" in sentence
    assert "points" not in sentence


def test_the_name_of_a_model_is_escaped() -> None:
    study = replace(STUDY, model={"source": HOSTILE})
    assert "<script>" not in evidence.answer(score_row(), [0.1], "mask", study)


@pytest.mark.parametrize(
    ("changed", "conclusion"),
    [
        (LESS, "These tokens alone keep more of the prediction than random ones."),
        ({}, "These tokens alone keep less of the prediction than random ones."),
        (UNCLEAR, "The difference cannot be distinguished from zero."),
    ],
)
def test_low_sufficiency_is_the_better_one(changed: Row, conclusion: str) -> None:
    sentence = evidence.sufficiency(score_row(**changed), [0.1], SCALE)
    assert sentence.startswith("With only these 10 % left, the probability falls by 45.5 points;")
    assert sentence.endswith(conclusion)


SPORT = {"group": "sport", "mean_low": 0.6, "mean_high": 0.88, "mean": 0.747, "floor": 0.578, "n_documents": 8}
ARTS = {"group": HOSTILE, "mean_low": -0.022, "mean_high": 0.051, "mean": 0.015, "floor": -0.007, "n_documents": 9}


def test_gold_classes_with_the_least_and_the_largest_fall_are_named() -> None:
    between = {"group": "tech", "mean_low": 0.5, "mean_high": 0.7, "mean": 0.6, "floor": 0.4, "n_documents": 7}
    sentence = evidence.by_gold([score_row(**row) for row in (SPORT, ARTS, between)], STUDY)
    assert "<script>" not in sentence
    assert said(sentence) == (
        "The extremes of 3 gold classes: without the highest-ranked tokens, the probability falls by 1.5 points in 9 "
        f"documents of {HOSTILE} (95 % interval −2.2 to +5.1; with random tokens removed, it rises by 0.7 points), and "
        "it falls by 74.7 points in 8 documents of sport (95 % interval +60.0 to +88.0; with random tokens removed, it "
        "falls by 57.8 points). The two intervals do not overlap; as extremes, they were chosen for their difference."
    )


def test_gold_classes_whose_intervals_overlap_are_no_difference() -> None:
    sentence = evidence.by_gold([score_row(**SPORT), score_row(**ARTS | {"mean_high": 0.6})], STUDY)
    assert said(sentence).endswith("The two intervals overlap, so no difference is shown.")
    assert evidence.by_gold([score_row(**SPORT)], STUDY) == ""


def test_only_gold_classes_with_an_interval_are_compared(paths: EvidencePaths) -> None:
    view = evidence_page_view(paths, STUDY)
    table = files.read_table(paths.faithfulness, evidence_schemas.FAITHFULNESS).to_pylist()
    mine = [row for row in table if (row["grouping"], row["score"]) == ("gold", "self_mean")]
    mine = [row for row in mine if row["measure"] == "comprehensiveness" and row["fraction"] is None]
    large = [row for row in mine if row["n_documents"] >= 5]
    assert view.by_gold == evidence.by_gold(large, STUDY)
    assert view.by_gold


def test_scores_are_counted_by_what_was_found() -> None:
    rows = [score_row(), score_row(**LESS), score_row(**UNCLEAR)]
    shares = "Over 40 documents, on average over 5 % and 20 % of the tokens, "
    assert evidence.scores_found(rows, [0.05, 0.2]) == (
        f"{shares}1 of 3 scores (mean self-attention over heads) points at tokens on which the prediction depends more "
        "than on random ones, 1 of 3 scores (mean self-attention over heads) at tokens on which it depends less (q < "
        "0.05)."
    )
    assert evidence.scores_found(rows[:1] * 2, [0.1]).startswith(
        "Over 40 documents, at 10 % of the tokens, 2 of 2 scores (mean self-attention over heads, mean "
        "self-attention over heads) point at"
    )
    few = score_row(score="leave_one_out", n_documents=5)
    assert evidence.scores_found([*rows, few], [0.1]).endswith(
        " Over 5 documents, 1 of 1 score (leaving out one token) points at such tokens (q < 0.05). Leaving out one "
        "token ranks tokens by the same removal that judges the ranking."
    )
    layers = [score_row(score="self_layers", layer=layer, **(UNCLEAR if layer else {})) for layer in range(3)]
    assert evidence.scores_found([*rows[2:], *layers], [0.1]) == (
        "Over 40 documents, at 10 % of the tokens, none of 1 score and 1 of 3 layers (0) points at tokens on which the "
        "prediction depends more than on random ones (q < 0.05)."
    )
    assert "none of 1 score and 2 layers is shown to point at" in evidence.scores_found([*rows[2:], *layers[1:]], [0.1])
    assert evidence.scores_found(rows[2:], [0.05, 0.2]).startswith(f"{shares}none of 1 score is shown to point at")
    assert evidence.scores_found([], [0.1]) == "No score of tokens was compared with random tokens."


def test_missing_scores_are_named_with_their_reasons() -> None:
    assert evidence.not_measured({}) is None
    sentence = evidence.not_measured({"rollout": "only in full mode", "leave_one_out": "no document"})
    assert sentence == "Not measured: attention rollout (only in full mode); leaving out one token (no document)."
    assert evidence.other_documents([]) is None
    assert evidence.other_documents([score_row(score="leave_one_out", n_documents=5)]) == (
        "Measured on fewer documents, and therefore in the table only: leaving out one token (5)."
    )


@pytest.mark.parametrize("removal", ["mask", "delete", "hide"])
def test_the_limits_say_how_tokens_were_removed(removal: str) -> None:
    limits = evidence.removal_shows(removal, SCALE)
    assert limits.startswith(evidence.REMOVED[removal])
    assert "the model read these tokens: without them, its prediction is less probable." in limits


def order_row(low: float | None, high: float | None, what: str = "accuracy") -> Row:
    return {
        "what": what,
        "order": "gradient",
        "n_switched_off": 36,
        "n_documents": 20,
        "n_labelled": 18,
        "floor": 0.65,
        what: 0.95,
        f"{what}_difference": 0.3,
        f"{what}_difference_low": low,
        f"{what}_difference_high": high,
    }


@pytest.mark.parametrize(
    ("low", "high", "conclusion"),
    [
        (
            0.108,
            0.492,
            "above 0: without these heads, the model keeps more than in these 2 random orders; others can differ.",
        ),
        (
            -0.4,
            -0.1,
            "below 0: without these heads, the model loses more than in these 2 random orders; others can differ.",
        ),
        (-0.1, 0.7, "The difference cannot be distinguished from zero."),
        (0.0, 0.7, "The difference cannot be distinguished from zero."),
        (0.0, 0.0, "It is 0 in every input row."),
        (None, None, "One input row gives no interval."),
    ],
)
def test_an_order_of_heads_stands_beside_random_orders(low: float | None, high: float | None, conclusion: str) -> None:
    sentence = evidence.head_order(order_row(low, high), 72, 2, SCALE)
    assert sentence.startswith(
        "By gradient importance, the least important first: with 36 of 72 heads switched off, accuracy is 95 % over 18 "
        "documents; in random order it is 65 % (mean of 2 orders). The difference is +30.0 points"
    )
    assert sentence.endswith(conclusion)


def test_what_is_left_without_any_head_is_said() -> None:
    none_left = order_row(None, None) | {"accuracy": 0.26}
    ends = "With no head switched off, accuracy is 95 % (17 of 18 documents); with all 72 heads switched off, it is "
    assert evidence.without_heads(order_row(None, None), none_left, 72, SCALE, one_prediction=False) == (
        f"{ends}26 % (5 of 18)."
    )
    assert evidence.without_heads(order_row(None, None), none_left, 72, SCALE, one_prediction=True) == (
        f"{ends}26 % (5 of 18): the predicted class is then the same for every document, so this is what always "
        "predicting it reaches."
    )


def test_without_gold_labels_predictions_are_compared_with_those_of_the_whole_model() -> None:
    sentence = evidence.head_order(order_row(0.1, 0.5, "agreement"), 72, 1, SCALE)
    assert "the share of predictions like those of the whole model is 95 % over 20 documents" in sentence
    assert "(mean of 1 order)" in sentence


def test_an_order_that_has_seen_the_documents_says_so() -> None:
    orders = ["measured", "gradient", "self_attention", "random"]
    sentence = evidence.judged_by({"measured": False, "gradient": True}, orders)
    assert sentence == (
        "The documents of the curves also decided the order by measured importance, which can therefore look better "
        "than it is."
    )
    sentence = evidence.judged_by({"measured": True, "gradient": True}, orders)
    assert sentence == "Other documents decided the order by measured importance and gradient importance."
    assert evidence.judged_by({"measured": False, "gradient": False}, ["self_attention", "random"]) == ""


def test_heads_that_cannot_be_switched_off_have_a_reason() -> None:
    assert evidence.no_curve("the model is odd.") == "No head was switched off: the model is odd."
    assert "evidence.cumulative_documents" in evidence.no_curve(None)


def test_the_sample_is_named() -> None:
    assert evidence.sample(55, 0, STUDY) == "All 55 documents were measured."
    sentence = evidence.sample(40, 1, STUDY)
    assert sentence.startswith(
        "40 of 55 documents are the sample, drawn in proportion to the gold classes and to thirds"
    )
    assert sentence.endswith("1 document with fewer than two tokens of text has no faithfulness.")
    unlabelled = evidence.sample(40, 0, study_view(n_labelled=0))
    assert unlabelled.startswith("40 of 55 documents are the sample, drawn in proportion to thirds of length. The")


@pytest.mark.parametrize(
    ("confusion", "expected"),
    [([[40, 3], [4, 8]], True), ([[20, 7], [4, 23]], False), ([[20, 7, 0], [4, 23, 0], [0, 0, 0]], False)],
)
def test_classes_are_called_rare_only_where_their_sizes_differ(confusion: list[list[int]], *, expected: bool) -> None:
    sentence = evidence.sample(40, 0, study_view(confusion=confusion))
    assert ("the smaller a sample, the larger the part of rare classes." in sentence) is expected
    assert ("third where there are enough. The smaller samples" in sentence) is not expected


def test_a_chart_puts_its_points_where_their_numbers_are() -> None:
    axis = Axis("heads", [0, 4], "{:.0f}".format, falling=True)
    chart = line_chart([Line("a", "x", [(0, 0.0), (4, 1.0)])], [(0, 0.0, 0.5), (4, 0.5, 1.0)], axis, "alt")
    assert chart is not None
    assert [(tick.at, tick.label) for tick in chart.x_ticks] == [(0, "4"), (chart.width, "0")]
    assert [tick.label for tick in chart.y_ticks] == ["0", "20", "40", "60", "80", "100"]
    assert chart.lines[0].dots == [(chart.width, chart.height), (0, 0)]
    assert chart.band == "M560.0 110.0L0.0 0.0L0.0 110.0L560.0 220.0Z"
    assert line_chart([], [], axis, "alt") is None


def test_labels_of_a_chart_do_not_lie_on_each_other() -> None:
    axis = Axis("share", [0.0, 0.02, 0.1, 0.9, 1.0], str)
    chart = line_chart([Line("a", "x", [(0, 0.0), (1, 1.0)])], [], axis, "alt")
    assert chart is not None
    assert [(tick.label, tick.minor) for tick in chart.x_ticks] == [
        ("0.0", False),
        ("0.1", True),
        ("0.9", False),
        ("1.0", True),
    ]


def test_a_chart_of_one_flat_line_has_an_axis() -> None:
    chart = line_chart([Line("a", "x", [(0.1, 0.0)])], [], Axis("share", [0.1], str), "alt")
    assert chart is not None
    assert len(chart.y_ticks) > 1


# The page


@pytest.fixture(scope="module")
def paths(inputs: SiteInputs) -> EvidencePaths:
    assert inputs.evidence is not None
    return inputs.evidence


def test_tables_of_the_page_have_the_numbers_of_the_artifacts(paths: EvidencePaths) -> None:
    view = evidence_page_view(paths, study_view(n_documents=24))
    table = files.read_table(paths.faithfulness, evidence_schemas.FAITHFULNESS).to_pylist()
    rows = {
        (row["score"], row["measure"]): row
        for row in table
        if row["grouping"] == "all" and row["fraction"] is None and row["layer"] is None
    }
    by_title = {row.title: row for row in view.scores}
    assert len(by_title) == len({score for score, _ in rows}) == 4
    for score in {score for score, _ in rows}:
        row = by_title[evidence.score_title(score, None)]
        for measure, cell in row.cells.items():
            wanted = rows[score, measure]
            assert (cell.mean, cell.difference, cell.q) == tuple(
                wanted[name] for name in ("mean", "difference", "difference_q")
            )
            assert row.n_documents == wanted["n_documents"]
    assert [row.n_documents for row in view.agreement] == [N_SMALL] * 3
    assert {row.title for row in view.groups} >= {"correctly classified", "misclassified"}
    assert {row.detail for row in view.shares} == {"5 %", "10 %", "20 %", "50 %"}


def test_groups_are_tested_over_all_groups_of_a_kind_and_small_ones_not_at_all(paths: EvidencePaths) -> None:
    study = study_view(n_documents=24)
    view = evidence_page_view(paths, study)
    table = files.read_table(paths.faithfulness, evidence_schemas.FAITHFULNESS).to_pylist()
    titles = {"right": "correctly classified", "wrong": "misclassified"}
    differs, sizes = False, {row.n_documents < 5 for row in view.groups}
    for grouping, measure in itertools.product(("gold", "correct"), ("comprehensiveness", "sufficiency")):
        family = [row for row in table if (row["grouping"], row["measure"]) == (grouping, measure)]
        family = [row for row in family if row["fraction"] is None]
        tested = [row for row in family if row["n_documents"] >= 5 and row["difference_p"] is not None]
        q = false_discovery_control([row["difference_p"] for row in tested])
        wanted = {row["group"]: value for row, value in zip(tested, q, strict=True) if row["score"] == "self_mean"}
        for row in family:
            if row["score"] != "self_mean":
                continue
            [shown] = [one for one in view.groups if one.title == titles.get(row["group"], row["group"])]
            cell = shown.cells[measure]
            assert (cell.mean, cell.difference) == (row["mean"], row["difference"])
            small = row["n_documents"] < 5
            assert (cell.low, cell.high) == ((None, None) if small else (row["difference_low"], row["difference_high"]))
            assert cell.q == (None if small else pytest.approx(wanted[row["group"]]))
            differs |= not small and cell.q != row["difference_q"]
    assert differs
    assert sizes == {True, False}


def test_the_tests_of_groups_are_described(site: Path) -> None:
    over = "q is adjusted over all scores and layers, and over all groups of the same kind."
    apart = "Groups are not compared with each other: a small group can have q ≥ 0.05 even with the same effect."
    assert evidence.tests_of_groups([5, 9]) == f"{over} {apart}"
    small = "Groups of fewer than 5 documents are too small for an interval and q."
    assert evidence.tests_of_groups([5, 4]) == f"{over} {small} {apart}"
    assert f"{over} {small} {apart}" in words(site / links.EVIDENCE)


def test_the_curves_hold_scores_of_the_whole_sample_only(paths: EvidencePaths) -> None:
    view = evidence_page_view(paths, study_view(n_documents=24))
    for _, chart in view.charts:
        assert [line.style for line in chart.lines] == ["self_mean", "gradient_x_input", "random"]
        assert chart.band is not None
    assert "leaving out one token (8)" in str(view.other_documents)


def test_heads_are_compared_at_half_of_them_and_parts_are_counted(paths: EvidencePaths) -> None:
    view = evidence_page_view(paths, study_view(n_documents=24))
    table = files.read_table(paths.ablation_curves, evidence_schemas.ABLATION_CURVES).to_pylist()
    half = {row["order"]: row for row in table if row["n_switched_off"] == 3}
    *of_orders, without_heads = view.ablation.sentences
    assert len(of_orders) == 3
    assert all("3 of 6 heads" in sentence for sentence in of_orders)
    assert re.fullmatch(
        r"With no head switched off, .*; with all 6 heads switched off, it is \d+ % \(\d of 8\).*", without_heads
    )
    assert f"{signed(half['measured']['accuracy_difference'] * 100, 1)} points" in view.ablation.sentences[0]
    assert "gradient importance, which can therefore look better" in view.ablation.judged
    assert [part.n_documents for part in view.parts] == [N_SAMPLE, N_SMALL, N_SAMPLE, N_SAMPLE, N_SMALL]
    assert view.parts[3].n_passes == N_SAMPLE * (1 + 6 + 2)
    assert view.sample.startswith(f"{N_SAMPLE} of 24 documents are the sample")


def test_a_model_that_predicts_one_class_without_heads_is_said_to(paths: EvidencePaths, tmp_path: Path) -> None:
    schema = evidence_schemas.CUMULATIVE_ABLATIONS
    columns = files.read_table(paths.cumulative_ablations, schema).to_pydict()
    facts = files.read_facts(paths.cumulative_ablations, schema)
    for classes, there in (([0], True), ([0, 1], False)):
        path = tmp_path / f"{len(classes)}.parquet"
        cut = [classes[row % len(classes)] for row in range(len(columns["cut_prediction"]))]
        files.write_table(path, schema, columns | {"cut_prediction": cut}, facts)
        sentence = evidence_page_view(replace(paths, cumulative_ablations=path), STUDY).ablation.sentences[-1]
        assert ("the predicted class is then the same for every document" in sentence) == there


def test_the_page_start_and_about_say_the_same(paths: EvidencePaths, site: Path) -> None:
    view = evidence_page_view(paths, replace(study_view(n_documents=24), model={"source": "synthetic/bert"}))
    for address in (links.EVIDENCE, links.START, links.ABOUT):
        assert said(view.answer) in words(site / address)
    text = words(site / links.EVIDENCE)
    assert "The difference is +" in text
    q = next(cell.q for row in view.scores for cell in row.cells.values() if cell.q is not None)
    assert probability(q) in text
    assert "Not measured: attention rollout (only in full mode)." in text
    assert "This site does not show that attention explains" not in words(site / links.ABOUT)


def test_a_model_whose_heads_cannot_be_switched_off_has_a_reason(inputs: SiteInputs, tmp_path: Path) -> None:
    found = write_evidence(tmp_path / "evidence", inputs.attention, gates=NO_GATES)
    write_site(site_settings(), replace(inputs, evidence=found), tmp_path / "site")
    text = words(tmp_path / "site" / links.EVIDENCE)
    assert f"No head was switched off: {NO_GATES}." in text
    assert "heads left" not in text
    assert "Switching off each head" not in text


def test_a_site_without_evidence_says_nothing_of_it(inputs: SiteInputs, tmp_path: Path) -> None:
    write_site(site_settings(), replace(inputs, evidence=None), tmp_path / "site")
    site = tmp_path / "site"
    assert not (site / links.EVIDENCE).exists()
    for path in [*site.rglob("*.html"), *site.rglob("*.js")]:
        assert links.EVIDENCE not in path.read_text(encoding="utf-8"), path
    assert "This site does not show that attention explains" in words(site / links.ABOUT)


def test_without_any_score_of_attention_the_page_says_so(paths: EvidencePaths, tmp_path: Path) -> None:
    kept = files.read_table(paths.faithfulness, evidence_schemas.FAITHFULNESS)
    facts = files.read_facts(paths.faithfulness, evidence_schemas.FAITHFULNESS)
    rows = [row for row in kept.to_pylist() if row["score"] != "self_mean"]
    path = tmp_path / "faithfulness.parquet"
    columns = {name: [row[name] for row in rows] for name in evidence_schemas.FAITHFULNESS.arrow.names}
    files.write_table(path, evidence_schemas.FAITHFULNESS, columns, facts)
    view = evidence_page_view(replace(paths, faithfulness=path), STUDY)
    assert "was not measured" in view.answer
    assert (view.sufficiency, view.groups) == ("", [])
    assert len(view.scores) == 3
