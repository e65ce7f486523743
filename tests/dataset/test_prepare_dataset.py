"""Stage `prepare_dataset`: every input row comes out once, unchanged, or is named as a fault."""

import csv
import hashlib
import io
import json
import logging
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import Outputs, prepare, refuse, rows_of, write_csv, write_json_lines, write_text
from hypothesis import given, settings
from hypothesis import strategies as st

from attviz_pipeline.artifacts import corpus_schemas
from attviz_pipeline.artifacts.files import read_facts
from attviz_pipeline.strata import apportion

CORPORA = Path(__file__).parents[3] / "shared" / "data"
needs_corpora = pytest.mark.skipif(not CORPORA.is_dir(), reason="the real corpora are not at hand")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


# Reading


def test_every_format_gives_the_same_documents(tmp_path: Path) -> None:
    rows = rows_of(12)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    sources = [
        write_csv(tmp_path / "rows.csv", rows),
        write_csv(tmp_path / "rows.tsv", rows, delimiter="\t"),
        write_json_lines(tmp_path / "rows.jsonl", rows),
        str(tmp_path / "rows.parquet"),
    ]
    documents = [prepare(tmp_path, source=source).documents for source in sources]
    assert all(found == documents[0] for found in documents)
    assert [row["text"] for row in documents[0]] == [row["text"] for row in rows]


TRICKY_TEXTS = [
    "NA",
    "null",
    "None",
    "nan",
    "  leading and trailing blanks  ",
    "line\n\nend",
    "carriage\r\nreturn",
    'a "quoted" word',
    '"all quoted"',
    '"',
    "comma, and\ttab",
    "\u2028 separator",
    "007",
    "1e5",
    "=cmd()",
    "😀 e\u0301",
    "<script>alert(1)</script>",
    "\ufeffmark",
]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_texts_come_out_unchanged(tmp_path: Path, suffix: str) -> None:
    rows = [{"label": "ab"[i % 2], "text": text} for i, text in enumerate(TRICKY_TEXTS)]
    path = tmp_path / f"rows.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == "jsonl":
        write_json_lines(path, rows)
    else:
        write_csv(path, rows, delimiter="," if suffix == "csv" else "\t")
    assert [row["text"] for row in prepare(tmp_path, source=str(path)).documents] == TRICKY_TEXTS


WORD_CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"], include_characters=' ",\n\r\t')


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.lists(st.text(WORD_CHARACTERS).map(lambda text: f"x{text}"), min_size=8, max_size=12, unique=True))
def test_what_the_csv_module_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("written")
    source = write_csv(folder / "rows.csv", [{"text": text, "label": i % 2} for i, text in enumerate(texts)])
    assert [row["text"] for row in prepare(folder, source=source).documents] == texts


def test_byte_order_mark_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    lines = "\ufefftext,label\r\n" + "\r\n".join(f"text {i},{'ab'[i % 2]}\r\n" for i in range(6))
    outputs = prepare(tmp_path, source=write_text(tmp_path / "rows.csv", lines))
    assert [row["row"] for row in outputs.ledger] == [1, 2, 3, 4, 5, 6]
    assert outputs.documents[0]["text"] == "text 0"


def test_stray_quotes_of_a_tsv_file_are_characters(tmp_path: Path) -> None:
    lines = ["label\ttext", 'a\t"', "b\tplain", 'a\tan inch is 1 "', 'b\t"', 'a\t"whole"', "b\tlast"]
    outputs = prepare(
        tmp_path, source=write_text(tmp_path / "rows.tsv", "\n".join(lines)), split_fractions={"test": 1.0}
    )
    assert [row["text"] for row in outputs.documents] == ['"', "plain", 'an inch is 1 "', '"', '"whole"', "last"]


