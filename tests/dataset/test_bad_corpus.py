"""Corpora that cannot be used: what is said, and that nothing is written."""

import logging
import re
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import prepare, refuse, rows_of, write_csv, write_json_lines, write_text

# Files that cannot be read


def test_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    write_csv(tmp_path / "news.csv", rows_of(6))
    message = refuse(tmp_path, source=str(tmp_path / "new.csv"))
    assert "new.csv  does not exist" in message
    assert "news.csv" in message


@pytest.mark.parametrize("source", ["x" * 5000, "x/" * 3000 + "x.csv", "a\0b.csv", ""])
def test_impossible_path_is_refused(tmp_path: Path, source: str) -> None:
    assert "the dataset's files cannot be read:" in refuse(tmp_path, source=source)


def test_all_missing_files_are_named(tmp_path: Path) -> None:
    message = refuse(tmp_path, files={"train": "nowhere/a.csv", "test": str(tmp_path / "b.csv")})
    assert "nowhere/a.csv" in message
    assert "there is no folder nowhere" in message
    assert "b.csv" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"text,label\n", "has a header but no rows"),
        (b"text,label\nok,a\ncaf\xe9,b\n", "line 3  byte 4 (0xe9) is not UTF-8: save the file as UTF-8"),
        (b"text,label\nok,a\nn\0l,b\n", "line 3  byte 2 is NUL"),
        ("text,label\nok,a\n".encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (b"text,label\nok,a\nx,y,z\nonly\n", "row 2 (line 3)  has 3 fields, the header has 2"),
        (b"text,label\nok,a\nx,y,z\nonly\n", "row 3 (line 4)  has 1 fields, the header has 2"),
        (b'text,label\n"a\nb",a\n"open,b\n', "row 2 (line 4)  has a stray double quote"),
        (b'text,label\n"a" b,a\n', "row 1 (line 2)  has a stray double quote"),
        (b"text,label,text\nok,a,b\n", "header  names column 'text' twice"),
        (b"text;label\nok;a\n", "fields of a CSV file end at commas"),
        (b"Text,label\nok,a\n", "has no column 'text' (`dataset.text_column`); did you mean 'Text'?"),
        (b"a,b\nok,a\n", "has no column 'label' (`dataset.label_column`); there are 'a', 'b'"),
    ],
)
def test_damaged_csv_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    message = refuse(tmp_path, source=str(path))
    assert expected in re.sub(r"  +", "  ", message)
    assert "rows.csv" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"text": "a", "label": 0}\n\n{"text": "b"\n', "row 2 (line 3)  is no JSON"),
        ('{"text": "a", "label": 0}\n["b", 1]\n', "row 2 (line 2)  must be an object"),
        ('[{"text": "a", "label": 0},\n{"text": "b", "label": 1}]\n', "write each object on a line of its own"),
        ("\n\n", "is empty"),
        ('{"txt": "a", "label": 0}\n', "did you mean 'txt'?"),
        ('{"text": ' + "[" * 100_000 + "\n", "row 1 (line 1)  is nested too deeply"),
    ],
)
def test_damaged_json_lines_are_refused(tmp_path: Path, content: str, expected: str) -> None:
    message = refuse(tmp_path, source=write_text(tmp_path / "rows.jsonl", content))
    assert expected in message


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1 this is none PAR1")
    assert "rows.parquet  is no Parquet file, or damaged" in refuse(tmp_path, source=str(path))
    pq.write_table(pa.Table.from_pylist(rows_of(5000)), path, compression="snappy")
    content = bytearray(path.read_bytes())
    content[200:400] = b"\xff" * 200
    path.write_bytes(content)
    assert "rows.parquet is damaged" in refuse(tmp_path, source=str(path))


def test_file_of_unknown_suffix_needs_a_format(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "rows.txt", rows_of(6))
    assert "set `dataset.format`" in refuse(tmp_path, source=source)
    assert len(prepare(tmp_path, source=source, format="csv").documents) == 6


def test_a_file_that_exists_is_no_hub_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(Path("news"), rows_of(6))
    assert "news  has no known suffix" in refuse(tmp_path, source="news")


def test_keys_of_hub_datasets_are_refused_for_files(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "rows.csv", rows_of(6))
    message = refuse(tmp_path, source=source, revision="main", subset="x")
    assert "dataset.revision  fits a hub dataset only" in message
    assert "dataset.subset" in message
    assert "remove the key" in message


def test_folder_is_refused(tmp_path: Path) -> None:
    assert "is a folder: name a file in it" in refuse(tmp_path, source=str(tmp_path))


# Rows that cannot be used


class BadCell(NamedTuple):
    cell: dict[str, Any]
    column: str
    what: str
    status: str


