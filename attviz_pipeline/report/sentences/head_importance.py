"""What the pages say about the importance of heads to the prediction: docs/statistics/sentences.md lists the rules.

A change is a finding only if q < 0.05; otherwise it is nothing that can be distinguished from zero, which is said.
Changes are means over the documents of a sample, which is named.
"""

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from attviz_pipeline.evidence_words import ORDERS, rank_agreement
from attviz_pipeline.formats import MINUS, count, plural, probability, signed, significant
from attviz_pipeline.report.sentences.parts import (
    alternatives,
    class_name,
    from_rows,
    head_link,
    listed,
    model_name,
    said,
    units,
)
from attviz_pipeline.report.views.head_importance import (
    FEWEST_IN_GROUP,
    AblationView,
    CorrelationView,
    HeadImportance,
    MeanView,
    MeasureView,
)
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.significance import SIGNIFICANT
from attviz_pipeline.tasks.measured import Scale

N_NAMED = 3
_OFF = {"zero": "its output set to 0", "mean": "its output replaced by its mean over tokens"}
_CLEAR = f"q < {SIGNIFICANT:g}"
_NOTHING = "nothing that can be distinguished from zero"


def axis(measure: str, scale: Scale) -> str:
    """Name an axis of the scatter plots."""
    changes = scale.with_log_unit(f"|change| of {scale.log_short} without the head", ", ")
    return {
        "measured": changes,
        "gradient": "|gradient| at the head's output",
        "self_attention": "mean self-attention",
    }[measure]


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
        _documents(importance.n_measured, importance.heads[0].n_sources, study),
        model_name(study),
        _OFF[importance.ablation],
    )


def heads_that_matter(importance: HeadImportance, study: StudyView, root: str) -> Markup:
    """Say without how many heads the log probability, the error or the value changes, and without which it does most.

    In regression it is the absolute error where a gold value is known, else the predicted value.
    """
    heads = importance.by_need()
    if not heads:
        return Markup()
    changes = [importance.judged(one) for one in heads]
    if all(change.q is None for change in changes):
        return Markup("The changes were not tested: {}.").format(_no_test(heads[0].n_documents))
    of, name = plural(len(heads), "head"), importance.judged_name
    found = [one for one in heads if importance.judged(one).significant]
    if not found:
        nothing = Markup("For none of {} does switching it off change {} ({}): {}.").format(of, name, _CLEAR, _NOTHING)
        return said([nothing, _of_gold(heads, "head", importance)])
    falls = [one for one in found if _value(importance.judged(one)) < 0]
    rises = [one for one in found if one not in falls]
    sentences = [
        Markup("falls without {}").format(count(len(falls))) if falls else None,
        Markup("rises without {}").format(count(len(rises))) if rises else None,
    ]
    first = Markup("{} {} of {} ({}).").format(_capital(name), listed([part for part in sentences if part]), of, _CLEAR)
    harmed, verb = (rises, "rises") if importance.by_error else (falls, "falls")
    gold = said([_of_gold(heads, "head", importance), _chosen(importance.scale, len(falls), len(rises))])
    if not harmed:
        return said([first, gold])
    largest = harmed[0]
    assert largest.head is not None  # noqa: S101 - they are heads
    if len(found) == 1:
        lead = "It is"
    else:
        lead = f"It {verb} without" if len(harmed) == 1 else f"Of these, it {verb} most without"
    strongest = Markup("{} {}: {}. The median change of all heads is {}.").format(
        lead,
        head_link(largest.head, study, root),
        _change(importance.judged(largest), importance.scale),
        importance.scale.with_log_unit(_signed(_median([_value(change) for change in changes]))),
    )
    return said([first, strongest, _larger_but_unclear(heads[: heads.index(largest)], importance), gold])


def _of_gold(views: Sequence[AblationView], noun: str, importance: HeadImportance) -> str:
    """Say without how many heads, or layers, the same of the gold class or label set changes; empty if not known."""
    tested = [view for view in views if view.gold_change.q is not None]
    if not importance.scale.shares or not tested:
        return ""
    of, gold = plural(len(views), noun), _capital(importance.scale.gold_log)
    falls, rises = (
        sum(view.gold_change.significant and (_value(view.gold_change) < 0) is below for view in views)
        for below in (True, False)
    )
    if not falls and not rises:
        return f"{gold} changes for none of {of} ({_CLEAR})."
    sides = [f"{verb} without {count(n)}" for verb, n in (("falls", falls), ("rises", rises)) if n]
    return f"{gold} {listed(sides)} of {of} ({_CLEAR})."


