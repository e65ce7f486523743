"""Order, groups and a map of heads, from the distances between them."""

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
    """Heads grouped by distance.

    Attributes:
        order: Place of each head along the dendrogram, 0-based, [head].
        cluster: Group of each head, numbered along the dendrogram from 0, [head].
        silhouette: How much nearer a head is to its own group than to the next one of two heads or more, -1..1; 0
            where it is alone in its group or there is no other, [head].
        linkage: The dendrogram as scipy writes it, [merge, 4]: two nodes, their distance, number of heads below.
    """

    order: Integers
    cluster: Integers
    silhouette: Floats
    linkage: Floats


class HeadMap(NamedTuple):
    """Heads in the plane, near each other where they are alike.

    Attributes:
        x: [head], in units of the distance; the direction in which heads differ most.
        y: [head].
        stress: Share of the distances that the plane cannot show: sqrt(sum (d_map - d)^2 / sum d^2), 0 is perfect.
    """

    x: Floats
    y: Floats
    stress: float


def cluster_heads(distance: Floats) -> Clusters:
    """Cluster heads by average linkage; the groups are those of the cut with the largest mean silhouette.

    A head that stands alone counts 0 and is no group for others to be apart from: cutting off the strangest head would
    otherwise always look best.

    Args:
        distance: [head, head], symmetric, 0 on the diagonal.

    Returns:
        At most twelve groups of two heads or more, and heads that stand alone. One group only, where no cut has a
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
    """Place heads in the plane so that distances are kept as well as it can: metric multidimensional scaling.

    Classical scaling gives the start and SMACOF improves it, so there is nothing random. Of the two mirror images of
    each axis the one is taken whose largest coordinate is positive.

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
    # Stress does not see rotations: turn the widest direction into the first axis.
    place = place @ np.linalg.svd(place, full_matrices=False)[2].T
    place = place * np.where(place[np.abs(place).argmax(axis=0), [0, 1]] < 0, -1, 1)
    shown = np.linalg.norm(place[:, None] - place[None], axis=2)
    stress = float(np.sqrt(((shown - distance) ** 2).sum() / total))
    return HeadMap(place[:, 0], place[:, 1], stress)


def _classical_scaling(distance: Floats) -> Floats:
    """Return the plane in which the distances vary most, [head, 2]; Torgerson 1952."""
    squares = distance**2
    means = squares.mean(axis=0)
    weights, directions = np.linalg.eigh((means + means[:, None] - squares - means.mean()) / 2)
    # Distances that fit into no space have negative weights; such an axis has no extent.
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
