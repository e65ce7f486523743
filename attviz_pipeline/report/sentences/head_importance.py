"""What the pages say about the importance of heads to the prediction: docs/statistics/sentences.md lists the rules.

A change is a finding only if q < 0.05; otherwise it is nothing that can be distinguished from zero, which is said.
Changes are means over the documents of a sample, which is named.
"""

import math
from collections.abc import Sequence

from markupsafe import Markup

from attviz_pipeline.formats import MINUS, count, plural, probability, signed, significant
from attviz_pipeline.report.sentences.parts import alternatives, class_name, head_link, listed, model_name, said
from attviz_pipeline.report.views.head_importance import (
    AblationView,
    CorrelationView,
    HeadImportance,
    MeanView,
    MeasureView,
)
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.significance import SIGNIFICANT

MEASURES = {
    "measured": "measured importance",
    "gradient": "gradient importance",
    "self_attention": "mean self-attention",
}
AXES = {
    "measured": "|change| of log probability without the head, nats",
    "gradient": "|gradient| at the head's output",
    "self_attention": "mean self-attention",
}
N_NAMED = 3
FEWEST_IN_CLASS = 5
_OFF = {"zero": "its output set to 0", "mean": "its output replaced by its mean over tokens"}
_CLEAR = f"q < {SIGNIFICANT:g}"
_NOTHING = "nothing that can be distinguished from zero"


def not_switched_off(importance: HeadImportance) -> Markup:
    """Say why no head was switched off; nothing if heads were."""
    if importance.heads:
        return Markup()
    if importance.gates:
        return Markup("No head was switched off: {}.").format(importance.gates.rstrip("."))
    return Markup("No head was switched off: the sample for it has no documents.")


def sample(importance: HeadImportance, study: StudyView) -> Markup:
    """Say in how many documents heads were switched off, and how."""
    if not importance.heads:
        return Markup()
    return Markup("In {}, {} was also run without each head, one at a time ({}).").format(
        _documents(importance.n_measured, study), model_name(study), _OFF[importance.ablation]
    )


def heads_that_matter(importance: HeadImportance, study: StudyView, root: str) -> Markup:
    """Say without how many heads the predicted class's probability changes, and without which it falls most."""
    heads = importance.by_need()
    if not heads:
        return Markup()
    if all(one.change.q is None for one in heads):
        return Markup("The changes were not tested: {}.").format(_no_test(heads[0].n_documents))
    of = plural(len(heads), "head")
    found = [one for one in heads if one.change.significant]
    if not found:
        return Markup(
            "For none of {} does switching it off change the log probability of the predicted class ({}): {}."
        ).format(of, _CLEAR, _NOTHING)
    falls = [one for one in found if _value(one.change) < 0]
    rises = len(found) - len(falls)
    sentences = [
        Markup("falls without {}").format(count(len(falls))) if falls else None,
        Markup("rises without {}").format(count(rises)) if rises else None,
    ]
    first = Markup("The log probability of the predicted class {} of {} ({}).").format(
        listed([part for part in sentences if part]), of, _CLEAR
    )
    if not falls:
        return first
    largest = falls[0]
    assert largest.head is not None  # noqa: S101 - they are heads
    return said(
        [
            first,
            Markup("Of these, it falls most without {}: {}. The median change of all heads is {} nats.").format(
                head_link(largest.head, study, root),
                _change(largest.change),
                _signed(_median([_value(one.change) for one in heads])),
            ),
        ]
    )


def most_flips(importance: HeadImportance, study: StudyView, root: str) -> Markup:
    """Say without which heads most predictions flip."""
    if not importance.heads:
        return Markup()
    n_flips = max(one.n_flips for one in importance.heads)
    documents = plural(importance.heads[0].n_documents, "document")
    if not n_flips:
        return Markup("No prediction of {} flips without one head.").format(documents)
    most = [one.head for one in importance.heads if one.head is not None and one.n_flips == n_flips]
    if len(most) > N_NAMED:
        return Markup("Without one head, at most {} of {} {}; so many without each of {}.").format(
            plural(n_flips, "prediction"),
            count(importance.heads[0].n_documents),
            "flips" if n_flips == 1 else "flip",
            plural(len(most), "head"),
        )
    return Markup("Most predictions flip without {}: {} of {}{}.").format(
        alternatives([head_link(head, study, root) for head in most]),
        count(n_flips),
        documents,
        " each" if len(most) > 1 else "",
    )


