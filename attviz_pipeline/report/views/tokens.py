"""Statistics of every vocabulary entry: the first as a table, all as data for the page's script."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attviz_pipeline.artifacts import files, schemas
from attviz_pipeline.report import links
from attviz_pipeline.report.views.study import StudyView

N_STATIC_ROWS = 100
_MOMENTS = ("mean", "std", "min", "max")


@dataclass(frozen=True)
class TokenView:
    """One token, with the head in which its mean is highest."""

    token: str
    special: bool
    count: int
    document_frequency: int
    mean: float
    std: float
    min: float
    max: float
    layer: int
    head: int
    page: str


@dataclass(frozen=True)
class TokensView:
    """The page of all tokens; `rows` are the strongest that are frequent enough."""

    rows: list[TokenView]
    n_tokens: int
    n_frequent: int
    min_document_frequency: int
    scripts: list[str]
    columns: dict[str, Any]


@dataclass(frozen=True)
class TokenTable:
    """All tokens, sorted by mean, with the row of the head in which each is strongest, [token]."""

    table: pa.Table
    best_row: list[int]


def read_token_table(tokens: Path, head_tokens: Path, n_heads: int) -> TokenTable:
    """Read the statistics of all tokens and find each token's strongest head."""
    table = files.read_table(tokens, schemas.TOKENS)
    names = table["token"].combine_chunks()
    best_mean, best_row = np.full(len(names), -1.0), np.zeros(len(names), dtype=np.int64)
    for group in files.iter_tables(head_tokens, schemas.HEAD_TOKENS, ["layer", "head", "token", "mean"]):
        if not group.num_rows:
            continue
        places = pc.index_in(group["token"], value_set=names).to_numpy()
        means = group["mean"].to_numpy()
        better = means > best_mean[places]
        best_mean[places[better]] = means[better]
        best_row[places[better]] = group["layer"][0].as_py() * n_heads + group["head"][0].as_py()
    return TokenTable(table, best_row.tolist())


def tokens_view(tokens: TokenTable, study: StudyView, scripts: list[str]) -> TokensView:
    """Put together the page of all tokens."""
    support = study.settings.figures.min_document_frequency
    frequent = _frequent(tokens.table, support)
    return TokensView(
        rows=[_token(tokens, row, study.n_heads) for row in frequent[:N_STATIC_ROWS]],
        n_tokens=tokens.table.num_rows,
        n_frequent=len(frequent),
        min_document_frequency=support,
        scripts=scripts,
        columns={"heads": study.n_heads, "support": support, "total": tokens.table.num_rows},
    )


def token_columns(tokens: TokenTable) -> dict[str, Any]:
    """All tokens as columns for the page's script."""
    columns: dict[str, Any] = {"first": 0, "token": tokens.table["token"].to_pylist(), "best": tokens.best_row}
    columns["special"] = [int(value) for value in tokens.table["special"].to_pylist()]
    columns["count"] = tokens.table["count"].to_pylist()
    columns["documents"] = tokens.table["document_frequency"].to_pylist()
    for name in _MOMENTS:
        columns[name] = [float(f"{value:.3g}") for value in tokens.table[name].to_pylist()]
    return columns


def _frequent(table: pa.Table, support: int) -> list[int]:
    frequent = pc.greater_equal(table["document_frequency"], support)
    return np.flatnonzero(pc.and_not(frequent, table["special"]).to_numpy(zero_copy_only=False)).tolist()


def _token(tokens: TokenTable, row: int, n_heads: int) -> TokenView:
    values = tokens.table.slice(row, 1).to_pylist()[0]
    layer, head = divmod(tokens.best_row[row], n_heads)
    return TokenView(**values, layer=layer, head=head, page=links.head(layer, head))
