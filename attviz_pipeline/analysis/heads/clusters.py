"""Order, clusters and a map of heads, computed from the distances between them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import pdist, squareform
from sklearn.manifold import smacof

from attviz_pipeline.analysis.one_cloud import N_DRAWS, Chance, OneCloud, silhouettes
from attviz_pipeline.significance import SIGNIFICANT

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_GROUPS = 12
MOST_ALONE = 0.1
"""Largest share of heads outside of the groups; with more, groups describe a few heads, not the model."""
FEWEST_HEADS = 4
"""Two groups of two heads need four."""


class Clusters(NamedTuple):
    """Heads clustered by distance.

    Attributes:
        order: Place of each head along the dendrogram, 0-based, [head].
        cluster: Cluster of each head, numbered along the dendrogram from 0, [head].
        silhouette: Silhouette of each head among the clusters of two heads or more, -1..1; 0 for a single head in its
            cluster, or if there is no other cluster, [head].
        linkage: The dendrogram in scipy's format, [merge, 4]: two nodes, their distance, number of heads below.
    """

    order: Integers
    cluster: Integers
    silhouette: Floats
    linkage: Floats


class HeadMap(NamedTuple):
    """Heads in the plane; similar heads are near each other.

    Attributes:
        x: [head], in units of the distance; the axis with the largest variance.
        y: [head], in units of the distance.
        stress: Relative error of the distances in the plane, sqrt(sum (d_map - d)^2 / sum d^2); 0 is perfect.
    """

    x: Floats
    y: Floats
    stress: float


def cluster_heads(distance: Floats) -> Clusters:
    """Cluster heads by average linkage; the dendrogram is cut where the mean silhouette is largest.

    A cluster of one head has the silhouette 0 and is ignored in the silhouettes of other heads. Otherwise the best cut
    would always separate a single outlier.

    Args:
        distance: [head, head], symmetric, 0 on the diagonal.

    Returns:
        Two to twelve clusters of two heads or more, and clusters of one head for at most a tenth of the heads. A single
        cluster if no such cut has a positive mean silhouette. `compare_clusters` says whether they are beyond chance.

    Source: Sokal and Michener 1958 (average linkage); Bar-Joseph, Gifford and Jaakkola 2001 (order of leaves);
    Rousseeuw 1987 (silhouette).
    """
    n_heads = len(distance)
    if n_heads == 1:
        return Clusters(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1), np.empty((0, 4)))
    tree = linkage(squareform(distance, checks=False), method="average", optimal_ordering=True)
    leaves = leaves_list(tree)
    best, silhouette = _best_cut(distance, tree)
    return Clusters(np.argsort(leaves), _numbered_along(leaves, best), silhouette, tree)


class ClusterTest(NamedTuple):
    """Groups of heads compared with chance.

    Attributes:
        clusters: The groups if they are beyond chance, else a single cluster; constant heads are alone.
        outcome: `found`, `nothing_found`, or `not_compared` with fewer than four heads that vary.
        silhouette: Mean silhouette of the best cut of the heads that vary, found or not; 0 without a cut.
        chance: What clouds without groups give; None if nothing was compared.
    """

    clusters: Clusters
    outcome: str
    silhouette: float
    chance: Chance | None


def compare_clusters(
    distance: Floats, constant: NDArray[np.bool_], random: np.random.Generator, *, squared: bool
) -> ClusterTest:
    """Cluster heads, and keep the groups if their silhouette is beyond that of one cloud of heads.

    The heads that vary are placed as points with these distances. Clouds without groups, of the same spread along the
    same number of axes, are clustered in the same way.

    Args:
        distance: [head, head], symmetric, 0 on the diagonal.
        constant: Heads that take no part in groups, [head].
        random: Draws the clouds.
        squared: Whether the distances are squares of distances in space, as 1 - FUJI is, or such distances.

    Source: `one_cloud`; Torgerson 1952 (points from distances).
    """
    whole = cluster_heads(distance)
    single = whole._replace(cluster=np.zeros_like(whole.cluster), silhouette=np.zeros(len(distance)))
    varying = np.flatnonzero(~constant)
    if len(varying) < FEWEST_HEADS:
        return ClusterTest(single, "not_compared", 0.0, None)
    among = distance[np.ix_(varying, varying)]
    found = cluster_heads(among)
    cloud = OneCloud.of(_points(among if squared else among**2))
    draws = []
    for _ in range(N_DRAWS):
        drawn = pdist(cloud.draw(random), "sqeuclidean" if squared else "euclidean")
        draws.append(float(_best_cut(squareform(drawn), linkage(drawn, method="average"))[1].mean()))
    silhouette = float(found.silhouette.mean())
    chance = Chance.of(silhouette, draws)
    if chance.p > SIGNIFICANT or silhouette == 0:
        return ClusterTest(single, "nothing_found", silhouette, chance)
    # Constant heads get numbers of their own behind those of the groups, then all are numbered along the dendrogram.
    cluster = len(distance) + np.arange(len(distance))
    cluster[varying] = found.cluster
    silhouettes_of_all = np.zeros(len(distance))
    silhouettes_of_all[varying] = found.silhouette
    numbered = _numbered_along(np.argsort(whole.order), cluster)
    return ClusterTest(whole._replace(cluster=numbered, silhouette=silhouettes_of_all), "found", silhouette, chance)


def map_heads(distance: Floats) -> HeadMap:
    """Place heads in the plane by metric multidimensional scaling, which preserves distances as well as possible.

    SMACOF starts from classical scaling, so the result is not random. Each axis is oriented so that its largest
    absolute coordinate is positive.

    Args:
        distance: [head, head], symmetric, 0 on the diagonal.

    Source: Torgerson 1952; de Leeuw 1977; Kruskal 1964 (stress).
    """
    n_heads, total = len(distance), float((distance**2).sum())
    if n_heads < 3 or total == 0:
        x = distance[0] - distance[0].mean()
        return HeadMap(x, np.zeros(n_heads), 0.0)
    place, _ = smacof(distance, init=_classical_scaling(distance), n_init=1, normalized_stress=False)
    place = place - place.mean(axis=0)
    # Stress does not depend on rotations: rotate the axis of largest variance to x.
    place = place @ np.linalg.svd(place, full_matrices=False)[2].T
    place = place * np.where(place[np.abs(place).argmax(axis=0), [0, 1]] < 0, -1, 1)
    shown = np.linalg.norm(place[:, None] - place[None], axis=2)
    stress = float(np.sqrt(((shown - distance) ** 2).sum() / total))
    return HeadMap(place[:, 0], place[:, 1], stress)


def _classical_scaling(distance: Floats) -> Floats:
    """Return coordinates in the plane by classical scaling, [head, 2]; Torgerson 1952."""
    squares = distance**2
    means = squares.mean(axis=0)
    weights, directions = np.linalg.eigh((means + means[:, None] - squares - means.mean()) / 2)
    # Distances that are not Euclidean have negative eigenvalues; such an axis gets coordinates of 0.
    place: Floats = directions[:, :-3:-1] * np.sqrt(np.maximum(weights[:-3:-1], 0))
    return place


def _points(squares: Floats) -> Floats:
    """Return points with these squared distances, [head, axis]; what no space can hold is left out."""
    means = squares.mean(axis=0)
    weights, directions = np.linalg.eigh((means + means[:, None] - squares - means.mean()) / 2)
    points: Floats = directions * np.sqrt(np.maximum(weights, 0))
    return points


def _best_cut(distance: Floats, tree: Floats) -> tuple[Integers, Floats]:
    """Return the cut of a dendrogram with the largest mean silhouette, and its silhouettes; else a single cluster."""
    n_heads = len(distance)
    best, silhouette = np.ones(n_heads, np.int64), np.zeros(n_heads)
    for n_groups in range(2, n_heads):
        cut = fcluster(tree, n_groups, criterion="maxclust")
        candidate = _silhouettes(distance, cut)
        if candidate is not None and candidate.mean() > silhouette.mean():
            best, silhouette = cut, candidate
    return best, silhouette


def _silhouettes(distance: Floats, cluster: Integers) -> Floats | None:
    """Return silhouettes among the clusters of two heads or more; None if there are too few, or too many."""
    sizes = np.bincount(cluster)
    grouped = sizes[cluster] > 1
    if not 2 <= (sizes > 1).sum() <= MOST_GROUPS or (~grouped).sum() > MOST_ALONE * len(cluster):
        return None
    values = np.zeros(len(cluster))
    number = np.unique(cluster[grouped], return_inverse=True)[1]
    values[grouped] = silhouettes(distance[np.ix_(grouped, grouped)], number)
    return values


def _numbered_along(leaves: Integers, cluster: Integers) -> Integers:
    _, first, number = np.unique(cluster[leaves], return_index=True, return_inverse=True)
    numbers = np.empty(len(cluster), np.int64)
    numbers[leaves] = np.argsort(np.argsort(first))[number]
    return numbers
