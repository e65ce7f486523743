"""What the pages say about the importance of heads to the prediction: every form of each sentence, with its numbers."""

from dataclasses import replace
from typing import Any

import pytest
from sentence_views import HOSTILE, study_view, words
from sentence_views import ablation as ablation_view
from sentence_views import head_importance as importance

from attviz_pipeline.formats import signed
from attviz_pipeline.report.sentences import head_importance as sentences
from attviz_pipeline.report.views.head_importance import (
    AblationView,
    CorrelationView,
    MeanView,
    MeasureView,
)
from attviz_pipeline.report.views.study import HeadRef
from attviz_pipeline.tasks.single_label import SingleLabel

CLEAR = MeanView(-0.5, -0.7, -0.3, 0.001)
UNCLEAR = MeanView(-0.1, -0.3, 0.1, 0.4)
UNTESTED = MeanView(-0.5, None, None, None)
SCALE = SingleLabel.scale
STRONGER = "more strongly than in 95 % of random orders."
NOTHING = "nothing that can be distinguished from zero."
CHOSEN = (
    "The predicted class was chosen because it is the most probable, so almost any disturbance tends to make it less "
    "probable."
)


def ablation(number: int | None = 0, change: MeanView = CLEAR, **others: Any) -> AblationView:  # noqa: ANN401 - any field
    """One head of the study of 6 heads; with None, all heads of layer 1."""
    layer = 1 if number is None else number // 3
    head = None if number is None else HeadRef(*divmod(number, 3), f"heads/{number}.html")
    return ablation_view(change, **{"layer": layer, "head": head, **others})


def test_heads_that_cannot_be_switched_off_have_a_reason() -> None:
    assert sentences.not_switched_off(importance(ablation())) == ""
    sentence = sentences.not_switched_off(importance(gates=f"the model {HOSTILE} has no gates."))
    assert sentence == "No head was switched off: the model &lt;script&gt;alert(1)&lt;/script&gt; has no gates."
    assert HOSTILE not in sentence
    assert words(sentences.not_switched_off(importance())) == (
        "No head was switched off: the sample for it has no documents."
    )


def test_nothing_is_said_of_heads_that_were_not_switched_off() -> None:
    none = importance(gates="no gates")
    said = [
        sentences.sample(none, study_view()),
        sentences.heads_that_matter(none, study_view(), ""),
        sentences.most_flips(none, study_view(), ""),
        sentences.layers_that_matter(none),
        sentences.place_of_head(None, None, 40, SCALE),
        sentences.classes_without_head([], study_view()),
    ]
    assert said == [""] * 6


def test_the_sample_is_named_with_what_replaces_a_head() -> None:
    assert words(sentences.sample(importance(ablation()), study_view())) == (
        "In 20 of 55 documents, the fine-tuned "
        "some/bert was also run without each head, one at a time (its output set to 0)."
    )
    everything = importance(ablation(n_sources=55), n_measured=55, ablation="mean")
    assert words(sentences.sample(everything, study_view())) == (
        "In all 55 documents, the fine-tuned "
        "some/bert was also run without each head, one at a time (its output replaced by its mean "
        "over tokens)."
    )
    assert "In the only document, " in sentences.sample(importance(ablation(), n_measured=1), study_view(n_documents=1))


def test_heads_matter_or_not_or_were_not_tested() -> None:
    rises = MeanView(0.2, 0.1, 0.3, 0.02)
    found = importance(ablation(0, UNCLEAR), ablation(4), ablation(2, rises))
    sentence = sentences.heads_that_matter(found, study_view(), "../")
    assert words(sentence) == (
        "The log probability of the predicted class falls without 1 and rises without 1 of 3 heads (q < 0.05). It "
        "falls without L1·H1: −0.50 nats (95 % interval −0.70 to −0.30; q = 0.001), which multiplies its "
        "probability by 0.61 (geometric mean). The median change of all heads is −0.10 nats."
    )
    assert 'href="../heads/4.html"' in sentence
    assert words(sentences.heads_that_matter(importance(ablation(2, rises)), study_view(), "")) == (
        "The log probability of the predicted class rises without 1 of 1 head (q < 0.05)."
    )
    nothing = importance(ablation(0, UNCLEAR), ablation(1, UNCLEAR))
    assert words(sentences.heads_that_matter(nothing, study_view(), "")) == (
        "For none of 2 heads does switching it off change the log probability of the predicted class (q < 0.05): "
        f"{NOTHING}"
    )
    untested = importance(ablation(0, UNTESTED), ablation(1, UNTESTED))
    assert words(sentences.heads_that_matter(untested, study_view(), "")) == (
        "The changes were not tested: the documents come from one input row, or all have the same change."
    )