def layers_that_matter(importance: HeadImportance) -> Markup:
    """Say without which whole layers the predicted class's probability changes."""
    layers = importance.layers
    if not layers or all(one.change.q is None for one in layers):
        return Markup()
    of = plural(len(layers), "layer")
    found = sorted((one for one in layers if one.change.significant), key=lambda one: _value(one.change))
    if not found:
        return Markup("Without all heads of a layer, it changes for none of {} ({}): {}.").format(of, _CLEAR, _NOTHING)
    largest = max(found, key=lambda one: abs(_value(one.change)))
    return Markup("Without all heads of a layer, it changes for {} of {} ({}), most without layer {}: {}.").format(
        count(len(found)), of, _CLEAR, largest.layer, _change(largest.change)
    )


def correlation(found: CorrelationView, importance: HeadImportance, study: StudyView) -> Markup:
    """Say whether two measures rank heads alike, beside what random orders give."""
    documents = {
        "measured": importance.n_measured,
        "gradient": importance.n_gradient,
        "self_attention": study.n_documents,
    }
    first, second = (f"{MEASURES[name]} ({plural(documents[name], 'document')})" for name in found.measures)
    over = plural(found.n_heads, "head")
    if found.value is None or found.by_chance is None:
        return Markup("The ranks of {} by {} and by {} were not compared: one of them is the same for all.").format(
            over, first, second
        )
    sentence = Markup(
        "Over {}, Spearman's rank correlation of {} and {} is {}{}; for 95 % of random orders of heads it is between "
        "{} and {}."
    ).format(
        over,
        first,
        second,
        signed(found.value),
        _range(found),
        signed(-found.by_chance),
        signed(found.by_chance),
    )
    if found.low is None or found.high is None:
        return sentence
    beyond = abs(found.value) > found.by_chance
    if beyond and found.low > 0:
        return sentence + Markup(" The two rank heads alike, more than chance does.")
    if beyond and found.high < 0:
        return sentence + Markup(" The two rank heads in opposite orders, more than chance does.")
    if beyond:
        return sentence + Markup(" The interval includes 0: no association is shown.")
    return sentence + Markup(" This is no more than chance gives: no association is shown.")


def without_head(view: AblationView, importance: HeadImportance, study: StudyView) -> Markup:
    """Say what switching off one head does to the predicted class, and to the gold class where it is known."""
    first = Markup(
        "In {}, {} was also run without this head ({}). On average, the log probability of the predicted class changes "
        "by {}{}"
    ).format(
        _documents(view.n_documents, study),
        model_name(study),
        _OFF[importance.ablation],
        _change(view.change),
        _verdict(view.change, view.n_documents, "the model is {} sure of its prediction"),
    )
    if view.gold_change.value is None:
        return first
    gold = Markup("That of the gold class changes by {} nats{}{}").format(
        _signed(_value(view.gold_change)),
        _uncertainty(view.gold_change),
        _verdict(view.gold_change, view.n_documents, "the gold class is {} probable"),
    )
    return said([first, gold])


def flips_without_head(view: AblationView) -> str:
    """Say how many predictions flip without one head, and what that does to the accuracy."""
    documents = plural(view.n_documents, "document")
    flips = f"The prediction flips in {count(view.n_flips) if view.n_flips else 'none'} of {documents}."
    accuracy = view.accuracy
    if accuracy.value is None or not view.n_flips:
        return flips
    points = MeanView(*(None if one is None else 100 * one for one in (accuracy.value, accuracy.low, accuracy.high)))
    verdict = "" if accuracy.significant or accuracy.q is None else f": {_NOTHING}"
    return (
        f"{flips} The accuracy changes by {_signed(_value(points))} percentage points"
        f"{_uncertainty(MeanView(points.value, points.low, points.high, accuracy.q))}{verdict}."
    )


def place_of_head(measured: MeasureView | None, gradient: MeasureView | None, n_gradient: int) -> str:
    """Say where a head stands among all heads by measured importance and by gradients."""
    sentences = []
    if measured is not None:
        sentences.append(f"Its mean |change| is {significant(measured.value)} nats: {_place(measured)}.")
    if gradient is not None:
        over = plural(n_gradient, "document")
        sentences.append(f"Its mean |gradient| over {over} is {significant(gradient.value)}: {_place(gradient)}.")
    return said(sentences)


