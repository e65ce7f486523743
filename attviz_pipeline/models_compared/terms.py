"""Whether heads of two models rank the same terms high."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline import stats
from attviz_pipeline.artifacts import files, term_schemas

Floats = NDArray[np.float64]

LEAST_TERMS = 3


class Terms(NamedTuple):
    """Names of terms, sorted, and their length-corrected self-attention, [head, term]."""

    names: list[str]
    values: Floats


def read_terms(head_terms: Path, n_heads: int) -> Terms:
    """Read the length-corrected self-attention of every supported term that is no special token.

    Args:
        head_terms: Artifact `head_terms`.
        n_heads: Heads of all layers.

    Raises:
        ArtifactError: The file is unusable.
    """
    names = ["layer", "head", "term", "special", "corrected_log_ratio"]
    table = files.read_table(head_terms, term_schemas.HEAD_TERMS, names)
    table = table.filter(pc.invert(table["special"])).sort_by([(name, "ascending") for name in names[:3]])
    values: Floats = table["corrected_log_ratio"].to_numpy().reshape(n_heads, -1)
    return Terms(table["term"].to_pylist()[: values.shape[1]], values)


class RankedTerms(NamedTuple):
    """Terms of one model over all heads, the highest self-attention first.

    Attributes:
        names: Their names.
        log_ratio: Mean of ln(n a), corrected for length and shrunken, [term].
        low: Lower bound of its 95 % interval, NaN where there is none, [term].
        high: Upper bound, likewise.
    """

    names: list[str]
    log_ratio: Floats
    low: Floats
    high: Floats


def read_ranking(terms: Path) -> RankedTerms:
    """Read the ranking of every supported term that is no special token.

    Args:
        terms: Artifact `terms`.

    Raises:
        ArtifactError: The file is unusable.
    """
    names = [f"shrunken_log_ratio{end}" for end in ("", "_low", "_high")]
    table = files.read_table(terms, term_schemas.TERMS, ["term", "special", *names])
    table = table.filter(pc.invert(table["special"]))
    values = [table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in names]
    return RankedTerms(table["term"].to_pylist(), *values)


def shared_ranking(model: str, ranking: RankedTerms, own: RankedTerms) -> dict[str, Any]:
    """Return the columns of `model_terms` for one model: the terms that the own model ranks, too."""
    known = set(own.names)
    shared = [place for place, name in enumerate(ranking.names) if name in known]
    return {
        "model": [model] * len(shared),
        "term": [ranking.names[place] for place in shared],
        "rank": [place + 1 for place in shared],
        "shrunken_log_ratio": ranking.log_ratio[shared],
        "shrunken_log_ratio_low": ranking.low[shared],
        "shrunken_log_ratio_high": ranking.high[shared],
    }


def correlations(first: Floats, second: Floats) -> Floats:
    """Return Spearman's rank correlation over terms of every head of one model with every head of another.

    Args:
        first: [head, term].
        second: The same of the other model.

    Returns:
        [head of the first, head of the second], -1..1; NaN with fewer than three terms, or where all are equal.

    Source: Spearman 1904, with mid-ranks for ties.
    """
    one, other = (standard_ranks(values) for values in (first, second))
    return np.clip(one @ other.T, -1, 1)


def standard_ranks(values: Floats) -> Floats:
    """Return ranks over terms, centred and of length 1, whose products are Spearman's correlations.

    Args:
        values: [head, term].

    Returns:
        [head, term]; NaN with fewer than three terms, or where all are equal.
    """
    if values.shape[1] < LEAST_TERMS:
        return np.full((len(values), 1), np.nan)
    ranks = stats.rankdata(values, axis=1)
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    return np.where(length > 0, centred / np.where(length > 0, length, 1.0), np.nan)


def median_of_others(within: Floats) -> Floats:
    """Return, for each head, the median correlation with each other head, [head]; NaN if there is no other.

    Args:
        within: Correlations of the heads of one model, [head, head].
    """
    n_heads = len(within)
    others = within[~np.eye(n_heads, dtype=bool)].reshape(n_heads, n_heads - 1)
    defined = ~np.isnan(others)
    return np.array(
        [np.median(row[known]) if known.any() else np.nan for row, known in zip(others, defined, strict=True)]
    )
