"""Strict readers of CSV, TSV and JSON lines: every row is read once and unchanged, or reported as a problem.

The readers use Python's own parsers. Those of pandas would turn "NA" into a missing value, guess types column by
column, drop the leading blanks of a line and pad rows that are too short.

Quoting of TSV: the format itself (IANA text/tab-separated-values) has no quotes and one row per line, but spreadsheets
and pandas write quoted fields. A file counts as quoted if each of its double quotes belongs to a field that is quoted
by the rules of CSV. With a single stray quote, all quotes are characters of the text; rows are never merged.
`dataset.quoting` overrides this. A warning is logged if a file is read without quoting although fields look quoted.
"""

import csv
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from attviz_pipeline.dataset.json_array import RepeatedKeyError, unique_keys
from attviz_pipeline.errors import Problem

logger = logging.getLogger(__name__)


class Layout(NamedTuple):
    """Delimiter and quoting of a CSV or TSV file."""

    delimiter: str
    quoted: bool


class Record(NamedTuple):
    """The fields of one row; the header is row 0; `line` is the first of the row's lines, 1-based."""

    row: int
    line: int
    fields: list[str]


class Line(NamedTuple):
    """One row of JSON lines, as text; rows and lines are 1-based, blank lines are not counted as rows."""

    row: int
    line: int
    text: str


class Contents(NamedTuple):
    """Columns, number of rows and problems of a file."""

    columns: list[str]
    n_rows: int
    problems: list[Problem]


class MalformedRecordError(ValueError):
    """A row with a stray double quote, after which fields cannot be separated."""

    def __init__(self, row: int, line: int, what: str) -> None:
        self.row, self.line, self.what = row, line, what
        super().__init__(what)


def encoding_problems(path: Path, given: str) -> list[Problem]:
    """Find every line that is not UTF-8 or contains a NUL byte."""
    with path.open("rb") as lines:
        start = lines.read(2)
        if start in (b"\xff\xfe", b"\xfe\xff"):
            return [Problem(given, "is UTF-16: save it as UTF-8")]
        lines.seek(0)
        faults = ((number, _line_fault(line)) for number, line in enumerate(lines, 1))
        return [Problem(f"{given} line {number}", fault) for number, fault in faults if fault]


def _line_fault(line: bytes) -> str:
    if (nul := line.find(b"\0")) >= 0:
        return f"byte {nul + 1} is NUL: this is no text file, or it was damaged"
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as fault:
        return f"byte {fault.start + 1} (0x{line[fault.start]:02x}) is not UTF-8: save the file as UTF-8"
    return ""


def read_records(path: Path, layout: Layout) -> Iterator[Record]:
    """Read a CSV or TSV file row by row, the header first; blank lines are skipped.

    Raises:
        MalformedRecordError: A row has a stray double quote.
    """
    limit = csv.field_size_limit(sys.maxsize)
    row, line = 0, 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(
                lines,
                delimiter=layout.delimiter,
                quoting=csv.QUOTE_MINIMAL if layout.quoted else csv.QUOTE_NONE,
                strict=True,
            )
            for fields in reader:
                if len(fields) > 1 or any(field.strip() for field in fields):
                    yield Record(row, line, fields)
                    row += 1
                line = reader.line_num + 1
    except csv.Error as fault:
        raise MalformedRecordError(row, line, str(fault)) from None
    finally:
        csv.field_size_limit(limit)


class Quotes(NamedTuple):
    """Number of quoted fields in a file, and the first line with a stray quote (0 for none)."""

    n_quoted: int
    stray_line: int


def find_layout(path: Path, given: str, file_format: str, quoting: str = "auto") -> Layout:
    """Find the delimiter and quoting of a CSV or TSV file; see the docstring of this module.

    Args:
        path: The file.
        given: Name of the file in the warning.
        file_format: `csv` or `tsv`.
        quoting: `dataset.quoting`.
    """
    if quoting != "auto" or file_format == "csv":
        return Layout("," if file_format == "csv" else "\t", quoted=quoting != "never")
    quotes, quoted = _tsv_quotes(path)
    if quotes.n_quoted and not quoted:
        logger.warning(
            "%s is read without quoting, because line %d has a stray double quote: the quotes around %s stay in the "
            "text. Correct that line, or set `dataset.quoting` to `always` or, if the quotes belong to the text, to "
            "`never`",
            given,
            quotes.stray_line,
            "1 field" if quotes.n_quoted == 1 else f"{quotes.n_quoted:,} fields",
        )
    return Layout("\t", quoted=quoted)


