"""What the pages of a regression say about values and errors: docs/statistics/sentences.md lists the rules.

A correlation is a finding only if q < 0.05. Not compared, nothing found and found are three different sentences.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from attviz_pipeline.formats import count, decimal, difference, percent, plural, signed, significant
from attviz_pipeline.report.sentences.parts import (
    TEST,
    another_could_be,
    first_of,
    head_link,
    heads_of,
    listed,
    model_name,
    permutation_test,
    said,
    token,
    units,
)
from attviz_pipeline.report.sentences.scores import Estimate
from attviz_pipeline.report.views.class_terms import GroupTerms
from attviz_pipeline.report.views.separation import ComparisonView, EffectView, WinnerView
from attviz_pipeline.report.views.study import StudyView

N_NAMED = 3
AT_EQUAL_LENGTH = "Spearman's \u03c1 at equal length"


def number(value: float) -> str:
    """Write a gold or predicted value, or an error."""
    return significant(value, 3)


def document_heading(predicted: float) -> Markup:
    """Give the predicted value of a document."""
    return Markup("Predicted {}").format(number(predicted))


def compared_with_gold(gold: float | None, predicted: float, mean: float | None, *, share: float | None) -> str:
    """Give the gold value and the error, beside the error of predicting the mean, and its rank among all errors.

    Args:
        gold: Gold value, None if it is not known.
        predicted: Predicted value.
        mean: Mean gold value of all documents, None if none has one.
        share: Share of the other documents with a smaller absolute error, None if there are none.
    """
    if mean is None:
        return ""
    if gold is None:
        return "The gold value of this document is not known."
    rank = "" if share is None else f", a larger absolute error than that of {percent(share)} of the other documents"
    return (
        f"The gold value is {number(gold)}: the error is {_signed(predicted - gold)}{rank}. Predicting the mean "
        f"gold value of all documents, {number(mean)}, would have an error of {_signed(mean - gold)}."
    )


def scale(low: float, high: float, *, known: bool) -> str:
    """Say what the scale of a document's page spans."""
    what = "gold and predicted values" if known else "predicted values"
    return f"The scale spans the {what} of all documents, {number(low)} to {number(high)}."


def largest_errors(
    n_labelled: int, n_documents: int, gold: float, predicted: float, quantiles: Sequence[Mapping[str, float]]
) -> str:
    """Give the largest error beside the median and the last twentieth of all.

    Args:
        n_labelled: Documents with a gold value.
        n_documents: All documents.
        gold: Gold value of the document with the largest error.
        predicted: Its predicted value.
        quantiles: `absolute_error_quantiles` of the artifact `assessment`.
    """
    of = {round(100 * one["share"]): one["value"] for one in quantiles}
    known = " with a gold value" if n_labelled < n_documents else ""
    return (
        f"Largest error: {_signed(predicted - gold)} (predicted {number(predicted)}, gold {number(gold)}). Of "
        f"{plural(n_labelled, 'document')}{known}, half have an absolute error of at most {number(of[50])}, 95 % of at "
        f"most {number(of[95])}."
    )


def predictions(found: Mapping[str, float], n_documents: int) -> Markup | None:
    """Say that all documents have the same predicted value; None if they differ."""
    if n_documents == 1 or found["min"] < found["max"]:
        return None
    return Markup("The model predicts {} for all {} documents: documents cannot be compared by prediction.").format(
        number(found["min"]), count(n_documents)
    )


def baseline(scores: Mapping[str, Any]) -> Markup:
    """Compare the errors with those of predicting the mean gold value of these documents for all of them.

    Args:
        scores: `scores` of the artifact `assessment`.
    """
    found, r2 = scores["mean_baseline"], scores["r2"]
    always = (
        f"Predicting the mean gold value, {number(found['value'])}, for every document would have a mean absolute "
        f"error of {number(found['mae'])}"
    )
    if found["r2"] is None or r2["value"] is None:
        return Markup("{}; all gold values are equal, so R\u00b2 is not defined.").format(always)
    low, high = r2["low"], r2["high"]
    if low is None or high is None:
        against = "R\u00b2 has no interval to compare this with."
    else:
        place = "lies above 0" if low > 0 else "lies below 0" if high < 0 else "includes 0"
        shown = "" if low > 0 else ": the model is not shown to be better"
        against = f"The 95 % interval of R\u00b2, {decimal(low)} to {decimal(high)}, {place}{shown}."
    return Markup("{} and an R\u00b2 of 0. {}").format(always, against)


