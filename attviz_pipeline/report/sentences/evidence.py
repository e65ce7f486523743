"""What the site says about evidence: whether the prediction depends on the tokens and heads that a score ranks highest.

A mean beside its floor is a row of the table `faithfulness` or `ablation_curves`. Changes of a probability are in
points, which are hundredths; those of a predicted value are in its unit. A difference from random is a finding only if
q < 0.05; where there is no q, the sentence names the interval.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from attviz_pipeline.evidence_words import CIRCULAR, ORDERS, REMOVAL, SCORES, scores_and_layers, which_of
from attviz_pipeline.formats import count, percent, plural, probability, significant
from attviz_pipeline.report.sentences import parts
from attviz_pipeline.report.sentences.head_importance import small_groups
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.significance import SIGNIFICANT
from attviz_pipeline.tasks.measured import DIGITS, Scale

Row = Mapping[str, Any]

REMOVED = {
    "mask": "Each removed token is replaced by the tokenizer's mask token.",
    "delete": "Each removed token is taken out of the text.",
    "hide": "Each removed token stays in its place, but no token can attend to it.",
}
_UNCLEAR = "The difference cannot be distinguished from zero."


def score_title(score: str, layer: int | None) -> str:
    """Name a token score in words."""
    return SCORES[score].format(layer)


def answer(row: Row | None, fractions: Sequence[float], removal: str, study: StudyView) -> Markup:
    """Say whether removing the tokens with the highest score changes the prediction more than removing random ones.

    Args:
        row: Comprehensiveness of the score in the mean over all shares of tokens; None where it was not measured.
        fractions: These shares.
        removal: mask, delete or hide.
        study: Whose documents they are.
    """
    if row is None:
        return Markup(
            "Whether the prediction depends on the tokens with the most self-attention was not measured: the study has "
            "no such score of tokens, or no document that is long enough."
        )
    scale = study.task.scale
    sentence = Markup(
        "In {n} of {documents}{rows}, {given} {falls} on average if the {share} of tokens with the highest {score} are "
        "{removed}{mean}; it {floor_falls} if as many random tokens are {removed}. The difference is {difference}. "
        "{conclusion}"
    )
    return sentence.format(
        removed=REMOVAL[removal],
        share=_shares(fractions),
        mean=" (mean over these shares)" if len(fractions) > 1 else "",
        score=score_title(row["score"], row["layer"]),
        falls=_falls(row["mean"], scale) + ("" if scale.shares else " (up or down)"),
        floor_falls=_falls(row["floor"], scale),
        difference=_difference(row, "difference", scale),
        n=count(row["n_documents"]),
        documents=plural(study.n_documents, "document"),
        rows=parts.from_rows(row["n_documents"], row["n_sources"]),
        given=Markup(scale.given).format(model=parts.model_name(study)),  # noqa: S704 - words of this package
        conclusion=_conclusion(
            row,
            "The prediction depends on these tokens more than on random ones.",
            "The prediction depends on these tokens less than on random ones.",
        ),
    )


def sufficiency(row: Row, fractions: Sequence[float], scale: Scale) -> str:
    """Say whether the tokens with the highest score alone keep more of the prediction than random ones alone.

    Args:
        row: Sufficiency of the score in the mean over all shares of tokens.
        fractions: These shares.
        scale: What is measured.
    """
    conclusion = _conclusion(
        row,
        "These tokens alone keep less of the prediction than random ones.",
        "These tokens alone keep more of the prediction than random ones.",
    )
    rows = parts.from_rows(row["n_documents"], row["n_sources"])
    where = f" in {plural(row['n_documents'], 'document')}{rows}" if rows else ""
    return (
        f"With only these {_shares(fractions)} left{where}, {scale.short} {_falls(row['mean'], scale)}; with "
        f"as many random tokens left, it {_falls(row['floor'], scale)}. The difference is "
        f"{_difference(row, 'difference', scale)}. {conclusion}"
    )


def by_gold(rows: Sequence[Row], study: StudyView) -> Markup:
    """Say between which gold classes the fall without the highest-ranked tokens is smallest and largest.

    The mean over all documents hides it: a text with few words left can be read as one class, whose probability then
    hardly falls. The extremes of many classes differ by chance, too, so no difference between the two is claimed.

    Args:
        rows: Comprehensiveness of the score of the first sentence, in the mean over all shares of tokens, of each gold
            group that has an interval.
        study: Whose documents they are.
    """
    if len(rows) < 2:
        return Markup()
    least, most = (choose(rows, key=lambda row: row["mean"]) for choose in (min, max))
    task = study.task
    sentence = Markup(
        "The extremes of {n} gold {nouns}: without the highest-ranked tokens, {short} {least}, and it {most}. {apart}"
    )
    apart = "The two intervals overlap, so no difference is shown."
    if least["mean_high"] < most["mean_low"]:
        apart = "The two intervals do not overlap; as extremes, they were chosen for their difference."
    one, other = (_fall_of_group(row, task.scale) for row in (least, most))
    return sentence.format(
        n=count(len(rows)), nouns=task.nouns, short=task.scale.short, least=one, most=other, apart=apart
    )


def _fall_of_group(row: Row, scale: Scale) -> Markup:
    low, high = (scale.signed(row[name]) for name in ("mean_low", "mean_high"))
    return Markup(
        "{falls} in {documents} of {group} (95 % interval {low} to {high}; with random tokens removed, {floor})"
    ).format(
        falls=_falls(row["mean"], scale),
        documents=plural(row["n_documents"], "document"),
        group=parts.class_name(row["group"]),
        low=low,
        high=high,
        floor=f"it {_falls(row['floor'], scale)}",
    )


def _shares(fractions: Sequence[float]) -> Markup:
    return parts.listed([percent(fraction) for fraction in fractions])


def scores_found(rows: Sequence[Row], fractions: Sequence[float]) -> str:
    """Say for how many scores removal changes the prediction more, or less, than removal of random tokens.

    Args:
        rows: Comprehensiveness of every score but random, as the mean over all shares.
        fractions: These shares.
    """
    if not rows:
        return "No score of tokens was compared with random tokens."
    shares = _shares(fractions)
    on_average = f"on average over {shares} of the tokens" if len(fractions) > 1 else f"at {shares} of the tokens"
    most, *fewer = sorted({row["n_documents"] for row in rows}, reverse=True)
    what = "at tokens on which the prediction depends more than on random ones"
    sentences = [_found_over(rows, most, f", {on_average}", what)]
    sentences += [_found_over(rows, n, "", "at such tokens") for n in fewer]
    if any(row["score"] == "leave_one_out" for row in rows):
        sentences.append(CIRCULAR)
    return " ".join(sentences)


def _found_over(rows: Sequence[Row], n_documents: int, on_average: str, what: str) -> str:
    """Say it for the scores of one number of documents."""
    mine = [row for row in rows if row["n_documents"] == n_documents]
    found = [row for row in mine if _is_found(row)]
    over = f"Over {plural(n_documents, 'document')}{on_average}, "
    if not found:
        return f"{over}none of {scores_and_layers(mine)} is shown to point {what} (q < {SIGNIFICANT:g})."
    more = [row for row in found if row["difference"] > 0]
    less = [row for row in found if row["difference"] <= 0]
    sides = [f"{which_of(more, mine)} {'points' if len(more) == 1 else 'point'} {what}"]
    if less:
        sides.append(f"{which_of(less, mine)} at tokens on which it depends less")
    return f"{over}{', '.join(sides)} (q < {SIGNIFICANT:g})."


def not_measured(unavailable: Mapping[str, str]) -> str | None:
    """Name the scores that were asked for and could not be measured, with reasons; None if there are none."""
    if not unavailable:
        return None
    reasons = [f"{SCORES[name].format('n')} ({reason})" for name, reason in unavailable.items()]
    return f"Not measured: {'; '.join(reasons)}."


def other_documents(rows: Sequence[Row]) -> str | None:
    """Name the scores that the curves leave out, because they have fewer documents; None if there are none."""
    if not rows:
        return None
    named = parts.listed([f"{score_title(row['score'], row['layer'])} ({row['n_documents']:,})" for row in rows])
    return f"Measured on fewer documents, and therefore in the table only: {named}."


def tests_of_groups(n_documents: Sequence[int]) -> Markup:
    """Say over what q of groups of documents is adjusted, and what it does not compare.

    Args:
        n_documents: Documents of each group.
    """
    return parts.said(
        [
            "q is adjusted over all scores and layers, and over all groups of the same kind.",
            small_groups(n_documents),
            "Groups are not compared with each other: a small group can have q ≥ 0.05 even with the same effect.",
        ]
    )


def removal_shows(removal: str, scale: Scale) -> str:
    """Say what the removal of tokens shows, and what it does not.

    Args:
        removal: mask, delete or hide.
        scale: What is measured.
    """
    change = scale.fall.removeprefix("absolute ")
    without = ": without them, its prediction is less probable" if scale.shares else ", whether it goes up or down"
    return (
        f"{REMOVED[removal]} A {change} of {scale.short} shows that the model read these tokens{without}. It "
        "does "
        "not show that the model used their attention, nor in what way it used them. Texts with removed tokens are "
        f"unlike those that the model was trained on, and a part of each {change} is due to that, for random tokens, "
        "too. So only the difference from random tokens speaks for a score. Random tokens are any tokens of the text, "
        "also punctuation and frequent words. A score that does no better than random "
        "can still describe where the heads attend."
    )


def head_order(row: Row, total: int, n_random: int, scale: Scale) -> str:
    """Say whether an order of heads keeps the predictions longer than random orders, at one number of heads.

    Args:
        row: One order at one number of heads, not random, of the table `ablation_curves`, with `floor` and the key
            `what`: the measure, one of `scale.measures`.
        total: Heads of the model.
        n_random: Number of random orders.
        scale: What is measured.
    """
    what, off = row["what"], row["n_switched_off"]
    measured, n = scale.measures[what], _n_judged(row, scale)
    low, high = row[f"{what}_difference_low"], row[f"{what}_difference_high"]
    sentence = (
        f"By {ORDERS[row['order']]}, the least important first: with {count(off)} of {plural(total, 'head')} switched "
        f"off, {measured} is {_measure(row[what], scale)} over {plural(n, 'document')}; in random order it is "
        f"{_measure(row['floor'], scale)} (mean of {plural(n_random, 'order')}). The difference is "
        f"{_difference(row, f'{what}_difference', scale)}."
    )
    if low is None:
        return f"{sentence} One input row gives no interval."
    if not low and not high:
        return f"{sentence} It is 0 in every input row."
    if low <= 0 <= high:
        return f"{sentence} {_UNCLEAR}"
    # Shares that are kept are better if larger, errors and changes of a value if smaller.
    keeps = "keeps" if (low > 0) is scale.shares else "loses"
    side = "above" if low > 0 else "below"
    random = "this random order" if n_random == 1 else f"these {count(n_random)} random orders"
    return (
        f"{sentence} The interval lies {side} 0: without these heads, the model {keeps} more than in {random}; others "
        "can differ."
    )


def without_heads(whole: Row, row: Row, total: int, scale: Scale, *, one_prediction: bool) -> str:
    """Say what is left with all heads switched off: what the model reaches without attention.

    Args:
        whole: The row with all heads of the table `ablation_curves`, with the key `what`, as in `head_order`.
        row: The row with no head left.
        total: Heads of the model.
        scale: What is measured.
        one_prediction: Whether the model then predicts the same class or label set for every document.
    """
    what, n = whole["what"], _n_judged(whole, scale)
    documents = plural(n, "document")
    first, last = (_measure(one[what], scale) for one in (whole, row))
    if scale.shares:
        # Of few documents, a share without its count looks more certain than it is.
        first += f" ({count(round(n * whole[what]))} of {documents})"
        last += f" ({count(round(n * row[what]))} of {count(n)})"
    else:
        first += f" over {documents}"
    same = ""
    if one_prediction:
        same = f": {scale.predicted} is then the same for every document, so this is what always predicting it reaches"
    return (
        f"With no head switched off, {scale.measures[what]} is {first}; with all {plural(total, 'head')} switched off, "
        f"it is {last}{same}."
    )


def _n_judged(row: Row, scale: Scale) -> int:
    """Return the number of documents behind a measure: the first one needs gold values."""
    n: int = row["n_labelled"] if row["what"] == next(iter(scale.measures)) else row["n_documents"]
    return n


def judged_by(held_out: Mapping[str, bool], orders: Sequence[str]) -> str:
    """Say whether the documents of the curves also decided the orders.

    Args:
        held_out: Whether other documents decided, by order.
        orders: The orders that there are.
    """
    deciding = [name for name in ("measured", "gradient") if name in orders]
    seen = [ORDERS[name] for name in deciding if not held_out[name]]
    if seen:
        return (
            f"The documents of the curves also decided the order by {parts.listed(seen)}, which can therefore look "
            "better than it is."
        )
    return (
        f"Other documents decided the order by {parts.listed([ORDERS[name] for name in deciding])}." if deciding else ""
    )


def no_curve(gates: str | None) -> str:
    """Say why there are no curves of heads that are switched off."""
    if gates:
        return f"No head was switched off: {gates.rstrip('.')}."
    return "No curve was measured: its sample has no document (evidence.cumulative_documents)."


def sample(n_sampled: int, n_too_short: int, study: StudyView) -> str:
    """Say on which documents the evidence rests."""
    n = study.n_documents
    if n_sampled == n:
        sentence = f"All {plural(n, 'document')} were measured."
    else:
        sentence = (
            f"{count(n_sampled)} of {plural(n, 'document')} are the sample, drawn in proportion to {_strata(study)}. "
            "The smaller samples are drawn from it in the same way."
        )
    if not n_too_short:
        return sentence
    short = plural(n_too_short, "document")
    have = "has" if n_too_short == 1 else "have"
    return f"{sentence} {short} with fewer than two tokens of text {have} no faithfulness."


def _strata(study: StudyView) -> str:
    """Name what a sample is in proportion to; small samples have more of what is rare, if anything is."""
    if not study.n_labelled:
        return "thirds of length"
    task = study.task
    strata = (
        f"{task.scale.strata} and to thirds of length, with at least one document of each "
        f"{task.noun if task.has_labels else 'quantile'} and third where there are enough"
    )
    rare = _rare(study)
    return f"{strata}: the smaller a sample, the larger the part of {rare}" if rare else strata


def _rare(study: StudyView) -> str:
    """Name what small samples have more of; empty where gold classes are equally large, as quantiles nearly are.

    How many documents have each label is not known here, so labels are not called rare.
    """
    if study.task.many_labels:
        return f"{study.task.nouns} that are rarer than others"
    sizes = {sum(row) for row in study.summary.get("confusion") or ()} - {0}
    return f"rare {study.task.nouns}" if len(sizes) > 1 else ""


def _measure(value: float, scale: Scale) -> str:
    return percent(value) if scale.shares else significant(value, DIGITS)


def _is_found(row: Row) -> bool:
    return row["difference_q"] is not None and row["difference_q"] < SIGNIFICANT


def _conclusion(row: Row, above: str, below: str) -> str:
    if row["difference_low"] is None:
        return "One input row gives no interval."
    if row["difference_q"] is None:
        return "It is the same in every document, so it is not tested."
    if not _is_found(row):
        return _UNCLEAR
    return above if row["difference"] > 0 else below


def _difference(row: Row, name: str, scale: Scale) -> str:
    low, high, q = row[f"{name}_low"], row[f"{name}_high"], row.get(f"{name}_q")
    if low is None or high is None:
        return scale.with_unit(scale.signed(row[name]))
    value, least, most = scale.signed_alike(row[name], low, high)
    tested = "" if q is None else f", q = {probability(q)}"
    return f"{scale.with_unit(value)} (95 % interval {least} to {most}{tested})"


def _falls(fall: float, scale: Scale) -> str:
    size = scale.with_unit(scale.size(fall))
    if not scale.shares:
        return f"changes by {size}"
    return f"rises by {size}" if fall < 0 and size != "0.0 points" else f"falls by {size}"
