"""What the pages say about words on which the prediction depends: docs/statistics/sentences.md lists the rules.

A word is compared with random words of the same documents, and found only if q < 0.05. Changes of a probability are in
points, which are hundredths; what is measured of a predicted value has no sign, and the value's unit.
"""

from markupsafe import Markup

from attviz_pipeline.evidence_words import REMOVAL
from attviz_pipeline.formats import count, percent, plural, significant
from attviz_pipeline.report.sentences.parts import class_name, said, token
from attviz_pipeline.report.views.ranked_terms import N_ROWS as N_MOST_ATTENDED
from attviz_pipeline.report.views.term_evidence import TermMeasureView, TermRowView
from attviz_pipeline.significance import SIGNIFICANT
from attviz_pipeline.tasks.measured import DIGITS

TEST = f"permutation test of ranks, q\N{NO-BREAK SPACE}<\N{NO-BREAK SPACE}{SIGNIFICANT:g}"
LEAST_EXPECTED = 0.5
"""Words below which an expected number is not written."""


def not_measured() -> str:
    """Say that a study did not measure on which words the prediction depends, and why."""
    return "On which words the prediction depends was not measured: evidence.enabled is false."


def dependence(view: TermMeasureView) -> Markup:
    """Say on which words the prediction depends more than on random words of the same documents.

    Not compared, nothing found, and found are three sentences.
    """
    return _left_out(view) if view.left_out else _gradient(view)


def most_attended(view: TermMeasureView) -> str:
    """Say how many of the words that were found have the most self-attention; nothing where none was found."""
    n, share = len(view.found), view.n_attended / max(view.n_terms, 1)
    if not n or n == view.n_terms or not view.n_attended:
        return ""
    among = f"among the {N_MOST_ATTENDED} {view.noun}s with the highest self-attention"
    if n == 1:
        verb = "is" if view.n_found_attended else "is not"
        return f"This {view.noun} {verb} {among}; the chance of a random one is {percent(share)}."
    attended = count(view.n_found_attended) if view.n_found_attended else "none"
    verb = "is" if view.n_found_attended < 2 else "are"
    return (
        f"Of these {count(n)} {view.noun}s, {attended} {verb} {among}; of as many random ones, "
        f"{significant(n * share) if n * share >= LEAST_EXPECTED else 'fewer than one'} would be on average."
    )


def title(view: TermMeasureView) -> str:
    """Name a measure."""
    return f"{REMOVAL[view.removal].capitalize()} one by one" if view.left_out else "Gradient x input"


def rows_of(view: TermMeasureView) -> str:
    """Name a table of words so that the name holds for each of its rows."""
    shown = count(len(view.rows))
    some = f"{shown} of {count(view.n_terms)}" if len(view.rows) < view.n_terms else f"All {shown}"
    order = f"{view.noun}s, the highest rank first"
    return f"{some} {order}" if view.n_terms > 1 else f"The only {view.noun}"


def columns(view: TermMeasureView) -> str:
    """Explain the table of a measure."""
    scale = view.scale
    if view.left_out:
        in_points = scale.with_unit("", ", in ")
        measured = (
            f"{column(view)}: mean over documents of the {scale.fall} of {scale.fall_of} if one occurrence is "
            f"{REMOVAL[view.removal]}{in_points}, with its 95 % interval."
        )
        pieces = "" if view.noun == "token" else f" Pieces of a word are {REMOVAL[view.removal]} one by one, and added."
    else:
        of = f"gradient x input, in nats of {scale.log}" if scale.shares else f"|gradient x input| of {scale.log}"
        measured = f"Mean over documents of {of}, with its 95 % interval."
        pieces = "" if view.noun == "token" else " Pieces of a word are added."
    return (
        f"{measured}{pieces} Random: the same of a random {view.noun} of these documents. Rank: share of the "
        f"{view.noun}s of the same document that it exceeds, 50 % for random ones; mean over documents, drawn towards "
        f"the mean of all {view.noun}s where documents are few. Grey: q\u00a0\u2265\u00a0{SIGNIFICANT:g}."
    )


def value(number: float, view: TermMeasureView) -> str:
    """Write a number of the table: points, nats, or a size in the unit of the value."""
    if not view.scale.shares:
        return significant(number, DIGITS)
    return view.scale.signed(number) if view.left_out else f"{'+' if number > 0 else ''}{significant(number)}"


def column(view: TermMeasureView) -> str:
    """Name the column of what was measured."""
    if not view.left_out:
        return "Mean"
    return view.scale.fall.removeprefix("absolute ").capitalize()