def test_tsv_rows_between_two_lone_quotes_are_not_merged(tmp_path: Path) -> None:
    lines = ["label\ttext", 'a\t"one', "b\ttwo", 'a\tthree"', "b\tfour"]
    outputs = prepare(
        tmp_path, source=write_text(tmp_path / "rows.tsv", "\n".join(lines)), split_fractions={"test": 1.0}
    )
    assert [row["text"] for row in outputs.documents] == ['"one', "two", 'three"', "four"]


def test_well_quoted_tsv_loses_its_quotes(tmp_path: Path) -> None:
    lines = ["label\ttext", 'a\t"say ""yes"""', "b\tplain", 'a\t"two\nlines"', "b\tlast"]
    outputs = prepare(
        tmp_path, source=write_text(tmp_path / "rows.tsv", "\n".join(lines)), split_fractions={"test": 1.0}
    )
    assert [row["text"] for row in outputs.documents] == ['say "yes"', "plain", "two\nlines", "last"]


def test_a_file_name_is_no_pattern(tmp_path: Path) -> None:
    path = tmp_path / "rows [*] {a,b}.parquet"
    pq.write_table(pa.Table.from_pylist(rows_of(6)), path)
    assert len(prepare(tmp_path, source=str(path)).documents) == 6


def test_the_libraries_settings_are_left_as_they_were(tmp_path: Path) -> None:
    default = csv.field_size_limit(50_000)
    before = datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity(), csv.field_size_limit()
    prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows_of(6)))
    assert (
        datasets.are_progress_bars_disabled(),
        datasets.logging.get_verbosity(),
        csv.field_size_limit(default),
    ) == before


def test_long_texts_are_read(tmp_path: Path) -> None:
    rows = [{**row, "text": row["text"] + " x" * 90_000} for row in rows_of(6)]
    outputs = prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows))
    assert [row["text"] for row in outputs.documents] == [row["text"] for row in rows]


# Classes


def labels_of(outputs: Outputs) -> list[str]:
    return [outputs.card["label_names"][row["label"]] for row in outputs.documents]


def test_integer_labels_are_sorted_as_numbers(tmp_path: Path) -> None:
    rows = rows_of(60, labels=("10", "9", "2"))
    outputs = prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows))
    assert outputs.card["label_names"] == ["2", "9", "10"]
    assert labels_of(outputs) == [row["label"] for row in rows]


def test_class_order_is_that_of_label_names(tmp_path: Path) -> None:
    rows = rows_of(12)
    outputs = prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows), label_names=["tech", "sport"])
    assert outputs.card["label_names"] == ["tech", "sport"]
    assert labels_of(outputs) == [row["label"] for row in rows]


