"""What the pages say of evidence about label sets and values: the forms that classes do not have."""

from typing import Any

import pytest
from markupsafe import Markup
from sentence_views import UNKNOWN, study_view, term_measure, words
from sentence_views import ablation as ablation_view
from sentence_views import head_importance as importance_view

from attviz_pipeline.report.sentences import document_evidence, evidence, head_importance, term_evidence
from attviz_pipeline.report.sentences.document_evidence import Changes
from attviz_pipeline.report.views.head_importance import AblationView, HeadImportance, MeanView
from attviz_pipeline.report.views.study import HeadRef
from attviz_pipeline.report.views.term_evidence import TermMeasureView, TermRowView
from attviz_pipeline.tasks.multi_label import MultiLabel
from attviz_pipeline.tasks.regression import Regression

SET, VALUE = MultiLabel.scale, Regression.scale
SETS = study_view(task="multi_label", confusion=None, outcomes={"right": 40})
VALUES = study_view(task="regression", label_names=[], confusion=None)
RISES, FALLS, UNCLEAR = MeanView(0.4, 0.2, 0.6, 0.001), MeanView(-0.4, -0.6, -0.2, 0.001), MeanView(0.1, -0.3, 0.4, 0.4)


def order_row(low: float, high: float) -> dict[str, Any]:
    return {
        "what": "error",
        "order": "gradient",
        "n_switched_off": 36,
        "n_documents": 20,
        "n_labelled": 18,
        "floor": 0.85,
        "error": 0.75,
        "error_difference": -0.1,
        "error_difference_low": low,
        "error_difference_high": high,
    }


@pytest.mark.parametrize(
    ("low", "high", "conclusion"),
    [
        (
            -0.2,
            -0.05,
            "below 0: without these heads, the model keeps more than in these 2 random orders; others can differ.",
        ),
        (
            0.05,
            0.2,
            "above 0: without these heads, the model loses more than in these 2 random orders; others can differ.",
        ),
        (-0.2, 0.05, "The difference cannot be distinguished from zero."),
    ],
)
def test_a_smaller_error_is_the_better_one(low: float, high: float, conclusion: str) -> None:
    sentence = evidence.head_order(order_row(low, high), 72, 2, VALUE)
    assert "switched off, the mean absolute error is 0.750 over 18 documents; in random order it is 0.850" in sentence
    assert "points" not in sentence
    assert "%" not in sentence.replace("95 %", "")
    assert sentence.endswith(conclusion)


def test_a_value_changes_and_has_no_points() -> None:
    row = {
        "score": "self_mean",
        "layer": None,
        "fraction": 0.1,
        "n_documents": 40,
        "n_sources": 40,
        "mean": 1.25,
        "floor": 0.5,
        "difference": 0.75,
        "difference_low": 0.5,
        "difference_high": 1.0,
        "difference_q": 0.001,
    }
    assert words(evidence.answer(row, [0.1], "mask", VALUES)) == (
        "In 40 of 55 documents, the value that the fine-tuned some/bert predicts changes by 1.25 (up or down) on "
        "average if the 10 % of tokens with the highest mean self-attention over heads are masked; it changes by "
        "0.500 if as many random tokens are masked. The difference is +0.750 (95 % interval +0.500 to +1.00, q = "
        "0.001). The prediction depends on these tokens more than on random ones."
    )
    assert (
        "the probability that the fine-tuned some/bert gives to the predicted label set falls by 125.0 points"
        in words(evidence.answer(row, [0.1], "mask", SETS))
    )
    assert evidence.sufficiency(row, [0.1], VALUE).startswith(
        "With only these 10 % left, the value changes by 1.25; with"
    )
    assert "A change of the value shows that the model read these tokens, whether it goes up or down." in (
        evidence.removal_shows("mask", VALUE)
    )


def test_a_sample_is_in_proportion_to_what_the_task_has() -> None:
    assert "in proportion to the rarest gold label of each document and to thirds of length" in (
        evidence.sample(40, 0, SETS)
    )
    assert "the larger the part of labels that are rarer than others. The smaller" in evidence.sample(40, 0, SETS)
    assert "in proportion to quantiles of the gold value" in evidence.sample(40, 0, VALUES)
    assert "rare" not in evidence.sample(40, 0, VALUES)
    unlabelled = study_view(task="regression", label_names=[], confusion=None, n_labelled=0)
    assert "drawn in proportion to thirds of length. The smaller" in evidence.sample(40, 0, unlabelled)


def ablation(change: MeanView, gold: MeanView = UNKNOWN, **others: Any) -> AblationView:  # noqa: ANN401 - any field
    return ablation_view(change, gold, **{"head": HeadRef(0, 1, "heads/1.html"), "n_flips": None, **others})


def importance(*heads: AblationView, **others: Any) -> HeadImportance:  # noqa: ANN401 - any field
    return importance_view(*heads, **{"scale": VALUE, **others})


def test_heads_are_judged_by_the_error_where_it_is_known() -> None:
    found = importance(ablation(UNCLEAR, FALLS), ablation(UNCLEAR, RISES), by_error=True)
    assert words(head_importance.heads_that_matter(found, VALUES, "")) == (
        "The absolute error falls without 1 and rises without 1 of 2 heads (q < 0.05). It rises without "
        "L0·H1: +0.40 (95 % interval +0.20 to +0.60; q = 0.001). The median change of all heads is 0."
    )
    unlabelled = importance(ablation(FALLS), ablation(UNCLEAR))
    assert words(head_importance.heads_that_matter(unlabelled, VALUES, "")).startswith(
        "The predicted value falls without 1 of 2 heads (q < 0.05). It is L0·H1: −0.40 (95 %"
    )
    assert head_importance.most_flips(found, VALUES, "") == ""


