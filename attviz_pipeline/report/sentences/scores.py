"""What the site says about the classifier's scores, its training, and attention and predictions.

Estimates are mappings with `value` and the bounds `low` and `high` of a 95 % interval, both None where there is none.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from attviz_pipeline.config.study import Study
from attviz_pipeline.formats import count, decimal, percent, plural, points, signed
from attviz_pipeline.report.sentences.parts import Q_TOO_SMALL
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.significance import SIGNIFICANT

MOST_NAMES = 5
Estimate = Mapping[str, float | None]

CRITERIA = {
    "validation_loss": "lowest validation loss",
    "macro_f1": "highest validation macro F1",
    "r2": "highest validation R\u00b2",
}


def accuracy(found: Estimate, macro_f1: Estimate, n_documents: int) -> str:
    """Say an accuracy's interval, the macro F1 beside it, and how many documents they are of."""
    f1 = f"macro F1 {percent(_value(macro_f1))}"
    if macro_f1["low"] is not None and macro_f1["high"] is not None:
        f1 += f" ({percent(macro_f1['low'])} to {percent(macro_f1['high'])})"
    return interval(found, percent, f"{f1} · {plural(n_documents, 'document')}")


def interval(found: Estimate, written: Callable[[float], str], rest: str) -> str:
    """Say the interval of a score, if it has one, and then the rest.

    Args:
        found: The score.
        written: Writes its bounds.
        rest: What follows: support, or what the score is.
    """
    low, high = found["low"], found["high"]
    bounds = "" if low is None or high is None else f"95 % interval {written(low)} to {written(high)} · "
    return f"{bounds}{rest}"


def one_prediction(only: Markup | None, n_documents: int) -> Markup:
    """Warn that all documents have the same predicted class or labels; nothing where predictions differ.

    Args:
        only: Names of the class or labels; None where predictions differ.
        n_documents: All documents.
    """
    if only is None:
        return Markup()
    documents = "the only document" if n_documents == 1 else f"each of the {count(n_documents)} documents"
    return Markup("The model predicts {} for {}: documents cannot be compared by prediction.").format(only, documents)


def predictions(counts: Sequence[int], label_names: Sequence[str]) -> Markup | None:
    """Say that all documents have one predicted class, or which classes are never predicted; None if none is missing.

    Args:
        counts: Documents predicted as each class, [class].
        label_names: Names of the classes.
    """
    n_documents, n_classes = sum(counts), len(label_names)
    predicted = [name for name, n in zip(label_names, counts, strict=True) if n]
    if n_classes == 1:
        return Markup("There is one class only, {}: predictions cannot differ.").format(_name(label_names[0]))
    if len(predicted) == 1:
        return one_prediction(_name(predicted[0]), n_documents)
    never = [name for name, n in zip(label_names, counts, strict=True) if not n]
    if not never:
        return None
    return Markup("The model predicts {} of {} classes for these {}, and never {}.").format(
        len(predicted), n_classes, plural(n_documents, "document"), _names(never)
    )


def baseline(assessment: Mapping[str, Any]) -> Markup | None:
    """Compare the accuracy with that of always predicting the largest class; None without gold labels.

    Args:
        assessment: Artifact `assessment`.
    """
    scores = assessment["scores"]
    if not scores:
        return None
    found, n_classes = scores["majority_baseline"], len(assessment["label_names"])
    ties = found["n_classes_as_large"]
    if found["accuracy"] == 1:
        subject = Markup("All documents with a gold label are {}. Always predicting it").format(_name(found["label"]))
    elif ties == n_classes:
        subject = Markup("All {} classes are equally frequent. Always predicting one of them").format(n_classes)
    elif ties > 1:
        subject = Markup("Always predicting one of the {} largest classes").format(ties)
    else:
        subject = Markup("Always predicting {}, the largest class of these documents,").format(_name(found["label"]))
    decimals = _decimals_to_tell(found["accuracy"], scores["accuracy"])
    reaches = (
        f"would have an accuracy of {percent(found['accuracy'], decimals)} and a macro F1 of "
        f"{percent(found['macro_f1'])}."
    )
    equal = all(
        scores[name]["value"] is not None and math.isclose(scores[name]["value"], found[name])
        for name in ("accuracy", "macro_f1")
    )
    against = (
        "The model reaches exactly this."
        if equal
        else _against_baseline(scores["accuracy"], found["accuracy"], decimals)
    )
    return Markup("{} {} {}").format(subject, reaches, against)


def _decimals_to_tell(chance: float, found: Estimate) -> int:
    """Decimals of a percentage that are needed to see on which side of an accuracy's bounds the baseline lies."""
    bounds = [bound for bound in (found["low"], found["high"]) if bound is not None and bound != chance]
    return next((n for n in range(3) if all(percent(bound, n) != percent(chance, n) for bound in bounds)), 3)


def _against_baseline(found: Estimate, chance: float, decimals: int) -> str:
    low, high = found["low"], found["high"]
    if low is None or high is None:
        return "The accuracy has no interval to compare this with."
    interval = f"The 95 % interval of the accuracy, {percent(low, decimals)} to {percent(high, decimals)},"
    if low > chance:
        return f"{interval} lies above this."
    if high < chance:
        return f"{interval} lies below this."
    return f"{interval} includes this: the model is not shown to be better."


