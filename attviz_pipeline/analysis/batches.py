"""Read attention artifacts in batches of bounded size, with one row per token."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.errors import ArtifactError, Problem

VALUES_PER_BATCH = 2**20
TEXT_COLUMNS = ["tokens", "special", "unknown"]
TOKEN_COLUMNS = [*TEXT_COLUMNS, "token_ids", "self_attention"]


@dataclass(frozen=True)
class TextBatch:
    """Some documents of a shard, and all their tokens, one row per token.

    Attributes:
        documents: Rows of the attention artifact, without its token columns.
        document: Row in `documents` of each token's document, ascending, [token].
        tokens: Vocabulary entries as text, [token].
        special: True for [CLS], [SEP] and the like, [token].
        unknown: True for [UNK], [token].
    """

    documents: pa.Table
    document: NDArray[np.int64]
    tokens: pa.Array
    special: NDArray[np.bool_]
    unknown: NDArray[np.bool_]

    @property
    def n_documents(self) -> int:
        """Number of documents in the batch."""
        return int(self.documents.num_rows)

    @property
    def n_tokens(self) -> NDArray[np.int64]:
        """Tokens per document, special ones included, [document]."""
        return np.bincount(self.document, minlength=self.n_documents)


@dataclass(frozen=True)
class AttentionBatch(TextBatch):
    """The same with their self-attention.

    Attributes:
        entries: Vocabulary entries as the tokenizer spells them, null if unknown, [token].
        token_ids: Vocabulary indices, [token].
        values: Self-attention, [token, layer x head], 0..1.
    """

    entries: pa.Array
    token_ids: NDArray[np.int32]
    values: NDArray[np.float32]


def read_head_counts(path: Path) -> tuple[int, int]:
    """Return `n_layers` and `n_heads` of an attention artifact.

    Raises:
        ArtifactError: The file is unusable, or the numbers are missing or not positive whole numbers.
    """
    return head_counts(files.read_facts(path, attention_schemas.ATTENTION), path)


def head_counts(facts: dict[str, Any], path: Path) -> tuple[int, int]:
    """Return `n_layers` and `n_heads` from the facts of an artifact.

    Raises:
        ArtifactError: They are missing or not positive whole numbers.
    """
    counts = facts.get("n_layers"), facts.get("n_heads")
    for count in counts:
        if type(count) is not int or count < 1:
            raise ArtifactError(f"{path} does not say how many layers and heads it holds.", remedy=files.REBUILD)
    return counts  # type: ignore[return-value] # the loop has checked that both are integers


def text_batch(path: Path, table: pa.Table, columns: list[str]) -> TextBatch:
    """Gather some documents without their self-attention.

    Args:
        path: The shard, for messages.
        table: Some of its rows, with `id`, `columns` and `TEXT_COLUMNS`.
        columns: Columns of `documents`.

    Raises:
        ArtifactError: The lengths of columns disagree.
    """
    n_tokens, *others = (_lengths(table, name) for name in TEXT_COLUMNS)
    wrong = np.any([lengths != n_tokens for lengths in others], axis=0)
    report_damage(path, table, np.flatnonzero(wrong), "its columns do not hold one value per token")
    return TextBatch(documents=table.select(columns), **_text_of(table))


def iter_batches(path: Path, columns: list[str]) -> Iterator[AttentionBatch]:
    """Read a shard in batches of whole documents, about a million values each.

    Args:
        path: An attention artifact.
        columns: Columns of `documents`.

    Raises:
        ArtifactError: The file is unusable, the lengths of columns disagree, or a value is not in 0..1.
    """
    n_layers, n_heads = read_head_counts(path)
    for table in files.iter_tables(path, attention_schemas.ATTENTION, ["id", *columns, *TOKEN_COLUMNS, "entries"]):
        _check_lengths(path, table, n_layers * n_heads)
        sizes = _lengths(table, "self_attention").cumsum()
        start = 0
        while start < table.num_rows:
            before = sizes[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(sizes, before + VALUES_PER_BATCH, side="right")))
            yield _batch(path, table.slice(start, end - start), columns, n_layers * n_heads)
            start = end


def _batch(path: Path, table: pa.Table, columns: list[str], n_rows: int) -> AttentionBatch:
    values = _token_major(_flatten(table, "self_attention").to_numpy(), _lengths(table, "tokens"), n_rows)
    text = _text_of(table)
    _check_values(path, table, text["document"], values)
    return AttentionBatch(
        documents=table.select(columns),
        **text,
        entries=_entries(table, len(text["document"])),
        token_ids=_flatten(table, "token_ids").to_numpy(),
        values=values,
    )


def _text_of(table: pa.Table) -> dict[str, Any]:
    """Return the fields of `TextBatch` but the documents."""
    return {
        "document": np.repeat(np.arange(table.num_rows), _lengths(table, "tokens")),
        "tokens": _flatten(table, "tokens"),
        "special": _flatten(table, "special").to_numpy(zero_copy_only=False),
        "unknown": _flatten(table, "unknown").to_numpy(zero_copy_only=False),
    }


def _token_major(flat: NDArray[np.float32], n_tokens: NDArray[np.int64], n_rows: int) -> NDArray[np.float32]:
    values = np.empty((int(n_tokens.sum()), n_rows), dtype=np.float32)
    start = 0
    for n in n_tokens.tolist():
        values[start : start + n] = flat[start * n_rows : (start + n) * n_rows].reshape(n_rows, n).T
        start += n
    return values


def _check_lengths(path: Path, table: pa.Table, n_rows: int) -> None:
    n_tokens = _lengths(table, "tokens")
    wrong = np.zeros(table.num_rows, dtype=bool)
    for name in ("token_ids", "special", "unknown"):
        wrong |= _lengths(table, name) != n_tokens
    wrong |= _lengths(table, "self_attention") != n_tokens * n_rows
    what = f"its columns do not hold one value per token, or {n_rows} of self-attention"
    report_damage(path, table, np.flatnonzero(wrong), what)


def _check_values(path: Path, table: pa.Table, document: NDArray[np.int64], values: NDArray[np.float32]) -> None:
    # Negated, because every comparison with NaN is false.
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        wrong = ~((values >= 0) & (values <= 1)).all(axis=1)
        report_damage(path, table, np.unique(document[wrong]), "self-attention outside 0..1, or not a number")


def report_damage(path: Path, table: pa.Table, rows: NDArray[np.int64], what: str) -> None:
    """Raise an error that lists the damaged documents of a shard, if there are any.

    Args:
        path: The shard.
        table: Rows of the shard, with the column `id`.
        rows: Indices of the damaged rows in `table`.
        what: Description of the damage.

    Raises:
        ArtifactError: `rows` is not empty.
    """
    if len(rows):
        problems = [Problem(repr(identifier.as_py()), what) for identifier in table["id"].take(pa.array(rows))]
        raise ArtifactError(f"{path} is damaged:", problems, files.REBUILD)


def _entries(table: pa.Table, n_tokens: int) -> pa.Array:
    entries = _flatten(table, "entries")
    return entries if len(entries) == n_tokens else pa.nulls(n_tokens, entries.type)


def _lengths(table: pa.Table, name: str) -> NDArray[np.int64]:
    lengths: NDArray[np.int64] = pc.list_value_length(table[name]).to_numpy().astype(np.int64)
    return lengths


def _flatten(table: pa.Table, name: str) -> pa.Array:
    return table[name].combine_chunks().flatten()
