"""The heads of a model, numbered layer by layer."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.batches import read_head_counts
from attviz_pipeline.artifacts import files
from attviz_pipeline.errors import ArtifactError, Problem


class Heads(NamedTuple):
    """Number of layers and of heads per layer; head h of layer l has the number l n_heads + h."""

    n_layers: int
    n_heads: int

    @property
    def n_rows(self) -> int:
        """Number of heads of all layers."""
        return self.n_layers * self.n_heads

    def columns(self, rows: NDArray[np.int64], suffix: str = "") -> dict[str, NDArray[np.int64]]:
        """Return layer and head of the given numbers as columns."""
        layer, head = np.divmod(rows, self.n_heads)
        return {f"layer{suffix}": layer, f"head{suffix}": head}

    def pair_columns(self, pairs: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """Return layers and heads of pairs, given by number in the order of `numpy.triu_indices(n_rows, 1)`."""
        first, second = (side[pairs] for side in np.triu_indices(self.n_rows, 1))
        return {**self.columns(first, "_a"), **self.columns(second, "_b")}


def read_heads(attention: Sequence[Path]) -> Heads:
    """Return the model's heads, and check that all shards agree.

    Raises:
        ArtifactError: There is no shard, a shard is unusable, or the shards come from different models.
    """
    if not attention:
        raise ArtifactError("no attention shard was given: there are no heads to compare.")
    counts = {path: Heads(*read_head_counts(path)) for path in attention}
    first = counts[attention[0]]
    problems = [
        Problem(str(path), f"has {found.n_layers} x {found.n_heads} heads, not {first.n_layers} x {first.n_heads}")
        for path, found in counts.items()
        if found != first
    ]
    if problems:
        raise ArtifactError(f"these shards do not fit {attention[0]}:", problems, files.REBUILD)
    return first