@pytest.mark.parametrize(("n_falls", "n_rises", "expected"), [(2, 1, True), (1, 0, True), (1, 1, False), (1, 2, False)])
def test_falls_are_explained_only_where_they_outnumber_rises(n_falls: int, n_rises: int, *, expected: bool) -> None:
    changes = [CLEAR] * n_falls + [replace(CLEAR, value=0.2)] * n_rises
    found = importance(*[ablation(number, change) for number, change in enumerate(changes)])
    assert words(sentences.heads_that_matter(found, study_view(), "")).endswith(CHOSEN) is expected


def test_the_gold_class_stands_beside_the_predicted_one() -> None:
    gold = importance(ablation(0, gold_change=UNCLEAR), ablation(1, gold_change=UNCLEAR))
    said = words(sentences.heads_that_matter(gold, study_view(), ""))
    assert said.endswith(f"The log probability of the gold class changes for none of 2 heads (q < 0.05). {CHOSEN}")
    both = importance(
        ablation(0, UNCLEAR, gold_change=CLEAR), ablation(1, UNCLEAR, gold_change=replace(CLEAR, value=0.4))
    )
    assert words(sentences.heads_that_matter(both, study_view(), "")).endswith(
        f"{NOTHING} The log probability of the gold class falls without 1 and rises without 1 of 2 heads (q < 0.05)."
    )
    layers = importance(layers=[ablation(None, gold_change=UNCLEAR)])
    assert words(sentences.layers_that_matter(layers)).endswith(
        "The log probability of the gold class changes for none of 1 layer (q < 0.05)."
    )
    nothing = importance(layers=[ablation(None, UNCLEAR, gold_change=CLEAR)])
    assert words(sentences.layers_that_matter(nothing)).endswith("gold class falls without 1 of 1 layer (q < 0.05).")


def test_an_interval_of_one_head_is_not_adjusted() -> None:
    beside = MeanView(-0.013, -0.025, -0.00044, 0.2)
    view = ablation(0, beside, gold_change=beside)
    several = words(sentences.without_head(view, importance(view, ablation(1)), study_view()))
    assert several.count(f"The interval is of this head alone; q, over 2 heads, shows {NOTHING}") == 2
    assert "alone" not in words(sentences.without_head(view, importance(view), study_view()))
    includes = ablation(0, UNCLEAR)
    assert "alone" not in words(sentences.without_head(includes, importance(includes, view), study_view()))


def test_q_of_exactly_a_twentieth_is_no_finding() -> None:
    at_the_bound = importance(ablation(0, replace(CLEAR, q=0.05)))
    assert words(sentences.heads_that_matter(at_the_bound, study_view(), "")).endswith(NOTHING)


def test_a_large_change_without_q_below_the_bound_is_not_the_largest_finding() -> None:
    """The largest of all changes may be the noisiest."""
    noisy = replace(UNCLEAR, value=-3.0)
    one = words(sentences.heads_that_matter(importance(ablation(0, noisy), ablation(1)), study_view(), ""))
    assert "falls without 1 of 2 heads (q < 0.05). It is L0·H1: −0.50 nats (95 % interval" in one
    assert one.endswith(
        f"The mean fall of 1 other head is larger, but varies too much to be distinguished from zero. {CHOSEN}"
    )
    several = importance(ablation(0, noisy), ablation(2, noisy), ablation(1), ablation(3))
    sentence = words(sentences.heads_that_matter(several, study_view(), ""))
    assert "Of these, it falls most without L0·H1: " in sentence
    assert sentence.endswith(
        f"The mean falls of 2 other heads are larger, but vary too much to be distinguished from zero. {CHOSEN}"
    )
    assert "larger" not in words(sentences.heads_that_matter(importance(ablation(1)), study_view(), ""))


