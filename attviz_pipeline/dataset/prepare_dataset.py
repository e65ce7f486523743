"""The stage `prepare_dataset`: check every input row, assign class and split, and write the ledger."""

import hashlib
import logging
import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import datasets
import numpy as np

from attviz_pipeline.artifacts import corpus_schemas
from attviz_pipeline.artifacts.files import TableWriter, scratch_directory, write_json
from attviz_pipeline.config.settings import SPLIT_FRACTIONS, DatasetSettings, TaskName
from attviz_pipeline.dataset.gold import LabelSource, find_task, read_gold
from attviz_pipeline.dataset.labels import read_label
from attviz_pipeline.dataset.loading import Corpus, Part, load_corpus
from attviz_pipeline.dataset.names import alike, bare, quoted
from attviz_pipeline.dataset.rows import Cells, Fault, Row, id_fault, text_fault
from attviz_pipeline.dataset.sources import SPLITS
from attviz_pipeline.dataset.splits import Drawing, assign_splits, count_texts_in_several_splits
from attviz_pipeline.dataset.text_warnings import TextSurvey
from attviz_pipeline.errors import DatasetError, Problem
from attviz_pipeline.model.source import read_published_config
from attviz_pipeline.model_inputs import join_pair
from attviz_pipeline.progress import track
from attviz_pipeline.stages import PrepareDataset
from attviz_pipeline.tasks.registry import task_of_config
from attviz_pipeline.tasks.task import Task

ROWS_PER_GROUP = 1000
Item = TypeVar("Item")

logger = logging.getLogger(__name__)


def prepare_dataset(settings: PrepareDataset, documents: Path, ledger: Path, card: Path) -> None:
    """Convert the configured corpus to documents, and account for every row in the ledger.

    Args:
        settings: Seed and section `dataset`.
        documents: Artifact `documents`, written: every usable row in input order.
        ledger: Artifact `ledger`, written: every input row in input order, kept or left out.
        card: Artifact `dataset`, written: classes, counts, source, digests.

    Raises:
        DatasetError: The corpus cannot be read, or has unusable rows (all are listed) and `dataset.bad_rows` is not
            `skip`. Nothing is written then.
    """
    with scratch_directory(documents.parent / "corpus") as cache:
        corpus = load_corpus(settings.dataset, cache)
        rows = _read_rows(corpus.parts, settings.dataset)
        source = _label_source(corpus.parts, settings)
        _require_usable(rows, corpus.parts)
        name = find_task(rows, source, settings.task, _task_of_model(settings))
        task = read_gold(rows, name, source)
        _mark_repeated_ids(rows, corpus.parts, settings.dataset)
        _require_usable(rows, corpus.parts)
        _report_bad_rows(rows, corpus.parts, settings.dataset)
        _mark_repeated_texts(rows, settings.dataset)
        kept = _usable(rows)
        given = [part.split for part in corpus.parts]
        assign_splits(kept, given, _drawing(settings), task)
        facts = _card(corpus, rows, task, settings)
        _write_documents(documents, corpus.parts, rows, task)
        _write_ledger(ledger, corpus.parts, rows)
        write_json(card, corpus_schemas.DATASET, facts)


def _drawing(settings: PrepareDataset) -> Drawing:
    shares = settings.dataset.split_fractions or SPLIT_FRACTIONS
    return Drawing(shares if settings.draws_splits else None, settings.seed, to_learn=settings.fine_tunes)


def _label_source(parts: Sequence[Part], settings: PrepareDataset) -> LabelSource:
    names = () if settings.dataset.label_names is not None else _feature_names(parts)
    return LabelSource(settings.dataset, names, needed=settings.fine_tunes)


def _task_of_model(settings: PrepareDataset) -> TaskName | None:
    """Return what the config.json of a finished model says of its task; None if it says nothing."""
    return None if settings.finished_model is None else task_of_config(read_published_config(settings.finished_model))


def _read_rows(parts: Sequence[Part], settings: DatasetSettings) -> list[Row]:
    """Read every row and check it on its own."""
    n_rows = sum(part.n_rows for part in parts)
    if n_rows == 0:
        raise DatasetError("the dataset has no rows.")
    numbered = (
        (index, number, cells) for index, part in enumerate(parts) for number, cells in enumerate(part.cells(), 1)
    )
    tracked = track(numbered, total=n_rows, label="prepare_dataset: checking rows", unit="rows")
    prefixes = [f"{part.split or Path(part.name).name}-" if len(parts) > 1 else "" for part in parts]
    survey = TextSurvey()
    rows = []
    for index, number, cells in tracked:
        survey.see(cells.text, f"{parts[index].name} row {number}")
        read = cells._replace(label=read_label(cells.label), id=read_label(cells.id))
        rows.append(_row(index, number, read, f"{prefixes[index]}{number}", settings))
    survey.warn()
    return rows


