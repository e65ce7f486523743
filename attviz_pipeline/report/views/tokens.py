"""Statistics of every vocabulary entry and word: the first as a table, all as data for the page's script."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files, statistics_schemas, term_schemas
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.views.model_terms import ModelTermsView
from attviz_pipeline.report.views.ranked_terms import RankedView, ranked_view
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.report.views.term_evidence import TermMeasureView

N_STATIC_ROWS = 100
_MOMENTS = ("mean", "std", "min", "max")
_COLUMNS = ["token", "special", "count", "document_frequency", *_MOMENTS]


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
    """The page of all tokens: `ranked` are terms with intervals, `rows` the frequent tokens of highest mean.

    `n_words` are no vocabulary entries; `evidence` are the words on which the prediction depends, by measure, empty
    where that was not measured; `in_models` are the first terms in other models, None without any.
    """

    ranked: RankedView
    evidence: list[TermMeasureView]
    rows: list[TokenView]
    n_tokens: int
    n_words: int
    n_frequent: int
    min_document_frequency: int
    scripts: list[str]
    columns: dict[str, Any]
    in_models: ModelTermsView | None = None


@dataclass(frozen=True)
class TokenTable:
    """Vocabulary entries, and described words of several pieces, sorted by mean.

    Args:
        table: Columns of schema TOKENS.
        is_word: True for words that are no vocabulary entry, [item].
        means: Mean self-attention in every head, [item, row]; 0 where the item does not occur.
        ranked: The ranking of described terms.
    """

    table: pa.Table
    is_word: NDArray[np.bool_]
    means: NDArray[np.float32]
    ranked: RankedView

    @property
    def best_row(self) -> list[int]:
        """Number of the head in which each item is strongest."""
        found: list[int] = self.means.argmax(axis=1).tolist()
        return found

    def numbers(self, *, words: bool) -> dict[str, int]:
        """Number of each item that is a vocabulary entry, or of each that is a word."""
        names = self.table["token"].to_pylist()
        return {names[item]: item for item in np.flatnonzero(self.is_word == words).tolist()}


def read_token_table(inputs: SiteInputs, study: StudyView) -> TokenTable:
    """Read the statistics of all tokens and of all described words, and their means in every head.

    Raises:
        ArtifactError: A table is missing or damaged.
    """
    entries = files.read_table(inputs.statistics.tokens, statistics_schemas.TOKENS, _COLUMNS)
    terms = files.read_table(inputs.terms.terms, term_schemas.TERMS)
    facts = files.read_facts(inputs.terms.terms, term_schemas.TERMS)
    ranked = ranked_view(terms, facts, facts["shrinkage"])
    terms = terms.rename_columns(["token" if name == "term" else name for name in terms.column_names]).select(_COLUMNS)
    words = terms.filter(pc.invert(pc.is_in(terms["token"], value_set=entries["token"].combine_chunks())))
    together = pa.concat_tables([entries, words.cast(entries.schema)])
    order = np.lexsort((np.arange(together.num_rows), -together["mean"].to_numpy()))
    table = together.take(order)
    is_word = order >= entries.num_rows
    means = np.zeros((table.num_rows, study.n_rows), np.float32)
    _read_means(inputs, study, table["token"].combine_chunks(), is_word, means)
    return TokenTable(table, is_word, means, ranked)


def _read_means(
    inputs: SiteInputs,
    study: StudyView,
    names: pa.Array,
    is_word: NDArray[np.bool_],
    means: NDArray[np.float32],
) -> None:
    sources = [
        (inputs.statistics.head_tokens, statistics_schemas.HEAD_TOKENS, "token", ~is_word),
        (inputs.terms.head_terms, term_schemas.HEAD_TERMS, "term", is_word),
    ]
    for path, schema, column, wanted in sources:
        for group in files.iter_tables(path, schema, ["layer", "head", column, "mean"]):
            places = pc.index_in(group[column], value_set=names).fill_null(-1).to_numpy()
            keep = (places >= 0) & wanted[places]
            rows = group["layer"].to_numpy() * study.n_heads + group["head"].to_numpy()
            means[places[keep], rows[keep]] = group["mean"].to_numpy()[keep]


def tokens_view(
    tokens: TokenTable,
    details: list[int],
    study: StudyView,
    scripts: list[str],
    evidence: list[TermMeasureView],
) -> TokensView:
    """Put together the page of all tokens.

    Args:
        tokens: All of them.
        details: Number of the script with the details of each, -1 for none.
        study: Facts of the study.
        scripts: Files that hold the rows.
        evidence: Words on which the prediction depends, by measure; empty where that was not measured.
    """
    support = study.settings.figures.min_document_frequency
    frequent = _frequent(tokens.table, support)
    n_words = int(tokens.is_word.sum())
    return TokensView(
        ranked=tokens.ranked,
        evidence=evidence,
        rows=[_token(tokens, row, study.n_heads) for row in frequent[:N_STATIC_ROWS]],
        n_tokens=tokens.table.num_rows - n_words,
        n_words=n_words,
        n_frequent=len(frequent),
        min_document_frequency=support,
        scripts=scripts,
        columns={
            "heads": study.n_heads,
            "vectors": study.imported,
            "support": support,
            "total": tokens.table.num_rows,
            "labels": study.groups,
            **({} if study.task.has_labels else {"by_value": True}),
            **({"nouns": [study.task.noun, study.task.nouns.capitalize()]} if study.task.many_labels else {}),
            "details": max(details, default=-1) >= 0,
            **({} if study.shows_all else {"with_page": study.n_with_page}),
        },
    )


def token_columns(tokens: TokenTable, details: list[int]) -> dict[str, Any]:
    """All tokens as columns for the page's script; `details` as `tokens_view` takes them."""
    columns: dict[str, Any] = {"first": 0, "token": tokens.table["token"].to_pylist(), "best": tokens.best_row}
    columns["special"] = [int(value) for value in tokens.table["special"].to_pylist()]
    columns["word"] = tokens.is_word.astype(int).tolist()
    columns["details"] = details
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
    layer, head = divmod(int(tokens.means[row].argmax()), n_heads)
    return TokenView(**values, layer=layer, head=head, page=links.head(layer, head))
