"""Empirical-Bayes shrinkage: means of few documents towards the mean of all terms, uncertain effects towards none."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_STEPS = 200
CONVERGED = 1e-10


class Shrunken(NamedTuple):
    """Posterior means and the fitted prior.

    Attributes:
        means: Posterior mean of each term, [term].
        centre: Mean of the prior.
        spread: Standard deviation of the prior; with 0 every posterior mean is the centre.
        std: Standard deviation between documents, pooled over terms.
    """

    means: Floats
    centre: float
    spread: float
    std: float


def shrink(means: Floats, variances: Floats, weights: Floats, n_documents: NDArray[np.int64]) -> Shrunken:
    """Shrink means under y ~ N(theta, v), theta ~ N(centre, spread^2), with the prior fitted to all terms by moments.

    The estimated variance of a term with few documents is uncertain, and that of a term with one document is 0. So v is
    the variance between documents, pooled over all terms, divided by the term's effective number of documents.

    Args:
        means: [term].
        variances: Variances of the means, as returned by `inference.ratio_variance`, [term].
        weights: 1 / effective number of documents: sum(c^2) / sum(c)^2, c the occurrences in a document, [term].
        n_documents: Documents of each term, [term].

    Source: Morris 1983, Parametric Empirical Bayes Inference (unequal variances, fitted by iteration).
    """
    if not len(means):
        return Shrunken(means, 0.0, 0.0, 0.0)
    pooled = float((variances / weights * n_documents).sum() / max((n_documents - 1).sum(), 1))
    v = pooled * weights
    if len(means) == 1 or pooled == 0:
        return Shrunken(means.copy(), float(means.mean()), float(means.std()), pooled**0.5)
    centre, spread = _fit(means, v)
    return Shrunken(centre + (means - centre) * spread / (spread + v), centre, spread**0.5, pooled**0.5)


def shrink_to_zero(effects: Floats, v: Floats) -> Floats:
    """Shrink effects under y ~ N(theta, v), theta ~ N(0, spread^2), with the spread fitted to all of them by moments.

    The largest of many effects is overestimated, because chance helped to make it the largest. Shrunken effects are
    not, if the prior fits.

    Args:
        effects: [effect].
        v: Variance of each, [effect]; positive.

    Source: Morris 1983, as in `shrink`.
    """
    if not len(effects):
        return effects
    spread = float((effects**2).mean())
    for _ in range(MOST_STEPS):
        precision = 1 / (spread + v)
        wanted = max(float((precision * (effects**2 - v)).sum() / precision.sum()), 0.0)
        if abs(wanted - spread) <= CONVERGED * (wanted + spread):
            break
        spread = wanted
    shrunken: Floats = effects * (spread / (spread + v))
    return shrunken


def _fit(means: Floats, v: Floats) -> tuple[float, float]:
    """Return the mean and the variance of the prior."""
    spread, n = float(means.var()), len(means)
    for _ in range(MOST_STEPS):
        precision = 1 / (spread + v)
        centre = float((precision * means).sum() / precision.sum())
        excess = n / (n - 1) * (means - centre) ** 2 - v
        wanted = max(float((precision * excess).sum() / precision.sum()), 0.0)
        if abs(wanted - spread) <= CONVERGED * (wanted + spread):
            break
        spread = wanted
    return centre, spread