def _row(part: int, number: int, cells: Cells, fallback_id: str, settings: DatasetSettings) -> Row:
    faults = [
        text_fault(cells.text, settings.text_column, settings.max_characters),
        id_fault(cells.id, settings.id_column) if settings.id_column is not None else None,
        text_fault(cells.pair, settings.pair_column, settings.max_characters) if settings.pair_column else None,
    ]
    return Row(
        part=part,
        number=number,
        id=fallback_id if settings.id_column is None or faults[1] else str(cells.id),
        label=cells.label,
        text_digest=b"" if faults[0] or faults[2] else _text_digest(cells),
        faults=[fault for fault in faults if fault],
    )


def _text_digest(cells: Cells) -> bytes:
    # Usable texts contain no null character, so different pairs have different digests.
    texts = str(cells.text) if cells.pair is None else f"{cells.text}\0{cells.pair}"
    return hashlib.blake2b(texts.encode(), digest_size=16).digest()


def _feature_names(parts: Sequence[Part]) -> tuple[str, ...]:
    """Return the class names in the files; empty if there are none."""
    if len({part.class_names for part in parts}) > 1:
        names = ", ".join(part.name for part in parts)
        raise DatasetError(f"{names} name their classes differently: give `dataset.label_names`.")
    return parts[0].class_names


def _mark_repeated_ids(rows: Sequence[Row], parts: Sequence[Part], settings: DatasetSettings) -> None:
    if settings.id_column is None:
        return
    first: dict[str, Row] = {}
    for row in rows:
        if any(fault.column == settings.id_column for fault in row.faults):
            continue
        earlier = first.setdefault(row.id, row)
        if earlier is not row:
            what = f"repeats the id {row.id[:80]!r} of {parts[earlier.part].name} row {earlier.number}"
            row.faults.append(Fault(settings.id_column, "duplicate", what))
    _warn_of_alike_ids(list(first))


def _warn_of_alike_ids(ids: Sequence[str]) -> None:
    if same := alike(ids, bare):
        logger.warning(
            "%d ids differ from others by Unicode form, blanks or invisible characters only, such as %s",
            sum(map(len, same)),
            " and ".join(quoted(name) for name in same[0][:2]),
        )


def _require_usable(rows: Sequence[Row], parts: Sequence[Part]) -> None:
    if not _usable(rows):
        raise _bad_rows(rows, parts)


def _report_bad_rows(rows: Sequence[Row], parts: Sequence[Part], settings: DatasetSettings) -> None:
    """Raise an error that lists all unusable rows, or log how many are skipped."""
    bad = [row for row in rows if row.faults]
    if not bad:
        return
    if settings.bad_rows == "error":
        raise _bad_rows(rows, parts)
    counts = Counter(row.faults[0].status for row in bad)
    reasons = ", ".join(f"{n:,} {status}" for status, n in sorted(counts.items()))
    logger.warning("%d of %d rows are left out (%s); the ledger lists each", len(bad), len(rows), reasons)


def _bad_rows(rows: Sequence[Row], parts: Sequence[Part]) -> DatasetError:
    problems = [
        Problem(f"{parts[row.part].name} row {row.number}, column {fault.column}", fault.what)
        for row in rows
        for fault in row.faults
    ]
    n_bad = sum(bool(row.faults) for row in rows)
    if n_bad == len(rows):
        return DatasetError(f"none of the {n_bad:,} rows can be used:", problems, "Correct them, or check the columns.")
    count = "1 row" if n_bad == 1 else f"{n_bad:,} of {len(rows):,} rows"
    remedy = "Correct them, or set `dataset.bad_rows: skip` to leave them out and list them in the ledger."
    return DatasetError(f"{count} cannot be used:", problems, remedy)


def _mark_repeated_texts(rows: Sequence[Row], settings: DatasetSettings) -> None:
    """Mark the second and later rows with the same text; leave them out if configured."""
    first: dict[bytes, Row] = {}
    for row in _usable(rows):
        earlier = first.setdefault(row.text_digest, row)
        if earlier is row:
            continue
        row.note = f"same text as {earlier.id}"
        if settings.duplicate_texts == "drop":
            row.faults.append(Fault(settings.text_column, "duplicate", row.note))


def _usable(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if not row.faults]