def classes_without_head(groups: Sequence[AblationView]) -> Markup:
    """Say in which gold classes switching off one head changes the gold class's probability.

    Classes of fewer than `FEWEST_IN_CLASS` documents are not named: Student's t over so few relies on a normal
    distribution, which nothing can check.
    """
    tested = [one for one in groups if one.grouping == "gold" and one.gold_change.q is not None]
    classes = [one for one in tested if one.n_documents >= FEWEST_IN_CLASS]
    if not classes:
        return Markup()
    found = sorted((one for one in classes if one.gold_change.significant), key=lambda one: _value(one.gold_change))
    of = f"{plural(len(classes), 'gold class', 'gold classes')} with at least {FEWEST_IN_CLASS} documents"
    if not found:
        return Markup("By gold class, the log probability of that class changes in none of {} ({}): {}.").format(
            of, _CLEAR, _NOTHING
        )
    names = [
        Markup("{} ({} nats, {})").format(
            class_name(one.group), _signed(_value(one.gold_change)), plural(one.n_documents, "document")
        )
        for one in found[:N_NAMED]
    ]
    if len(found) > N_NAMED:
        names.append(Markup("{} more").format(count(len(found) - N_NAMED)))
    return Markup("By gold class, the log probability of that class changes in {} of {} ({}): {}.").format(
        count(len(found)), of, _CLEAR, listed(names)
    )


def group_without_head(view: AblationView) -> Markup:
    """Name a group of documents."""
    if view.grouping == "gold":
        return class_name(view.group)
    names = {"right": "correctly classified", "wrong": "misclassified"}
    return Markup("{}").format(names.get(view.group, "all documents"))


def cell(value: float | None) -> str:
    """Write a change in a table: with its sign, or a dash where there is none."""
    return "\N{EN DASH}" if value is None else _signed(value)


def _documents(n: int, study: StudyView) -> str:
    if n == study.n_documents:
        return f"all {plural(n, 'document')}" if n > 1 else "the only document"
    return f"{count(n)} of {plural(study.n_documents, 'document')}"


def _change(mean: MeanView) -> str:
    value = _value(mean)
    return (
        f"{_signed(value)} nats{_uncertainty(mean)}, which multiplies its probability by {_factor(value)} "
        "(geometric mean)"
    )


def _factor(change: float) -> str:
    """Write what a change of a log probability multiplies the probability by; not 1 unless the change is 0."""
    away = abs(math.expm1(change))
    decimals = 2 if away >= 0.1 or not away else 1 - math.floor(math.log10(away))
    return f"{math.exp(change):.{decimals}f}"


def _uncertainty(mean: MeanView) -> str:
    if mean.low is None or mean.high is None:
        return ""
    q = "" if mean.q is None else f"; q = {probability(mean.q)}"
    return f" (95 % interval {_signed(mean.low)} to {_signed(mean.high)}{q})"


def _range(found: CorrelationView) -> str:
    if found.low is None or found.high is None:
        return ", without an interval"
    return f" (95 % interval over documents {signed(found.low)} to {signed(found.high)})"


def _verdict(mean: MeanView, n_documents: int, consequence: str) -> str:
    if mean.q is None:
        return f". This was not tested: {_no_test(n_documents)}."
    if not mean.significant:
        return f": {_NOTHING}."
    return f". Without it, {consequence.format('less' if _value(mean) < 0 else 'more')}."


def _no_test(n_documents: int) -> str:
    if n_documents == 1:
        return "there is one document"
    return "the documents come from one input row, or all have the same change"


def _place(measure: MeasureView) -> str:
    if measure.n_heads == 1:
        return "the only head"
    return f"rank {measure.rank} of {measure.n_heads} heads, whose median is {significant(measure.median)}"


def _value(mean: MeanView) -> float:
    return 0.0 if mean.value is None else mean.value


def _signed(value: float) -> str:
    written = significant(abs(value))
    return written if written == "0" else f"{MINUS if value < 0 else '+'}{written}"


def _median(values: Sequence[float]) -> float:
    ordered, n = sorted(values), len(values)
    return (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
