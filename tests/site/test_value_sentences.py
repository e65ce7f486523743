"""What the pages of a regression say about values and errors, in every form and at the borders of its numbers."""
# ruff: noqa: ANN401 - keywords replace values of any field

from dataclasses import replace
from typing import Any

import pytest
from sentence_views import HOSTILE, effect_view, imported, study_view, words

from attviz_pipeline.report.sentences import values
from attviz_pipeline.report.views.class_terms import GroupTerms, GroupTermView
from attviz_pipeline.report.views.separation import ComparisonView, EffectView, WinnerView

RHO = "\N{GREEK SMALL LETTER RHO}"
STUDY = study_view(task="regression", label_names=[])
QUANTILES = [{"share": 0.5, "value": 0.8}, {"share": 0.95, "value": 2.4}]
TEST = "(permutation test, q < 0.05)"


def plain(sentence: str) -> str:
    """The words of a sentence; blanks that do not break are blanks."""
    return words(sentence).replace("\N{NO-BREAK SPACE}", " ")


def estimate(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


def rho(row: int = 0, *, q: float = 0.01, size: float = 0.3, **others: Any) -> EffectView:
    """A head whose self-attention is correlated with a value over 55 documents."""
    known = {"measure": "rho", "group": "gold value", "n_inside": 55, "n_outside": 0}
    return effect_view(row, q=q, size=size, **(known | others))


def comparison(*effects: EffectView, **others: Any) -> ComparisonView:
    made: dict[str, Any] = {
        "grouping": "gold",
        "effects": effects,
        "reason": None,
        "winner": None,
        "families": [],
        "detectable_effect": 0.36,
        "n_units": (55, 0),
    }
    return ComparisonView(**(made | others))


NOT_COMPARED = comparison(reason="3 of 3 documents; 5 are needed", detectable_effect=None)
NO_WORDS = comparison(detectable_effect=None)
CLEAR = comparison(rho(0), rho(1, q=0.5))
UNCLEAR = comparison(rho(0, q=0.05), rho(1, q=0.5))


def term(name: str, use: float = 0.4) -> GroupTermView:
    return GroupTermView(name, 9, 0.1, None, None, 0.5, 0.01, use, None, 10, 50, 5)


def terms(**others: Any) -> GroupTerms:
    made: dict[str, Any] = {
        "used_more": [],
        "used_less": [],
        "attended": [],
        "unclear": [],
        "used_differently": [],
        "n_attended": 0,
        "n_tested": 40,
        "n_attention_tested": 30,
    }
    return GroupTerms(**(made | others))


def test_values_have_three_digits_and_a_true_minus() -> None:
    assert [values.number(value) for value in (3.14159, -0.5, 1234.5, 0)] == ["3.14", "−0.500", "1234", "0"]
    assert values.document_heading(-0.5) == "Predicted −0.500"


def test_the_error_stands_beside_that_of_the_mean() -> None:
    assert values.compared_with_gold(4, 3.5, 5, share=0.62) == (
        "The gold value is 4.00: the error is −0.500, a larger absolute error than that of 62 % of the other "
        "documents. Predicting the mean gold value of all documents, 5.00, would have an error of +1.00."
    )
    exact = values.compared_with_gold(4, 4, 4, share=None)
    assert exact == (
        "The gold value is 4.00: the error is 0. Predicting the mean gold value of all documents, 4.00, would have an "
        "error of 0."
    )
    assert "0 % of the other documents" in values.compared_with_gold(4, 4, 4, share=0)


def test_an_unknown_gold_value_is_mentioned_only_where_others_are_known() -> None:
    assert values.compared_with_gold(None, 4, 5, share=None) == "The gold value of this document is not known."
    assert values.compared_with_gold(None, 4, None, share=None) == ""


def test_the_scale_spans_what_is_known() -> None:
    assert values.scale(-1, 9, known=True) == (
        "The scale spans the gold and predicted values of all documents, −1.00 to 9.00."
    )
    assert values.scale(0, 9, known=False) == "The scale spans the predicted values of all documents, 0 to 9.00."


def test_the_largest_error_stands_beside_the_usual_ones() -> None:
    assert values.largest_errors(55, 55, 4, 1, QUANTILES) == (
        "Largest error: −3.00 (predicted 1.00, gold 4.00). Of 55 documents, half have an absolute error of at most "
        "0.800, 95 % of at most 2.40."
    )
    assert "Of 1 document with a gold value, half" in values.largest_errors(1, 55, 4, 1, QUANTILES)


def test_one_predicted_value_for_all_documents_is_said() -> None:
    assert values.predictions({"min": 2.0, "max": 2.0}, 55) == (
        "The model predicts 2.00 for all 55 documents: documents cannot be compared by prediction."
    )
    assert values.predictions({"min": 2.0, "max": 2.001}, 55) is None
    assert values.predictions({"min": 2.0, "max": 2.0}, 1) is None


UNSHOWN = ": the model is not shown to be better"


@pytest.mark.parametrize(
    ("low", "high", "end"),
    [
        (0.01, 0.5, "The 95 % interval of R², 0.01 to 0.50, lies above 0."),
        (0.0, 0.5, f"The 95 % interval of R², 0.00 to 0.50, includes 0{UNSHOWN}."),
        (-0.5, 0.0, f"The 95 % interval of R², −0.50 to 0.00, includes 0{UNSHOWN}."),
        (-0.5, -0.1, f"The 95 % interval of R², −0.50 to −0.10, lies below 0{UNSHOWN}."),
        (None, None, "R² has no interval to compare this with."),
    ],
)
def test_the_model_is_compared_with_predicting_the_mean(low: float | None, high: float | None, end: str) -> None:
    scores = {"mean_baseline": {"value": 5.0, "mae": 1.5, "r2": 0.0}, "r2": estimate(0.3, low, high)}
    assert plain(values.baseline(scores)) == (
        "Predicting the mean gold value, 5.00, for every document would have a mean absolute error of 1.50 and an R² "
        f"of 0. {end}"
    )


def test_equal_gold_values_have_no_r2() -> None:
    scores = {"mean_baseline": {"value": 5.0, "mae": 0.0, "r2": None}, "r2": estimate(None)}
    assert values.baseline(scores).endswith("error of 0; all gold values are equal, so R² is not defined.")


@pytest.mark.parametrize(
    ("low", "high", "interval", "direction"),
    [
        (0.1, 0.7, "+0.100 to +0.700", "too high"),
        (-0.7, -0.1, "−0.700 to −0.100", "too low"),
        (0.0, 0.8, "0 to +0.800", "not shown to be too high or too low"),
        (-0.8, 0.0, "−0.800 to 0", "not shown to be too high or too low"),
    ],
)
def test_the_mean_error_is_called_too_high_only_if_its_interval_excludes_0(
    low: float, high: float, interval: str, direction: str
) -> None:
    assert values.mean_error(estimate(0.4, low, high), 55) == (
        f"Mean error (predicted minus gold), over 55 documents: +0.400 (95 % interval {interval}). Predictions are "
        f"{direction} on average."
    )


def test_a_mean_error_without_an_interval_has_no_direction() -> None:
    assert values.mean_error(estimate(-0.4), 1) == (
        "Mean error (predicted minus gold), over 1 document: −0.400, without an interval."
    )


def test_the_chart_says_what_it_counts() -> None:
    said = values.chart(1, None)
    assert said.startswith("1 document by gold value (horizontal) and predicted value (vertical); stronger colours ")
    assert said.endswith("On the line, both are equal.")
    assert values.chart(55, -0.421).endswith("both are equal. Spearman's \N{GREEK SMALL LETTER RHO} is −0.42.")


def test_a_value_that_was_not_compared_has_a_reason_and_nothing_else() -> None:
    reason = "Documents were not compared by gold value: 3 of 3 documents; 5 are needed."
    assert values.not_compared(NOT_COMPARED, "gold value") == reason
    assert values.subject(NOT_COMPARED, "gold value", STUDY) == reason
    assert values.not_compared(NO_WORDS, "gold value").endswith("no document has a word.")
    assert values.not_compared(CLEAR, "gold value") == ""
    assert values.heads_and_errors(NOT_COMPARED, STUDY) == (
        "Heads were not compared by absolute error: 3 of 3 documents; 5 are needed."
    )
    assert values.heads_and_errors(NO_WORDS, STUDY).endswith("no document has a word.")
    for said in (
        values.head_correlations(NOT_COMPARED, "gold value", STUDY),
        values.largest_correlation(NOT_COMPARED, "gold value", STUDY, ""),
        values.word_use(NOT_COMPARED, "gold value", terms(), 3),
        values.word_attention(NOT_COMPARED, "gold value", terms()),
        values.detectable(NOT_COMPARED),
    ):
        assert said == ""


def test_it_is_said_whose_value_it_is() -> None:
    assert plain(values.subject(CLEAR, "gold value", STUDY)) == "The value that the dataset gives, over 55 documents."
    predicted = replace(CLEAR, grouping="predicted")
    assert plain(values.subject(predicted, "predicted value", STUDY)) == (
        "The value that the fine-tuned some/bert gives, over 55 documents."
    )
    error = comparison(rho(n_inside=1), grouping="error")
    assert plain(values.subject(error, "absolute error", STUDY)) == (
        "The absolute difference between the value that the fine-tuned some/bert predicts and the gold value, over 1 "
        "document."
    )
    hostile = replace(STUDY, model={"source": HOSTILE})
    assert "<script>" not in values.subject(predicted, "predicted value", hostile)


def test_heads_that_go_with_a_value_are_counted() -> None:
    over = f"over 55 documents {TEST}."
    assert plain(values.head_correlations(UNCLEAR, "gold value", STUDY)) == (
        f"The self-attention of none of 2 heads goes with the gold value beyond chance, {over}"
    )
    assert plain(values.head_correlations(CLEAR, "gold value", STUDY)) == (
        f"The self-attention of 1 of 2 heads goes with the gold value beyond chance, {over}"
    )
    both = comparison(rho(0, q=0.0499), rho(1, q=0.04))
    assert "of 2 of 2 heads go with" in values.head_correlations(both, "gold value", STUDY)
    assert "of 1 of 2 vectors goes" in values.head_correlations(CLEAR, "gold value", imported())
    assert values.heads_and_errors(CLEAR, STUDY) == values.head_correlations(CLEAR, "absolute error", STUDY)


def test_the_largest_correlation_has_its_direction_size_and_stability() -> None:
    assert values.largest_correlation(UNCLEAR, "gold value", STUDY, "") == ""
    head = rho(4, size=0.3, effect_low=0.1, effect_high=0.6)
    won = comparison(head, winner=WinnerView(head, 100, 71))
    assert plain(values.largest_correlation(won, "gold value", STUDY, "")) == (
        "L1·H1 goes with it most: the larger the gold value, the higher its self-attention relative to even attention, "
        f"Spearman's {RHO} at equal length +0.30 after shrinkage (measured +0.45, 95 % interval +0.10 to +0.60). In "
        "71 of 100 random halves of the documents, this is again the largest correlation of all heads."
    )
    falling = comparison(rho(4, size=-0.3, effect_low=None, effect_high=None))
    assert plain(values.largest_correlation(falling, "absolute error", STUDY, "")) == (
        "L1·H1 goes with it most: the larger the absolute error, the lower its self-attention relative to even "
        "attention, Spearman's \N{GREEK SMALL LETTER RHO} at equal length −0.30 after shrinkage (measured −0.45)."
    )
    assert values.winner(None, study_view()) == ""


def test_the_table_of_heads_says_whether_it_has_all() -> None:
    every = comparison(*(rho(row) for row in range(6)))
    assert values.heads_title(every.effects, every, "gold value", STUDY) == "Self-attention and gold value, by head"
    assert values.heads_title(every.effects, every, "gold value", imported()).endswith(", by vector")
    assert values.heads_title(every.effects[:5], every, "gold value", STUDY) == (
        "Self-attention and gold value: the 5 of 6 heads with the smallest q"
    )


def test_words_whose_use_goes_with_a_value_are_named_by_direction() -> None:
    more, less = [term(f"w{n}") for n in range(4)], [term("bad", -0.4)]
    end = f"goes with it {TEST}."
    both = terms(used_more=more, used_less=less, used_differently=[*more, *less])
    assert plain(values.word_use(CLEAR, "gold value", both, 3)) == (
        "Beyond chance, documents with a larger gold value use w0, w1 and w2 more and bad less; in all, the use of 5 "
        f"of the 40 words that are in at least 3 documents {end}"
    )
    only_less = terms(used_less=less, used_differently=less)
    assert "use bad less; in all, the use of 1 of the 40" in plain(values.word_use(CLEAR, "gold value", only_less, 3))
    assert plain(values.word_use(CLEAR, "gold value", terms(), 1)) == (
        "The use of none of the 40 words that are in at least 1 document goes with the gold value beyond chance "
        f"{TEST}."
    )
    hostile = [term(HOSTILE)]
    shown = terms(used_more=hostile, used_differently=hostile)
    assert "<script>" not in values.word_use(CLEAR, "gold value", shown, 3)


@pytest.mark.parametrize("tested", [None, terms(n_tested=0)])
def test_without_frequent_words_none_was_compared(tested: GroupTerms | None) -> None:
    assert values.word_use(CLEAR, "gold value", tested, 3) == (
        "No word is in at least 3 documents, so no word was compared."
    )


def test_words_that_are_not_beyond_chance_have_a_list_that_says_so() -> None:
    assert (
        values.unclear_words(terms(unclear=[term("a")]))
        == "1 word with the largest |\N{GREEK SMALL LETTER RHO}| of use, none beyond chance"
    )
    assert values.unclear_words(terms(unclear=[term("a"), term("b")])).startswith("2 words with the largest")


def test_words_whose_self_attention_goes_with_a_value_are_counted() -> None:
    of = "with the gold value beyond chance"
    assert plain(values.word_attention(CLEAR, "gold value", terms())) == (
        f"The self-attention of none of 30 words goes {of} {TEST}."
    )
    listed = terms(attended=[term("a"), term("b")], n_attended=2)
    assert plain(values.word_attention(CLEAR, "gold value", listed)) == (
        f"The self-attention of 2 of 30 words goes {of} {TEST}."
    )
    shortened = replace(listed, n_attended=3)
    assert plain(values.word_attention(CLEAR, "gold value", shortened)) == (
        f"The self-attention of 3 of 30 words goes {of} {TEST}; the 2 with the smallest q:"
    )
    assert values.word_attention(CLEAR, "gold value", None) == ""
    assert values.word_attention(CLEAR, "gold value", terms(n_attention_tested=0)) == ""


def test_it_is_said_which_correlation_can_be_found() -> None:
    assert values.detectable(CLEAR) == (
        "With 55 documents, one test alone (p < 0.05) finds a true correlation of 0.36 in 80 % of samples. Smaller "
        "ones are often missed, the more so among many tests."
    )
    assert values.detectable(replace(CLEAR, detectable_effect=None)) == ""
    assert values.detectable(replace(CLEAR, n_units=(20, 0))).startswith("With 20 input rows, one test alone")
    assert values.detectable(comparison(rho(q_too_small=True))) == ""


def test_documents_of_one_input_row_make_q_too_small() -> None:
    dependent, study = rho(q_too_small=True), study_view(n_sources=20)
    clause = "q < 0.05; documents of one input row count as independent, so q is too small)"
    assert clause in plain(values.head_correlations(comparison(dependent), "gold value", study))
    assert clause in plain(values.correlations_of_head([dependent]))
    none = comparison(rho(q=0.5, q_too_small=True))
    assert "too small" not in values.head_correlations(none, "gold value", study)
    assert "halves of the input rows, this is" in values.winner(WinnerView(dependent, 100, 71), study)


def test_a_head_says_with_which_values_it_goes() -> None:
    assert values.correlations_of_head([]) == (
        "Documents were not compared by their values: too few have a word and different values."
    )
    gold, error = rho(size=0.3), rho(size=-0.3, group="absolute error", q=0.02)
    predicted = rho(group="predicted value", q=0.05)
    assert plain(values.correlations_of_head([gold, error, predicted])) == (
        "Beyond chance, its self-attention relative to even attention rises with the gold value and falls with the "
        "absolute error (compared with the gold value, the absolute error and the predicted value; 55 documents; "
        "permutation test, q < 0.05)."
    )
    assert plain(values.correlations_of_head([predicted])) == (
        "Its self-attention relative to even attention does not go with the predicted value beyond chance (55 "
        "documents; permutation test, q < 0.05)."
    )
