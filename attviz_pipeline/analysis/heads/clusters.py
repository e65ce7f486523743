"""Order, clusters and a map of heads, computed from the distances between them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform
from sklearn.manifold import smacof
from sklearn.metrics import silhouette_samples

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_GROUPS = 12


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
        At most twelve clusters of two heads or more, and clusters of one head. A single cluster if no cut has a
        positive mean silhouette.

    Source: Sokal and Michener 1958 (average linkage); Bar-Joseph, Gifford and Jaakkola 2001 (order of leaves);
    Rousseeuw 1987 (silhouette).
    """
    n_heads = len(distance)
    if n_heads == 1:
        return Clusters(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1), np.empty((0, 4)))
    tree = linkage(squareform(distance, checks=False), method="average", optimal_ordering=True)
    leaves = leaves_list(tree)
    best, silhouette = np.ones(n_heads, np.int64), np.zeros(n_heads)
    for n_groups in range(2, n_heads):
        cut = fcluster(tree, n_groups, criterion="maxclust")
        candidate = _silhouettes(distance, cut)
        if candidate.mean() > silhouette.mean():
            best, silhouette = cut, candidate
    return Clusters(np.argsort(leaves), _numbered_along(leaves, best), silhouette, tree)


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


def _silhouettes(distance: Floats, cluster: Integers) -> Floats:
    values = np.zeros(len(cluster))
    grouped = np.bincount(cluster)[cluster] > 1
    if 2 <= len(np.unique(cluster[grouped])) <= MOST_GROUPS:
        among = distance[np.ix_(grouped, grouped)]
        values[grouped] = silhouette_samples(among, cluster[grouped], metric="precomputed")
    return values


def _numbered_along(leaves: Integers, cluster: Integers) -> Integers:
    _, first, number = np.unique(cluster[leaves], return_index=True, return_inverse=True)
    numbers = np.empty(len(cluster), np.int64)
    numbers[leaves] = np.argsort(np.argsort(first))[number]
    return numbers
