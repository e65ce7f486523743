"""Shared by the figures of similarity between heads: the numbers of each measure, and their description."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure
from numpy.typing import NDArray

from attviz_pipeline.artifacts import comparison_schemas, files
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.figures.head_names import HEADS, HeadNames
from attviz_pipeline.formats import told_apart
from attviz_pipeline.significance import SIGNIFICANT


class Measure(NamedTuple):
    """Name and direction of a measure of similarity.

    Attributes:
        name: As the tables name it.
        title: As captions name it.
        axis: Name and unit of its values.
        high_is_similar: True of a similarity, False of a distance.
        basis: What was compared; names facts of the tables.
        reason_empty: Reason if there is nothing to show; names facts of the tables.
    """

    name: str
    title: str
    axis: str
    high_is_similar: bool
    basis: str
    reason_empty: str


MEASURES = (
    Measure(
        "fuji",
        "FUJI, similarity of the heads' rankings of tokens by mean self-attention",
        "area below the FUJI curve",
        high_is_similar=True,
        basis="{n_tokens:,} tokens that occur in at least {min_document_frequency} documents",
        reason_empty="No token occurs in at least {min_document_frequency} documents.",
    ),
    Measure(
        "jensen_shannon",
        "Jensen-Shannon distance of the heads' self-attention over the tokens of a document",
        "Jensen-Shannon distance",
        high_is_similar=False,
        basis="{n_documents:,} documents",
        reason_empty="No sampled document has two tokens.",
    ),
)


@dataclass(frozen=True)
class Likeness:
    """One measure of similarity between all heads.

    Attributes:
        measure: Which one.
        facts: Facts of the tables, and under `groups` those of this measure's groups.
        pairs: Rows of `head_pairs`.
        heads: Rows of `head_clusters`.
        names: What layers and heads are called.
    """

    measure: Measure
    facts: Mapping[str, Any]
    pairs: pa.Table
    heads: pa.Table
    names: HeadNames = HEADS

    @property
    def reason_empty(self) -> str:
        """Why there is nothing to show; empty if there is."""
        if self.facts["n_layers"] * self.facts["n_heads"] == 1:
            return "The model has one head, so there are no pairs to compare."
        return "" if self.pairs.num_rows else self.measure.reason_empty.format(**self.facts)

    @property
    def basis(self) -> str:
        """What was compared, in words."""
        return self.measure.basis.format(**self.facts)

    def column(self, name: str) -> NDArray[Any]:
        """Return one column of the heads."""
        values: NDArray[Any] = self.heads[name].to_numpy()
        return values

    def square(self, name: str) -> NDArray[np.float64]:
        """Return one column of the pairs as a matrix, [head, head], nothing on its diagonal."""
        n_heads = self.heads.num_rows
        matrix = np.full((n_heads, n_heads), np.nan)
        matrix[np.triu_indices(n_heads, 1)] = self.pairs[name].to_numpy()
        return np.where(np.isnan(matrix), matrix.T, matrix)

    def extreme(self, *, similar: bool) -> str:
        """Name the most or least similar pair of heads, with its value."""
        values = self.pairs["value"].to_numpy()
        row = int(values.argmax() if similar == self.measure.high_is_similar else values.argmin())
        return f"{pair_name(self.pairs.slice(row, 1).to_pylist()[0], self.names)} ({values[row]:.3f})"

    @property
    def compared_with_chance(self) -> str:
        """Shares of pairs that are more, and less, similar than chance, in words."""
        value, low, high = (self.pairs[name].to_numpy() for name in ("value", "null_low", "null_high"))
        less = value < low if self.measure.high_is_similar else value > high
        more = self.pairs["q"].to_numpy() < SIGNIFICANT
        return (
            f"{_share(more)} of the {len(value):,} pairs are more similar than chance (q < {SIGNIFICANT}). "
            f"{_share(less)} are less similar than in 97.5 % of the permutations; by chance alone, 2.5 % would be."
            f"{self._untested}"
        )

    @property
    def _untested(self) -> str:
        n_constant, n_heads = len(self.facts["constant_heads"]), self.heads.num_rows
        if not n_constant:
            return ""
        return (
            f" {n_constant} of {n_heads} heads treat all tokens of a document nearly alike; their pairs are not tested."
        )


def _share(chosen: NDArray[np.bool_]) -> str:
    if chosen.all() or not chosen.any():
        return "All" if chosen.all() else "None"
    return f"{chosen.mean() * 100:.0f} %" if 0.005 <= chosen.mean() <= 0.995 else f"{chosen.sum():,}"


def read_likeness(inputs: Inputs) -> Iterator[Likeness]:
    """Read the tables, one measure after the other.

    Raises:
        ArtifactError: A table is unusable.
    """
    pairs = files.read_table(inputs.comparison.head_pairs, comparison_schemas.HEAD_PAIRS)
    heads = files.read_table(inputs.comparison.head_clusters, comparison_schemas.HEAD_CLUSTERS)
    facts = files.read_facts(inputs.comparison.head_clusters, comparison_schemas.HEAD_CLUSTERS)
    for measure in MEASURES:
        of_measure = {**facts, "groups": facts["measures"].get(measure.name)}
        yield Likeness(measure, of_measure, _rows(pairs, measure), _rows(heads, measure), inputs.names)


def draw_per_measure(  # noqa: PLR0913 - what differs between the kinds of such figures
    inputs: Inputs,
    *,
    kind: str,
    plot: Callable[[Likeness], Figure],
    caption: Callable[[Likeness], str],
    alt: Callable[[Likeness], str],
    numbers: Callable[[Likeness], pa.Table],
) -> Iterator[Drawing]:
    """Draw one figure per measure; where there is nothing to show, the figure gives the reason.

    Args:
        inputs: The artifacts and settings.
        kind: Key of `FIGURES`.
        plot: Draws a measure.
        caption: Describes what is drawn and how to read it.
        alt: Describes the result in words.
        numbers: Chooses the table that is stored beside it.

    Raises:
        ArtifactError: A table of the comparison is unusable.
    """
    for likeness in read_likeness(inputs):
        name, dpi = f"{kind}-{likeness.measure.name}", inputs.settings.dpi
        table = numbers(likeness)
        if likeness.reason_empty:
            yield empty(likeness.reason_empty, name=name, kind=kind, dpi=dpi, columns=table.column_names)
            continue
        yield finish(
            partial(plot, likeness),
            name=name,
            kind=kind,
            caption=caption(likeness),
            alt=alt(likeness),
            columns=table.to_pydict(),
            dpi=dpi,
        )


def pair_name(row: Mapping[str, Any], names: HeadNames) -> str:
    """Name the two heads of a row."""
    return f"{names.of(row['layer_a'], row['head_a'])} and {names.of(row['layer_b'], row['head_b'])}"


def groups_in_words(likeness: Likeness) -> str:
    """Describe the groups of heads beside what a cloud of heads without groups gives."""
    groups = likeness.facts["groups"]
    if groups["outcome"] == "not_compared":
        return "Groups were not looked for, because fewer than four heads vary."
    by_chance = groups["silhouette_by_chance"]
    found, at_most = told_apart(groups["silhouette"], by_chance["quantile_95"])
    chance = f"clouds without groups: {by_chance['mean']:.2f} on average, 95 % at most {at_most}"
    if groups["outcome"] == "nothing_found":
        return f"No groups beyond chance (mean silhouette of the best cut {found}; {chance})."
    sizes = np.sort(np.bincount(likeness.column("cluster")))[::-1]
    n_alone = int((sizes == 1).sum())
    alone = {0: "", 1: ", one of which is a single head"}.get(n_alone, f", {n_alone} of which are single heads")
    # Kaufman and Rousseeuw 1990 read a mean below a quarter as no substantial structure.
    apart = "weakly separated" if groups["silhouette"] <= 0.25 else "separated"
    return f"Best cut: {len(sizes)} groups{alone}, {apart} (mean silhouette {found}; {chance})."


def _rows(table: pa.Table, measure: Measure) -> pa.Table:
    return table.filter(pc.equal(table["measure"], measure.name))