def test_integers_index_the_label_names(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label": i % 2} for i in range(12)]
    for source in (write_csv(tmp_path / "rows.csv", rows), write_json_lines(tmp_path / "rows.jsonl", rows)):
        outputs = prepare(tmp_path, source=source, label_names=["tech", "sport"])
        assert labels_of(outputs) == ["tech", "sport"] * 6


def test_mapping_names_and_merges_classes(tmp_path: Path) -> None:
    rows = rows_of(30, labels=("0", "1", "5"))
    source = write_csv(tmp_path / "rows.csv", rows)
    outputs = prepare(tmp_path, source=source, label_names={"0": "bad", "5": "bad", "1": "good"})
    assert outputs.card["label_names"] == ["bad", "good"]
    assert labels_of(outputs) == ["bad", "good", "bad"] * 10
    assert "'5' is none of the classes' labels" in refuse(
        tmp_path / "b", source=source, label_names={"0": "x", "1": "y"}
    )


def test_class_names_of_the_features_are_used(tmp_path: Path) -> None:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    table = datasets.Dataset.from_list([{"text": f"text {i}", "label": i % 2} for i in range(12)], features=features)
    pq.write_table(table.data.table, tmp_path / "rows.parquet")
    assert labels_of(prepare(tmp_path, source=str(tmp_path / "rows.parquet"))) == ["neg", "pos"] * 6


def test_files_that_name_their_classes_differently_need_label_names(tmp_path: Path) -> None:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    table = datasets.Dataset.from_list([{"text": f"test {i}", "label": i % 2} for i in range(4)], features=features)
    pq.write_table(table.data.table, tmp_path / "test.parquet")
    train = write_csv(tmp_path / "train.csv", rows_of(20, ("0", "1")))
    files = {"train": train, "test": str(tmp_path / "test.parquet")}
    assert "name their classes differently: give `dataset.label_names`" in refuse(tmp_path, files=files)
    assert labels_of(prepare(tmp_path, files=files, label_names=["no", "yes"]))[-4:] == ["no", "yes"] * 2


@pytest.mark.parametrize(
    ("labels", "names", "expected"),
    [
        (("a",), None, "only one class, 'a': a classifier needs at least two; check `dataset.label_column`"),
        (("0", "1"), ["a"], "only one class, 'a': a classifier needs at least two; check `dataset.label_names`"),
        (("a", "b"), ["a", "b", "a"], "names 'a' twice"),
        (("a", "b"), ["a", "b", " "], "has an empty name"),
        (("a", "b"), ["a", "b", "c"], "class 'c'  0 distinct texts"),
    ],
)
def test_classes_that_cannot_be_learnt_are_refused(
    tmp_path: Path, labels: tuple[str, ...], names: list[str] | None, expected: str
) -> None:
    source = write_csv(tmp_path / "rows.csv", rows_of(12, labels))
    assert expected in refuse(tmp_path, source=source, label_names=names)


def test_class_too_small_for_every_split_is_named(tmp_path: Path) -> None:
    rows = [*rows_of(12), {"text": "alone", "label": "rare"}, {"text": "alone", "label": "rare"}]
    source = write_csv(tmp_path / "rows.csv", rows)
    message = refuse(tmp_path, source=source)
    assert "each of 3 splits" in message
    assert "class 'rare'  1 distinct text\n" in message
    assert "Check `dataset.label_column`" in message
    assert "`dataset.split_fractions`" in message
    outputs = prepare(tmp_path, source=source, split_fractions={"test": 1.0})
    assert set(outputs.card["splits"]) == {"test"}


def test_labels_that_differ_by_case_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows_of(12, ("Sport", "sport"))))
    assert "differ by case only" in caplog.text


# Splits


def test_split_is_stratified_and_complete(tmp_path: Path) -> None:
    outputs = prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows_of(100)))
    assert outputs.card["splits"] == {
        "train": {"sport": 30, "tech": 30},
        "validation": {"sport": 10, "tech": 10},
        "test": {"sport": 10, "tech": 10},
    }


def test_smallest_classes_are_in_every_split(tmp_path: Path) -> None:
    outputs = prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows_of(6)))
    assert all(count == 1 for counts in outputs.card["splits"].values() for count in counts.values())


def test_split_follows_the_seed(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "rows.csv", rows_of(100))
    splits = [[row["split"] for row in prepare(tmp_path, source=source, seed=seed).documents] for seed in (1, 1, 2)]
    assert splits[0] == splits[1] != splits[2]


def test_split_does_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    rows = rows_of(50)
    forward = prepare(tmp_path, source=write_csv(tmp_path / "a.csv", rows)).documents
    backward = prepare(tmp_path, source=write_csv(tmp_path / "b.csv", rows[::-1])).documents
    assert {row["text"]: row["split"] for row in forward} == {row["text"]: row["split"] for row in backward}


def test_equal_texts_stay_in_one_split(tmp_path: Path) -> None:
    rows = [{"text": f"text {i % 40}", "label": "ab"[i % 2]} for i in range(200)]
    outputs = prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows))
    assert len({(row["text"], row["split"]) for row in outputs.documents}) == 40
    assert outputs.card["duplicate_texts"] == 160
    assert outputs.card["texts_in_several_splits"] == 0
    assert outputs.ledger[45] == {**outputs.ledger[45], "status": "kept", "detail": "same text as 6"}


