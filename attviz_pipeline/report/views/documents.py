"""The searchable index of documents: the first rows as a table, all rows as data for the page's script."""

import math
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline import stats
from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.formats import count, plural
from attviz_pipeline.report.page_sizes import (
    BYTES_PER_INDEX_ROW,
    EXCERPT_CHARACTERS,
    SNIPPET_CHARACTERS,
    DocumentSizes,
)
from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.report.sentences import documents as sentences
from attviz_pipeline.report.sentences.study import documents_with_maps, documents_with_vectors
from attviz_pipeline.report.tiers import Tiers
from attviz_pipeline.report.views import document_shades
from attviz_pipeline.report.views.document_columns import (
    SOURCES,
    NumberColumn,
    confidence,
    headings,
    numbers_of,
    rows_of,
    static_of,
)
from attviz_pipeline.report.views.document_groups import DocumentGroups
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.tasks.task import Outcome, Task

N_STATIC_ROWS = 100
CHUNK_CHARACTERS = 4_000_000
ROWS_PER_PIECE = 1000
NOT_RIGHT = "not_right"
FEWEST_TO_JOIN = 2
OTHERS_PER_PART = 5000
"""Documents without a page that one script of their search holds, about a megabyte."""


class DocumentScores:
    """Scores to sort documents by, other than the columns of their index, by position; NaN where there is none."""

    def __init__(self, confidences: Path, groups: DocumentGroups, n_documents: int) -> None:
        """Read the mean entropies (schema CONFIDENCES), and take the groups.

        Raises:
            ArtifactError: The table is missing or damaged, or of other documents.
        """
        table = files.read_table(confidences, statistics_schemas.CONFIDENCES, ["position", "mean_entropy"])
        if not np.array_equal(table["position"].to_numpy(), np.arange(n_documents)):
            raise ArtifactError(f"{confidences} is of other documents.", remedy=files.REBUILD)
        self._entropy = table["mean_entropy"].fill_null(np.nan).to_numpy()
        self.groups = groups
        self._on_special = np.full(n_documents, np.nan)

    def add(self, document: DocumentRow) -> None:
        """Add the score that needs the attention of the document."""
        if document.on_special is not None:
            self._on_special[document.position] = document.on_special

    def names(self) -> list[str]:
        """Scores that the documents have."""
        return [name for name in ("entropy", "special") if not np.isnan(self.values(name)).all()]

    def values(self, name: str) -> NDArray[np.float64]:
        """One score of all documents, [position]; NaN where there is none."""
        named: dict[str, NDArray[np.float64]] = {"entropy": self._entropy, "special": self._on_special}
        return named[name]

    def columns(self, positions: NDArray[np.int64]) -> dict[str, list[Any]]:
        """The scores and groups of some documents, as columns for the page's script."""
        scores = {name: [_rounded(one) for one in self.values(name)[positions].tolist()] for name in self.names()}
        return scores | {"group": self.groups.of_document[positions].tolist()}


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.3g}")


@dataclass(frozen=True)
class DocumentRowView:
    """One row of a list of documents; `numbers` are those of `static_of`, None where the document has none.

    `page` is None where the document has no page.
    """

    position: int
    id: str
    snippet: str
    gold: str | None
    prediction: str
    outcome: Outcome | None
    numbers: dict[str, float | None]
    page: str | None


@dataclass(frozen=True)
class RangeView:
    """A number to filter by: title, bounds, and unit as written and as spoken; `decimal` if it need not be whole."""

    title: str
    least: int | None = None
    most: int | None = None
    unit: str = ""
    spoken_unit: str = ""
    decimal: bool = False


@dataclass(frozen=True)
class OtherDocumentsView:
    """The documents without a page, which the reader can search.

    Args:
        n_documents: How many can be searched.
        title: What the search is called.
        about: How many documents have no page, and what is searched.
        facts: What the script knows: number of the scripts that hold them.
    """

    n_documents: int
    title: str
    about: str
    facts: dict[str, int]


@dataclass(frozen=True)
class DocumentsView:
    """The index page.

    Args:
        heading: Its title; `hints`, `about_scores` and `about_groups` are sentences too.
        n_labelled: Documents with a gold label.
        outcomes: What a prediction can be, to filter by; the names of `task.outcomes` and their words.
        ranges: Numbers to filter by: names and titles.
        shades: Scores to shade the texts by; `about_shades` is a sentence, and so is that of each signed score by name.
        n_measured: Documents whose pages show what their prediction depends on.
        n_documents: Documents that are listed, which are those with a page.
        others: Those without a page; None where every document has one, or none of the others can be searched.
    """

    heading: str
    hints: list[str]
    about_scores: list[str]
    about_groups: str
    n_labelled: int
    rows: list[DocumentRowView]
    n_documents: int
    scripts: list[str]
    numbers: dict[str, NumberColumn]
    scores: dict[str, NumberColumn]
    groups: DocumentGroups
    columns: dict[str, Any]
    outcomes: dict[str, str]
    ranges: dict[str, RangeView]
    shades: list[document_shades.ShadeView]
    about_shades: str
    about_signed_shades: dict[str, str]
    n_measured: int = 0
    others: OtherDocumentsView | None = None


