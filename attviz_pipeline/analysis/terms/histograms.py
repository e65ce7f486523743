"""Counts and sums for the distribution of self-attention by class and layer, and its curves over position and length.

All numbers are integers, so that the sum over shards does not depend on their order.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis.lists import list_column, matrix
from attviz_pipeline.analysis.quantities import LONGEST_WINDOW, from_fixed, to_fixed
from attviz_pipeline.analysis.terms.occurrences import Occurrences
from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.artifacts.histogram import N_BINS, bin_edges
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.tasks.task import Task

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

STATISTICS: dict[str, Callable[..., Floats]] = {"max": np.max, "mean": np.mean, "min": np.min}
AXES = ("position", "length")
FINE_UP_TO = 16
BINS_PER_OCTAVE = 4


def curve_bins() -> Integers:
    """Return the first value of each bin of positions and lengths: every value up to 16, then four bins per octave."""
    n_octaves = int(np.log2(LONGEST_WINDOW / FINE_UP_TO))
    coarse = FINE_UP_TO * 2 ** (np.arange(n_octaves * BINS_PER_OCTAVE + 1) / BINS_PER_OCTAVE)
    return np.append(np.arange(FINE_UP_TO), np.floor(coarse)).astype(np.int64)


class Distributions:
    """Occurrences per bin in documents of each gold class or label, in those of none, and in all.

    Attributes:
        histograms: [documents, layer, statistic, bin]; the last layer means all layers.
    """

    def __init__(self, task: Task[Any], n_layers: int, n_heads: int) -> None:
        """Start with no occurrence."""
        self._task, self._n_layers, self._n_heads = task, n_layers, n_heads
        n_labels = len(task.label_names)
        self.histograms = np.zeros((n_labels + 2, n_layers + 1, len(STATISTICS), N_BINS), np.int64)

    def add(self, found: Occurrences) -> None:
        """Count the terms of some documents."""
        label, occurrence = self._labels_of_occurrences(found)
        n_labels = len(self.histograms) - 1
        for layer, values in enumerate(_by_layer(found.attention, self._n_layers, self._n_heads)):
            for index, statistic in enumerate(STATISTICS.values()):
                over_heads = statistic(values, axis=1).astype(np.float32)
                bins = np.searchsorted(bin_edges(), over_heads, side="right")
                counts = np.bincount(label * N_BINS + bins[occurrence], minlength=n_labels * N_BINS)
                self.histograms[:-1, layer, index] += counts.reshape(-1, N_BINS)
                self.histograms[-1, layer, index] += np.bincount(bins, minlength=N_BINS)

    def _labels_of_occurrences(self, found: Occurrences) -> tuple[Integers, Integers]:
        """Return each label of each occurrence's document, and the number of the occurrence, both [pair]."""
        without = (len(self._task.label_names),)
        golds = found.documents[self._task.gold_column].to_pylist()
        labels = [without if gold is None else self._task.labels_in(gold) or without for gold in golds]
        n_labels = np.array([len(of) for of in labels], np.int64)
        flat = np.array([label for of in labels for label in of], np.int64)
        first = np.cumsum(n_labels) - n_labels
        repeats = n_labels[found.document]
        occurrence = np.repeat(np.arange(len(repeats)), repeats)
        place = np.arange(len(occurrence)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        return flat[first[found.document[occurrence]] + place], occurrence

    def add_file(self, path: Path) -> None:
        """Add the counts of one shard.

        Raises:
            ArtifactError: The file is unusable or comes from another model or corpus.
        """
        histograms = matrix(files.read_table(path, term_schemas.DISTRIBUTIONS), "histogram")
        if histograms.size != self.histograms.size:
            raise ArtifactError(f"{path} is of another model or corpus.", remedy=files.REBUILD)
        self.histograms += histograms.reshape(self.histograms.shape)

    def write(self, path: Path) -> None:
        """Write the artifact `distributions`."""
        n_kinds, n_layers, n_statistics, n_bins = self.histograms.shape
        kind, layer, statistic = np.indices((n_kinds, n_layers, n_statistics)).reshape(3, -1)
        n_labels = n_kinds - 2
        names = np.array(["label"] * n_labels + ["no_label", "all"])
        columns = {
            "documents": pa.array(names[kind]),
            "label": pa.array(kind.astype(np.int32), mask=kind >= n_labels),
            "layer": _null_at_end(layer, self._n_layers),
            "statistic": pa.array([list(STATISTICS)[index] for index in statistic]),
            "histogram": list_column(self.histograms.reshape(-1, n_bins)),
        }
        with files.TableWriter(path, term_schemas.DISTRIBUTIONS, self._task.facts) as writer:
            writer.write_table(pa.table(columns))


class Curves:
    """Counts and fixed-point sums per bin; the last layer means all layers.

    Attributes:
        count: Occurrences, [axis, bin].
        sums: By name of quantity: sum of the mean over heads, [axis, layer, bin].
    """

    def __init__(self, n_layers: int, n_heads: int) -> None:
        """Start with no occurrence."""
        self._n_layers, self._n_heads, self._first = n_layers, n_heads, curve_bins()
        n_bins = len(self._first)
        self.count = np.zeros((len(AXES), n_bins), np.int64)
        self.sums = {name: np.zeros((len(AXES), n_layers + 1, n_bins), np.int64) for name in ("attention", "log_ratio")}

    def add(self, found: Occurrences) -> None:
        """Add the terms of some documents."""
        for axis, values in enumerate((found.position, found.n_tokens)):
            bins = np.searchsorted(self._first, values, side="right") - 1
            order = np.argsort(bins, kind="stable")
            occupied, first = np.unique(bins[order], return_index=True)
            self.count[axis] += np.bincount(bins, minlength=len(self._first))
            for name, sums in self.sums.items():
                for layer, heads in enumerate(_by_layer(getattr(found, name), self._n_layers, self._n_heads)):
                    if len(first):
                        sums[axis, layer, occupied] += np.add.reduceat(to_fixed(heads.mean(axis=1))[order], first)

    def add_file(self, path: Path) -> None:
        """Add the sums of one shard.

        Raises:
            ArtifactError: The file is unusable or comes from another model.
        """
        table = files.read_table(path, term_schemas.CURVE_SUMS)
        shape = self.sums["attention"].shape
        if table.num_rows != np.prod(shape):
            raise ArtifactError(f"{path} is of another model.", remedy=files.REBUILD)
        self.count += table["count"].to_numpy().reshape(shape)[:, 0]
        for name in self.sums:
            self.sums[name] += table[name].to_numpy().reshape(shape)

    def write_sums(self, path: Path) -> None:
        """Write the artifact `curve_sums`."""
        with files.TableWriter(path, term_schemas.CURVE_SUMS) as writer:
            writer.write_table(self._table({name: sums.reshape(-1) for name, sums in self.sums.items()}))

    def write_curves(self, path: Path) -> None:
        """Write the artifact `curves`: means of the bins that contain a term."""
        means = {name: from_fixed(sums) / np.maximum(self.count, 1)[:, None] for name, sums in self.sums.items()}
        table = self._table({name: values.reshape(-1) for name, values in means.items()})
        with files.TableWriter(path, term_schemas.CURVES) as writer:
            writer.write_table(table.filter(pa.array(table["count"].to_numpy() > 0)))

    def _table(self, values: dict[str, NDArray[np.generic]]) -> pa.Table:
        shape = self.sums["attention"].shape
        axis, layer, first = np.indices(shape).reshape(3, -1)
        columns = {
            "axis": pa.array([AXES[index] for index in axis]),
            "layer": _null_at_end(layer, self._n_layers),
            "first": pa.array(self._first[first]),
            "count": pa.array(np.broadcast_to(self.count[:, None], shape).reshape(-1)),
        }
        return pa.table(columns | {name: pa.array(column) for name, column in values.items()})


def _by_layer(values: Floats, n_layers: int, n_heads: int) -> list[Floats]:
    """Return the values of each layer's heads, then those of all heads, each [occurrence, head]."""
    layers = values.reshape(-1, n_layers, n_heads)
    return [*(layers[:, layer] for layer in range(n_layers)), values]


def _null_at_end(numbers: Integers, end: int) -> pa.Array:
    return pa.array(numbers.astype(np.int32), mask=numbers == end)
