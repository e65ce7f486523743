"""Look at local files before a study exists: their columns, what the cells hold, and how long the texts are."""

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from attviz_pipeline.config.settings import DatasetSettings, Split, TaskName
from attviz_pipeline.dataset import text_files
from attviz_pipeline.dataset.classes import distinct_names
from attviz_pipeline.dataset.labels import FRACTION, LIST_AS_TEXT, MOST_CLASSES_OF_FRACTIONS, read_label
from attviz_pipeline.dataset.loading import look_through
from attviz_pipeline.dataset.rows import MAX_NAME_CHARACTERS
from attviz_pipeline.dataset.sources import SourceFile, list_files
from attviz_pipeline.dataset.unpacking import unpack
from attviz_pipeline.errors import DatasetError

MOST_VALUES = 2000
"""Different values of a column that are kept; a column with more is no column of classes."""
MOST_SAMPLED = 500
MOST_LONGEST = 25
ROWS_AT_ONCE = 1000


@dataclass
class Column:
    """What the cells of one column hold, over all files.

    Attributes:
        name: Name of the column.
        n_rows: Number of its cells.
        n_texts: Cells that are text and not blank.
        n_missing: Cells that are missing or blank.
        n_lists: Cells that are lists, or texts that look like one.
        n_fractions: Cells that are numbers, or texts of numbers, and not whole.
        n_floats: Those of them that are no texts.
        n_numbers: Cells that are numbers, or texts of numbers.
        n_words: Sum over the texts of words between blanks.
        longest: Characters of the longest text.
        counts: Number of cells of each different value; only the first `MOST_VALUES`, and none that is too long for the
            name of a class.
        class_names: Names of a `ClassLabel` column, in order; empty for other columns.
        unique: Whether no value occurs twice.
    """

    name: str
    n_rows: int = 0
    n_texts: int = 0
    n_missing: int = 0
    n_lists: int = 0
    n_fractions: int = 0
    n_floats: int = 0
    n_numbers: int = 0
    n_words: int = 0
    longest: int = 0
    counts: dict[str | int | float, int] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    unique: bool = True
    _seen: set[int] = field(default_factory=set, repr=False)

    def see(self, cell: object) -> None:
        """Count one cell."""
        self.n_rows += 1
        value = read_label(cell)
        if value is None or (isinstance(value, str) and not value.strip()):
            self.n_missing += 1
            return
        if isinstance(value, str):
            self.n_texts += 1
            self.n_words += len(value.split())
            self.longest = max(self.longest, len(value))
        self.n_lists += isinstance(value, list) or (isinstance(value, str) and bool(LIST_AS_TEXT.fullmatch(value)))
        self._see_again(value)
        number = _number(value)
        self.n_numbers += number is not None
        self.n_fractions += number is not None and not number.is_integer()
        self.n_floats += isinstance(value, float | Decimal)
        if isinstance(value, str) and len(value) > MAX_NAME_CHARACTERS:
            return
        if isinstance(value, str | int | float) and (value in self.counts or len(self.counts) < MOST_VALUES):
            self.counts[value] = self.counts.get(value, 0) + 1

    def _see_again(self, value: object) -> None:
        if not self.unique or not isinstance(value, str | int):
            return
        self.unique = hash(value) not in self._seen
        self._seen.add(hash(value))
        if not self.unique:
            self._seen.clear()

    @property
    def words_per_text(self) -> float:
        """Mean number of words of a text; 0 without texts."""
        return self.n_words / self.n_texts if self.n_texts else 0.0

    @property
    def is_text(self) -> bool:
        """Whether most cells are texts that are neither numbers nor lists."""
        return self.n_texts - self.n_numbers - self.n_lists > self.n_rows / 2

    @property
    def n_values(self) -> int:
        """Number of different values; more than `MOST_VALUES` are not told apart."""
        return len(self.counts)

    @property
    def names(self) -> list[str]:
        """Names of the classes, if the column holds classes: those of the files, or the sorted values."""
        return list(self.class_names) or distinct_names(value for value in self.counts if not isinstance(value, float))


def task_of(column: Column) -> TaskName | None:
    """Return what a classifier of these labels would learn, or None if the column holds no labels.

    Lists are several labels per row, and numbers are quantities if some are not whole and there are many of them;
    few different values that repeat are classes.
    """
    n_labelled = column.n_rows - column.n_missing
    if not n_labelled:
        return None
    if column.n_lists > n_labelled / 2:
        return "multi_label"
    is_quantity = column.n_floats > 0 or column.n_values > MOST_CLASSES_OF_FRACTIONS
    if column.n_fractions and is_quantity and column.n_numbers > n_labelled / 2:
        return "regression"
    few = 2 <= column.n_values <= max(n_labelled / 2, 2) and sum(column.counts.values()) == n_labelled
    return "single_label" if column.class_names or few else None