def test_documents_of_fewer_input_rows_name_these() -> None:
    shared = study_view(n_sources=30)
    rows = "In 20 of 55 documents (from 12 input rows), the fine-tuned some/bert was also run without"
    view = ablation(n_sources=12)
    assert words(sentences.sample(importance(view), shared)).startswith(rows)
    assert words(sentences.without_head(view, importance(view), shared)).startswith(rows)
    found = CorrelationView(("measured", "gradient"), 6, 0.8, 0.6, 0.9, 0.4)
    assert "(95 % interval over input rows +0.60 to +0.90)" in words(sentences.correlation(found, importance(), shared))


@pytest.mark.parametrize(
    ("change", "factor"),
    [(-0.0043, "0.9957"), (-4e-5, "0.999960"), (0.5, "1.65"), (0.02, "1.020"), (-3.0, "0.05"), (0.0, "1.00")],
)
def test_a_small_change_does_not_multiply_by_one(change: float, factor: str) -> None:
    view = ablation(change=MeanView(change, change - 1e-9, change + 1e-9, 0.001))
    said = words(sentences.without_head(view, importance(view), study_view()))
    assert f"which multiplies its probability by {factor} (geometric mean)" in said


def test_the_most_flips_are_counted() -> None:
    several = importance(ablation(0, n_flips=2), ablation(1, n_flips=3))
    assert (
        words(sentences.most_flips(several, study_view(), ""))
        == "The most predictions flip without L0·H1: 3 of 20 documents."
    )
    two = importance(ablation(0, n_flips=3), ablation(1, n_flips=3), ablation(2))
    assert words(sentences.most_flips(two, study_view(), "")) == (
        "The most predictions flip without L0·H0 or L0·H1: 3 of 20 documents each."
    )
    many = importance(*[ablation(number, n_flips=1) for number in range(4)])
    assert words(sentences.most_flips(many, study_view(), "")) == (
        "Without one head, at most 1 prediction of 20 flips; so many without each of 4 heads."
    )
    assert words(sentences.most_flips(importance(ablation()), study_view(), "")) == (
        "No prediction of 20 documents flips without one head."
    )


def test_layers_matter_or_not() -> None:
    found = importance(layers=[ablation(None, UNCLEAR, layer=0), ablation(None)])
    assert words(sentences.layers_that_matter(found)) == (
        "Without all heads of a layer, the log probability of the predicted class falls for 1 of 2 layers (q < 0.05), "
        "most without layer 1: −0.50 nats (95 % interval −0.70 to −0.30; q = 0.001), which multiplies its probability "
        "by 0.61 (geometric mean)."
    )
    rises = ablation(None, MeanView(0.2, 0.1, 0.3, 0.02), layer=0)
    assert "class rises for 1 of 1 layer (q" in words(sentences.layers_that_matter(importance(layers=[rises])))
    assert "class changes for 2 of 2 layers (q" in words(
        sentences.layers_that_matter(importance(layers=[rises, ablation(None)]))
    )
    nothing = importance(layers=[ablation(None, UNCLEAR)])
    assert words(sentences.layers_that_matter(nothing)) == (
        "Without all heads of a layer, the log probability of the predicted class changes for none of 1 layer "
        f"(q < 0.05): {NOTHING}"
    )
    assert sentences.layers_that_matter(importance(layers=[ablation(None, UNTESTED)])) == ""


