"""What the page of one document says about what its prediction depends on."""

import math
from dataclasses import dataclass

from markupsafe import Markup

from attviz_pipeline.config.settings import Removal
from attviz_pipeline.evidence_words import REMOVAL
from attviz_pipeline.formats import count, literal, percent, plural, signed
from attviz_pipeline.report.sentences import parts
from attviz_pipeline.report.token_evidence import EvidenceSample

FEWEST_ORDERED = 10
"""Tokens from which on tau of random orders is nearly normal."""
NORMAL_95 = 1.96


@dataclass(frozen=True)
class Changes:
    """What leaving out each token of a document does to its predicted class.

    Args:
        prediction: Name of the class.
        probability: Its probability in the whole document, 0..1.
        token: The token without which it falls most.
        lowest: Its change without that token, -1..1; not below 0 if it falls without none.
        median: Median of the absolute changes, 0..1.
        n: Number of tokens, each left out alone.
        n_flips: Tokens without which another class has the highest probability.
    """

    prediction: str
    probability: float
    token: Markup
    lowest: float
    median: float
    n: int
    n_flips: int


def strongest_change(changes: Changes, removal: Removal) -> Markup:
    """Name the token without which the predicted class falls most, beside the median change."""
    name = parts.class_name(literal(changes.prediction))
    first = Markup("Each of its {} tokens was {} alone.").format(count(changes.n), REMOVAL[removal])
    if changes.lowest >= 0:
        return first + Markup(" Without none of them does the probability of {} fall.").format(name)
    sentence = Markup(
        " Without {}, the probability of {} falls most: by {} percentage points, from {}; the median change of all "
        "tokens, up or down, is {} points."
    )
    return first + sentence.format(
        changes.token, name, _points(changes.lowest), percent(changes.probability), _points(changes.median)
    )


def flips(changes: Changes, removal: Removal) -> str:
    """Say how many tokens change the predicted class when they are left out alone."""
    tokens = plural(changes.n_flips, "token") if changes.n_flips else "No token"
    verb = "changes" if changes.n_flips < 2 else "change"
    return f"{tokens}, {REMOVAL[removal]} alone, {verb} the predicted class."


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


def shading(*, gradient: bool, left_out: bool) -> Markup:
    """Say how to see the measures in the text, and what the colours mean; empty if there are none.

    Args:
        gradient: Whether there are gradients.
        left_out: Whether tokens were left out.
    """
    offered = {"gradient x input": gradient, "fall without the token": left_out}
    choices = [name for name, there in offered.items() if there]
    if not choices:
        return Markup()
    return Markup(
        "Choose {} under <em>shaded by</em>: blue tokens speak for the predicted class, orange tokens against it."
    ).format(Markup(" or ").join(Markup("<em>{}</em>").format(choice) for choice in choices))


def changes_of_classes(removal: Removal, n_shown: int, n_classes: int) -> str:
    """Name the bars of the token under the cursor, and say how many classes they leave out."""
    some = "" if n_shown == n_classes else f", {n_shown} of {n_classes} classes"
    return f"If the token is {REMOVAL[removal]}: change in percentage points{some}"


def agreement(n_tokens: int, removal: Removal) -> str:
    """Say what the table of tau compares, beside what random orders give."""
    sentence = (
        "Kendall's tau of each score with the fall of the predicted class's probability when the token is "
        f"{REMOVAL[removal]}, over {plural(n_tokens, 'token')} of this document."
    )
    if n_tokens < FEWEST_ORDERED:
        return f"{sentence} So few tokens agree by chance at almost any tau."
    spread = NORMAL_95 * math.sqrt(2 * (2 * n_tokens + 5) / (9 * n_tokens * (n_tokens - 1)))
    return f"{sentence} Of random orders, 95 % have a tau between {signed(-spread)} and {signed(spread)}."


def _points(change: float) -> str:
    points = abs(change) * 100
    return f"{points:.1f}" if points >= 0.05 else "less than 0.1"