def _chosen(scale: Scale, n_falls: int, n_rises: int) -> str:
    """Say why the probability of what was predicted tends to fall; empty in regression, or where falls are no majority.

    Args:
        scale: What is measured.
        n_falls: Heads without which the probability falls.
        n_rises: Heads without which it rises.
    """
    if not scale.shares or n_falls <= n_rises:
        return ""
    return (
        f"{_capital(scale.predicted)} was chosen because it is the most probable, so almost any disturbance tends to "
        "make it less probable."
    )


def _larger_but_unclear(before: Sequence[AblationView], importance: HeadImportance) -> str:
    """Say that the mean changes of heads before the largest finding cannot be distinguished from zero.

    Args:
        before: Heads that the prediction seems to need more, the most needed first.
        importance: What is known of all heads.
    """
    n = sum(importance.judged(one).q is not None for one in before)
    if not n:
        return ""
    noun = "rise" if importance.by_error else "fall"
    if n == 1:
        return f"The mean {noun} of 1 other head is larger, but varies too much to be distinguished from zero."
    return f"The mean {noun}s of {count(n)} other heads are larger, but vary too much to be distinguished from zero."


def most_flips(importance: HeadImportance, study: StudyView, root: str) -> Markup:
    """Say without which heads the most predictions flip; nothing in regression, where each changes a little."""
    n_flips = max((one.n_flips for one in importance.heads if one.n_flips is not None), default=None)
    if n_flips is None:
        return Markup()
    documents = plural(importance.heads[0].n_documents, "document")
    noun, one_does, several_do = importance.scale.flip
    if not n_flips:
        return Markup("No {} of {} {} without one head.").format(noun, documents, one_does)
    most = [one.head for one in importance.heads if one.head is not None and one.n_flips == n_flips]
    if len(most) > N_NAMED:
        return Markup("Without one head, at most {} of {} {}; so many without each of {}.").format(
            plural(n_flips, noun),
            count(importance.heads[0].n_documents),
            one_does if n_flips == 1 else several_do,
            plural(len(most), "head"),
        )
    return Markup("The most {}s {} without {}: {} of {}{}.").format(
        noun,
        several_do,
        alternatives([head_link(head, study, root) for head in most]),
        count(n_flips),
        documents,
        " each" if len(most) > 1 else "",
    )


def layers_that_matter(importance: HeadImportance) -> Markup:
    """Say without which whole layers the same changes."""
    layers = [(one.layer, importance.judged(one)) for one in importance.layers]
    if not layers or all(change.q is None for _, change in layers):
        return Markup()
    of = plural(len(layers), "layer")
    found = sorted(((layer, change) for layer, change in layers if change.significant), key=lambda one: _value(one[1]))
    if not found:
        nothing = Markup("Without all heads of a layer, {} changes for none of {} ({}): {}.").format(
            importance.judged_name, of, _CLEAR, _NOTHING
        )
        return said([nothing, _of_gold(importance.layers, "layer", importance)])
    layer, largest = max(found, key=lambda one: abs(_value(one[1])))
    signs = {_value(change) > 0 for _, change in found}
    verb = "changes" if len(signs) > 1 else "rises" if True in signs else "falls"
    most = Markup("Without all heads of a layer, {} {} for {} of {} ({}), most without layer {}: {}.").format(
        importance.judged_name, verb, count(len(found)), of, _CLEAR, layer, _change(largest, importance.scale)
    )
    return said([most, _of_gold(importance.layers, "layer", importance)])


def correlation(found: CorrelationView, importance: HeadImportance, study: StudyView) -> Markup:
    """Say how two measures go together over heads, beside what random orders give."""
    documents = {
        "measured": importance.n_measured,
        "gradient": importance.n_gradient,
        "self_attention": study.n_documents,
    }
    first, second = (f"{ORDERS[name]} ({plural(documents[name], 'document')})" for name in found.measures)
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
        _range(found, units(study)),
        signed(-found.by_chance),
        signed(found.by_chance),
    )
    if found.low is None or found.high is None:
        return sentence
    beyond = abs(found.value) > found.by_chance
    if beyond and (found.low > 0 or found.high < 0):
        agreement = rank_agreement(found.value, *(ORDERS[name] for name in found.measures))
        return sentence + Markup(" {}").format(agreement)
    if beyond:
        return sentence + Markup(" The interval includes 0: no association is shown.")
    return sentence + Markup(" This is no more than chance gives: no association is shown.")