def _left_out(view: TermMeasureView) -> Markup:
    documents = Markup("{} in which tokens were {} one by one").format(_documents(view), REMOVAL[view.removal])
    more = Markup("{} more than random {}s of the same documents if {} ({})").format(
        _falling(view), view.noun, REMOVAL[view.removal], _test(view)
    )
    verb = ("lower", "lowers") if view.scale.shares else ("change", "changes")
    mean = view.scale.with_unit("mean fall {}" if view.scale.shares else "mean change {}")
    return _outcome(view, documents, verb, more, mean)


def _gradient(view: TermMeasureView) -> Markup:
    size = Markup("gradient x input") if view.scale.shares else Markup("|gradient x input|")
    more = Markup("{} for {} than random {}s of the same documents ({})").format(
        size, _class(view), view.noun, _test(view)
    )
    documents = Markup("{} with gradients").format(_documents(view))
    return _outcome(view, documents, ("have more", "has more"), more, view.scale.with_log_unit("mean {}"))


def _test(view: TermMeasureView) -> str:
    """Name the test, and over what its q is adjusted: the words of all documents and those of every group."""
    groups = "labels" if view.many_labels else "classes"
    return f"{TEST} over all {view.noun}s{f' and predicted {groups}' if view.scale.shares else ''}"


def _outcome(view: TermMeasureView, documents: Markup, verb: tuple[str, str], more: Markup, mean: str) -> Markup:
    """Say that words were not compared, that none was found, or which were.

    Args:
        view: The measure.
        documents: Those that were measured.
        verb: What several words do, and what one does.
        more: What they do it to, and more than what.
        mean: How a mean is written.
    """
    if not view.n_documents:
        return Markup("{}s were not compared: there are {}.").format(view.noun.capitalize(), documents)
    if view.n_documents < view.least:
        few = Markup("{}s were not compared: a {} must be in {} documents, and only {}.")
        return few.format(view.noun.capitalize(), view.noun, view.least, _sampled(view))
    support = Markup("in at least {} of {}").format(view.least, documents)
    if not view.n_terms:
        return Markup("No {} is {}, so {}s were not compared.").format(view.noun, support, view.noun)
    n = len(view.found)
    if view.n_terms == 1 and not n:
        return Markup("Only one {} is {}; it is not shown to {} {}.").format(view.noun, support, verb[0], more)
    of = Markup("Of the {} {}").format(plural(view.n_terms, view.noun), support)
    if not n:
        return Markup("{}, none {} {}.").format(of, verb[1], more)
    lead = "It is" if n == 1 else "The highest rank is that of"
    first = view.found[0]
    strongest = Markup(
        "{} {}, above {} of the {}s in the same documents on average (after shrinkage): {} over {} ({}random {}s {})."
    ).format(
        lead,
        token(first.term),
        percent(first.rank),
        view.noun,
        mean.format(value(first.mean, view)),
        plural(first.n_documents, "document"),
        _interval(first, view),
        view.noun,
        value(first.floor, view),
    )
    return said([Markup("{}, {} {} {}.").format(of, count(n), verb[n == 1], more), strongest])


def _documents(view: TermMeasureView) -> Markup:
    number = plural(view.n_documents, "document") if view.n_documents else "no documents"
    if view.group is None:
        return Markup("{}").format(number)
    predicted = Markup("{} with the predicted label {}") if view.many_labels else Markup("{} predicted as {}")
    return predicted.format(number, class_name(view.group))


def _sampled(view: TermMeasureView) -> Markup:
    """Say how many documents of a sample there are: 1 sampled document is predicted as business."""
    number, verb = count(view.n_documents), ("is", "has") if view.n_documents == 1 else ("are", "have")
    sampled = f"{number} sampled document{'' if view.n_documents == 1 else 's'}"
    if view.group is None:
        return Markup("{} {} measured").format(sampled, verb[0])
    if view.many_labels:
        return Markup("{} {} the predicted label {}").format(sampled, verb[1], class_name(view.group))
    return Markup("{} {} predicted as {}").format(sampled, verb[0], class_name(view.group))


def _class(view: TermMeasureView) -> Markup:
    """Name what was measured: in multi-label classification all labels together, in regression the value."""
    if view.group is None or view.many_labels:
        return Markup("{}").format(view.scale.predicted)
    return class_name(view.group)


def _falling(view: TermMeasureView) -> Markup:
    """Name what falls without a word."""
    if view.group is None or view.many_labels:
        return Markup("{}").format(view.scale.fall_of)
    return Markup("the probability of {}").format(class_name(view.group))


def _interval(row: TermRowView, view: TermMeasureView) -> str:
    if row.low is None or row.high is None:
        return ""
    return f"95 % interval {value(row.low, view)} to {value(row.high, view)}; "