def overconfidence(found: Estimate, calibrated: Mapping[str, float], n_documents: int) -> str | None:
    """Say whether the model is more or less confident than correct, beside what a calibrated model would give.

    Args:
        found: Mean confidence minus accuracy.
        calibrated: Bounds `low` and `high` of the same in 95 % of simulations of a calibrated model.
        n_documents: Documents with a gold label.
    """
    value, low, high = found["value"], found["low"], found["high"]
    if value is None:
        return None
    said = f"Mean confidence minus accuracy, over {plural(n_documents, 'document')}: {points(value)} points"
    beside = (
        f"For a calibrated model with the same confidences, it is between {points(calibrated['low'])} and "
        f"{points(calibrated['high'])} points in 95 % of simulations."
    )
    if low is None or high is None:
        return f"{said}, without an interval. {beside}"
    said += f" (95 % interval {points(low)} to {points(high)}). {beside}"
    if low > 0 and value > calibrated["high"]:
        return f"{said} The model is overconfident on these documents."
    if high < 0 and value < calibrated["low"]:
        return f"{said} The model is underconfident on these documents."
    return f"{said} Neither over- nor underconfidence is shown."


def seen_in_training(splits: Mapping[str, int], n_documents: int) -> str | None:
    """Warn that analysed documents were trained on, or chose the epoch; None if there are none.

    Args:
        splits: Analysed documents by split.
        n_documents: All analysed documents.
    """
    trained, chose = splits.get("train", 0), splits.get("validation", 0)
    parts = []
    if trained:
        parts.append(f"{count(trained)} {_are(trained)} of the split the model was trained on (train)")
    if chose:
        parts.append(f"{count(chose)} {_are(chose)} of the split that chose its best epoch (validation)")
    if not parts:
        return None
    return (
        f"Of the {plural(n_documents, 'analysed document')}, {' and '.join(parts)}: scores and confidence on new texts "
        "can be lower."
    )


def repeated_texts(n_texts: int) -> str | None:
    """Warn that texts occur in several splits; None if there are none."""
    if not n_texts:
        return None
    return (
        f"{plural(n_texts, 'text')} of the corpus {'occurs' if n_texts == 1 else 'occur'} in more than one split: "
        "scores can be too high."
    )


def why_test_differs(test: Mapping[str, Any], splits: Mapping[str, int], study: Study) -> str | None:
    """Say why the score of the test split is not that of the analysed documents; None where both mean the same.

    Args:
        test: Scores of the test split, in the artifact `metrics`.
        splits: Analysed documents by split.
        study: The whole configuration.
    """
    n, n_cut = test["n"], test.get("n_truncated", 0)
    same_texts = dict(splits) == {"test": n} and study.documents.segments == "none"
    if not same_texts:
        cut = _cut(test, study)
        texts = plural(n, "text" if cut or study.documents.segments == "none" else "whole text")
        return f"of all {texts} of the split{cut}, computed before {_analysed(splits, study)} were selected"
    reasons = []
    if n_cut and study.attention.long_texts == "window" and study.model is not None:
        reasons.append(
            f"of the same texts, but {plural(n_cut, 'text is', 'texts are')} cut after {study.model.max_tokens} "
            "tokens; the analysed documents are read whole, in windows"
        )
    if study.attention.precision != "float32":
        reasons.append(f"in float32; the analysed documents are read in {study.attention.precision}")
    return "; ".join(reasons) or None


def _cut(scored: Mapping[str, Any], study: Study) -> str:
    """Say how many of the texts that a score is of were cut; empty if none was."""
    n_cut = scored.get("n_truncated", 0)
    if not n_cut or study.model is None:
        return ""
    which = f"{count(n_cut)} of them" if n_cut < scored["n"] else "all"
    return f", {which} cut after {study.model.max_tokens} tokens"


def _analysed(splits: Mapping[str, int], study: Study) -> str:
    if study.documents.segments == "paragraph":
        return "the analysed paragraphs"
    if set(splits) <= {"test"}:
        return "a sample of them"
    return "the analysed documents"


_NO_BETTER = {
    "validation_loss": "the validation loss no longer fell",
    "macro_f1": "the validation macro F1 no longer rose",
    "r2": "the validation R\u00b2 no longer rose",
}


