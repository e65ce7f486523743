"""What the pages of a multi-label study say about sets of labels, in every form and at the borders of its numbers."""
# ruff: noqa: ANN401 - keywords replace values of any field

from dataclasses import replace
from typing import Any

import pytest
from sentence_views import HOSTILE, study_view, words

from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.report.sentences import labels
from attviz_pipeline.report.views.errors import LabelErrorsView, LabelErrorView
from attviz_pipeline.report.views.study import StudyView

NAMES = ["economy", "people", "technology"]
ALL_RIGHT = {"right": 55, "partly_right": 0, "wrong": 0}
SOME_WRONG = {"right": 50, "partly_right": 1, "wrong": 4}


def study(**summary: Any) -> StudyView:
    """A study of 55 documents with a finished model."""
    given = {"name": "s", "dataset": {"source": "news.csv"}, "model": {"source": "folder", "mode": "load"}}
    return replace(
        study_view(**{"task": "multi_label", "label_names": NAMES, "thresholds": [0.5] * 3} | summary),
        settings=parse_study(given, "test"),
    )


def estimate(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


@pytest.mark.parametrize(
    ("given", "said"),
    [([], "no label"), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_sets_of_labels_are_listed(given: list[str], said: str) -> None:
    assert words(labels.names(given)) == said
    assert words(labels.document_heading(given)) == f"Predicted {said}"


def test_names_of_labels_are_escaped() -> None:
    assert "<script>" not in labels.names([HOSTILE])
    assert "<script>" not in labels.compared_with_gold([HOSTILE], ["a"], labelled=True)
    assert "<script>" not in labels.least_certain(HOSTILE, 0.5, 0.5, 2)
    found = {"n_distinct_sets": 2, "labels": [], "counts": [0], "n_without": 0}
    assert "<script>" not in str(labels.predictions(found, study(label_names=[HOSTILE])))


@pytest.mark.parametrize(
    ("gold", "predicted", "said"),
    [
        (["a"], ["a"], "The gold labels are the same."),
        ([], [], "The document has no gold label either."),
        (["a", "b"], ["a"], "Gold: a and b; missed: b."),
        (["a"], ["a", "c"], "Gold: a; wrongly predicted: c."),
        (["a", "b"], ["c"], "Gold: a and b; missed: a and b; wrongly predicted: c."),
        ([], ["c"], "Gold: no label; wrongly predicted: c."),
        (["a"], [], "Gold: a; missed: a."),
    ],
)
def test_predicted_labels_are_compared_with_gold_labels(gold: list[str], predicted: list[str], said: str) -> None:
    assert words(labels.compared_with_gold(gold, predicted, labelled=True)) == said


def test_unknown_gold_labels_are_mentioned_only_where_others_are_known() -> None:
    assert labels.compared_with_gold(None, ["a"], labelled=True) == "The gold labels of this document are not known."
    assert labels.compared_with_gold(None, ["a"], labelled=False) == ""


def test_the_least_certain_decision_is_one_of_several() -> None:
    said = labels.least_certain("a", 0.45, 0.4, 2)
    assert words(said) == "The least certain of 2 decisions is that on a: probability 45 %, threshold 40 %."
    assert labels.least_certain("a", 0.45, 0.4, 1) == ""


@pytest.mark.parametrize(
    ("probability", "shown"),
    [
        (0.5, "50 %"),
        (0.496, "49.6 %"),
        (0.4996, "49.96 %"),
        (0.5004, "50.04 %"),
        (0.506, "51 %"),
        (0.5000001, "50.0000 %"),
    ],
)
def test_a_probability_beside_its_threshold_has_as_many_decimals_as_it_takes(probability: float, shown: str) -> None:
    said = labels.least_certain("a", probability, 0.5, 2)
    assert words(said).endswith(f"probability {shown}, threshold 50 %.")


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((55, 55, SOME_WRONG), "55 documents, 1 partly correct and 4 wrong"),
        ((55, 55, ALL_RIGHT), "55 documents, none partly correct and none wrong"),
        ((1, 1, {"partly_right": 0, "wrong": 1}), "1 document, none partly correct and 1 wrong"),
        ((60, 55, SOME_WRONG), "60 documents, 1 of the 55 with gold labels partly correct and 4 wrong"),
        ((60, 0, {}), "60 documents"),
    ],
)
def test_the_heading_of_the_index_counts_mistakes(numbers: tuple[int, int, dict[str, int]], said: str) -> None:
    assert labels.index_heading(*numbers) == said


def test_mistakes_are_counted_with_the_certainty_of_the_most_confident() -> None:
    assert labels.mistakes(55, 55, SOME_WRONG, 0.93) == (
        "Of 55 documents, 1 is partly correct and 4 are wrong. In the most confident of them, every decision on a "
        "label has a probability of at least 93 %."
    )
    assert labels.mistakes(55, 60, SOME_WRONG, 0.93).startswith("Of 55 documents with gold labels, 1 is partly correct")
    assert labels.mistakes(55, 55, ALL_RIGHT, None) == "All labels of 55 documents are correctly predicted."
    assert labels.mistakes(1, 60, {"right": 1, "partly_right": 0, "wrong": 0}, None) == (
        "All labels of 1 document with gold labels are correctly predicted."
    )


def test_the_page_of_mistakes_says_what_it_compares() -> None:
    assert labels.group_of_mistakes(55, SOME_WRONG) == (
        "Of 55 documents with known gold labels, 1 is partly correct (the sets of labels differ, but share a label) "
        "and 4 are wrong. This page compares them with the 50 correct documents."
    )
    one = labels.group_of_mistakes(2, {"right": 1, "partly_right": 0, "wrong": 1})
    assert "0 are partly correct" in one
    assert "1 is wrong" in one
    assert one.endswith("with the 1 correct document.")


def test_a_label_is_counted_among_gold_and_predicted_labels() -> None:
    assert words(labels.label_scores(11, 9, study())) == (
        "Of 55 documents, 11 have this gold label, and some/bert predicts it for 9."
    )
    assert words(labels.label_scores(1, 0, study(n_labelled=40))) == (
        "Of 40 documents with known gold labels, 1 has this gold label, and some/bert predicts it for 0."
    )
    assert words(labels.label_scores(None, 9, study(n_labelled=0))) == (
        "This label is predicted for 9 of 55 documents by some/bert."
    )
    tuned = study_view(task="multi_label", label_names=NAMES)
    assert words(labels.label_scores(11, 9, tuned)).endswith("and the fine-tuned some/bert predicts it for 9.")


def test_macro_f1_stands_beside_micro_f1_where_it_is_defined() -> None:
    together = "over all labels together"
    assert labels.macro_f1(estimate(0.7, 0.62, 0.77)) == f"{together} · macro F1 70 % (62 % to 77 %)"
    assert labels.macro_f1(estimate(0.7)) == f"{together} · macro F1 70 %"
    assert labels.macro_f1(estimate(None)) == together


def found(counts: list[int], *, n_sets: int = 5, n_without: int = 0, only: list[str] | None = None) -> dict[str, Any]:
    return {"n_distinct_sets": n_sets, "labels": only, "counts": counts, "n_without": n_without}


def test_one_set_of_labels_for_all_documents_is_said() -> None:
    same = found([55, 55, 0], n_sets=1, only=["economy", "people"])
    assert words(labels.predictions(same, study()) or "") == (
        "The model predicts economy and people for each of the 55 documents: documents cannot be compared by "
        "prediction."
    )
    none = found([0, 0, 0], n_sets=1, n_without=1, only=[])
    assert words(labels.predictions(none, study(n_documents=1)) or "") == (
        "The model predicts no label for the only document: documents cannot be compared by prediction."
    )


def test_labels_that_are_never_predicted_are_named() -> None:
    assert labels.predictions(found([3, 2, 1]), study()) is None
    assert words(labels.predictions(found([3, 0, 0]), study()) or "") == (
        "The model never predicts people and technology."
    )
    assert words(labels.predictions(found([3, 2, 1], n_without=4), study()) or "") == (
        "The model predicts no label for 4 of 55 documents."
    )
    assert words(labels.predictions(found([3, 2, 0], n_without=1), study()) or "") == (
        "The model never predicts technology. It predicts no label for 1 of 55 documents."
    )


@pytest.mark.parametrize(("n_labels", "end"), [(5, "l3 and l4."), (6, "l4 and 1 more."), (9, "l4 and 4 more.")])
def test_at_most_five_labels_are_named(n_labels: int, end: str) -> None:
    many = study(label_names=[f"l{n}" for n in range(n_labels)])
    assert words(labels.predictions(found([0] * n_labels), many) or "").endswith(end)


@pytest.mark.parametrize(
    ("interval", "end"),
    [
        ((0.51, 0.7), "The 95 % interval of the exact match, 51 % to 70 %, lies above this."),
        ((0.5, 0.7), "The 95 % interval of the exact match, 50 % to 70 %, includes this."),
        ((0.4, 0.5), "The 95 % interval of the exact match, 40 % to 50 %, includes this."),
        ((0.4, 0.49), "The 95 % interval of the exact match, 40 % to 49 %, lies below this."),
        ((None, None), "The exact match has no interval to compare this with."),
    ],
)
def test_the_exact_match_is_compared_with_the_most_frequent_set(
    interval: tuple[float | None, float | None], end: str
) -> None:
    always = {"labels": ["a"], "n_sets_as_frequent": 1, "exact_match": 0.5, "micro_f1": 0.6, "hamming_loss": 0.25}
    scores = {"majority_baseline": always, "exact_match": estimate(0.6, *interval)}
    said = words(labels.baseline(scores))
    assert said == (
        "Always predicting a, the most frequent set of gold labels of these documents, would have an exact match of "
        f"50 %, a micro F1 of 60 % and a Hamming loss of 25 %. {end}"
    )
    tied = labels.baseline(scores | {"majority_baseline": always | {"n_sets_as_frequent": 2, "labels": []}})
    assert words(tied).startswith("Always predicting no label, one of the most frequent sets of gold labels")


def calibrated(value: float | None, low: float | None, high: float | None) -> dict[str, Any]:
    """A label with its mean probability minus its share; calibrated ones reach from −0.1 to 0.1."""
    return {
        "overconfidence": estimate(value, low, high),
        "overconfidence_of_a_calibrated_model": {"low": -0.1, "high": 0.1},
    }


@pytest.mark.parametrize(
    ("label", "side"),
    [
        (calibrated(0.11, 0.01, 0.2), 1),
        (calibrated(0.11, 0.0, 0.2), 0),  # the interval touches 0
        (calibrated(0.1, 0.01, 0.2), 0),  # calibrated probabilities reach as far
        (calibrated(-0.11, -0.2, -0.01), -1),
        (calibrated(-0.11, -0.2, 0.0), 0),
        (calibrated(-0.1, -0.2, -0.01), 0),
        (calibrated(0.3, None, None), 0),
        (calibrated(None, None, None), 0),
        (calibrated(0.3, 0.2, 0.4) | {"overconfidence_of_a_calibrated_model": None}, 0),
    ],
)
def test_probabilities_are_too_high_or_too_low_only_beyond_interval_and_chance(
    label: dict[str, Any], side: int
) -> None:
    said = labels.calibration([label, calibrated(0, -0.1, 0.1)], 55)
    if side:
        assert said == (
            f"Probabilities are too high on average for {int(side > 0)} and too low for {int(side < 0)} of 2 labels, "
            "over 55 documents: the difference from the share of documents with the label is outside of 95 % of "
            "simulations with calibrated probabilities, and the 95 % interval excludes 0."
        )
    else:
        assert said == (
            "Probabilities are shown to be too high or too low on average for none of 2 labels, over 55 documents."
        )


def test_errors_of_labels_stand_beside_those_of_random_predictions() -> None:
    rows = [LabelErrorView(name, 0, "", n_gold=20, n_missed=1, n_added=2) for name in NAMES]
    view = LabelErrorsView(rows=rows, together=[], n_decisions=1650, by_chance=41.4, is_large=False)
    assert labels.label_errors(view, 550) == (
        "Of 1,650 decisions (550 documents, 3 labels), 3 miss a gold label and 6 predict another. As many predictions "
        "of each label, handed out at random, would miss 41 of 60 gold labels on average."
    )


def test_the_table_of_labels_that_occur_together_says_what_it_counts() -> None:
    said = labels.together(1)
    assert said.startswith("Number of documents with both gold labels, of 1 document; below, the number expected if")
    assert said.endswith("so labels that often occur together also share what distinguishes them.")
