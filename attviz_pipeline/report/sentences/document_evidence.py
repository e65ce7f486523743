"""What the page of one document says about what its prediction depends on.

Changes of a probability are in points, which are hundredths; those of a predicted value are in its unit.
"""

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from attviz_pipeline.config.settings import Removal
from attviz_pipeline.evidence_words import REMOVAL
from attviz_pipeline.formats import count, literal, percent, plural, signed, significant
from attviz_pipeline.report.sentences import parts
from attviz_pipeline.report.token_evidence import EvidenceSample
from attviz_pipeline.tasks.measured import DIGITS, Scale
from attviz_pipeline.tasks.task import Task

FEWEST_ORDERED = 10
"""Tokens from which on tau of random orders is nearly normal."""
NORMAL_95 = 1.96


@dataclass(frozen=True)
class Changes:
    """What leaving out each token of a document does to its prediction.

    Args:
        prediction: Name of the predicted class; empty for a label set or a value, which have no short name.
        strength: The probability of the prediction in the whole document, 0..1, or the predicted value.
        token: The token without which it falls most; in regression, without which it changes most.
        strongest: Its change without that token; not below 0 if a probability falls without none.
        mean: Mean of the absolute changes: what a random token gives.
        median: Median of the absolute changes.
        n: Number of tokens, each left out alone.
        n_flips: Tokens without which the prediction is another one; None in regression.
        scale: What is measured.
    """

    prediction: str
    strength: float
    token: Markup
    strongest: float
    mean: float
    median: float
    n: int
    n_flips: int | None
    scale: Scale


def strongest_change(changes: Changes, removal: Removal) -> Markup:
    """Name the token without which the prediction falls or changes most, beside a random and the median token."""
    first = Markup("Each of its {} tokens was {} alone.").format(count(changes.n), REMOVAL[removal])
    if not changes.scale.shares:
        return first + _largest_change(changes)
    name = Markup("{}").format(changes.scale.fall_of)
    if changes.prediction:
        name = Markup("the probability of {}").format(parts.class_name(literal(changes.prediction)))
    if changes.strongest >= 0:
        return first + Markup(" {} falls without none of them.").format(_capital(name))
    sentence = Markup(" Without {}, {} falls most: by {} percentage points, from {}.")
    fall = sentence.format(changes.token, name, _points(changes.strongest), percent(changes.strength))
    return first + fall + _of_other_tokens(changes, f"{_points(changes.mean)} points", _points(changes.median))


def _largest_change(changes: Changes) -> Markup:
    if not changes.strongest:
        return Markup(" {} changes without none of them.").format(_capital(changes.scale.fall_of))
    sentence = Markup(" Without {}, {} changes most: by {}, from {}.")
    change = sentence.format(
        changes.token,
        changes.scale.fall_of,
        changes.scale.signed(changes.strongest),
        significant(changes.strength, DIGITS),
    )
    return change + _of_other_tokens(changes, changes.scale.size(changes.mean), changes.scale.size(changes.median))


def _capital(name: str) -> Markup:
    return Markup("{}{}").format(Markup(name[:1].upper()), Markup(name[1:]))  # noqa: S704 - words of this package, or escaped


def _of_other_tokens(changes: Changes, mean: str, median: str) -> str:
    """Say what the largest of many changes stands beside; nothing with one token."""
    if changes.n < 2:
        return ""
    return (
        f" One of {count(changes.n)} tokens always comes first: a random one changes it by {mean} on average, up or "
        f"down, the median one by {median}."
    )


def flips(changes: Changes, removal: Removal) -> str:
    """Say how many tokens change the prediction when they are left out alone; nothing in regression."""
    if changes.n_flips is None:
        return ""
    tokens = plural(changes.n_flips, "token") if changes.n_flips else "No token"
    verb = "changes" if changes.n_flips < 2 else "change"
    return f"{tokens}, {REMOVAL[removal]} alone, {verb} {changes.scale.predicted}."


def not_left_out(sample: EvidenceSample, *, too_short: bool) -> str:
    """Say why no token of a document was left out.

    Args:
        sample: The documents that were measured.
        too_short: Whether the document has fewer than two tokens of text.
    """
    if too_short:
        return "This document has fewer than two tokens of text, so none was left out."
    n_documents = plural(len(sample.positions), "document")
    if sample.n_left_out == 0:
        return f"Gradients were computed for {n_documents}; tokens were left out in none of them."
    return (
        f"Tokens were left out one by one in {count(sample.n_left_out)} of the {n_documents} with gradients, not in "
        "this one: it takes a forward pass for each token."
    )


def no_gradient() -> str:
    """Say that a document has no gradients to show."""
    return "The gradients of this document are not finite numbers, so they are not shown."


def shading(scale: Scale, *, gradient: bool, left_out: bool) -> Markup:
    """Say how to see the measures in the text, and what the colours mean; empty if there are none.

    Args:
        scale: What is measured.
        gradient: Whether there are gradients.
        left_out: Whether tokens were left out.
    """
    offered = {"gradient x input": gradient, "fall without the token": left_out}
    choices = [name for name, there in offered.items() if there]
    if not choices:
        return Markup()
    return Markup("Choose {} under <em>shaded by</em>: blue tokens {}, orange tokens {}.").format(
        Markup(" or ").join(Markup("<em>{}</em>").format(choice) for choice in choices), *scale.towards
    )


def changes_of_classes(removal: Removal, n_shown: int, n_classes: int, task: Task[Any]) -> str:
    """Name the bars of the token under the cursor, and say how many classes or labels they leave out."""
    if not task.has_labels:
        return f"If the token is {REMOVAL[removal]}: change of {task.scale.fall_of}"
    some = "" if n_shown == n_classes else f", {n_shown} of {n_classes} {task.nouns}"
    return f"If the token is {REMOVAL[removal]}: change in percentage points{some}"


def agreement(n_tokens: int, removal: Removal, scale: Scale) -> str:
    """Say what the table of tau compares, beside what random orders give."""
    sentence = (
        f"Kendall's tau of each score with the {scale.fall} of {scale.fall_of} when the token is "
        f"{REMOVAL[removal]}, over {plural(n_tokens, 'token')} of this document."
    )
    if n_tokens < FEWEST_ORDERED:
        return f"{sentence} So few tokens agree by chance at almost any tau."
    spread = NORMAL_95 * math.sqrt(2 * (2 * n_tokens + 5) / (9 * n_tokens * (n_tokens - 1)))
    return f"{sentence} Of random orders, 95 % have a tau between {signed(-spread)} and {signed(spread)}."


def _points(change: float) -> str:
    points = abs(change) * 100
    return f"{points:.1f}" if points >= 0.05 else "less than 0.1"
