"""Whether points form groups, or are one cloud: a null distribution for the silhouette of the best grouping.

Every clustering method finds groups in a cloud without any, and the silhouette of the best of several groupings is
above 0 for it. So the same method is applied to clouds that have no groups and are like the points in all else:

- the same centre and covariance: the points are rotated at random about their centre, which for points of one normal
  distribution gives another, equally likely draw (Langsrud 2005);
- at least the same outliers: relative to the median distance from the centre, the far points of a draw are moved
  outwards, and the near ones inwards, until they are as far out, or as near, as those of the points. A normal
  distribution has no outliers, and these raise silhouettes without being a group.

Source: Langsrud 2005, "Rotation tests", Statistics and Computing 15; for the question, Liu, Hayes, Nobel and Marron
2008, "Statistical significance of clustering for high-dimension, low-sample size data".
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

N_DRAWS = 99
SMALLEST_SPREAD = 1e-9
"""Axes with less spread, relative to the longest, are rounding errors."""


class OneCloud(NamedTuple):
    """Points described by all that a cloud without groups has.

    Attributes:
        spread: Root of the sum of squares along each principal axis, descending, [axis].
        distances: Distance of each point from the centre, relative to the median distance, ascending, [point].
    """

    spread: Floats
    distances: Floats

    @classmethod
    def of(cls, points: Floats) -> Self:
        """Describe points, [point, axis]; there must be two or more."""
        centred = points - points.mean(axis=0)
        spread = np.linalg.svd(centred, compute_uv=False)[: len(points) - 1]
        varies = spread > SMALLEST_SPREAD * max(spread[0], 1.0)
        return cls(spread[varies], _relative(np.sort(np.linalg.norm(centred, axis=1))))

    def draw(self, random: np.random.Generator) -> Floats:
        """Draw a cloud, [point, axis]; the axes are its principal axes, before the points are moved."""
        n_points, n_axes = len(self.distances), len(self.spread)
        normal = random.normal(size=(n_points, n_axes))
        points = np.linalg.qr(normal - normal.mean(axis=0))[0] * self.spread
        lengths = np.linalg.norm(points, axis=1)
        order = np.argsort(lengths, kind="stable")
        own = _relative(lengths[order])
        wanted = np.where(own > 1, np.maximum(own, self.distances), np.minimum(own, self.distances))
        points[order] *= np.divide(wanted, own, out=np.ones(n_points), where=own > 0)[:, None]
        return points


def silhouettes(distances: Floats, number: Integers) -> Floats:
    """Return the silhouette of each point, (b - a) / max(a, b), -1..1, [point].

    a is the mean distance to the other points of its group, b that to the nearest other group. 0 for a point alone in
    its group, and for equal points.

    Args:
        distances: [point, point].
        number: Group of each point, two groups or more, numbered from 0 without gaps, [point].

    Source: Rousseeuw 1987.
    """
    members = np.equal.outer(number, np.arange(number.max() + 1))
    counts = members.sum(axis=0)
    sums = distances @ members
    own = sums[members] / np.maximum(counts[number] - 1, 1)
    other = np.where(members, np.inf, sums / counts).min(axis=1)
    largest = np.maximum(own, other)
    alone_or_equal = (counts[number] == 1) | (largest == 0)
    return np.where(alone_or_equal, 0.0, (other - own) / np.where(largest > 0, largest, 1.0))


class Chance(NamedTuple):
    """A silhouette beside those of clouds without groups.

    Attributes:
        mean: Mean silhouette of the draws.
        quantile_95: Their 95 % quantile.
        p: (1 + draws with at least this silhouette) / (1 + draws).
    """

    mean: float
    quantile_95: float
    p: float

    @classmethod
    def of(cls, silhouette: float, draws: Sequence[float]) -> Self:
        """Compare a silhouette with those of draws, by the same method."""
        by_chance = np.array(draws)
        p = (1 + int((by_chance >= silhouette).sum())) / (1 + len(by_chance))
        return cls(float(by_chance.mean()), float(np.quantile(by_chance, 0.95)), p)

    def facts(self) -> dict[str, Any]:
        """Return mean and quantile for the fact `silhouette_by_chance` of an artifact."""
        return {"mean": self.mean, "quantile_95": self.quantile_95}


def _relative(distances: Floats) -> Floats:
    middle = float(np.median(distances))
    return distances / middle if middle > 0 else distances
