"""Terms that a class uses more than the others: log-odds ratios with an informative Dirichlet prior."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROUNDING = 1e-12


class LogOdds(NamedTuple):
    """Log-odds ratios, and z: their ratio to their standard deviation, [term, group]."""

    ratio: Floats
    z: Floats


def log_odds(counts: Floats, total: Floats, prior_count: float) -> LogOdds:
    """Compare the use of terms in each group with that in all other documents.

    Args:
        counts: Occurrences in each group, [term, group].
        total: Occurrences in all compared documents, [term].
        prior_count: Sum of the prior's pseudo-counts, which are distributed to terms in proportion to `total`. The
            larger it is, the more occurrences are needed to deviate from equal use in all groups.

    Source: Monroe, Colaresi & Quinn 2008, Fightin' Words: log-odds ratio and z under a Dirichlet prior.
    """
    of_groups, of_all = counts.sum(axis=0), total.sum()
    prior = (prior_count * total / max(of_all, 1))[:, None]
    inside, outside = counts + prior, total[:, None] - counts + prior
    of_prior = prior_count * of_all / max(of_all, 1)
    ratio = _log_odds(inside, of_groups + of_prior) - _log_odds(outside, of_all - of_groups + of_prior)
    # Without any attention the ratios are undefined and set to 0, and so are their z.
    defined = (inside > 0) & (outside > 0)
    variance = 1 / np.where(defined, inside, 1.0) + 1 / np.where(defined, outside, 1.0)
    return LogOdds(ratio, ratio / np.sqrt(variance))


def rescaled(attention: Floats, total: Floats, n_occurrences: float) -> tuple[Floats, Floats]:
    """Scale attention-weighted counts to the number of occurrences, so that their scale does not count as evidence.

    Args:
        attention: Sum of n a in each group, [term, group].
        total: Sum of n a in all compared documents, [term].
        n_occurrences: Occurrences of all terms in all compared documents.
    """
    scale = n_occurrences / total.sum() if total.sum() > 0 else 0.0
    return attention * scale, total * scale


def _log_odds(counts: Floats, size: Floats) -> Floats:
    rest = size - counts
    # A single term has no odds; what rounding leaves of its rest is no count.
    defined = (counts > 0) & (rest > ROUNDING * size)
    return np.where(defined, np.log(np.where(defined, counts, 1.0)) - np.log(np.where(defined, rest, 1.0)), 0.0)
