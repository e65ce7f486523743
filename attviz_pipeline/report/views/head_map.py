"""Similarity of heads on the page of all heads: a matrix, a map, and the most similar pairs."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from attviz_pipeline.report.views.likeness import Likeness, MeasureText, PairView
from attviz_pipeline.report.views.study import HeadRef, StudyView
from attviz_pipeline.significance import SIGNIFICANT

N_PAIRS = 12
SIZE = 320
MARGIN = 12
STEPS = 1000


@dataclass(frozen=True)
class PointView:
    """One head on the map, in drawing units."""

    row: int
    head: HeadRef
    x: float
    y: float
    cluster: int


@dataclass(frozen=True)
class LikenessView:
    """One measure: the matrix as the page's script draws it, the map, and the most similar pairs.

    `n_pairs` were tested, of heads that vary within documents; `n_constant` do not. p of `n_tail_pairs` comes
    from a fitted tail; `floor_sets_q` if more permutations could find more pairs. `n_groups` have two heads or more.
    `silhouette` is that of the best grouping, found or not; 95 % of clouds without groups have at most
    `silhouette_by_chance`. Heads are compared over `n_units`, of tokens those in at least `least` documents.
    """

    measure: str
    text: MeasureText
    n_units: int
    least: int
    points: list[PointView]
    width: float
    height: float
    pairs: list[tuple[HeadRef, PairView]]
    n_beyond_chance: int
    n_pairs: int
    n_constant: int
    n_permutations: int
    n_tail_pairs: int
    floor_sets_q: bool
    outcome: str
    n_groups: int
    silhouette: float
    silhouette_by_chance: float | None
    stress: float
    matrix: dict[str, Any]


def likeness_view(likeness: Likeness, study: StudyView) -> LikenessView:
    """Put together one measure of similarity for the page of all heads."""
    n = study.n_rows
    first, second = np.triu_indices(n, 1)
    values, q = likeness.pairs["value"][first, second], likeness.pairs["q"][first, second]
    best = np.argsort(-values if likeness.text.falling else values, kind="stable")[:N_PAIRS].tolist()
    points, width, height = _points(likeness, study)
    return LikenessView(
        measure=likeness.measure,
        text=likeness.text,
        n_units=likeness.n_units,
        least=likeness.facts["min_document_frequency"],
        points=points,
        width=width,
        height=height,
        pairs=[(study.head_of(first[i]), likeness.pair(first[i], second[i], study)) for i in best],
        n_beyond_chance=int((q < SIGNIFICANT).sum()),
        n_pairs=math.comb(n - len(likeness.constant), 2),
        n_constant=len(likeness.constant),
        n_permutations=likeness.facts["n_permutations"],
        n_tail_pairs=likeness.facts["n_tail_pairs"],
        floor_sets_q=likeness.facts["floor_sets_q"],
        outcome=likeness.facts["outcome"],
        n_groups=sum(size > 1 for size in Counter(likeness.places["cluster"].tolist()).values()),
        silhouette=likeness.facts["silhouette"],
        silhouette_by_chance=chance["quantile_95"] if (chance := likeness.facts["silhouette_by_chance"]) else None,
        stress=likeness.facts["stress"],
        matrix=_matrix(likeness),
    )


def _points(likeness: Likeness, study: StudyView) -> tuple[list[PointView], float, float]:
    """Lay the map out at one scale for both axes."""
    x, y = (np.asarray(likeness.places[axis]) - np.min(likeness.places[axis]) for axis in ("x", "y"))
    scale = (SIZE - 2 * MARGIN) / (max(float(x.max()), float(y.max())) or 1.0)
    places = zip(x.tolist(), y.tolist(), likeness.places["cluster"].tolist(), strict=True)
    points = [
        PointView(row, study.head_of(row), round(MARGIN + a * scale, 1), round(MARGIN + b * scale, 1), cluster)
        for row, (a, b, cluster) in enumerate(places)
    ]
    return points, round(2 * MARGIN + float(x.max()) * scale, 1), round(2 * MARGIN + float(y.max()) * scale, 1)


def _matrix(likeness: Likeness) -> dict[str, Any]:
    """The upper triangle, row by row, as whole numbers."""
    first, second = np.triu_indices(len(likeness.places["order"]), 1)
    values, beyond = likeness.pairs["value"][first, second], likeness.pairs["q"][first, second] < SIGNIFICANT
    return {
        "order": np.argsort(likeness.places["order"], kind="stable").tolist(),
        "cluster": likeness.places["cluster"].tolist(),
        "falling": likeness.text.falling,
        "range": [float(f"{value:.4g}") for value in (values.min(), values.max())],
        "steps": STEPS,
        "values": np.round(values * STEPS).astype(int).tolist(),
        "beyond": "".join("01"[flag] for flag in beyond.astype(int).tolist()),
    }