@pytest.mark.parametrize(
    ("value", "low", "high", "by_chance", "end"),
    [
        (0.9, 0.8, 0.95, 0.4, f"The two rank heads alike, {STRONGER}"),
        (
            0.89,
            0.8,
            0.95,
            0.4,
            f"Heads with higher gradient importance tend to have higher measured importance, {STRONGER}",
        ),
        (-0.9, -0.95, -0.6, 0.4, f"The two rank heads in nearly opposite orders, {STRONGER}"),
        (
            -0.5,
            -0.6,
            -0.1,
            0.4,
            f"Heads with higher gradient importance tend to have lower measured importance, {STRONGER}",
        ),
        (0.8, -0.1, 1.0, 0.4, "The interval includes 0: no association is shown."),
        (0.3, 0.1, 0.5, 0.4, "This is no more than chance gives: no association is shown."),
        (-0.4, -0.5, -0.3, 0.4, "This is no more than chance gives: no association is shown."),
    ],
)
def test_measures_go_together_by_the_size_of_their_correlation_or_not(
    value: float, low: float, high: float, by_chance: float, end: str
) -> None:
    found = CorrelationView(("measured", "gradient"), 6, value, low, high, by_chance)
    assert words(sentences.correlation(found, importance(), study_view())) == (
        "Over 6 heads, Spearman's rank correlation of measured importance (20 documents) and gradient importance (40 "
        f"documents) is {signed(value)} (95 % interval over documents {signed(low)} to {signed(high)}); for 95 % of "
        f"random orders of heads it is between −0.40 and +0.40. {end}"
    )


def test_a_correlation_may_have_no_interval_or_no_value() -> None:
    found = CorrelationView(("measured", "self_attention"), 6, 0.9, None, None, 0.4)
    sentence = words(sentences.correlation(found, importance(), study_view()))
    assert "and mean self-attention (55 documents) is +0.90, without an interval;" in sentence
    assert sentence.endswith("and +0.40."), "without an interval nothing is concluded"
    undefined = replace(found, value=None)
    assert words(sentences.correlation(undefined, importance(), study_view())) == (
        "The ranks of 6 heads by measured importance (20 documents) and by mean self-attention (55 documents) were not "
        "compared: one of them is the same for all."
    )


def test_one_head_changes_both_classes_or_nothing() -> None:
    start = (
        "In 20 of 55 documents, the fine-tuned "
        "some/bert was also run without this head (its output set to 0). On average, the log "
        "probability of the predicted class changes by"
    )
    clear = (
        "−0.50 nats (95 % interval −0.70 to −0.30; q = 0.001), which multiplies its probability by 0.61 (geometric "
        "mean). "
        "Without it, the predicted class is less probable."
    )
    assert words(sentences.without_head(ablation(), importance(ablation()), study_view())) == f"{start} {clear}"
    both = ablation(0, UNCLEAR, gold_change=MeanView(0.3, 0.1, 0.5, 0.03))
    assert words(sentences.without_head(both, importance(both), study_view())) == (
        f"{start} −0.10 nats (95 % interval −0.30 to +0.10; q = 0.4), which multiplies its probability by 0.905 "
        "(geometric "
        f"mean): {NOTHING} That of the gold class changes by +0.30 nats (95 % interval +0.10 to +0.50; q = 0.03). "
        "Without "
        "it, the gold class is more probable."
    )
    one = ablation(0, UNTESTED, n_documents=1)
    assert words(sentences.without_head(one, importance(one), study_view())).endswith(
        "(geometric mean). This was not tested: there is one document."
    )


def test_flips_and_accuracy_of_one_head() -> None:
    assert sentences.flips_without_head(ablation(accuracy=MeanView(0.0, 0.0, 0.0, 1.0)), SCALE) == (
        "The prediction flips in none of 20 documents."
    )
    unclear = ablation(n_flips=2, accuracy=MeanView(-0.05, -0.15, 0.05, 0.6))
    assert sentences.flips_without_head(unclear, SCALE) == (
        "The prediction flips in 2 of 20 documents. Accuracy changes by −5.0 percentage points (95 % interval −15 "
        "to "
        f"+5.0; q = 0.6): {NOTHING}"
    )
    same = ablation(n_flips=2, accuracy=MeanView(0.0, 0.0, 0.0, 1.0))
    assert sentences.flips_without_head(same, SCALE) == (
        "The prediction flips in 2 of 20 documents. Accuracy does not change in any input row."
    )
    clear = ablation(n_flips=9, accuracy=MeanView(-0.45, -0.7, -0.2, 0.01))
    assert sentences.flips_without_head(clear, SCALE).endswith(
        "−45 percentage points (95 % interval −70 to −20; q = 0.01)."
    )
    assert sentences.flips_without_head(ablation(n_flips=9), SCALE) == "The prediction flips in 9 of 20 documents."