def without_head(view: AblationView, importance: HeadImportance, study: StudyView) -> Markup:
    """Say what switching off one head does to the prediction, and to the gold class or the error where it is known."""
    scale = importance.scale
    sure, probable = ("less", "more"), ("lower", "higher")
    consequence, size = (f"{scale.predicted} is {{}} probable", sure) if scale.shares else ("it is {}", probable)
    first = Markup("In {}, {} was also run without this head ({}). On average, {} changes by {}{}").format(
        _documents(view.n_documents, view.n_sources, study),
        model_name(study),
        _OFF[importance.ablation],
        scale.log,
        _change(view.change, scale),
        _verdict(view.change, view.n_documents, consequence, size, len(importance.heads)),
    )
    if view.gold_change.value is None:
        return first
    of_gold = f"That of {scale.gold}" if scale.shares else _capital(scale.gold_log)
    consequence, size = (
        (f"{scale.gold} is {{}} probable", sure) if scale.shares else ("it is {}", ("smaller", "larger"))
    )
    gold = Markup("{} changes by {}{}{}").format(
        of_gold,
        scale.with_log_unit(_signed(_value(view.gold_change))),
        _uncertainty(view.gold_change),
        _verdict(view.gold_change, view.n_documents, consequence, size, len(importance.heads)),
    )
    return said([first, gold])


def flips_without_head(view: AblationView, scale: Scale) -> str:
    """Say how many predictions flip without one head, and what that does to the accuracy; nothing in regression."""
    if view.n_flips is None:
        return ""
    documents, (noun, does, _) = plural(view.n_documents, "document"), scale.flip
    flips = f"The {noun} {does} in {count(view.n_flips) if view.n_flips else 'none'} of {documents}."
    accuracy = view.accuracy
    if accuracy.value is None or not view.n_flips:
        return flips
    points = MeanView(*(None if one is None else 100 * one for one in (accuracy.value, accuracy.low, accuracy.high)))
    if not accuracy.low and not accuracy.high and accuracy.low is not None:
        return f"{flips} {_capital(scale.measures['accuracy'])} does not change in any input row."
    verdict = "" if accuracy.significant or accuracy.q is None else f": {_NOTHING}"
    return (
        f"{flips} {_capital(scale.measures['accuracy'])} changes by {_signed(_value(points))} percentage points"
        f"{_uncertainty(MeanView(points.value, points.low, points.high, accuracy.q))}{verdict}."
    )


def place_of_head(measured: MeasureView | None, gradient: MeasureView | None, n_gradient: int, scale: Scale) -> str:
    """Say where a head stands among all heads by measured importance and by gradients."""
    sentences = []
    if measured is not None:
        size = scale.with_log_unit(significant(measured.value))
        sentences.append(f"Its mean |change| is {size}: {_place(measured)}.")
    if gradient is not None:
        over = plural(n_gradient, "document")
        sentences.append(f"Its mean |gradient| over {over} is {significant(gradient.value)}: {_place(gradient)}.")
    return said(sentences)


def classes_without_head(groups: Sequence[AblationView], study: StudyView) -> Markup:
    """Say in which gold classes switching off one head changes the gold class's, or label set's, probability.

    Classes of fewer than `FEWEST_IN_GROUP` documents are not tested. The test is whether the mean change of a class is
    0, which compares no class with others: nothing is known of this class's probability in other documents.

    Args:
        groups: Groups of documents without this head.
        study: Whose documents they are.
    """
    classes = [one for one in groups if one.grouping == "gold"]
    tested = [one for one in classes if one.gold_change.q is not None]
    if not tested:
        return Markup()
    noun, nouns, many = f"gold {study.task.noun}", f"gold {study.task.nouns}", study.task.many_labels
    lead = _tested_classes(classes, len(tested), plural(len(study.label_names), noun, nouns))
    by = f"By {noun}, the log probability of {'the gold label set' if many else 'that class'} changes in"
    found = sorted((one for one in tested if one.gold_change.significant), key=lambda one: _value(one.gold_change))
    if not found:
        return Markup("{}. {} none of {} ({}): {}.").format(lead, by, count(len(tested)), _CLEAR, _NOTHING)
    names = [
        Markup("{} ({} nats, {})").format(
            class_name(one.group), _signed(_value(one.gold_change)), plural(one.n_documents, "document")
        )
        for one in found[:N_NAMED]
    ]
    if len(found) > N_NAMED:
        names.append(Markup("{} more").format(count(len(found) - N_NAMED)))
    if many:
        alike = Markup("the log probability of the gold label set may change alike in documents without the label")
    else:
        which = class_name(found[0].group) if len(found) == 1 else "these classes"
        alike = Markup("any document's probability of {} may change alike").format(which)
    return Markup(
        "{}. {} {} of {} ({}, over all heads and {}): {}. This is no comparison with other documents: without the "
        "head, {}."
    ).format(lead, by, count(len(found)), count(len(tested)), _CLEAR, nouns, listed(names), alike)


