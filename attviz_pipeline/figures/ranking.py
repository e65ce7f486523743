"""The tokens that figures show: those with the highest mean among the frequent ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.figures.drawing import Inputs

COLUMNS = ["token", "special", "count", "document_frequency", "mean", "std", "min", "max"]


@dataclass(frozen=True)
class Ranking:
    """Tokens by falling mean self-attention, of one head or of all.

    Attributes:
        layer: Layer, 0-based, or None for all.
        head: Head, 0-based, or None for all.
        columns: The rows shown, as columns: `token`, `count`, `document_frequency`, `mean`, `std`, `min`, `max`, ...
        n_eligible: Tokens that occur in enough documents, shown or not.
    """

    layer: int | None
    head: int | None
    columns: dict[str, list[Any]]
    n_eligible: int


def rank_all_heads(inputs: Inputs, n_tokens: int) -> Ranking:
    """Rank tokens over all heads.

    Raises:
        ArtifactError: The table of tokens is unusable.
    """
    return _ranking(files.read_table(inputs.tokens, statistics_schemas.TOKENS), None, None, inputs, n_tokens)


def rank_each_head(inputs: Inputs, n_tokens: int) -> Iterator[Ranking]:
    """Rank tokens of every head in turn.

    Raises:
        ArtifactError: The table of heads' tokens is unusable.
    """
    for table in files.iter_tables(inputs.head_tokens, statistics_schemas.HEAD_TOKENS):
        yield _ranking(table, table["layer"][0].as_py(), table["head"][0].as_py(), inputs, n_tokens)


def _ranking(table: pa.Table, layer: int | None, head: int | None, inputs: Inputs, n_tokens: int) -> Ranking:
    eligible = pc.greater_equal(table["document_frequency"], inputs.settings.min_document_frequency)
    if not inputs.settings.special_tokens:
        eligible = pc.and_(eligible, pc.invert(table["special"]))
    # The tables are already sorted by mean, ties included.
    rows = table.filter(eligible)
    return Ranking(layer, head, rows.select(COLUMNS).slice(0, n_tokens).to_pydict(), rows.num_rows)