def _write_documents(target: Path, parts: Sequence[Part], rows: Sequence[Row], task: Task[Any]) -> None:
    texts = (_text(cells) for part in parts for cells in part.cells())
    kept = ((row, text) for row, text in zip(rows, texts, strict=True) if not row.faults)
    with TableWriter(target, corpus_schemas.DOCUMENTS, task.facts) as writer:
        for group in _groups(kept):
            writer.write(
                {
                    "id": [row.id for row, _ in group],
                    "split": [row.split for row, _ in group],
                    task.gold_column: [row.gold for row, _ in group],
                    "text": [text for _, (text, _) in group],
                    "pair_start": [pair_start for _, (_, pair_start) in group],
                }
            )


def _text(cells: Cells) -> tuple[str, int | None]:
    return (str(cells.text), None) if cells.pair is None else join_pair(str(cells.text), str(cells.pair))


def _write_ledger(target: Path, parts: Sequence[Part], rows: Sequence[Row]) -> None:
    with TableWriter(target, corpus_schemas.LEDGER) as writer:
        for group in _groups(rows):
            writer.write(
                {
                    "file": [parts[row.part].name for row in group],
                    "row": [row.number for row in group],
                    "id": [row.id for row in group],
                    "split": [row.split for row in group],
                    "status": [row.faults[0].status if row.faults else "kept" for row in group],
                    "detail": [_detail(row) for row in group],
                }
            )


def _detail(row: Row) -> str:
    return "; ".join(f"column {fault.column}: {fault.what}" for fault in row.faults) or row.note


def _groups(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while group := list(islice(iterator, ROWS_PER_GROUP)):
        yield group


def _card(corpus: Corpus, rows: Sequence[Row], task: Task[Any], settings: PrepareDataset) -> dict[str, Any]:
    """Collect the metadata of the corpus; it is the same for every run."""
    chosen, kept = settings.dataset, _usable(rows)
    return {
        **task.facts,
        "n_rows": len(rows),
        "n_documents": len(kept),
        "n_by_split": _counts(row.split for row in kept),
        "n_unlabelled": _counts(row.split for row in kept if row.unlabelled),
        "splits": _gold_counts(kept, task),
        "source": chosen.source,
        "subset": chosen.subset,
        "revision": corpus.revision or None,
        "files": [{"path": part.name, "sha256": part.sha256, "n_rows": part.n_rows} for part in corpus.parts],
        "text_column": chosen.text_column,
        "pair_column": chosen.pair_column,
        "label_column": chosen.label_column,
        "label_columns": chosen.label_columns,
        "id_column": chosen.id_column,
        "seed": settings.seed,
        "left_out": dict(sorted(Counter(row.faults[0].status for row in rows if row.faults).items())),
        "duplicate_texts": sum(bool(row.note) for row in rows),
        "texts_in_several_splits": _count_leaks(kept),
        "texts_with_several_labels": _count_contradictions(kept),
        "versions": {"python": platform.python_version(), "datasets": datasets.__version__},
    }


def _counts(splits: Iterable[str]) -> dict[str, int]:
    counts = Counter(splits)
    return {split: counts[split] for split in SPLITS if split in counts}


def _gold_counts(rows: Sequence[Row], task: Task[Any]) -> dict[str, dict[str, float]]:
    """Count the rows of each label per split; in regression, give the quantiles of the values instead."""
    labelled = [row for row in rows if not row.unlabelled]
    golds = {split: [row.gold for row in labelled if row.split == split] for split in SPLITS}
    if not task.has_labels:
        return {split: _quantiles(values) for split, values in golds.items() if values}
    counts = {
        split: Counter(label for gold in found for label in task.labels_in(gold)) for split, found in golds.items()
    }
    names = list(enumerate(task.label_names))
    return {split: {name: counts[split][index] for index, name in names} for split in SPLITS if golds[split]}


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    names = ("min", "lower_quartile", "median", "upper_quartile", "max")
    return dict(zip(names, np.quantile(values, [0, 0.25, 0.5, 0.75, 1]).tolist(), strict=True))


def _count_leaks(rows: Sequence[Row]) -> int:
    n_leaks = count_texts_in_several_splits(rows)
    if n_leaks:
        logger.warning("%d texts occur in more than one of the given splits: scores on them are too high", n_leaks)
    return n_leaks


def _count_contradictions(rows: Sequence[Row]) -> int:
    labels: dict[bytes, set[Any]] = defaultdict(set)
    for row in rows:
        labels[row.text_digest].add(row.gold)
    n_contradictions = sum(len(found) > 1 for found in labels.values())
    if n_contradictions:
        logger.warning("%d texts occur with more than one gold value", n_contradictions)
    return n_contradictions
