"""The stage `group_documents`: documents in which the same heads are more active than usual."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score

from attviz_pipeline.analysis.terms.corpus import Documents
from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.stages import GroupDocuments

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FEWEST_DOCUMENTS = 20
MOST_GROUPS = 8
MOST_SAMPLED = 2000
N_STARTS = 5
MOST_ROUNDS = 100
N_HEADS_DESCRIBED = 3
SMALLEST_SPREAD = 1e-9  # smaller values are rounding errors


class Groups(NamedTuple):
    """Documents grouped by k-means.

    Attributes:
        number: Group of each document; group 0 is the largest, [document].
        centres: Mean profile of each group, [group, head].
        silhouette: Mean silhouette over a sample of the documents, -1..1; None for one group.
    """

    number: Integers
    centres: Floats
    silhouette: float | None


def group_documents(settings: GroupDocuments, document_heads: Sequence[Path], document_groups: Path) -> None:
    """Group documents by the heads that are more active in them than usual.

    Args:
        settings: The seed.
        document_heads: Artifacts `document_heads` of all shards, read.
        document_groups: Artifact `document_groups`, written.

    Raises:
        ArtifactError: A file is unusable, or there is no document at all.
    """
    documents = Documents.read(document_heads, ["log_ratio"])
    defined, log_ratios = documents.values("log_ratio")
    facts: dict[str, Any] = {**_shape(documents), "n_documents": len(defined), "silhouette": None, "groups": []}
    number, distance = np.full(documents.table.num_rows, -1), np.full(documents.table.num_rows, np.nan)
    if len(defined) < FEWEST_DOCUMENTS:
        log.warning("documents are not grouped: %d have terms, %d are needed", len(defined), FEWEST_DOCUMENTS)
    else:
        profiles = head_profiles(log_ratios)
        groups = find_groups(profiles, np.random.default_rng(settings.seed))
        number[defined] = groups.number
        distance[defined] = np.sqrt(((profiles - groups.centres[groups.number]) ** 2).mean(axis=1))
        facts |= {"silhouette": groups.silhouette, "groups": _describe(groups, facts["n_heads"])}
    columns = {
        "position": documents.table["position"],
        "group": pa.array(number, mask=number < 0),
        "distance": pa.array(distance, mask=np.isnan(distance)),
    }
    files.write_table(document_groups, term_schemas.DOCUMENT_GROUPS, columns, facts)


def head_profiles(log_ratios: Floats) -> Floats:
    """Return how much more active than usual each head is, relative to the level of the document.

    Args:
        log_ratios: Mean ln(n a) of each document, [document, head].

    Returns:
        Residuals after subtracting each document's mean over heads and each head's mean over documents, divided by the
        head's standard deviation of residuals; 0 for a head without variation, [document, head].
    """
    level = log_ratios.mean(axis=1, keepdims=True)
    residuals = log_ratios - level - (log_ratios - level).mean(axis=0)
    spread = residuals.std(axis=0)
    profiles: Floats = residuals / np.where(spread > SMALLEST_SPREAD, spread, np.inf)
    return profiles


def find_groups(profiles: Floats, random: np.random.Generator) -> Groups:
    """Group profiles by k-means, with two to eight groups: the number with the largest mean silhouette in a sample.

    Args:
        profiles: [document, head].
        random: Draws the initial centres.

    Returns:
        The groups; if the documents cannot be separated, one group of all documents without a silhouette.

    Source: Lloyd 1982; Arthur and Vassilvitskii 2007 (starts); Rousseeuw 1987 (silhouette).
    """
    sample = profiles[:: -(-len(profiles) // MOST_SAMPLED)]
    best: float | None = None
    centres = sample[:1]
    for n_groups in range(2, MOST_GROUPS + 1):
        number, candidate = k_means(sample, n_groups, random)
        if len(np.unique(number)) < n_groups:
            break
        silhouette = float(silhouette_score(sample, number))
        if best is None or silhouette > best:
            best, centres = silhouette, candidate
    number, centres = _lloyd(profiles, centres)
    order = np.argsort(-np.bincount(number, minlength=len(centres)), kind="stable")
    return Groups(np.argsort(order)[number], centres[order], best)


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
    found = [_lloyd(points, _initial_centres(points, n_groups, random)) for _ in range(N_STARTS)]
    return min(found, key=lambda groups: float(((points - groups[1][groups[0]]) ** 2).sum()))


def _initial_centres(points: Floats, n_groups: int, random: np.random.Generator) -> Floats:
    centres = points[[random.integers(len(points))]]
    while len(centres) < n_groups:
        squares = _squares(points, centres).min(axis=1)
        total = squares.sum()
        place = random.choice(len(points), p=squares / total) if total > 0 else 0
        centres = np.vstack([centres, points[place]])
    return centres


def _lloyd(points: Floats, centres: Floats) -> tuple[Integers, Floats]:
    """Move each centre to the mean of its nearest points until nothing changes; an empty group keeps its centre."""
    number = _squares(points, centres).argmin(axis=1)
    for _ in range(MOST_ROUNDS):
        members = np.equal.outer(np.arange(len(centres)), number).astype(np.float64)
        counts = members.sum(axis=1, keepdims=True)
        centres = np.where(counts > 0, members @ points / np.maximum(counts, 1), centres)
        moved = _squares(points, centres).argmin(axis=1)
        if (moved == number).all():
            break
        number = moved
    return number, centres


def _squares(points: Floats, centres: Floats) -> Floats:
    """Squared distances, [point, centre]."""
    squares: Floats = (centres**2).sum(axis=1) - 2 * points @ centres.T + (points**2).sum(axis=1, keepdims=True)
    return np.maximum(squares, 0)


def _shape(documents: Documents) -> dict[str, Any]:
    return {name: documents.facts[name] for name in ("n_layers", "n_heads")}


def _describe(groups: Groups, n_heads: int) -> list[dict[str, Any]]:
    """Describe each group by its size and the heads in which its centre deviates most."""
    sizes = np.bincount(groups.number, minlength=len(groups.centres)).tolist()
    descriptions = []
    for size, centre in zip(sizes, groups.centres, strict=True):
        farthest = np.argsort(-np.abs(centre), kind="stable")[:N_HEADS_DESCRIBED].tolist()
        heads = [{"layer": row // n_heads, "head": row % n_heads, "z": float(centre[row])} for row in farthest]
        descriptions.append({"n_documents": size, "heads": heads})
    return descriptions
