"""The role of a head: one word for what its tokens attend to on average."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts.profile_schemas import EVENNESS, SHARES

LEAST_SHARE = 0.5
"""Share of attention from which on a role is named after what it goes to: more than on all else together."""

LEAST_EVENNESS = 0.8
"""Share of the greatest possible entropy from which on a head counts as broad."""

DELIMITERS = ("on_cls", "on_sep", "on_punctuation")


def name_roles(means: Mapping[str, NDArray[np.float64]]) -> list[str]:
    """Name the role of each head by the first rule that fits.

    1. The largest share (self, previous, next, cls, sep, punctuation; of equal ones the first) is at least
       `LEAST_SHARE`. Shares overlap, since the token before may be a comma or [CLS]; the largest says most.
    2. cls, sep and punctuation, which never overlap, add up to `LEAST_SHARE`: delimiter.
    3. The evenness is at least `LEAST_EVENNESS`: broad.
    4. mixed.

    Args:
        means: Mean of each share and of the evenness, [head], 0..1; an evenness of NaN is below any threshold.

    Returns:
        One of `profile_schemas.ROLES` per head.

    Source: kinds of heads after Clark et al. 2019, section 3, and Kovaleva et al. 2019, section 4.1; the thresholds
    are this project's.
    """
    shares = np.array([means[measure] for measure in SHARES.values()])
    largest = np.array(list(SHARES))[shares.argmax(axis=0)]
    delimiter = sum(means[measure] for measure in DELIMITERS)
    rules = [shares.max(axis=0) >= LEAST_SHARE, delimiter >= LEAST_SHARE, means[EVENNESS] >= LEAST_EVENNESS]
    roles: list[str] = np.select(rules, [largest, "delimiter", "broad"], "mixed").tolist()
    return roles
