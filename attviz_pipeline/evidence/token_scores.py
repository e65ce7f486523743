"""The scores that rank a document's tokens, and the order in which a score ranks them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.config.settings import TokenScore
from attviz_pipeline.errors import ArtifactError, Problem
from attviz_pipeline.strata import seeded_rank

Floats = NDArray[np.float64]
Row = Mapping[str, Any]

RANDOM = "random"
COLUMNS = ["position", "id", "special", "self_attention", "received", "value_norm", "rollout"]


class Score(NamedTuple):
    """A score of a document's tokens; a larger one ranks a token higher."""

    name: str
    """One of the settings' names, or `random`."""
    layer: int | None
    """Layer of `self_layers`, else None."""
    draw: int | None
    """Number of the random ranking, else None."""
    values: Floats
    """[token], or [text token] once special tokens are left out."""


def read_rows(
    paths: Sequence[Path], schema: Schema, wanted: pa.Table, columns: list[str] | None = None
) -> dict[int, Row]:
    """Return the rows of some documents by position.

    Args:
        paths: Files of one schema.
        schema: Their schema, with the columns `position` and `id`.
        wanted: The documents, with the columns `position` and `id`.
        columns: Columns to read; None for all.
    """
    found: dict[int, Row] = {}
    for path in paths:
        for table in files.iter_tables(path, schema, columns):
            rows = table.filter(pc.is_in(table["position"], wanted["position"].combine_chunks()))
            found.update((row["position"], row) for row in rows.to_pylist())
    return found


def read_attention(attention: Sequence[Path], sample: pa.Table) -> dict[int, Row]:
    """Return the attention of a sample of documents by position.

    Raises:
        ArtifactError: A document is in no shard.
    """
    found = read_rows(attention, attention_schemas.ATTENTION, sample, COLUMNS)
    names = zip(sample["position"].to_pylist(), sample["id"].to_pylist(), strict=True)
    problems = [
        Problem(repr(name), "is in document_index, but in no attention shard")
        for position, name in names
        if found.get(position, {}).get("id") != name
    ]
    if problems:
        raise ArtifactError("document_index and attention hold different documents:", problems, files.REBUILD)
    return found


def _norm_weighted(row: Row, n_layers: int) -> Floats | None:
    if row["value_norm"] is None:
        return None
    weighted = _heads(row, "self_attention", n_layers) * _heads(row, "value_norm", n_layers)
    values: Floats = weighted.mean(axis=(0, 1))
    return values


def _received(row: Row, n_layers: int) -> Floats | None:
    if row["received"] is None:
        return None
    values: Floats = _heads(row, "received", n_layers).mean(axis=(0, 1))
    return values


OF_ATTENTION: Mapping[TokenScore, Callable[[Row, int], Floats | None]] = {
    "self_mean": lambda row, n_layers: _heads(row, "self_attention", n_layers).mean(axis=(0, 1)),
    "self_max": lambda row, n_layers: _heads(row, "self_attention", n_layers).max(axis=(0, 1)),
    "received": _received,
    "rollout": lambda row, _n_layers: None if row["rollout"] is None else np.asarray(row["rollout"], np.float64),
    "norm_weighted": _norm_weighted,
}
"""Scores that need a row of the table `attention` only; None where it was extracted without full mode."""

OF_GRADIENTS: tuple[TokenScore, ...] = ("gradient_x_input", "gradient_norm")
"""Scores that are columns of the table `gradients`."""


def attention_scores(row: Row, names: Sequence[TokenScore], n_layers: int) -> Iterator[Score]:
    """Yield the scores of a document that its attention has.

    Args:
        row: Its row of the table `attention`.
        names: The wanted scores; others than those of attention are skipped.
        n_layers: Layers of the model.

    Source: attention received: Kim et al. 2022 use it as a token's importance; rollout: Abnar and Zuidema 2020;
    norms: Kobayashi et al. 2020.
    """
    for name in names:
        if name == "self_layers":
            means = _heads(row, "self_attention", n_layers).mean(axis=1)
            yield from (Score(name, layer, None, values) for layer, values in enumerate(means))
        elif name in OF_ATTENTION:
            values = OF_ATTENTION[name](row, n_layers)
            if values is not None:
                yield Score(name, None, None, values)


def random_scores(identifier: str, n_tokens: int, n_rankings: int, seed: int) -> Iterator[Score]:
    """Yield random rankings of a document's tokens, which depend on the seed and its id only."""
    for draw in range(n_rankings):
        keys = [seeded_rank(seed, f"{identifier}\0{draw}\0{token}".encode()) for token in range(n_tokens)]
        order = sorted(range(n_tokens), key=keys.__getitem__)
        values = np.empty(n_tokens)
        values[order] = np.arange(n_tokens, 0, -1)
        yield Score(RANDOM, None, draw, values)


def top_tokens(score: Score, n_tokens: int) -> list[int]:
    """Return the places of the tokens with the largest scores; of equal scores, the earlier token comes first."""
    order: list[int] = np.argsort(-score.values, kind="stable")[:n_tokens].tolist()
    return order


def _heads(row: Row, name: str, n_layers: int) -> Floats:
    """Return a column as [layer, head, token]."""
    return np.asarray(row[name], np.float64).reshape(n_layers, -1, len(row["special"]))