def _tested_classes(classes: Sequence[AblationView], n_tested: int, of: str) -> str:
    """Count the classes that are large enough, and those of them that were tested."""
    n_large = sum(one.n_documents >= FEWEST_IN_GROUP for one in classes)
    large = f"{count(n_large)} of {of} {'has' if n_large == 1 else 'have'} {FEWEST_IN_GROUP} documents or more"
    if n_tested == n_large:
        return large
    return f"{large}, of which {count(n_tested)} {'was' if n_tested == 1 else 'were'} tested"


def group_without_head(view: AblationView, scale: Scale) -> Markup:
    """Name a group of documents."""
    if view.grouping == "gold":
        return class_name(view.group)
    return Markup("{}").format(scale.groups.get(view.group, "all documents"))


def columns(study: StudyView) -> str:
    """Explain the columns of a table of changes without heads."""
    scale = study.task.scale
    unit = scale.with_log_unit(", in") if scale.log_unit else ""
    of_gold = f", and of {scale.gold if scale.shares else scale.gold_log}" if study.n_labelled else ""
    flips = f" Flips: documents with another {scale.flip[0]}." if study.task.outcomes else ""
    return f"Change: mean change of {scale.log}{of_gold}{unit}.{flips}"


def small_groups(n_documents: Iterable[int]) -> str:
    """Say why small groups have neither interval nor q; nothing where there are none.

    Args:
        n_documents: Documents of each group.
    """
    if all(n >= FEWEST_IN_GROUP for n in n_documents):
        return ""
    return f"Groups of fewer than {FEWEST_IN_GROUP} documents are too small for an interval and q."


def gold_column(study: StudyView) -> str:
    """Name the column of the gold class or label set, or of the absolute error."""
    scale = study.task.scale
    return _capital((scale.gold if scale.shares else scale.gold_log).removeprefix("the "))


def cell(value: float | None) -> str:
    """Write a change in a table: with its sign, or a dash where there is none."""
    return "\N{EN DASH}" if value is None else _signed(value)


def _documents(n: int, n_sources: int, study: StudyView) -> str:
    rows = from_rows(n, n_sources)
    if n == study.n_documents:
        return f"all {plural(n, 'document')}{rows}" if n > 1 else "the only document"
    return f"{count(n)} of {plural(study.n_documents, 'document')}{rows}"


def _change(mean: MeanView, scale: Scale) -> str:
    value = _value(mean)
    change = f"{scale.with_log_unit(_signed(value))}{_uncertainty(mean)}"
    if not scale.shares:
        return change
    return f"{change}, which multiplies its probability by {_factor(value)} (geometric mean)"


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


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


def _range(found: CorrelationView, over: str) -> str:
    if found.low is None or found.high is None:
        return ", without an interval"
    return f" (95 % interval over {over} {signed(found.low)} to {signed(found.high)})"


def _verdict(mean: MeanView, n_documents: int, consequence: str, size: tuple[str, str], n_heads: int) -> str:
    if mean.q is None:
        return f". This was not tested: {_no_test(n_documents)}."
    if not mean.significant:
        excludes_zero = mean.low is not None and mean.high is not None and not mean.low <= 0 <= mean.high
        if excludes_zero and n_heads > 1:
            return f". The interval is of this head alone; q, over {plural(n_heads, 'head')}, shows {_NOTHING}."
        return f": {_NOTHING}."
    return f". Without it, {consequence.format(size[_value(mean) > 0])}."


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