def _tsv_quotes(path: Path) -> tuple[Quotes, bool]:
    """Count the quoted fields of a TSV file; return also whether it counts as quoted."""
    widths, n_quoted, stray_line = set(), 0, 0
    for record in read_records(path, Layout("\t", quoted=False)):
        widths.add(len(record.fields))
        with_quotes = [field for field in record.fields if '"' in field]
        n_well_quoted = sum(map(_well_quoted, with_quotes))
        n_quoted += n_well_quoted
        if n_well_quoted < len(with_quotes):
            stray_line = stray_line or record.line
    quotes = Quotes(n_quoted, stray_line)
    if len(widths) <= 1:
        return quotes, not stray_line
    try:
        return quotes, len({len(record.fields) for record in read_records(path, Layout("\t", quoted=True))}) == 1
    except MalformedRecordError:
        return quotes, False


def _well_quoted(field: str) -> bool:
    inside = field[1:-1].replace('""', "")
    return len(field) >= 2 and field[0] == field[-1] == '"' and '"' not in inside


def look_through_records(path: Path, given: str, layout: Layout) -> Contents:
    """Check that a CSV or TSV file has a header, rows, and as many fields in each row as columns."""
    columns: list[str] = []
    problems: list[Problem] = []
    row = 0
    try:
        for record in read_records(path, layout):
            row = record.row
            if row == 0:
                columns = record.fields
                problems += _header_problems(columns, given)
            elif len(record.fields) != len(columns):
                problems.append(_ragged(record, len(columns), given, layout))
    except MalformedRecordError as fault:
        where = f"{given} row {fault.row} (line {fault.line})"
        remedy = (
            "double a double quote that belongs to a text, and put the text in double quotes; "
            "or, where the file quotes nothing, set `dataset.quoting: never`"
        )
        problems.append(Problem(where, f"has a stray double quote ({fault.what}): {remedy}"))
    else:
        if row == 0:
            problems.append(Problem(given, "has a header but no rows" if columns else "is empty"))
    return Contents(columns, row, problems)


def _header_problems(columns: list[str], given: str) -> list[Problem]:
    # Spreadsheets write columns without a name; they cannot be configured, so they may repeat.
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    problems = [Problem(f"{given} header", f"names column {name!r} twice") for name in twice]
    if len(columns) == 1 and (separator := next((s for s in (";", "\t", "|", ",") if s in columns[0]), "")):
        what = f"is one column, {columns[0][:80]!r}: fields of a CSV file end at commas, of a TSV file at tabs"
        problems.append(Problem(f"{given} header", f"{what}, not at {separator!r}"))
    return problems


def _ragged(record: Record, n_columns: int, given: str, layout: Layout) -> Problem:
    what = f"has {len(record.fields)} fields, the header has {n_columns}"
    if layout.delimiter == ",":
        what += ": put texts that hold commas or line ends in double quotes"
    return Problem(f"{given} row {record.row} (line {record.line})", what)


def read_json_lines(path: Path) -> Iterator[Line]:
    """Read the lines of a JSON lines file that are not blank."""
    row = 0
    with path.open(encoding="utf-8-sig", newline="\n") as lines:
        for number, text in enumerate(lines, 1):
            if text.strip():
                row += 1
                yield Line(row, number, text)


def look_through_json_lines(path: Path, given: str) -> Contents:
    """Check that every line is a JSON object, and collect all keys."""
    keys: dict[str, None] = {}
    problems: list[Problem] = []
    row = 0
    for line in read_json_lines(path):
        row = line.row
        try:
            keys |= dict.fromkeys(parse_object(line.text))
        except ValueError as fault:
            problems.append(Problem(f"{given} row {row} (line {line.line})", str(fault)))
    if row == 0:
        problems.append(Problem(given, "is empty"))
    return Contents(list(keys), row, problems)


def parse_object(text: str) -> dict[str, Any]:
    """Parse one line of JSON lines.

    Raises:
        ValueError: The line is not valid JSON, or not an object.
    """
    try:
        content = json.loads(text, object_pairs_hook=unique_keys)
    except json.JSONDecodeError as fault:
        array = "; of a JSON array, write each object on a line of its own, or set `dataset.format: json`"
        hint = array if text.lstrip().startswith("[") else ""
        raise ValueError(f"is no JSON: {fault.msg} at character {fault.pos + 1}{hint}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except RepeatedKeyError:
        raise
    except ValueError as fault:
        raise ValueError(f"is no usable JSON: {fault}") from None
    if not isinstance(content, dict):
        raise ValueError(  # noqa: TRY004 - a fault of the file like the others
            f'must be an object {{"column": value, ...}} on one line, got a {type(content).__name__}'
        )
    return content
