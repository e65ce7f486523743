"""The stage `group_documents`: documents in which the same heads are more active than usual at their length."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform

from attviz_pipeline.analysis.length import LengthCurves
from attviz_pipeline.analysis.one_cloud import N_DRAWS, Chance, OneCloud, silhouettes
from attviz_pipeline.analysis.terms.corpus import Documents, Sample
from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.progress import track
from attviz_pipeline.significance import SIGNIFICANT
from attviz_pipeline.stages import GroupDocuments

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FEWEST_DOCUMENTS = 20
SMALLEST_GROUP = 5
"""Documents of the sample in each group; fewer are outliers, not a group."""
MOST_GROUPS = 8
MOST_SAMPLED = 500
N_STARTS = 5
MOST_ROUNDS = 100
N_HEADS_DESCRIBED = 3
SMALLEST_SPREAD = 1e-9  # smaller values are rounding errors


NOT_COMPARED: dict[str, Any] = {
    "outcome": "not_compared",
    "groups": [],
    **dict.fromkeys(("silhouette", "silhouette_by_chance", "p", "n_draws", "length_curve")),
    **dict.fromkeys(("length_eta_squared", "length_eta_squared_by_chance")),
}
"""Facts if there are too few documents."""


class Groups(NamedTuple):
    """Documents grouped by k-means.

    Attributes:
        number: Group of each document; group 0 is the largest, [document].
        centres: Mean profile of each group, [group, head].
    """

    number: Integers
    centres: Floats


class Grouping(NamedTuple):
    """The best grouping of a sample, before it is compared with chance.

    Attributes:
        silhouette: Its mean silhouette, -1..1; None if the sample cannot be grouped.
        centres: Mean profile of each group, [group, axis]; a single centre if it cannot.
    """

    silhouette: float | None
    centres: Floats


def group_documents(settings: GroupDocuments, document_heads: Sequence[Path], document_groups: Path) -> None:
    """Group documents by the heads that are more active in them than usual at their length, beyond chance.

    Args:
        settings: Which documents, and the seed.
        document_heads: Artifacts `document_heads` of all shards, read.
        document_groups: Artifact `document_groups`, written.

    Raises:
        ArtifactError: A file is unusable, or there is no document at all.
    """
    sample = Sample(settings.seed, settings.inference.max_documents)
    documents = Documents.read(document_heads, ["n_tokens", "log_ratio"], sample)
    defined, log_ratios = documents.values("log_ratio")
    facts: dict[str, Any] = {**_shape(documents), "n_documents": len(defined), **NOT_COMPARED}
    facts |= documents.counts()
    number, distance = np.full(documents.n_all, -1), np.full(documents.n_all, np.nan)
    if len(defined) < FEWEST_DOCUMENTS:
        log.warning("documents are not grouped: %d have terms, %d are needed", len(defined), FEWEST_DOCUMENTS)
    else:
        n_tokens = documents.table["n_tokens"].to_numpy()[defined].astype(np.int64)
        curves = LengthCurves.fit(log_ratios, n_tokens)
        profiles = head_profiles(curves.residuals(log_ratios, n_tokens))
        groups, found = find_groups(profiles, np.random.default_rng(settings.seed))
        facts |= {"length_curve": curves.shape, **found}
        if groups:
            place = np.searchsorted(documents.positions, documents.table["position"].to_numpy()[defined])
            number[place] = groups.number
            distance[place] = np.sqrt(((profiles - groups.centres[groups.number]) ** 2).mean(axis=1))
            facts |= {"groups": _describe(groups, facts["n_heads"]), **_told_by_length(groups, n_tokens)}
    columns = {
        "position": documents.positions,
        "group": pa.array(number, mask=number < 0),
        "distance": pa.array(distance, mask=np.isnan(distance)),
    }
    files.write_table(document_groups, term_schemas.DOCUMENT_GROUPS, columns, facts)


def head_profiles(residuals: Floats) -> Floats:
    """Return how much more active than usual each head is, relative to the level of the document.

    Args:
        residuals: Mean ln(n a) of each document minus what its length alone would give, [document, head].

    Returns:
        What is left after subtracting each document's mean over heads and each head's mean over documents, divided by
        the head's standard deviation; 0 for a head without variation, [document, head].
    """
    level = residuals.mean(axis=1, keepdims=True)
    centred = residuals - level - (residuals - level).mean(axis=0)
    spread = centred.std(axis=0)
    profiles: Floats = centred / np.where(spread > SMALLEST_SPREAD, spread, np.inf)
    return profiles


def find_groups(profiles: Floats, random: np.random.Generator) -> tuple[Groups | None, dict[str, Any]]:
    """Group documents by k-means, if a sample of them is grouped better than clouds without groups.

    Args:
        profiles: [document, head].
        random: Draws the initial centres and the clouds.

    Returns:
        The groups, None if they are not beyond chance; and facts: `outcome` (`found` or `nothing_found`),
        `silhouette`, `silhouette_by_chance`, `p`, `n_draws`.

    Source: Lloyd 1982; Arthur and Vassilvitskii 2007 (starts); Rousseeuw 1987 (silhouette); `one_cloud` (chance).
    """
    sample = profiles[:: -(-len(profiles) // MOST_SAMPLED)]
    best = best_grouping(sample, random)
    facts: dict[str, Any] = {"outcome": "nothing_found", "silhouette": best.silhouette}
    if best.silhouette is None:
        return None, facts
    cloud = OneCloud.of(sample)
    label = "group_documents: chance"
    # A draw that cannot be grouped has no silhouette to compare with.
    draws = [
        best_grouping(cloud.draw(random), random).silhouette or 0.0
        for _ in track(range(N_DRAWS), total=N_DRAWS, label=label, unit="draws")
    ]
    chance = Chance.of(best.silhouette, draws)
    facts |= {"silhouette_by_chance": chance.facts(), "p": chance.p, "n_draws": N_DRAWS}
    if chance.p > SIGNIFICANT:
        return None, facts
    (number,), (centres,) = _lloyd(profiles, best.centres[None])
    order = np.argsort(-np.bincount(number, minlength=len(centres)), kind="stable")
    return Groups(np.argsort(order)[number], centres[order]), facts | {"outcome": "found"}


def best_grouping(points: Floats, random: np.random.Generator) -> Grouping:
    """Group points into two to eight groups of five or more: the number with the largest mean silhouette.

    Args:
        points: [point, axis].
        random: Draws the initial centres.
    """
    distances = squareform(pdist(points))
    best = Grouping(None, points[:1])
    for n_groups in range(2, MOST_GROUPS + 1):
        number, centres = k_means(points, n_groups, random)
        if np.bincount(number, minlength=n_groups).min() >= SMALLEST_GROUP:
            silhouette = float(silhouettes(distances, number).mean())
            if best.silhouette is None or silhouette > best.silhouette:
                best = Grouping(silhouette, centres)
    return best


def k_means(points: Floats, n_groups: int, random: np.random.Generator) -> tuple[Integers, Floats]:
    """Cluster points by k-means; the best of five runs.

    scikit-learn's k-means is not used because its threads add sums in the order in which they finish, so the last bits
    would vary.

    Args:
        points: [point, axis].
        n_groups: Number of groups.
        random: Draws the initial centres.

    Returns:
        Group of each point, [point], and the means of the groups, [group, axis].
    """
    number, centres = _lloyd(points, _initial_centres(points, n_groups, random))
    errors = [((points - of_start[of_point]) ** 2).sum() for of_point, of_start in zip(number, centres, strict=True)]
    best = int(np.argmin(errors))
    return number[best], centres[best]


def _initial_centres(points: Floats, n_groups: int, random: np.random.Generator) -> Floats:
    """Draw centres among the points, far ones rather than near ones, [start, group, axis]."""
    places = random.integers(len(points), size=(N_STARTS, 1))
    squares = np.full((N_STARTS, len(points)), np.inf)
    for _ in range(n_groups - 1):
        newest = ((points - points[places[:, -1:]]) ** 2).sum(axis=2)
        squares = np.minimum(squares, newest)
        reached = squares.cumsum(axis=1)
        drawn = random.random((N_STARTS, 1)) * reached[:, -1:]
        # Points at a centre have no weight; if all are, the last one is taken.
        place = np.minimum((reached <= drawn).sum(axis=1, keepdims=True), len(points) - 1)
        places = np.concatenate([places, place], axis=1)
    return points[places]


def _lloyd(points: Floats, centres: Floats) -> tuple[Integers, Floats]:
    """Move each centre to the mean of its nearest points until nothing changes; an empty group keeps its centre.

    Args:
        points: [point, axis].
        centres: Of independent starts, [start, group, axis].

    Returns:
        Group of each point, [start, point], and centres, [start, group, axis].
    """
    number = _nearest(points, centres)
    for _ in range(MOST_ROUNDS):
        members = (number[:, None] == np.arange(centres.shape[1])[:, None]).astype(np.float64)
        counts = members.sum(axis=2, keepdims=True)
        centres = np.where(counts > 0, members @ points / np.maximum(counts, 1), centres)
        moved = _nearest(points, centres)
        if (moved == number).all():
            break
        number = moved
    return number, centres


def _nearest(points: Floats, centres: Floats) -> Integers:
    """Group whose centre is nearest, [start, point]; the square of the point itself is left out, it decides nothing."""
    squares = (centres**2).sum(axis=2)[..., None] - 2 * centres @ points.T
    return np.asarray(squares.argmin(axis=1), np.int64)


def _shape(documents: Documents) -> dict[str, Any]:
    return {name: documents.facts[name] for name in ("n_layers", "n_heads")}


def _told_by_length(groups: Groups, n_tokens: Integers) -> dict[str, float]:
    """Return the share of the variance of ln n that lies between groups, 0..1, and its mean for groups at random.

    Source: Fisher 1925 (the correlation ratio, eta squared); by chance (groups - 1) / (documents - 1).
    """
    x = np.log(n_tokens) - np.log(n_tokens).mean()
    counts = np.bincount(groups.number, minlength=len(groups.centres))
    between = (np.bincount(groups.number, x, len(counts)) ** 2 / np.maximum(counts, 1)).sum()
    total = (x**2).sum()
    return {
        "length_eta_squared": float(between / total) if total > SMALLEST_SPREAD else 0.0,
        "length_eta_squared_by_chance": (len(counts) - 1) / (len(x) - 1),
    }


def _describe(groups: Groups, n_heads: int) -> list[dict[str, Any]]:
    """Describe each group by its size and the heads in which its centre deviates most."""
    sizes = np.bincount(groups.number, minlength=len(groups.centres)).tolist()
    descriptions = []
    for size, centre in zip(sizes, groups.centres, strict=True):
        farthest = np.argsort(-np.abs(centre), kind="stable")[:N_HEADS_DESCRIBED].tolist()
        heads = [{"layer": row // n_heads, "head": row % n_heads, "z": float(centre[row])} for row in farthest]
        descriptions.append({"n_documents": size, "heads": heads})
    return descriptions