def test_a_head_stands_beside_the_median_of_all() -> None:
    assert sentences.place_of_head(MeasureView(0.2, 1, 6, 0.03), MeasureView(0.1, 4, 6, 0.2), 40, SCALE) == (
        "Its mean |change| is 0.20 nats: rank 1 of 6 heads, whose median is 0.030. Its mean |gradient| over 40 "
        "documents is 0.10: rank 4 of 6 heads, whose median is 0.20."
    )
    assert sentences.place_of_head(None, MeasureView(0.1, 1, 1, 0.1), 1, SCALE) == (
        "Its mean |gradient| over 1 document is 0.10: the only head."
    )


def gold(name: str, change: MeanView, n_documents: int = 7) -> AblationView:
    return ablation(grouping="gold", group=name, n_documents=n_documents, gold_change=change)


def without_class(*groups: AblationView, n_classes: int = 5) -> str:
    study = study_view(label_names=[f"class {number}" for number in range(n_classes)])
    return words(sentences.classes_without_head(groups, study))


def test_classes_change_or_not() -> None:
    right = ablation(grouping="correct", group="right", gold_change=CLEAR)
    both = "By gold class, the log probability of that class changes in "
    assert without_class(gold("class 0", UNCLEAR), gold("class 1", CLEAR), right) == (
        f"2 of 5 gold classes have 5 documents or more. {both}1 of 2 (q < 0.05, over all heads and gold classes): "
        "class 1 (−0.50 nats, 7 documents). This is no comparison with other documents: without the head, any "
        "document's probability of class 1 may change alike."
    )
    assert without_class(gold("class 0", UNCLEAR), gold("class 1", UNTESTED, 4)) == (
        f"1 of 5 gold classes has 5 documents or more. {both}none of 1 (q < 0.05): {NOTHING}"
    )
    many = without_class(*[gold(f"class {number}", CLEAR) for number in range(5)])
    assert "class 2 (−0.50 nats, 7 documents) and 2 more. This is no comparison" in many
    assert many.endswith("any document's probability of these classes may change alike.")
    assert sentences.classes_without_head([gold("class 0", UNTESTED), right], study_view()) == ""
    assert HOSTILE not in sentences.classes_without_head([gold(HOSTILE, CLEAR)], study_view())


def test_large_classes_without_a_test_are_not_counted_as_tested() -> None:
    said = without_class(gold("class 0", UNCLEAR), gold("class 1", UNTESTED), gold("class 2", UNCLEAR))
    assert said.startswith("3 of 5 gold classes have 5 documents or more, of which 2 were tested. By gold class, ")
    assert "changes in none of 2 (q < 0.05)" in said


def test_small_groups_are_said_to_be_untested() -> None:
    sentence = "Groups of fewer than 5 documents are too small for an interval and q."
    assert sentences.small_groups([5, 4]) == sentence
    assert sentences.small_groups([5, 6]) == ""


def test_groups_and_cells_are_written() -> None:
    assert words(sentences.group_without_head(ablation(), SCALE)) == "all documents"
    assert words(sentences.group_without_head(ablation(grouping="gold", group="right"), SCALE)) == "right"
    assert (
        words(sentences.group_without_head(ablation(grouping="correct", group="right"), SCALE))
        == "correctly classified"
    )
    assert words(sentences.group_without_head(ablation(grouping="correct", group="wrong"), SCALE)) == "misclassified"
    assert HOSTILE not in sentences.group_without_head(ablation(grouping="gold", group=HOSTILE), SCALE)
    assert [sentences.cell(value) for value in (None, 0.0, -0.02, 1.5)] == [
        "\N{EN DASH}",
        "0",
        "−0.020",
        "+1.5",
    ]