@dataclass(frozen=True)
class Survey:
    """The files of a dataset: their splits, and their columns, which all of them have.

    Args:
        n_rows: Number of rows by split; the key is None for rows that have none.
        columns: The columns, in the order of the first file.
    """

    n_rows: dict[Split | None, int]
    columns: dict[str, Column]


def survey_files(settings: DatasetSettings) -> Survey:
    """Read all cells of local files once, in bounded memory.

    Args:
        settings: `source` or `files`, `format` and `quoting`; the names of columns are not read.

    Raises:
        DatasetError: Files are missing or unreadable, or have no column in common; all problems are listed.
    """
    counts: dict[Split | None, int] = {}
    columns: dict[str, Column] = {}
    with _opened(settings) as files:
        for one in files:
            for name in one.columns:
                columns.setdefault(name, Column(name, class_names=_class_names(one.file, name)))
            for row in one.rows():
                counts[one.file.split] = counts.get(one.file.split, 0) + 1
                for name, cell in row.items():
                    columns[name].see(cell)
        common = [name for name in columns if all(name in one.columns for one in files)]
    if not common:
        raise DatasetError("the files have no column in common.")
    return Survey(counts, {name: columns[name] for name in common if name.strip()})


def sample_texts(settings: DatasetSettings, names: Sequence[str], n_rows: int) -> list[tuple[str, ...]]:
    """Return texts by which lengths in tokens can be estimated: some from all over the files, and the longest.

    Args:
        settings: As for `survey_files`.
        names: The column with the text, and that of the second text if there is one.
        n_rows: Number of rows of all files.

    Returns:
        The cells of those columns, for each chosen row: first those from all over the files, then the longest others.
    """
    step = max(1, n_rows // MOST_SAMPLED)
    sample: list[tuple[str, ...]] = []
    longest: list[tuple[int, int, tuple[str, ...]]] = []
    with _opened(settings) as files:
        rows = (row for one in files for row in one.rows())
        for number, row in enumerate(rows):
            texts = tuple(cell if isinstance(cell, str) else "" for cell in (row[name] for name in names))
            if number % step == 0:
                sample.append(texts)
            heapq.heappush(longest, (sum(map(len, texts)), number, texts))
            if len(longest) > MOST_LONGEST:
                heapq.heappop(longest)
    return [*sample, *(texts for _, number, texts in longest if number % step)]


@dataclass(frozen=True)
class _File:
    """A file that can be read at once, with its layout if it is CSV or TSV, and its columns."""

    file: SourceFile
    layout: text_files.Layout | None
    columns: list[str]

    def rows(self) -> Iterator[Mapping[str, object]]:
        """Yield the rows, each as cells by column."""
        file, columns, layout = self.file, self.columns, self.layout
        if file.format == "parquet":
            with pq.ParquetFile(file.path) as table:
                for batch in table.iter_batches(ROWS_AT_ONCE):
                    yield from batch.to_pylist()
        elif layout is None:
            for line in text_files.read_json_lines(file.path):
                content = text_files.parse_object(line.text)
                yield {name: content.get(name) for name in columns}
        else:
            records = text_files.read_records(file.path, layout)
            next(records)
            for record in records:
                yield dict(zip(columns, record.fields, strict=True))


@contextmanager
def _opened(settings: DatasetSettings) -> Iterator[list[_File]]:
    """Unpack and check the files of a dataset; they are there as long as the block lasts."""
    with TemporaryDirectory(prefix="attviz-survey-") as scratch:
        files, problems = [], []
        for number, given in enumerate(list_files(settings)):
            file = unpack(given, Path(scratch) / str(number))
            layout, contents = look_through(file, settings.quoting)
            files.append(_File(file, layout, contents.columns))
            problems += contents.problems
        if problems:
            raise DatasetError("the dataset's files cannot be read:", problems)
        yield files


def _class_names(file: SourceFile, column: str) -> tuple[str, ...]:
    """Return the names of a `ClassLabel` column of a Parquet file that `datasets` wrote."""
    if file.format != "parquet":
        return ()
    try:
        features = datasets.Features.from_arrow_schema(pq.read_schema(file.path))
    except (pa.ArrowException, ValueError, KeyError, TypeError, json.JSONDecodeError):
        return ()
    feature = features.get(column)
    return tuple(feature.names) if isinstance(feature, datasets.ClassLabel) else ()


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return float(value) if FRACTION.fullmatch(value) else None
    return float(value) if isinstance(value, int | float | Decimal) else None