@dataclass(frozen=True)
class Marks:
    """Positions of the documents that the index marks.

    Args:
        mapped: Those with token-to-token maps.
        vectors: Those with query and key vectors.
        full: Those whose pages hold every head; None where all do.
        measured: Those whose pages show what their prediction depends on; None where this was not measured.
    """

    mapped: Container[int]
    vectors: Container[int] = ()
    full: Container[int] | None = None
    measured: Container[int] | None = None

    def columns(self, positions: Sequence[int]) -> dict[str, list[int]]:
        """The marks of some documents, as columns for the page's script."""
        marks = {"maps": self.mapped, "vectors": self.vectors, "full": self.full, "evidence": self.measured}
        return {
            name: [int(position in marked) for position in positions]
            for name, marked in marks.items()
            if marked is not None
        }


def documents_view(  # noqa: PLR0913 - what the page shows, each of its own origin
    index: Path,
    study: StudyView,
    searchable: int | None,
    scripts: list[str],
    scores: DocumentScores,
    tiers: Tiers | None,
    first: Sequence[str] = (),
    *,
    shades: document_shades.DocumentShades,
) -> DocumentsView:
    """Put together the index page.

    Args:
        index: Table of documents (schema DOCUMENT_INDEX).
        study: Facts of the study.
        searchable: Characters of each text that the search covers, None for all.
        scripts: Files that hold the rows.
        tiers: Which pages hold every head.
        scores: Further scores to sort documents by.
        first: Sentences that the page begins with.
        shades: Shades of the texts, which are written already.
    """
    rows = list(islice(_iter_row_views(index, study), N_STATIC_ROWS))
    found = {
        name: one for name, one in numbers_of(study).items() if one.is_score and (one.of or name in scores.names())
    }
    return DocumentsView(
        heading=sentences.heading(study),
        hints=[*first, *_hints(study, searchable, tiers)],
        about_groups=sentences.groups(scores.groups),
        about_scores=list(_about_scores(index, found, scores, study)),
        n_labelled=study.n_labelled,
        rows=rows,
        n_documents=study.n_with_page,
        scripts=scripts,
        numbers=static_of(study),
        scores=found,
        groups=scores.groups,
        columns={
            "labels": study.label_names,
            "labelled": study.n_labelled > 0,
            "total": study.n_with_page,
            "cut": searchable is not None,
            "numbers": headings(study),
            "shades": document_shades.facts(shades),
        },
        outcomes=_outcomes(study),
        ranges=_ranges(study),
        shades=shades.offered(),
        about_shades=sentences.shades(shades.n_characters),
        about_signed_shades={
            one.name: sentences.signed_shades(shades.n_with(one.name), study) for one in shades.offered() if one.signed
        },
    )


def _hints(study: StudyView, searchable: int | None, tiers: Tiers | None) -> Iterator[str]:
    yield sentences.source(study)
    if not study.shows_all:
        yield sentences.documents_with_pages(study)
    if tiers and tiers.n_full < tiers.n_pages:
        yield sentences.pages_with_every_head(tiers, study)
    if study.map_reasons:
        yield f"{documents_with_maps(study)} {documents_with_vectors(study)}"
    if searchable:
        yield sentences.search(searchable)


def shades_of_index(listed: DocumentSizes, study: StudyView, *, evidence: bool) -> document_shades.DocumentShades:
    """Prepare to collect the shades of the texts that the index page shows.

    Args:
        listed: Sizes of the documents with a page.
        study: Facts of the study.
        evidence: Whether it was measured what predictions depend on.
    """
    n_tokens, n_bytes, searchable = float(listed.n_tokens.sum()), float(listed.text.sum()), listed.searchable
    estimate = document_shades.bytes_of_shades(study, len(listed), n_tokens, n_bytes, searchable)
    return document_shades.DocumentShades(study, len(listed), estimate, searchable, evidence=evidence)


def _outcomes(study: StudyView) -> dict[str, str]:
    """The outcomes to filter by, with their words; with three of them also those that are not right."""
    names = study.task.outcomes if study.n_labelled else ()
    several = {NOT_RIGHT: "with mistakes"} if len(names) > FEWEST_TO_JOIN else {}
    return {name: study.task.spell_outcome(name) for name in names} | several


