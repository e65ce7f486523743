"""Empirical-Bayes shrinkage: means of few documents towards the mean of all terms, uncertain effects towards none."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline import stats
from attviz_pipeline.analysis.inference import LEVEL

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
        errors: Posterior standard deviation of each term, [term].
        trust: Share of a term's own mean in its posterior mean, the rest being the centre's, 0..1, [term].
    """

    means: Floats
    centre: float
    spread: float
    std: float
    errors: Floats
    trust: Floats

    def interval(self) -> tuple[Floats, Floats]:
        """Return the bounds of 95 % posterior intervals, [term].

        They hold for a term that was chosen for its large mean, too, because selection does not change a posterior.
        """
        half = stats.norm_ppf((1 + LEVEL) / 2) * self.errors
        return self.means - half, self.means + half


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
        return Shrunken(means, 0.0, 0.0, 0.0, means, means)
    pooled = float((variances / weights * n_documents).sum() / max((n_documents - 1).sum(), 1))
    v = pooled * weights
    if len(means) == 1 or pooled == 0:
        unchanged = np.ones(len(means))
        return Shrunken(means.copy(), float(means.mean()), float(means.std()), pooled**0.5, np.sqrt(v), unchanged)
    centre, spread = _fit(means, v)
    trust = spread / (spread + v)
    errors = np.sqrt(_variances(means - centre, v, spread))
    return Shrunken(centre + (means - centre) * trust, centre, spread**0.5, pooled**0.5, errors, trust)


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


def _variances(deviations: Floats, v: Floats, spread: float) -> Floats:
    """Return the posterior variances, made larger by what is not known of the prior: its centre and its variance.

    Source: Morris 1983 (the confidence intervals for unequal variances).
    """
    n, drawn = len(v), v / (spread + v)
    if n > 3:
        drawn = drawn * (n - 3) / (n - 1)
    average = float((v / (spread + v)).sum() / (1 / (spread + v)).sum())
    uncertain = 2 / max(n - 3, 1) * drawn**2 * (average + spread) / (spread + v)
    variances: Floats = v * (1 - (n - 1) / n * drawn) + uncertain * deviations**2
    return variances
