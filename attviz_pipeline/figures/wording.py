"""Texts that several figures share."""

from collections.abc import Mapping
from typing import Any

from attviz_pipeline.figures.drawing import Inputs
from attviz_pipeline.figures.head_names import HeadNames
from attviz_pipeline.figures.ranking import Ranking
from attviz_pipeline.figures.style import legible

N_NAMED = 5


def counted(n: int, noun: str) -> str:
    """Write a number of things."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def no_head_off(facts: Mapping[str, Any]) -> str:
    """Say why no head was switched off, given the facts of a table of heads."""
    return f"No head was switched off: {(facts['gates'] or 'the sample for it has no document').rstrip('.')}."


def support(ranking: Ranking, inputs: Inputs) -> str:
    """Describe which tokens were ranked."""
    least = inputs.settings.min_document_frequency
    where = "at least 1 document" if least == 1 else f"at least {least} documents"
    kind = "token" if inputs.settings.special_tokens else "non-special token"
    if not ranking.n_eligible:
        return f"No {kind} occurs in {where}."
    shown = len(ranking.columns["token"])
    return f"Shown: {shown:,} of the {ranking.n_eligible:,} {kind}s that occur in {where}."


def top_in_words(form: str, ranking: Ranking, inputs: Inputs) -> str:
    """Name the strongest tokens and the range of what is shown."""
    tokens, means = [legible(token) for token in ranking.columns["token"]], ranking.columns["mean"]
    if not tokens:
        return support(ranking, inputs)
    named = [f"“{token}” ({mean:.3g})" for token, mean in list(zip(tokens, means, strict=True))[:N_NAMED]]
    opening = f"{form} of the {len(tokens)} tokens with the highest mean self-attention" if len(tokens) > 1 else form
    ending = f"; the last shown is “{tokens[-1]}” ({means[-1]:.3g})" if len(tokens) > N_NAMED else ""
    return f"{opening} {where(ranking, inputs.names)}. Highest: {', '.join(named)}{ending}."


def where(ranking: Ranking, names: HeadNames) -> str:
    """Say in which head tokens were ranked."""
    if ranking.layer is None or ranking.head is None:
        return f"over all {names.noun}s"
    return f"in {names.of(ranking.layer, ranking.head)}"