BAD_CELLS = [
    BadCell({"text": ""}, "text", "is empty", "empty"),
    BadCell({"text": " \u200b\n\t"}, "text", "has nothing but blanks", "empty"),
    BadCell({"text": None}, "text", "is missing", "empty"),
    BadCell({"text": 5}, "text", "must be text, got the number 5", "unreadable_text"),
    BadCell({"text": ["a"]}, "text", "must be text, got a list", "unreadable_text"),
    BadCell({"text": {"a": 1}}, "text", "must be text, got an object", "unreadable_text"),
    BadCell({"text": True}, "text", "must be text, got the truth value true", "unreadable_text"),
    BadCell({"text": "a\x1b[31m"}, "text", "has the control character U+001B at character 2", "unreadable_text"),
    BadCell({"text": "ab\x85"}, "text", "has the control character U+0085 at character 3", "unreadable_text"),
    BadCell({"text": "a\ud800"}, "text", "has the lone surrogate U+D800 at character 2", "unreadable_text"),
    BadCell(
        {"text": "x" * 101}, "text", "has 101 characters, more than `dataset.max_characters` (100)", "unreadable_text"
    ),
    BadCell({"label": None}, "label", "is missing", "unreadable_label"),
    BadCell({"label": ""}, "label", "is missing", "unreadable_label"),
    BadCell({"label": 1.5}, "label", "must be a string or an integer, got the number 1.5", "unreadable_label"),
    BadCell(
        {"label": "sports"},
        "label",
        "'sports' is none of the classes' labels; did you mean 'sport'?",
        "unreadable_label",
    ),
    BadCell({"label": 2}, "label", "2 is no index into `dataset.label_names` (0 to 1)", "unreadable_label"),
    BadCell({"label": "2"}, "label", "2 is no index into `dataset.label_names` (0 to 1)", "unreadable_label"),
    BadCell(
        {"label": -1},
        "label",
        "-1 is no index into `dataset.label_names` (0 to 1)",
        "unreadable_label",
    ),
    BadCell({"label": " sport"}, "label", "has blanks around it", "unreadable_label"),
    BadCell({"label": "sp\nort"}, "label", "has the control character U+000A at character 3", "unreadable_label"),
    BadCell({"label": "s" * 201}, "label", "has 201 characters, more than 200", "unreadable_label"),
    BadCell({"key": ""}, "key", "is missing", "unreadable_text"),
    BadCell({"key": "a\tb"}, "key", "has the control character U+0009 at character 2", "unreadable_text"),
    BadCell({"key": "k" * 201}, "key", "has 201 characters, more than 200", "unreadable_text"),
    BadCell({"key": ["k"]}, "key", "must be a string or an integer, got a list", "unreadable_text"),
    BadCell({"key": "k0"}, "key", "repeats the id 'k0' of", "duplicate"),
]


@pytest.mark.parametrize("bad", BAD_CELLS, ids=lambda bad: f"{bad.column}: {bad.what}"[:40])
def test_bad_row_is_named_or_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: BadCell) -> None:
    rows: list[dict[str, Any]] = [{**row, "key": f"k{i}"} for i, row in enumerate(rows_of(12))]
    rows[7] |= bad.cell
    options = {"label_names": ["sport", "tech"], "id_column": "key", "max_characters": 100}
    source = write_json_lines(tmp_path / "rows.jsonl", rows)
    message = refuse(tmp_path, source=source, **options)
    assert f"rows.jsonl row 8, column {bad.column}  {bad.what}" in message
    assert "`dataset.bad_rows: skip`" in message

    with caplog.at_level(logging.WARNING):
        outputs = prepare(tmp_path, source=source, bad_rows="skip", **options)
    assert f"1 of 12 rows are left out (1 {bad.status})" in caplog.text
    assert [row["status"] for row in outputs.ledger] == ["kept"] * 7 + [bad.status] + ["kept"] * 4
    assert bad.what in outputs.ledger[7]["detail"]
    assert outputs.ledger[7]["split"] == ""
    assert [row["text"] for row in outputs.documents] == [row["text"] for i, row in enumerate(rows) if i != 7]
    assert outputs.card["left_out"] == {bad.status: 1}


def test_all_bad_rows_are_reported_at_once(tmp_path: Path) -> None:
    rows = rows_of(40)
    for row in rows[:30]:
        row["text"] = " "
    message = refuse(tmp_path, source=write_csv(tmp_path / "rows.csv", rows))
    assert "30 of 40 rows cannot be used:" in message
    assert message.count("column text") == 20
    assert "... and 10 more" in message


def test_bad_rows_only_are_an_error_even_when_skipped(tmp_path: Path) -> None:
    rows = [{"text": "", "label": "a"}] * 3
    message = refuse(tmp_path, source=write_csv(tmp_path / "rows.csv", rows), bad_rows="skip")
    assert "none of the 3 rows can be used" in message


def test_text_of_a_parquet_file_must_be_utf8_text(tmp_path: Path) -> None:
    texts = pa.array([b"good", b"bad \xff\xfe", b"fine", b"well"], pa.binary())
    broken = pa.Array.from_buffers(pa.string(), 4, texts.buffers())
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": broken, "label": ["a", "b", "a", "b"]}), path)
    message = refuse(tmp_path, source=str(path))
    assert "rows.parquet row 2, column text  must be text, got bytes (a binary column, or no valid UTF-8)" in message


def test_numbers_in_a_text_column_of_a_parquet_file(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [1, 2], "label": ["a", "b"]}), tmp_path / "rows.parquet")
    assert "must be text, got the number 1" in refuse(tmp_path, source=str(tmp_path / "rows.parquet"))