def test_duplicate_texts_can_be_dropped(tmp_path: Path) -> None:
    rows = [*rows_of(12), *rows_of(2)]
    outputs = prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows), duplicate_texts="drop")
    assert len(outputs.documents) == 12
    assert [row["status"] for row in outputs.ledger[12:]] == ["duplicate", "duplicate"]
    assert outputs.ledger[13]["detail"] == "column text: same text as 2"


def test_same_text_with_two_labels_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [*rows_of(12), {"text": "text number 0", "label": "tech"}]
    outputs = prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows))
    assert "1 texts occur with more than one gold value" in caplog.text
    assert outputs.card["texts_with_several_labels"] == 1


def test_given_splits_are_kept_and_leaks_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train, test = rows_of(20), [*rows_of(1), {"text": "new", "label": "tech"}]
    files = {"test": write_csv(tmp_path / "test.csv", test), "train": write_json_lines(tmp_path / "train.jsonl", train)}
    outputs = prepare(tmp_path, files=files, split_fractions={"train": 1.0})
    assert [row["split"] for row in outputs.documents] == ["train"] * 20 + ["test"] * 2
    assert [row["id"] for row in outputs.documents[18:]] == ["train-19", "train-20", "test-1", "test-2"]
    assert outputs.card["texts_in_several_splits"] == 1
    assert "1 texts occur in more than one of the given splits" in caplog.text


def test_validation_is_carved_from_the_training_split(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = {"train": write_csv(tmp_path / "train.csv", rows_of(80)), "test": write_csv(tmp_path / "t.csv", rows_of(4))}
    with caplog.at_level(logging.INFO):
        outputs = prepare(tmp_path, files=files)
    assert outputs.card["splits"]["validation"] == {"sport": 10, "tech": 10}
    assert "20 of 80 training rows are set aside" in caplog.text


def test_training_split_without_a_class_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    both = write_csv(tmp_path / "both.csv", rows_of(8))
    one = write_csv(tmp_path / "one.csv", rows_of(3, ("sport",)))
    fractions = {"train": 1.0}
    assert "class 'tech'  no row in split train" in refuse(
        tmp_path, files={"train": one, "test": both}, split_fractions=fractions
    )
    prepare(tmp_path, files={"train": both, "test": one}, split_fractions=fractions)
    assert "split test has no row of class 'tech'" in caplog.text


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 500), st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any))
def test_apportion_is_exact_and_leaves_nobody_out(total: int, weights: list[int]) -> None:
    counts = apportion(total, weights)
    assert sum(counts) == total
    assert all(count == 0 for count, weight in zip(counts, weights, strict=True) if weight == 0)
    if total >= sum(weight > 0 for weight in weights):
        assert all(count > 0 for count, weight in zip(counts, weights, strict=True) if weight > 0)


# Ledger, card, bytes


@pytest.mark.parametrize("seed", range(3))
def test_every_input_row_is_in_the_ledger_once(tmp_path: Path, seed: int) -> None:
    rows: list[dict[str, Any]] = [{**row, "id": f"k{i}"} for i, row in enumerate([*rows_of(60), *rows_of(20)])]
    for i in range(seed, len(rows), 7):
        rows[i] |= [{"text": ""}, {"label": None}, {"id": "k1"}, {"text": "\x00"}, {"id": 3, "text": 4}][i % 5]
    source = write_json_lines(tmp_path / "rows.jsonl", rows)
    outputs = prepare(tmp_path, source=source, id_column="id", bad_rows="skip", duplicate_texts="drop")
    assert [(row["file"], row["row"]) for row in outputs.ledger] == [(source, n) for n in range(1, 81)]
    kept = [row for row in outputs.ledger if row["status"] == "kept"]
    assert [(row["id"], row["split"]) for row in kept] == [(row["id"], row["split"]) for row in outputs.documents]
    assert len(kept) + sum(outputs.card["left_out"].values()) == outputs.card["n_rows"] == 80
    assert len({row["id"] for row in outputs.documents}) == len(kept)