def _ranges(study: StudyView) -> dict[str, RangeView]:
    """The numbers to filter by."""
    task, known = study.task, study.n_labelled > 0
    shown: dict[str, RangeView] = {}
    if not task.has_labels:
        shown = {"gold": RangeView("Gold", decimal=True)} if known else {}
        shown["predicted"] = RangeView("Predicted", decimal=True)
        shown |= {"error": RangeView("Absolute error", 0, decimal=True)} if known else {}
    confidence = {"confidence": RangeView("Confidence", 0, 100, ", %", ", percent")} if task.has_confidence else {}
    return shown | confidence | {"length": RangeView("Tokens", 0)}


def _about_scores(
    index: Path, wanted: dict[str, NumberColumn], scores: DocumentScores, study: StudyView
) -> Iterator[str]:
    columns = [name for name in SOURCES if name not in {"id", "text"}]
    parts: dict[str, list[NDArray[np.float64]]] = {"length": [], **{name: [] for name in wanted}}
    for table in _iter_index(index, columns, study):
        rows, positions = table.to_pylist(), table["position"].to_numpy()
        parts["length"].append(table["n_tokens"].to_numpy().astype(np.float64))
        for name, column in wanted.items():
            of = column.of
            of_rows = np.array([of(study.task, row) for row in rows], np.float64) if of else None
            parts[name].append(scores.values(name)[positions] if of_rows is None else of_rows)
    found = {name: np.concatenate(values) for name, values in parts.items()}
    for name, column in wanted.items():
        yield sentences.score(column.title, column.note, _rank_correlation(found[name], found["length"]), study)


def _rank_correlation(values: NDArray[np.float64], others: NDArray[np.float64]) -> float | None:
    """Spearman's correlation of two numbers of documents; None if it is not defined or of few documents."""
    known = ~np.isnan(values)
    if known.sum() < sentences.FEWEST_RANKED or any(np.ptp(found[known]) == 0 for found in (values, others)):
        return None
    return float(stats.spearman(values[known], others[known]))


def iter_chunks(
    index: Path, study: StudyView, searchable: int | None, marks: Marks, scores: DocumentScores
) -> Iterator[dict[str, Any]]:
    """Cut the index of the documents with a page into pieces of bounded size, as columns for the page's script.

    Args:
        index: Table of documents (schema DOCUMENT_INDEX).
        study: Facts of the study.
        searchable: Characters of each text that the search covers, None for all.
        marks: Which documents have maps, every head, and evidence.
        scores: Further scores to sort documents by.
    """
    first = 0
    pending: list[pa.Table] = []
    size = 0
    for table in _iter_index(index, SOURCES, study):
        for piece in _pieces(table):
            pending.append(piece)
            size += _text_size(piece, searchable)
            if size >= CHUNK_CHARACTERS:
                chunk = pa.concat_tables(pending)
                yield _chunk(chunk, first, study, searchable) | _scored(chunk, marks, scores)
                first, pending, size = first + chunk.num_rows, [], 0
    if pending:
        chunk = pa.concat_tables(pending)
        yield _chunk(chunk, first, study, searchable) | _scored(chunk, marks, scores)


def _iter_index(index: Path, columns: list[str], study: StudyView) -> Iterator[pa.Table]:
    """The documents with a page."""
    yield from iter_positions(index, columns, study.with_page)


def iter_positions(index: Path, columns: list[str], positions: NDArray[np.int64] | None) -> Iterator[pa.Table]:
    """Read some documents of an index, a row group at a time, without decoding others.

    Args:
        index: Table of documents (schema DOCUMENT_INDEX), whose rows are in the order of positions.
        columns: Columns to read.
        positions: Positions of the documents, ascending; None for all.
    """
    first = 0
    for table in files.iter_tables(index, statistics_schemas.DOCUMENT_INDEX, columns):
        if positions is None:
            yield table
            continue
        low, high = np.searchsorted(positions, [first, first + table.num_rows])
        if high > low:
            yield table.take(pa.array(positions[low:high] - first))
        first += table.num_rows


def iter_others(index: Path, study: StudyView, others: NDArray[np.int64]) -> Iterator[dict[str, Any]]:
    """Put together the scripts of the search of documents without a page, as columns.

    Args:
        index: Table of documents (schema DOCUMENT_INDEX).
        study: Facts of the study.
        others: Positions of the documents, ascending.

    Yields:
        `id`, `text` (its beginning, on one line), `label` and `prediction` as `iter_chunks` has them, and `confidence`
        where predictions have one, of `OTHERS_PER_PART` documents.
    """
    columns = [name for name in SOURCES if name not in {"position", "n_tokens", "mean"}]
    task = study.task
    for table in _of_equal_size(iter_positions(index, columns, others), OTHERS_PER_PART):
        rows = table.drop_columns(["id", "text"]).to_pylist()
        of = {"confidence": [_decimals(confidence(task, row)) for row in rows]} if task.has_confidence else {}
        yield {
            "first": 0,
            "id": table["id"].to_pylist(),
            "text": [" ".join(text.split()) for text in _text(table, EXCERPT_CHARACTERS).to_pylist()],
            "label": [task.gold(row) for row in rows],
            "prediction": [task.predicted(row) for row in rows],
            **of,
        }


