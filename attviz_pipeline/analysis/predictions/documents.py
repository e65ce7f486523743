"""The analysed documents with their predictions and the mean entropy of their tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.analysis.lists import members
from attviz_pipeline.artifacts import attention_schemas, files, statistics_schemas
from attviz_pipeline.artifacts.schema import GOLD_NAMES, PREDICTED_NAMES
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.progress import track
from attviz_pipeline.tasks.registry import task_of
from attviz_pipeline.tasks.task import Task

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
INDEX_COLUMNS = ["position", "source_id", "split", *GOLD_NAMES, *PREDICTED_NAMES, "probabilities", "n_tokens"]


@dataclass(frozen=True)
class Documents:
    """Some documents, sorted by position.

    Attributes:
        task: What gold values and predictions are.
        table: The columns `INDEX_COLUMNS`.
        row: Number of the input row, from 0 without gaps, [document].
        entropy: Mean of the aggregate `entropy` over non-special tokens, nats; NaN without such tokens, [document].
    """

    task: Task[Any]
    table: pa.Table
    row: NDArray[np.intp]
    entropy: Floats

    @classmethod
    def read(cls, index: Path, attention: Sequence[Path], aggregates: Sequence[Path]) -> "Documents":
        """Read all documents.

        Raises:
            ArtifactError: A file is unusable, or the files contain different documents.
        """
        table = files.read_table(index, statistics_schemas.DOCUMENT_INDEX, INDEX_COLUMNS).combine_chunks()
        positions = table["position"].to_pylist()
        entropies = _mean_entropies(attention, aggregates)
        if sorted(entropies) != positions:
            raise ArtifactError(f"{index} and the aggregates hold different documents.", remedy=files.REBUILD)
        return cls(
            task_of(files.read_facts(index, statistics_schemas.DOCUMENT_INDEX)),
            table,
            table["source_id"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.intp),
            np.array([entropies[number] for number in positions]),
        )

    @property
    def n(self) -> int:
        """Number of documents."""
        return int(self.table.num_rows)

    @property
    def n_tokens(self) -> Integers:
        """Tokens, including special ones, [document]."""
        return self.integers("n_tokens")

    @property
    def is_labelled(self) -> Mask:
        """Which documents have a gold value, [document]."""
        return np.asarray(pc.is_valid(self.table[self.task.gold_column]).to_numpy(), np.bool_)

    def column(self, name: str) -> pa.Array:
        """Return a column as it is stored, [document]."""
        return self.table[name].combine_chunks()

    def integers(self, name: str) -> Integers:
        """Return a column of integers; -1 is null, [document]."""
        return np.asarray(pc.fill_null(self.table[name], -1).to_numpy(), np.int64)

    def numbers(self, name: str) -> Floats:
        """Return a column of numbers; NaN is null, [document]."""
        return np.asarray(pc.fill_null(self.table[name], np.nan).to_numpy(), np.float64)

    def label_sets(self, name: str) -> Mask:
        """Return a column of label sets; the labels of null are none, [document, label]."""
        return members(self.table[name], len(self.task.label_names))

    def probabilities(self) -> Floats:
        """Return the probabilities, [document, class or label]."""
        return np.array(self.table["probabilities"].to_pylist(), dtype=np.float64)

    def where(self, chosen: Mask) -> "Documents":
        """Return some of the documents."""
        # Renumber the rows, so that rows without a chosen document are not resampled.
        row = np.unique(self.row[chosen], return_inverse=True)[1]
        return Documents(self.task, self.table.filter(pa.array(chosen)), row, self.entropy[chosen])

    def labelled(self) -> "Documents":
        """Return the documents with a gold value."""
        return self.where(self.is_labelled)


def _mean_entropies(attention: Sequence[Path], aggregates: Sequence[Path]) -> dict[int, float]:
    """Average the entropy over every document's tokens but special ones; NaN where there are none; by position."""
    found: dict[int, float] = {}
    pairs = track(
        zip(attention, aggregates, strict=True), total=len(attention), label="assess_predictions", unit="shards"
    )
    for shard, path in pairs:
        tokens = files.read_table(shard, attention_schemas.ATTENTION, ["position", "special"])
        table = files.read_table(path, statistics_schemas.AGGREGATES, ["position", "entropy"])
        ordinary = ~pc.list_flatten(tokens["special"]).to_numpy(zero_copy_only=False).astype(bool)
        entropy = pc.list_flatten(table["entropy"]).to_numpy().astype(np.float64)
        if tokens["position"] != table["position"] or len(ordinary) != len(entropy):
            raise ArtifactError(f"{path} and {shard} hold different documents.", remedy=files.REBUILD)
        document = pc.list_parent_indices(table["entropy"]).to_numpy()
        sums = np.bincount(document, weights=entropy * ordinary, minlength=table.num_rows)
        counts = np.bincount(document, weights=ordinary, minlength=table.num_rows)
        means = np.divide(sums, counts, out=np.full(table.num_rows, np.nan), where=counts > 0)
        found.update(zip(table["position"].to_pylist(), means.tolist(), strict=True))
    return found