def chosen_epoch(metrics: Mapping[str, Any], study: Study, n_classes: int | None = None) -> str:
    """Say which epoch was kept, why, and what the curves do not show.

    Args:
        metrics: Artifact `metrics`, of a model that was fine-tuned.
        study: The whole configuration.
        n_classes: Classes of which a document has one; None in other tasks.
    """
    history, best, criterion = metrics["history"], metrics["best_epoch"], metrics["best_epoch_by"]
    epochs = study.training.epochs
    kept = history[best - 1]
    best_value = percent(kept[criterion], 1) if criterion == "macro_f1" else decimal(kept[criterion], 3)
    validation = metrics["splits"]["validation"]
    over = f"{plural(validation['n'], 'text')}{_cut(validation, study)}"
    scored = f"{CRITERIA[criterion]} ({best_value} over {over})"
    said = [f"Epoch {best} is kept: of {plural(len(history), 'epoch')} that ran, it has the {scored}."]
    if n_classes and criterion == "validation_loss":
        said.append(
            f"{n_classes} classes that are equally probable for every text have a loss of {math.log(n_classes):.3f}."
        )
    if metrics["stopped_early"]:
        said.append(f"Training stopped after {len(history)} of {epochs} epochs, since {_NO_BETTER[criterion]}.")
    lowest = min(history, key=lambda epoch: epoch["validation_loss"])
    if criterion != "validation_loss" and lowest["epoch"] != best:
        what = "values" if criterion == "r2" else "probabilities"
        said.append(
            f"The validation loss is lowest in epoch {lowest['epoch']} ({lowest['validation_loss']:.3f} against "
            f"{kept['validation_loss']:.3f}): the {what} of the kept epoch fit the validation texts less well."
        )
    if lowest["epoch"] == len(history) == epochs > 1:
        said.append("The validation loss was still falling in the last epoch: more epochs might lower it further.")
    said.append("These texts chose the epoch, so their scores are no estimate for new texts.")
    return " ".join(said)


def association(
    n_documents: int, spearman: Estimate | None, at_equal_length: Estimate | None, what: str = "confidence"
) -> str:
    """Say whether confidence, or in regression the absolute error, and the entropy of self-attention go together.

    Args:
        n_documents: Documents behind the correlations.
        spearman: Rank correlation of the two; None where it could not be estimated.
        at_equal_length: The same, controlling for the number of tokens; None where it could not be estimated.
        what: Confidence, or the absolute error.
    """
    if spearman is None:
        return (
            f"No correlation of {what} with attention was estimated over {plural(n_documents, 'document')}: they "
            "are fewer than three, or one of the two does not vary."
        )
    said = (
        f"Over {plural(n_documents, 'document')}, Spearman's rank correlation between {what} and the mean entropy "
        f"of self-attention over heads is {_correlation(spearman)}"
    )
    if at_equal_length is None:
        return f"{said}. It was not estimated for documents of equal length, so it can be an effect of length alone."
    said += f"; controlling for the number of tokens, {_correlation(at_equal_length)}."
    if _excludes_zero(at_equal_length):
        return f"{said} The two are associated at equal length; this does not show that one causes the other."
    if _excludes_zero(spearman):
        return f"{said} The association can be an effect of length: at equal length, the interval includes 0."
    return f"{said} Both intervals include 0: no association is shown."


def heads_that_differ(n_differ: int | None, n_compared: int, study: StudyView, *, q_too_small: bool = False) -> str:
    """Say how many heads differ between documents with mistakes and correctly classified ones.

    Args:
        n_differ: Heads that differ; None where they were not compared.
        n_compared: Heads in the comparison.
        study: Facts of the study, which has gold labels.
        q_too_small: Whether the test treats documents of one input row as independent.
    """
    n_wrong, n_labelled = study.n_wrong, study.n_labelled
    if study.task.many_labels:
        documents = f"{plural(n_wrong, 'document')} with mistakes and {count(n_labelled - n_wrong)} correct ones"
    else:
        right = f"the {count(n_labelled - n_wrong)} correctly classified ones"
        documents = f"{plural(n_wrong, 'misclassified document')} and {right}"
    if n_differ is None:
        return f"The {documents} could not be compared: one of the groups is too small."
    test = f"permutation test within strata of length, q < {SIGNIFICANT:g}"
    if not n_differ:
        return f"Between the {documents}, none of {plural(n_compared, 'head')} differs beyond chance ({test})."
    differ = "differs" if n_differ == 1 else "differ"
    if q_too_small:
        test += f"; {Q_TOO_SMALL}"
    return f"Between the {documents}, {n_differ} of {plural(n_compared, 'head')} {differ} beyond chance ({test})."


def _excludes_zero(found: Estimate) -> bool:
    low, high = found["low"], found["high"]
    return low is not None and high is not None and (low > 0 or high < 0)


def _correlation(found: Estimate) -> str:
    value, low, high = signed(_value(found)), found["low"], found["high"]
    return (
        f"{value}, without an interval"
        if low is None or high is None
        else f"{value} (95 % interval {signed(low)} to {signed(high)})"
    )


def _value(found: Estimate) -> float:
    value = found["value"]
    assert value is not None  # noqa: S101 - only the bounds can be missing here
    return value


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _name(label: str) -> Markup:
    return Markup('<bdi class="class-name">{}</bdi>').format(label)


def _names(labels: Sequence[str]) -> Markup:
    shown = [_name(label) for label in labels[:MOST_NAMES]]
    if len(labels) > MOST_NAMES:
        shown.append(Markup("{} more").format(len(labels) - MOST_NAMES))
    return Markup(", ").join(shown[:-1]) + (Markup(" or ") if shown[:-1] else Markup("")) + shown[-1]