def mean_error(found: Estimate, n_documents: int) -> str:
    """Say whether predictions are too high or too low on average."""
    said_ = f"Mean error (predicted minus gold), over {plural(n_documents, 'document')}: {_signed(found['value'])}"
    low, high = found["low"], found["high"]
    if low is None or high is None:
        return f"{said_}, without an interval."
    said_ += f" (95 % interval {_signed(low)} to {_signed(high)})"
    if low > 0 or high < 0:
        return f"{said_}. Predictions are too {'high' if low > 0 else 'low'} on average."
    return f"{said_}. Predictions are not shown to be too high or too low on average."


def chart(n_labelled: int, spearman: float | None) -> str:
    """Say what the chart of gold and predicted values counts."""
    rho = "" if spearman is None else f" Spearman's \u03c1 is {decimal(spearman)}."
    return (
        f"{plural(n_labelled, 'document')} by gold value (horizontal) and predicted value (vertical); stronger "
        f"colours hold more. On the line, both are equal.{rho}"
    )


def heads_and_errors(comparison: ComparisonView, study: StudyView) -> str:
    """Say how many heads go with the absolute error."""
    if not comparison.compared:
        return f"Heads were not compared by absolute error: {comparison.reason or 'no document has a word'}."
    return head_correlations(comparison, "absolute error", study)


def subject(comparison: ComparisonView, name: str, study: StudyView) -> Markup:
    """Say whose value it is and over how many documents it is compared; or why it is not compared."""
    if not comparison.compared:
        return Markup("{}").format(not_compared(comparison, name))
    whose = Markup("the dataset") if comparison.grouping == "gold" else model_name(study)
    if comparison.grouping == "error":
        sentence = Markup("The absolute difference between the value that {} predicts and the gold value, over {}.")
    else:
        sentence = Markup("The value that {} gives, over {}.")
    return sentence.format(whose, plural(comparison.effects[0].n_inside, "document"))


def not_compared(comparison: ComparisonView, name: str) -> str:
    """Say that documents were not compared by a value, and why; nothing where they were."""
    if comparison.compared:
        return ""
    return f"Documents were not compared by {name}: {comparison.reason or 'no document has a word'}."


def head_correlations(comparison: ComparisonView, name: str, study: StudyView) -> str:
    """Say how many heads go with a value; nothing where documents were not compared by it."""
    if not comparison.compared:
        return ""
    n_found, of = len(comparison.differing), heads_of(len(comparison.effects), study)
    over = f"over {plural(comparison.effects[0].n_inside, 'document')} ({_test(comparison) if n_found else TEST})"
    if not n_found:
        return f"The self-attention of none of {of} goes with the {name} beyond chance, {over}."
    goes = "goes" if n_found == 1 else "go"
    return f"The self-attention of {count(n_found)} of {of} {goes} with the {name} beyond chance, {over}."


def largest_correlation(comparison: ComparisonView, name: str, study: StudyView, root: str) -> Markup:
    """Say which head goes most with a value; nothing where none does."""
    if not comparison.differing:
        return Markup()
    effect = comparison.differing[0]
    sentence = Markup(
        "{} goes with it most: the larger the {}, the {} its self-attention relative to even attention, {}."
    ).format(head_link(effect.head, study, root), name, "higher" if effect.effect > 0 else "lower", effect_size(effect))
    return said([sentence, winner(comparison.winner, study)])


def effect_size(effect: EffectView) -> str:
    """Write a rank correlation: shrunken first, then as measured, with its interval where there is one."""
    interval = ""
    if effect.effect_low is not None and effect.effect_high is not None:
        interval = f", 95 % interval {signed(effect.effect_low)} to {signed(effect.effect_high)}"
    measured = f"measured {signed(effect.effect)}{interval}"
    return f"{AT_EQUAL_LENGTH} {signed(effect.shrunken_effect)} after shrinkage ({measured})"


