"""Exact sums per vocabulary entry, added up over batches and shards."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis import exact_sums
from attviz_pipeline.analysis.batches import AttentionBatch
from attviz_pipeline.analysis.lists import list_column, matrix
from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.errors import ArtifactError

ROWS_PER_GROUP = 4096


@dataclass
class TokenRows:
    """Sums of some vocabulary entries, one row each; `row` counts layer x head.

    Attributes:
        token_ids: Vocabulary indices, distinct, [entry].
        tokens: Vocabulary entries as text, [entry].
        entries: Vocabulary entries as the tokenizer spells them, None if unknown, [entry].
        special: True where any occurrence is special or unknown, [entry].
        count: Occurrences, [entry].
        document_frequency: Number of documents that contain the entry, [entry].
        sum: Limb sums of self-attention, [entry, limb, row].
        sum_of_squares: Limb sums of its squares, [entry, limb, row].
        min: [entry, row]; 1 where there is no occurrence.
        max: [entry, row]; 0 where there is no occurrence.
    """

    token_ids: NDArray[np.int32]
    tokens: list[str]
    entries: list[str | None]
    special: NDArray[np.bool_]
    count: NDArray[np.int64]
    document_frequency: NDArray[np.int64]
    sum: NDArray[np.int64]
    sum_of_squares: NDArray[np.int64]
    min: NDArray[np.float32]
    max: NDArray[np.float32]

    @classmethod
    def zeros(cls, n_entries: int, n_rows: int) -> "TokenRows":
        """Return sums of no occurrence."""
        return cls(
            token_ids=np.zeros(n_entries, np.int32),
            tokens=[],
            entries=[],
            special=np.zeros(n_entries, np.bool_),
            count=np.zeros(n_entries, np.int64),
            document_frequency=np.zeros(n_entries, np.int64),
            sum=np.zeros((n_entries, exact_sums.SUM_LIMBS, n_rows), np.int64),
            sum_of_squares=np.zeros((n_entries, exact_sums.SQUARE_LIMBS, n_rows), np.int64),
            min=np.ones((n_entries, n_rows), np.float32),
            max=np.zeros((n_entries, n_rows), np.float32),
        )

    @classmethod
    def of_batch(cls, batch: AttentionBatch) -> "TokenRows":
        """Sum the tokens of some documents."""
        if not len(batch.token_ids):
            return cls.zeros(0, batch.values.shape[1])
        order = np.argsort(batch.token_ids, kind="stable")
        ids, document, values = batch.token_ids[order], batch.document[order], batch.values[order]
        is_first = np.append(True, ids[1:] != ids[:-1])
        # The sort is stable, so the occurrences of one entry stay grouped by document.
        is_new_document = np.append(True, document[1:] != document[:-1]) | is_first
        first = np.flatnonzero(is_first)
        wide = values.astype(np.float64)
        return cls(
            token_ids=ids[first],
            tokens=batch.tokens.take(pa.array(order[first])).to_pylist(),
            entries=batch.entries.take(pa.array(order[first])).to_pylist(),
            special=np.logical_or.reduceat((batch.special | batch.unknown)[order], first),
            count=np.diff(np.append(first, len(ids))),
            document_frequency=np.add.reduceat(is_new_document, first, dtype=np.int64),
            sum=_sum_limbs(wide, exact_sums.SUM_LIMBS, first),
            sum_of_squares=_sum_limbs(wide * wide, exact_sums.SQUARE_LIMBS, first),
            min=np.minimum.reduceat(values, first, axis=0),
            max=np.maximum.reduceat(values, first, axis=0),
        )

    @classmethod
    def of_table(cls, table: pa.Table, n_rows: int) -> "TokenRows":
        """Read rows of the artifact `token_sums`."""
        n = table.num_rows
        return cls(
            token_ids=table["token_id"].to_numpy(),
            tokens=table["token"].to_pylist(),
            entries=table["entry"].to_pylist(),
            special=table["special"].to_numpy(),
            count=table["count"].to_numpy(),
            document_frequency=table["document_frequency"].to_numpy(),
            sum=matrix(table, "sum").reshape(n, exact_sums.SUM_LIMBS, n_rows),
            sum_of_squares=matrix(table, "sum_of_squares").reshape(n, exact_sums.SQUARE_LIMBS, n_rows),
            min=matrix(table, "min").reshape(n, n_rows),
            max=matrix(table, "max").reshape(n, n_rows),
        )

    def take(self, rows: NDArray[np.intp]) -> "TokenRows":
        """Return the given rows, in their order."""
        return TokenRows(
            token_ids=self.token_ids[rows],
            tokens=[self.tokens[row] for row in rows.tolist()],
            entries=[self.entries[row] for row in rows.tolist()],
            special=self.special[rows],
            count=self.count[rows],
            document_frequency=self.document_frequency[rows],
            sum=self.sum[rows],
            sum_of_squares=self.sum_of_squares[rows],
            min=self.min[rows],
            max=self.max[rows],
        )

    def to_table(self) -> pa.Table:
        """Return the rows as columns of the artifact `token_sums`."""
        columns = {
            "token_id": pa.array(self.token_ids),
            "token": pa.array(self.tokens, pa.string()),
            "entry": pa.array(self.entries, pa.string()),
            "special": pa.array(self.special),
            "count": pa.array(self.count),
            "document_frequency": pa.array(self.document_frequency),
            **{name: list_column(getattr(self, name)) for name in ("sum", "sum_of_squares", "min", "max")},
        }
        return pa.table(columns)


class TokenSums:
    """Sums per vocabulary entry; memory grows with the number of entries, not of documents."""

    def __init__(self, n_layers: int, n_heads: int) -> None:
        """Start with no entry."""
        self._n_layers, self._n_heads = n_layers, n_heads
        self._slots: dict[int, int] = {}
        self._rows = TokenRows.zeros(0, n_layers * n_heads)

    def add(self, rows: TokenRows) -> None:
        """Add sums of the same or other entries.

        Raises:
            ArtifactError: An index has another entry than before: the shards come from different models.
        """
        slots = self._slots_of(rows)
        ours = self._rows
        ours.special[slots] |= rows.special
        ours.count[slots] += rows.count
        ours.document_frequency[slots] += rows.document_frequency
        ours.sum[slots] += rows.sum
        ours.sum_of_squares[slots] += rows.sum_of_squares
        ours.min[slots] = np.minimum(ours.min[slots], rows.min)
        ours.max[slots] = np.maximum(ours.max[slots], rows.max)

    def add_file(self, path: Path) -> None:
        """Add the sums of one shard.

        Raises:
            ArtifactError: The file is unusable or comes from another model.
        """
        for table in files.iter_tables(path, statistics_schemas.TOKEN_SUMS):
            self.add(TokenRows.of_table(table, self._n_layers * self._n_heads))

    def by_token_id(self) -> TokenRows:
        """Return all rows, sorted by vocabulary index."""
        return self._rows.take(self._order())

    def write(self, path: Path) -> None:
        """Write the artifact `token_sums`, sorted by vocabulary index."""
        order = self._order()
        facts = {"n_layers": self._n_layers, "n_heads": self._n_heads}
        with files.TableWriter(path, statistics_schemas.TOKEN_SUMS, facts) as writer:
            for start in range(0, len(order), ROWS_PER_GROUP):
                writer.write_table(self._rows.take(order[start : start + ROWS_PER_GROUP]).to_table())

    def _order(self) -> NDArray[np.intp]:
        return np.argsort(self._rows.token_ids[: len(self._slots)], kind="stable")

    def _slots_of(self, rows: TokenRows) -> NDArray[np.intp]:
        slots = []
        for token_id, token, entry in zip(rows.token_ids.tolist(), rows.tokens, rows.entries, strict=True):
            slot = self._slots.setdefault(token_id, len(self._slots))
            if slot == len(self._rows.tokens):
                self._rows.tokens.append(token)
                self._rows.entries.append(entry)
            elif self._rows.tokens[slot] != token:
                raise ArtifactError(
                    f"token {token_id} is {self._rows.tokens[slot]!r} in one place and {token!r} in another.",
                    remedy="The shards come from different models: delete them and run the workflow again.",
                )
            slots.append(slot)
        self._reserve(len(self._slots))
        found = np.array(slots, dtype=np.intp)
        self._rows.token_ids[found] = rows.token_ids
        return found

    def _reserve(self, n_entries: int) -> None:
        have = len(self._rows.count)
        if n_entries <= have:
            return
        more = TokenRows.zeros(max(n_entries - have, have), self._n_layers * self._n_heads)
        for name, values in vars(more).items():
            if isinstance(values, np.ndarray):
                setattr(self._rows, name, np.concatenate([getattr(self._rows, name), values]))


def _sum_limbs(values: NDArray[np.float64], n_limbs: int, first: NDArray[np.intp]) -> NDArray[np.int64]:
    limbs = exact_sums.to_limbs(values, n_limbs)
    return np.stack([np.add.reduceat(limb, first, axis=0) for limb in limbs], axis=1)