def test_same_configuration_gives_the_same_bytes(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "rows.csv", [*rows_of(50), *rows_of(5)])
    contents = []
    for run in ("first", "second"):
        prepare(tmp_path / run, source=source)
        contents.append([path.read_bytes() for path in sorted((tmp_path / run / "out").iterdir())])
    assert contents[0] == contents[1]


def test_metadata_has_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(Path("rows.csv"), rows_of(12))
    card = prepare(tmp_path, source="rows.csv").card
    digest = hashlib.sha256(Path("rows.csv").read_bytes()).hexdigest()
    assert card["files"] == [{"path": "rows.csv", "sha256": digest, "n_rows": 12}]
    assert (card["source"], card["revision"], card["text_column"], card["label_column"]) == (
        "rows.csv",
        None,
        "text",
        "label",
    )
    assert str(tmp_path) not in json.dumps(card)
    assert read_facts(tmp_path / "out" / "documents.parquet", corpus_schemas.DOCUMENTS) == {
        "task": "single_label",
        "label_names": ["sport", "tech"],
    }


def test_outputs_are_written_in_groups_of_a_thousand_rows(tmp_path: Path) -> None:
    prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows_of(2500)))
    for name in ("documents", "ledger"):
        metadata = pq.read_metadata(tmp_path / "out" / f"{name}.parquet")
        assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [1000, 1000, 500]


# Real corpora


@needs_corpora
def test_bbc_news(tmp_path: Path) -> None:
    outputs = prepare(tmp_path, source=str(CORPORA / "bbc-news.csv"), id_column="id")
    assert len(outputs.documents) == len(outputs.ledger) == 2225
    assert outputs.card["duplicate_texts"] == 98
    totals = {split: sum(counts.values()) for split, counts in outputs.card["splits"].items()}
    assert totals == pytest.approx({"train": 0.6 * 2225, "validation": 0.2 * 2225, "test": 0.2 * 2225}, rel=0.01)
    assert len({(row["text"], row["split"]) for row in outputs.documents}) == 2225 - 98
    with io.StringIO((CORPORA / "bbc-news.csv").read_bytes().decode(), newline="") as file:
        assert [row["text"] for row in outputs.documents] == [row["text"] for row in csv.DictReader(file)]


@needs_corpora
def test_hate_speech(tmp_path: Path) -> None:
    # A reader that takes quotes for quoting finds 6,080 training rows: it merges the 77 lines between two stray quotes.
    folder = CORPORA / "attviz" / "hatespeech"
    files = {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}
    outputs = prepare(
        tmp_path,
        files={split: str(folder / name) for split, name in files.items()},
        text_column="text_a",
        label_names={"0": "hate", "1": "skip", "2": "noHate", "3": "relation"},
    )
    assert {split: sum(counts.values()) for split, counts in outputs.card["splits"].items()} == {
        "train": 6156,
        "validation": 2052,
        "test": 2736,
    }
    lines = (folder / "train.tsv").read_text(encoding="utf-8").splitlines()[1:]
    assert [row["text"] for row in outputs.documents[:6156]] == [line.split("\t")[1] for line in lines]
    assert outputs.card["splits"]["test"] == {"hate": 299, "skip": 18, "noHate": 2377, "relation": 42}


@needs_corpora
def test_attviz_bbc(tmp_path: Path) -> None:
    folder = CORPORA / "attviz" / "bbc"
    files = {
        "train": str(folder / "train.tsv"),
        "test": str(folder / "test.tsv"),
        "validation": str(folder / "dev.tsv"),
    }
    outputs = prepare(tmp_path, files=files, text_column="text_a")
    assert [sum(counts.values()) for counts in outputs.card["splits"].values()] == [790, 264, 352]
    assert not any(row["text"].startswith('"') and row["text"].endswith('"') for row in outputs.documents)
