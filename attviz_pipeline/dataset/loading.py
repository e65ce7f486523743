"""Load a corpus with the `datasets` library, from local files or the hub."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from attviz_pipeline.artifacts.files import require_space
from attviz_pipeline.config.settings import DatasetSettings, Split
from attviz_pipeline.dataset import hub, text_files
from attviz_pipeline.dataset.columns import find_columns
from attviz_pipeline.dataset.rows import Cells
from attviz_pipeline.dataset.sources import SPLITS, SourceFile, is_hub_id, list_files
from attviz_pipeline.dataset.unpacking import PURPOSE, digest_of, unpack
from attviz_pipeline.errors import DatasetError, Problem

ROWS_AT_ONCE = 1000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """One file or hub split, with its cells on disk.

    Args:
        name: Path of the file as configured, or name of the hub split.
        split: The split of its rows; None if the rows are still to be split.
        sha256: Digest of the file; None for a hub split, which the revision pins.
        class_names: Names of a column of `ClassLabel`, or of lists of it, in order; empty for other columns.
        table: The configured columns of the dataset.
        columns: Names of columns in `table`, by key of the settings.
        as_json: True if each cell is stored as JSON, because types in JSON lines may differ from row to row.
    """

    name: str
    split: Split | None
    sha256: str | None
    class_names: tuple[str, ...]
    table: datasets.Dataset
    columns: Mapping[str, str]
    as_json: bool = False

    @property
    def n_rows(self) -> int:
        """Number of input rows."""
        return int(self.table.num_rows)

    def cells(self) -> Iterator[Cells]:
        """Yield the cells of every row in order; memory is bounded."""
        for batch in self.table.with_format("arrow").iter(ROWS_AT_ONCE):
            columns = [_values(batch[name]) for name in self.columns.values()]
            if self.as_json:
                columns = [[json.loads(str(cell)) for cell in column] for column in columns]
            for row in zip(*columns, strict=True):
                yield Cells.of(dict(zip(self.columns, row, strict=True)))


@dataclass(frozen=True)
class Corpus:
    """All parts of the dataset, and the commit they come from (empty for local files)."""

    parts: tuple[Part, ...]
    revision: str = ""


def load_corpus(settings: DatasetSettings, cache: Path) -> Corpus:
    """Load the configured dataset.

    Args:
        settings: The section `dataset`.
        cache: A temporary folder for the library's Arrow files; it must exist as long as the corpus is used.

    Raises:
        DatasetError: Files are missing, unreadable or without the configured columns; all problems are listed.
        ResourceError: The disk is too small for a temporary copy.
    """
    with _quiet_library():
        if is_hub_id(settings):
            return _load_hub(settings, cache)
        return Corpus(tuple(_load_files(list_files(settings), settings, cache)))


def _load_files(files: Sequence[SourceFile], settings: DatasetSettings, cache: Path) -> list[Part]:
    plain = [unpack(file, cache / f"unpacked-{index}") for index, file in enumerate(files)]
    plans = _look_through(plain, settings)
    require_space(cache, 4 * sum(file.path.stat().st_size for file in plain), PURPOSE)
    return [
        _load_file(plan, digest_of(file), cache / str(index))
        for index, (file, plan) in enumerate(zip(files, plans, strict=True))
    ]


class Plan(NamedTuple):
    """A readable file, its layout if it is CSV or TSV, and its columns by key of the settings."""

    file: SourceFile
    layout: text_files.Layout | None
    columns: Mapping[str, str]


def _look_through(files: Sequence[SourceFile], settings: DatasetSettings) -> list[Plan]:
    """Check all files before any of them is loaded."""
    problems: list[Problem] = []
    plans = []
    for file in files:
        plan, found = _plan(file, settings)
        plans.append(plan)
        problems += found
    if problems:
        raise DatasetError("the dataset's files cannot be read:", problems)
    return plans


def _plan(file: SourceFile, settings: DatasetSettings) -> tuple[Plan, list[Problem]]:
    layout, contents = look_through(file, settings.quoting)
    if contents.problems:
        return Plan(file, layout, {}), contents.problems
    found = find_columns(settings, contents.columns, file.given)
    return Plan(file, layout, found.names), found.problems


def look_through(file: SourceFile, quoting: str) -> tuple[text_files.Layout | None, text_files.Contents]:
    """Check a file that is unpacked, and find its columns; return its layout, too, if it is CSV or TSV.

    Args:
        file: The file, as `unpack` returns it.
        quoting: `dataset.quoting`.
    """
    if file.format == "parquet":
        return None, _look_through_parquet(file)
    if problems := text_files.encoding_problems(file.path, file.given):
        return None, text_files.Contents([], 0, problems)
    if file.format == "jsonl":
        return None, text_files.look_through_json_lines(file.path, file.given)
    layout = text_files.find_layout(file.path, file.given, file.format, quoting)
    return layout, text_files.look_through_records(file.path, file.given, layout)


def _load_file(plan: Plan, sha256: str, cache: Path) -> Part:
    file, columns = plan.file, plan.columns
    if file.format == "parquet":
        table = _load_parquet(file, list(columns.values()), cache)
        names = class_names(table, columns["label_column"]) if "label_column" in columns else ()
        return Part(file.given, file.split, sha256, names, table, columns)
    table = datasets.Dataset.from_generator(
        _text_cells,
        features=datasets.Features(dict.fromkeys(columns, datasets.Value("large_string"))),
        # The library would treat a list as parts of the dataset, and call the reader once for each.
        gen_kwargs={"path": str(file.path), "layout": plan.layout, "columns": columns},
        cache_dir=str(cache),
    )
    fields = {field: field for field in columns}
    return Part(file.given, file.split, sha256, (), table, fields, as_json=file.format == "jsonl")


def _text_cells(
    path: str, layout: text_files.Layout | None, columns: Mapping[str, str]
) -> Iterator[dict[str, str | None]]:
    """Yield the configured cells of a text file; cells of JSON lines as ASCII JSON, which can represent any value."""
    if layout is None:
        for line in text_files.read_json_lines(Path(path)):
            content = text_files.parse_object(line.text)
            yield {field: json.dumps(content.get(name)) for field, name in columns.items()}
        return
    records = text_files.read_records(Path(path), layout)
    header = next(records).fields
    places = {field: header.index(name) for field, name in columns.items()}
    for record in records:
        yield {field: record.fields[place] for field, place in places.items()}


def _look_through_parquet(file: SourceFile) -> text_files.Contents:
    try:
        with pq.ParquetFile(file.path) as table:
            columns, n_rows = table.schema_arrow.names, table.metadata.num_rows
    except (pa.ArrowException, OSError) as fault:
        problem = Problem(file.given, f"is no Parquet file, or damaged: {_first_line(fault)}")
        return text_files.Contents([], 0, [problem])
    return text_files.Contents(columns, n_rows, [] if n_rows else [Problem(file.given, "has no rows")])


def _load_parquet(file: SourceFile, columns: list[str], cache: Path) -> datasets.Dataset:
    # The library reads a path as a glob pattern. The name of this link is never one, whatever the file is called.
    cache.mkdir(parents=True)
    link = cache / "rows.parquet"
    link.symlink_to(file.path.resolve())
    try:
        return datasets.load_dataset(
            "parquet", data_files={"rows": [str(link)]}, split="rows", columns=columns, cache_dir=str(cache)
        )
    except (datasets.exceptions.DatasetsError, pa.ArrowException, OSError, ValueError, KeyError, TypeError) as fault:
        reason = _first_line(fault.__cause__ or fault)
        raise DatasetError(f"{file.given} is damaged or holds what `datasets` cannot read: {reason}") from None


def class_names(table: datasets.Dataset, label_column: str) -> tuple[str, ...]:
    """Return the class names of a column of `ClassLabel`, or of lists of it; empty for any other column."""
    return hub.names_of_feature(table.features[label_column])


def _load_hub(settings: DatasetSettings, cache: Path) -> Corpus:
    found = hub.load(settings, cache)
    names = found.class_names.get(settings.label_column or "", ())
    files = [file for split in found.splits.values() for file in split]
    parts = iter(_load_files(files, settings, cache))
    split_of = {name: split for split, name in (settings.splits or {}).items()}
    joined = [
        _join([next(parts) for _ in files], name, split_of.get(name), names) for name, files in found.splits.items()
    ]
    joined.sort(key=lambda part: SPLITS.index(part.split) if part.split else len(SPLITS))
    return Corpus(tuple(joined), found.commit)


def _join(parts: Sequence[Part], name: str, split: Split | None, names_of_card: tuple[str, ...]) -> Part:
    """Join the files of a hub split to one part."""
    if any((part.columns, part.as_json) != (parts[0].columns, parts[0].as_json) for part in parts):
        raise DatasetError(
            f"the files of the split {name} are of different formats: {', '.join(p.name for p in parts)}"
        )
    try:
        table = datasets.concatenate_datasets([part.table for part in parts])
    except ValueError as fault:
        raise DatasetError(f"the files of the split {name} differ in their columns: {_first_line(fault)}") from None
    names = names_of_card or parts[0].class_names
    return replace(parts[0], name=name, split=split, sha256=None, class_names=names, table=table)


def _values(column: pa.ChunkedArray) -> list[object]:
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        return [_value(scalar) for scalar in column]


def _value(scalar: pa.Scalar) -> object:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return bytes(scalar.as_buffer())


def _first_line(fault: BaseException) -> str:
    return next(iter(str(fault).splitlines()), type(fault).__name__)


@contextmanager
def _quiet_library() -> Iterator[None]:
    """Silence the library's progress bars and log messages, and restore its settings afterwards."""
    bars = datasets.are_progress_bars_disabled()
    verbosity = datasets.logging.get_verbosity()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        datasets.logging.set_verbosity(verbosity)
        if not bars:
            datasets.enable_progress_bars()