def test_one_head_changes_a_value_and_its_error() -> None:
    view = ablation(FALLS, RISES)
    assert words(head_importance.without_head(view, importance(view, by_error=True), VALUES)) == (
        "In 20 of 55 documents, the fine-tuned some/bert was also run without this head (its output set to 0). On "
        "average, the predicted value changes by −0.40 (95 % interval −0.60 to −0.20; q = 0.001). Without it, it is"
        " lower. The absolute error changes by +0.40 (95 % interval +0.20 to +0.60; q = 0.001). Without it, it is "
        "larger."
    )
    assert head_importance.flips_without_head(view, VALUE) == ""
    assert head_importance.columns(VALUES) == "Change: mean change of the predicted value, and of the absolute error."
    assert head_importance.gold_column(VALUES) == "Absolute error"
    assert head_importance.axis("measured", VALUE) == "|change| of the value without the head"


def test_label_sets_change_and_have_exact_match() -> None:
    changed = ablation(FALLS, FALLS, n_flips=3, accuracy=MeanView(-0.1, -0.2, 0.0, 0.2))
    assert head_importance.flips_without_head(changed, SET).startswith(
        "The predicted label set changes in 3 of 20 documents. Exact match changes by −10 percentage points"
    )
    assert words(head_importance.most_flips(importance(changed, scale=SET), SETS, "")) == (
        "The most predicted label sets change without L0·H1: 3 of 20 documents."
    )
    none = importance(ablation(FALLS, n_flips=0), scale=SET)
    assert words(head_importance.most_flips(none, SETS, "")) == (
        "No predicted label set of 20 documents changes without one head."
    )
    group = ablation(FALLS, FALLS, grouping="gold", group="sport")
    assert words(head_importance.classes_without_head([group], SETS)) == (
        "1 of 2 gold labels has 5 documents or more. By gold label, the log probability of the gold label set changes "
        "in 1 of 1 (q < 0.05, over all heads and gold labels): sport (−0.40 nats, 20 documents). This is no comparison "
        "with other documents: without the head, the log probability of the gold label set may change alike in "
        "documents without the label."
    )
    assert head_importance.group_without_head(ablation(FALLS, grouping="correct", group="wrong"), SET) == (
        "not all labels right"
    )


def measure(scale: Any, **others: Any) -> TermMeasureView:  # noqa: ANN401 - any field
    row = TermRowView("goal", 5, 0.123, 0.031, 0.215, 0.008, 0.93, 0.01, None)
    return term_measure(rows=[row], found=[row], scale=scale, **others)


def test_words_change_a_value() -> None:
    view = measure(VALUE)
    sentence = words(term_evidence.dependence(view))
    assert "1 changes the predicted value more than random words of the same documents if masked" in sentence
    assert "mean change 0.123 over 5 documents (95 % interval 0.0310 to 0.215; random words 0.00800)." in sentence
    assert term_evidence.column(view) == "Change"
    assert term_evidence.columns(view).startswith(
        "Change: mean over documents of the absolute change of the predicted value if one occurrence is "
        "masked, with its"
    )
    assert "1 has more |gradient x input| for the predicted value than" in words(
        term_evidence.dependence(measure(VALUE, measure="gradient_x_input"))
    )


def test_words_on_the_page_of_a_label_are_of_the_whole_set() -> None:
    view = measure(SET, group="sport", many_labels=True)
    sentence = words(term_evidence.dependence(view))
    assert "in at least 3 of 50 documents with the predicted label sport in which tokens were masked" in sentence
    assert "1 lowers the probability of the predicted label set more than random words" in sentence


def test_a_document_names_the_token_that_changes_its_value_or_label_set() -> None:
    value = Changes("", 5.21, Markup("goal"), -0.619, 0.041, 0.027, 25, None, VALUE)
    assert document_evidence.strongest_change(value, "mask") == (
        "Each of its 25 tokens was masked alone. Without goal, the predicted value changes most: by −0.619, from 5.21. "
        "One of 25 tokens always comes first: a random one changes it by 0.0410 on average, up or down, the median one "
        "by 0.0270."
    )
    assert document_evidence.flips(value, "mask") == ""
    still = Changes("", 5.21, Markup("goal"), 0.0, 0.0, 0.0, 25, None, VALUE)
    assert document_evidence.strongest_change(still, "mask").endswith(
        " The predicted value changes without none of them."
    )
    labels = Changes("", 0.4, Markup("goal"), -0.1, 0.02, 0.01, 25, 2, SET)
    assert "Without goal, the probability of the predicted label set falls most: by 10.0 percentage points" in (
        document_evidence.strongest_change(labels, "mask")
    )
    assert document_evidence.flips(labels, "mask") == "2 tokens, masked alone, change the predicted label set."
    assert "blue tokens raise the predicted value, orange tokens lower it" in document_evidence.shading(
        VALUE, gradient=True, left_out=True
    )
    assert document_evidence.changes_of_classes("mask", 1, 1, Regression()) == (
        "If the token is masked: change of the predicted value"
    )
    assert document_evidence.changes_of_classes("mask", 6, 9, MultiLabel()).endswith(", 6 of 9 labels")