def winner(view: WinnerView | None, study: StudyView) -> str:
    """Say in how many random halves of the documents, or input rows, the largest correlation is the largest again."""
    if view is None:
        return ""
    return (
        f"In {count(view.n_won)} of {count(view.n_halves)} random halves of the {units(study)}, this is again the "
        f"largest correlation of all heads{another_could_be(view.n_won, view.n_halves)}."
    )


def heads_title(shown: Sequence[EffectView], comparison: ComparisonView, name: str, study: StudyView) -> str:
    """Name the table of heads so that the name holds for each of its rows."""
    what = f"Self-attention and {name}"
    if len(shown) < len(comparison.effects):
        return f"{what}: the {len(shown)} of {heads_of(len(comparison.effects), study)} with {first_of(shown)}"
    return f"{what}, by {'vector' if study.imported else 'head'}"


def word_use(comparison: ComparisonView, name: str, terms: GroupTerms | None, support: int) -> Markup:
    """Say which words are used more where a value is large, or small; nothing where documents were not compared."""
    if not comparison.compared:
        return Markup()
    if terms is None or not terms.n_tested:
        return Markup("No word is in at least {}, so no word was compared.").format(plural(support, "document"))
    of = f"{count(terms.n_tested)} words that are in at least {plural(support, 'document')}"
    if not terms.used_differently:
        return Markup("The use of none of the {} goes with the {} beyond chance ({}).").format(of, name, TEST)
    found = [
        Markup("{} {}").format(listed([token(term.term) for term in shown[:N_NAMED]]), how)
        for shown, how in ((terms.used_more, "more"), (terms.used_less, "less"))
        if shown
    ]
    return Markup(
        "Beyond chance, documents with a larger {} use {}; in all, the use of {} of the {} goes with it ({})."
    ).format(name, listed(found), count(len(terms.used_differently)), of, _test(comparison))


def unclear_words(terms: GroupTerms) -> str:
    """Name the list of words that is shown where the use of none goes with the value beyond chance."""
    return f"{plural(len(terms.unclear), 'word')} with the largest |\u03c1| of use, none beyond chance"


def word_attention(comparison: ComparisonView, name: str, terms: GroupTerms | None) -> Markup:
    """Say whether the self-attention of words goes with a value; nothing where no word was compared."""
    if not comparison.compared or terms is None or not terms.n_attention_tested:
        return Markup()
    of = plural(terms.n_attention_tested, "word")
    if not terms.n_attended:
        return Markup("The self-attention of none of {} goes with the {} beyond chance ({}).").format(of, name, TEST)
    end = "." if terms.n_attended <= len(terms.attended) else f"; the {len(terms.attended)} with the smallest q:"
    return Markup("The self-attention of {} of {} goes with the {} beyond chance ({}){}").format(
        count(terms.n_attended), of, name, _test(comparison), end
    )


def detectable(comparison: ComparisonView) -> str:
    """Say which correlation one test of so many documents detects; nothing where none was made, or q is too small."""
    if not comparison.compared or comparison.q_too_small:
        return ""
    if comparison.n_units is None or comparison.detectable_effect is None:
        return ""
    return (
        f"With {plural(comparison.n_units[0], comparison.unit)}, one test alone (p < 0.05) finds a true "
        f"correlation of {comparison.detectable_effect:.2f} in 80 % of samples. Smaller ones are often missed, "
        "the more so among many tests."
    )


def correlations_of_head(effects: Sequence[EffectView]) -> str:
    """Say with which values the self-attention of a head goes."""
    if not effects:
        return "Documents were not compared by their values: too few have a word and different values."
    found = [effect for effect in effects if effect.significant]
    test = permutation_test(q_too_small=any(effect.q_too_small for effect in found))
    over = f"{plural(effects[0].n_inside, 'document')}; {test}"
    names = listed([f"the {effect.group}" for effect in effects])
    if not found:
        return f"Its self-attention relative to even attention does not go with {names} beyond chance ({over})."
    sides = [f"{'rises' if effect.effect > 0 else 'falls'} with the {effect.group}" for effect in found]
    return (
        f"Beyond chance, its self-attention relative to even attention {listed(sides)} (compared with {names}; {over})."
    )


def _test(comparison: ComparisonView) -> str:
    return permutation_test(q_too_small=comparison.q_too_small)


def _signed(value: float | None) -> str:
    return difference(value or 0.0)