def _decimals(share: float | None) -> float | None:
    return None if share is None else round(share, 3)


def _of_equal_size(tables: Iterable[pa.Table], n_rows: int) -> Iterator[pa.Table]:
    """Tables of so many rows each, and of the rest."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        while sum(one.num_rows for one in waiting) >= n_rows:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, n_rows)
            waiting = [joined.slice(n_rows)]
    if rest := [one for one in waiting if one.num_rows]:
        yield pa.concat_tables(rest)


def others_view(study: StudyView, n_searched: int, n_parts: int) -> OtherDocumentsView | None:
    """Put together the search of documents without a page; None where none of them can be searched.

    Args:
        study: Facts of the study.
        n_searched: How many can be searched.
        n_parts: Number of their scripts.
    """
    if not n_searched:
        return None
    about = sentences.other_documents(study, n_searched, EXCERPT_CHARACTERS)
    n_others = study.n_documents - study.n_with_page
    which = f"{count(n_searched)} of the" if n_searched < n_others else "the"
    title = f"Search {which} other {plural(n_others, 'document')}"
    return OtherDocumentsView(n_searched, title, about, {"parts": n_parts, "total": n_searched})


def _pieces(table: pa.Table) -> Iterator[pa.Table]:
    for start in range(0, table.num_rows, ROWS_PER_PIECE):
        yield table.slice(start, ROWS_PER_PIECE)


def _text_size(table: pa.Table, searchable: int | None) -> int:
    characters = pc.utf8_length(_text(table, searchable))
    return int(pc.sum(characters).as_py() or 0) + int(table.num_rows) * BYTES_PER_INDEX_ROW


def _text(table: pa.Table, searchable: int | None) -> pa.ChunkedArray:
    text = table["text"]
    return text if searchable is None else pc.utf8_slice_codeunits(text, 0, searchable)


def _chunk(table: pa.Table, first: int, study: StudyView, searchable: int | None) -> dict[str, Any]:
    task, rows = study.task, table.drop_columns(["id", "text"]).to_pylist()
    pairs = [(task.gold(row), task.predicted(row)) for row in rows]
    outcomes = {"outcome": [_number_of_outcome(task.outcome(*pair), task) for pair in pairs]} if task.outcomes else {}
    return {
        "first": first,
        **({} if study.shows_all else {"position": table["position"].to_pylist()}),
        "id": table["id"].to_pylist(),
        "text": [" ".join(text.split()) for text in _text(table, searchable).to_pylist()],
        "label": [gold for gold, _ in pairs],
        "prediction": [predicted for _, predicted in pairs],
        **outcomes,
        **rows_of(rows, study),
    }


def _number_of_outcome(outcome: Outcome | None, task: Task[Any]) -> int | None:
    return None if outcome is None else task.outcomes.index(outcome)


def _scored(table: pa.Table, marks: Marks, scores: DocumentScores) -> dict[str, Any]:
    return marks.columns(table["position"].to_pylist()) | scores.columns(table["position"].to_numpy())


def _iter_row_views(index: Path, study: StudyView) -> Iterator[DocumentRowView]:
    for table in _iter_index(index, SOURCES, study):
        for row in table.slice(0, N_STATIC_ROWS).to_pylist():
            yield row_view(row, study)


def row_view(row: dict[str, Any], study: StudyView) -> DocumentRowView:
    """Put together one row of the index from the columns of schema DOCUMENT_INDEX."""
    task = study.task
    gold, predicted = task.gold(row), task.predicted(row)
    return DocumentRowView(
        position=row["position"],
        id=row["id"],
        snippet=snippet(row["text"]),
        gold=study.spelled(gold),
        prediction=study.spelled(predicted) or "",
        outcome=task.outcome(gold, predicted),
        numbers={name: column.of(task, row) for name, column in static_of(study).items() if column.of},
        page=study.document_page(row["position"]),
    )


def snippet(text: str) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text[: 2 * SNIPPET_CHARACTERS].split())
    return line if len(line) <= SNIPPET_CHARACTERS else line[: SNIPPET_CHARACTERS - 1].rstrip() + "…"
