"""What the pages of a multi-label study say about sets of labels: docs/statistics/sentences.md lists the rules."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from attviz_pipeline.formats import count, literal, percent, plural
from attviz_pipeline.report.sentences.parts import class_name, listed, model_name, said
from attviz_pipeline.report.sentences.scores import Estimate, one_prediction
from attviz_pipeline.report.views.study import StudyView

if TYPE_CHECKING:  # the view imports the scores, whose sentences are here
    from attviz_pipeline.report.views.errors import LabelErrorsView

MOST_NAMES = 5
MOST_DECIMALS = 4
NO_LABEL = "no label"


def names(labels: Sequence[str]) -> Markup:
    """List names of labels; `no label` if there are none."""
    return listed([class_name(literal(label)) for label in labels]) if labels else Markup("{}").format(NO_LABEL)


def document_heading(predicted: Sequence[str]) -> Markup:
    """Name the predicted labels of a document."""
    return Markup("Predicted {}").format(names(predicted))


def compared_with_gold(gold: Sequence[str] | None, predicted: Sequence[str], *, labelled: bool) -> Markup:
    """Say which gold labels a prediction misses, and which others it has.

    Args:
        gold: Names of the gold labels, None if they are not known.
        predicted: Names of the predicted labels.
        labelled: Whether any document of the study has gold labels.
    """
    if gold is None:
        return Markup("The gold labels of this document are not known.") if labelled else Markup()
    if list(gold) == list(predicted):
        return Markup("The gold labels are the same.") if gold else Markup("The document has no gold label either.")
    missed, added = (
        [name for name in one if name not in other] for one, other in ((gold, predicted), (predicted, gold))
    )
    parts = [Markup("Gold: {}").format(names(gold))]
    parts += [Markup("missed: {}").format(names(missed))] if missed else []
    parts += [Markup("wrongly predicted: {}").format(names(added))] if added else []
    return Markup("{}.").format(Markup("; ").join(parts))


def least_certain(label: str, probability: float, threshold: float, n_labels: int) -> Markup:
    """Name the label whose decision is least certain, with its probability and threshold; empty for one label."""
    if n_labels < 2:
        return Markup()
    sentence = Markup("The least certain of {} decisions is that on {}: probability {}, threshold {}.")
    # A probability that is not the threshold is not written as if it were.
    apart = (n for n in range(MOST_DECIMALS) if round(100 * probability, n) != round(100 * threshold, n))
    decimals = 0 if probability == threshold else next(apart, MOST_DECIMALS)
    return sentence.format(n_labels, class_name(literal(label)), percent(probability, decimals), percent(threshold))


def index_heading(n_documents: int, n_labelled: int, outcomes: Mapping[str, int]) -> str:
    """Count the documents, and those whose labels are not all right among those with gold labels.

    Args:
        n_documents: All of them.
        n_labelled: Those with gold labels.
        outcomes: Documents by outcome; empty without gold labels.
    """
    documents = plural(n_documents, "document")
    if not n_labelled:
        return documents
    among = "" if n_labelled == n_documents else f" of the {count(n_labelled)} with gold labels"
    partly, wrong = (count(outcomes[name]) if outcomes[name] else "none" for name in ("partly_right", "wrong"))
    return f"{documents}, {partly}{among} partly correct and {wrong} wrong"


def mistakes(n_labelled: int, n_documents: int, outcomes: Mapping[str, int], confidence: float | None) -> str:
    """Count documents whose labels are not all right, with the confidence of the most confident; or say there are none.

    Args:
        n_labelled: Documents with gold labels.
        n_documents: All documents.
        outcomes: Documents by outcome.
        confidence: Of the most confident document with a mistake, None without one.
    """
    gold = " with gold labels" if n_labelled < n_documents else ""
    if confidence is None:
        return f"All labels of {plural(n_labelled, 'document')}{gold} are correctly predicted."
    partly, wrong = outcomes["partly_right"], outcomes["wrong"]
    return (
        f"Of {plural(n_labelled, 'document')}{gold}, {count(partly)} {_are(partly)} partly correct and {count(wrong)} "
        f"{_are(wrong)} wrong. In the most confident of them, every decision on a label has a probability of at least "
        f"{percent(confidence)}."
    )


def group_of_mistakes(n_labelled: int, outcomes: Mapping[str, int]) -> str:
    """Introduce the page of documents with mistakes."""
    partly, wrong, right = (outcomes[name] for name in ("partly_right", "wrong", "right"))
    return (
        f"Of {plural(n_labelled, 'document')} with known gold labels, {count(partly)} {_are(partly)} partly correct "
        f"(the sets of labels differ, but share a label) and {count(wrong)} {_are(wrong)} wrong. This page compares "
        f"them with the {plural(right, 'correct document')}."
    )


def label_scores(n_gold: int | None, n_predicted: int, study: StudyView) -> Markup:
    """Say how many documents have a label, and for how many it is predicted.

    Args:
        n_gold: Documents that have it; None without gold labels.
        n_predicted: Documents with known gold labels for which it is predicted; all documents without gold labels.
        study: Facts of the study.
    """
    model = model_name(study)
    if n_gold is None:
        sentence = Markup("This label is predicted for {} of {} by {}.")
        return sentence.format(count(n_predicted), plural(study.n_documents, "document"), model)
    known = "" if study.n_labelled == study.n_documents else " with known gold labels"
    return Markup("Of {}{}, {} {} this gold label, and {} predicts it for {}.").format(
        plural(study.n_labelled, "document"),
        known,
        count(n_gold),
        "has" if n_gold == 1 else "have",
        model,
        count(n_predicted),
    )


def macro_f1(found: Estimate) -> str:
    """Say the macro F1 with its interval, where it is defined: without a gold or predicted label it is not."""
    value, low, high = found["value"], found["low"], found["high"]
    of_labels = "" if value is None else f" · macro F1 {percent(value)}"
    bounds = "" if low is None or high is None else f" ({percent(low)} to {percent(high)})"
    return f"over all labels together{of_labels}{bounds}"


def predictions(found: Mapping[str, Any], study: StudyView) -> Markup | None:
    """Say that all documents have the same predicted labels, or which are never predicted, and for how many none is.

    Args:
        found: `predictions` of the artifact `assessment`.
        study: Facts of the study.
    """
    n = study.n_documents
    if found["n_distinct_sets"] == 1:
        return one_prediction(names(found["labels"]), n)
    never = [name for name, times in zip(study.label_names, found["counts"], strict=True) if not times]
    without = found["n_without"]
    shown = [class_name(literal(name)) for name in never[:MOST_NAMES]]
    if len(never) > MOST_NAMES:
        shown.append(Markup("{} more").format(len(never) - MOST_NAMES))
    subject = "It" if never else "The model"
    parts = [
        Markup("The model never predicts {}.").format(listed(shown)) if never else "",
        Markup("{} predicts no label for {} of {}.").format(subject, count(without), plural(n, "document"))
        if without
        else "",
    ]
    return said(parts) or None


def baseline(scores: Mapping[str, Any]) -> Markup:
    """Compare the exact match with that of always predicting the most frequent gold set.

    Args:
        scores: `scores` of the artifact `assessment`.
    """
    found = scores["majority_baseline"]
    ties = found["n_sets_as_frequent"]
    of = "one of the most frequent sets" if ties > 1 else "the most frequent set"
    always = Markup("Always predicting {}, {} of gold labels of these documents,").format(names(found["labels"]), of)
    reaches = (
        f"would have an exact match of {percent(found['exact_match'])}, a micro F1 of {percent(found['micro_f1'])} "
        f"and a Hamming loss of {percent(found['hamming_loss'])}."
    )
    return Markup("{} {} {}").format(always, reaches, _against(scores["exact_match"], found["exact_match"]))


def _against(found: Estimate, chance: float) -> str:
    low, high = found["low"], found["high"]
    if low is None or high is None:
        return "The exact match has no interval to compare this with."
    interval = f"The 95 % interval of the exact match, {percent(low)} to {percent(high)},"
    if low > chance:
        return f"{interval} lies above this."
    return f"{interval} {'lies below' if high < chance else 'includes'} this."


def calibration(per_label: Sequence[Mapping[str, Any]], n_labelled: int) -> str:
    """Say for how many labels the probabilities are too high or too low, beside what calibrated ones would give.

    Args:
        per_label: Of the artifact `assessment`: of each label, the mean probability minus the share of documents that
            have it, with its interval, and the bounds of the same in simulations of calibrated probabilities.
        n_labelled: Documents with gold labels.
    """
    high = [row for row in per_label if _side(row) > 0]
    low = [row for row in per_label if _side(row) < 0]
    of = f"{plural(len(per_label), 'label')}, over {plural(n_labelled, 'document')}"
    beside = "outside of 95 % of simulations with calibrated probabilities, and the 95 % interval excludes 0"
    if not high and not low:
        return f"Probabilities are shown to be too high or too low on average for none of {of}."
    return (
        f"Probabilities are too high on average for {len(high)} and too low for {len(low)} of {of}: the difference "
        f"from the share of documents with the label is {beside}."
    )


def _side(row: Mapping[str, Any]) -> int:
    found, calibrated = row["overconfidence"], row["overconfidence_of_a_calibrated_model"]
    if found["value"] is None or found["low"] is None or found["high"] is None or calibrated is None:
        return 0
    if found["low"] > 0 and found["value"] > calibrated["high"]:
        return 1
    return -1 if found["high"] < 0 and found["value"] < calibrated["low"] else 0


def label_errors(view: "LabelErrorsView", n_labelled: int) -> str:
    """Count missed and wrongly predicted labels, beside what as many predictions at random would miss."""
    return (
        f"Of {count(view.n_decisions)} decisions ({plural(n_labelled, 'document')}, {plural(len(view.rows), 'label')}"
        f"), {count(view.n_missed)} miss a gold label and {count(view.n_added)} predict another. As many predictions "
        f"of each label, handed out at random, would miss {view.by_chance:.0f} of {count(view.n_gold)} gold labels on "
        "average."
    )


def together(n_labelled: int) -> str:
    """Say what the table of labels that occur together counts, and what stands below each number."""
    return (
        f"Number of documents with both gold labels, of {plural(n_labelled, 'document')}; below, the number expected "
        "if labels were independent. The diagonal counts the documents with the label. A document counts for each of "
        "its labels, so labels that often occur together also share what distinguishes them."
    )


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
