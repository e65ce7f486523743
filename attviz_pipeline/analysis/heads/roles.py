"""The role of a head: one word for what it attends to on average."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts.profile_schemas import DELIMITERS, EVENNESS, SHARES

LEAST_SHARE = 0.5
"""Minimum share of attention for a role that is named after the target: at least as much as on all other tokens."""

LEAST_EVENNESS = 0.8
"""Minimum share of the maximum entropy for the role `broad`."""


def name_roles(means: Mapping[str, NDArray[np.float64]]) -> list[str]:
    """Assign the role of each head by the first rule that applies.

    1. The largest share (self, previous, next, cls, sep, punctuation; the first of equal shares) is at least
       `LEAST_SHARE`: the name of this share. Shares overlap, because the previous token can be a comma or [CLS].
    2. cls, sep and punctuation, which do not overlap, add up to at least `LEAST_SHARE`: delimiter.
    3. The evenness is at least `LEAST_EVENNESS`: broad.
    4. Otherwise: mixed.

    Args:
        means: Mean of each share and of the evenness, [head], 0..1; an evenness of NaN is below any threshold.

    Returns:
        One of `profile_schemas.ROLES` per head.

    Source: kinds of heads as in Clark et al. 2019, section 3, and Kovaleva et al. 2019, section 4.1; the thresholds are
    this project's own.
    """
    shares = np.array([means[measure] for measure in SHARES.values()])
    largest = np.array(list(SHARES))[shares.argmax(axis=0)]
    delimiter = sum(means[measure] for measure in DELIMITERS)
    rules = [shares.max(axis=0) >= LEAST_SHARE, delimiter >= LEAST_SHARE, means[EVENNESS] >= LEAST_EVENNESS]
    roles: list[str] = np.select(rules, [largest, "delimiter", "broad"], "mixed").tolist()
    return roles
