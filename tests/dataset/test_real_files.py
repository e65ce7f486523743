"""Data files as people have them: headers, types, containers and texts that a strict reader would trip over."""

import bz2
import gzip
import json
import logging
import lzma
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import datasets
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import yaml
from corpora import prepare, refuse, rows_of, write_csv, write_json_lines, write_text

from attviz_pipeline.dataset.names import quoted
from attviz_pipeline.dataset.prepare_dataset import prepare_dataset
from attviz_pipeline.dataset.shard_documents import shard_documents
from attviz_pipeline.errors import DatasetError
from attviz_pipeline.stages import PrepareDataset, ShardDocuments

TEXTS = [f"text number {i}" for i in range(12)]


def write_labels(path: Path, labels: list[Any] | pa.Array) -> str:
    """Write a Parquet file of twelve texts with these labels."""
    pq.write_table(pa.table({"text": TEXTS, "label": labels}), path)
    return str(path)


# A loaded model: nothing is learned, so nothing is divided


class TestLoadedModel:
    LOADED: ClassVar = {"fine_tunes": False, "draws_splits": False}

    def analyse(self, folder: Path, stage: dict[str, bool], **dataset: object) -> list[str]:
        """Prepare and shard; return the texts that are analysed."""
        out = [folder / name for name in ("documents.parquet", "ledger.parquet", "dataset.json", "shard.parquet")]
        prepare_dataset(PrepareDataset.model_validate({"seed": 1, "dataset": dataset, **stage}), *out[:3])
        shard = ShardDocuments.model_validate({"seed": 1, "documents": {}, "fine_tunes": stage["fine_tunes"]})
        shard_documents(shard, out[0], [out[3]])
        return [str(text) for text in pq.read_table(out[3])["text"].to_pylist()]

    def test_all_rows_of_one_file_are_analysed_whatever_classes_they_have(self, tmp_path: Path) -> None:
        source = write_csv(tmp_path / "rows.csv", rows_of(5))
        given = {"source": source, "label_names": ["sport", "tech", "politics"]}
        assert len(self.analyse(tmp_path, self.LOADED, **given)) == 5

    def test_shares_that_the_study_names_are_drawn_and_need_no_row_of_every_class(self, tmp_path: Path) -> None:
        source = write_csv(tmp_path / "rows.csv", rows_of(20))
        given = {"source": source, "label_names": ["sport", "tech", "politics"]}
        assert len(self.analyse(tmp_path, {"fine_tunes": False, "draws_splits": True}, **given)) == 4

    def test_a_given_test_split_is_analysed_alone_and_other_rows_where_there_is_none(self, tmp_path: Path) -> None:
        train, test = write_csv(tmp_path / "a.csv", rows_of(9)), write_csv(tmp_path / "b.csv", rows_of(4))
        assert len(self.analyse(tmp_path, self.LOADED, files={"train": train, "test": test})) == 4
        assert len(self.analyse(tmp_path, self.LOADED, files={"train": train})) == 9

    def test_a_model_to_fine_tune_still_needs_every_class_in_every_split(self, tmp_path: Path) -> None:
        source = write_csv(tmp_path / "rows.csv", rows_of(20))
        message = refuse(tmp_path, source=source, label_names=["sport", "tech", "politics"])
        assert "too few rows to have every class" in message
        assert "`model.mode: load`" in message


# Names of columns


@pytest.mark.parametrize("header", [" label", "label ", "\u00a0label", "\ufefflabel", "\tlabel", "label\u200b"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_blanks_around_a_column_name_are_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, header: str, suffix: str
) -> None:
    rows = [{"text": row["text"], header: row["label"]} for row in rows_of(6)]
    path = tmp_path / f"rows.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        (write_csv if suffix == "csv" else write_json_lines)(path, rows)
    assert prepare(tmp_path, source=str(path)).card["label_names"] == ["sport", "tech"]
    assert f"read {quoted(header)} as label" in caplog.text


@pytest.mark.parametrize("header", ["Label", " LABEL", "\u00a0Label", "labels", 'the "label"', "label's", "la\\bel"])
def test_the_hint_for_a_column_works_when_it_is_copied_into_the_study(tmp_path: Path, header: str) -> None:
    rows = [{"text": row["text"], header: row["label"]} for row in rows_of(6)]
    source = write_csv(tmp_path / "rows.csv", rows)
    message = refuse(tmp_path, source=source)
    hint = re.search(r"did you mean (.*)\? there are", message)
    assert hint
    assert prepare(tmp_path, source=source, label_column=yaml.safe_load(hint[1])).card["label_names"]


def test_columns_that_differ_by_blanks_only_are_found_by_their_exact_names(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label ": "ab"[i % 2], " label": "cd"[i % 2]} for i in range(6)]
    source = write_csv(tmp_path / "rows.csv", rows)
    assert "'label ' and ' label': rename one" in refuse(tmp_path, source=source)
    assert prepare(tmp_path, source=source, label_column=" label").card["label_names"] == ["c", "d"]


def test_a_column_that_a_parquet_file_has_twice_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(TEXTS), pa.array(TEXTS), pa.array([0, 1] * 6)], ["text", "text", "label"])
    pq.write_table(table, tmp_path / "rows.parquet")
    assert "names column 'text' twice" in refuse(tmp_path, source=str(tmp_path / "rows.parquet"))


def test_columns_without_a_name_do_no_harm(tmp_path: Path) -> None:
    lines = "text,label,,\n" + "".join(f"text {i},{'ab'[i % 2]},,\n" for i in range(6))
    assert len(prepare(tmp_path, source=write_text(tmp_path / "rows.csv", lines)).documents) == 6


# Types of labels


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (pa.array([True, False] * 6), ["false", "true"]),
        (pa.array([0.0, 1.0] * 6), ["0", "1"]),
        (pa.array([0.0, 1.0] * 6, pa.float32()), ["0", "1"]),
        (pa.array([Decimal("0.0"), Decimal("1.0")] * 6), ["0", "1"]),
        (pa.array(["no", "yes"] * 6).dictionary_encode(), ["no", "yes"]),
        (pa.array([2**63, 2**63 + 1] * 6, pa.uint64()), [str(2**63), str(2**63 + 1)]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array | pa.DictionaryArray) else "",
)
def test_labels_of_any_whole_type_name_themselves(tmp_path: Path, labels: pa.Array, names: list[str]) -> None:
    assert prepare(tmp_path, source=write_labels(tmp_path / "rows.parquet", labels)).card["label_names"] == names


@pytest.mark.parametrize(
    ("labels", "given"),
    [
        ([False, True] * 6, ["no", "yes"]),
        ([False, True] * 6, {"false": "no", "true": "yes"}),
        ([False, True] * 6, {"False": "no", "True": "yes"}),
        ([0.0, 1.0] * 6, ["no", "yes"]),
        ([0.0, 1.0] * 6, {0: "no", 1: "yes"}),
        ([0.0, 1.0] * 6, {0.0: "no", 1.0: "yes"}),
    ],
)
@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_truth_values_and_whole_floats_can_be_named(
    tmp_path: Path, labels: list[Any], given: dict[Any, str] | list[str], suffix: str
) -> None:
    path = tmp_path / f"rows.{suffix}"
    rows = [{"text": text, "label": label} for text, label in zip(TEXTS, labels, strict=True)]
    source = write_labels(path, labels) if suffix == "parquet" else write_json_lines(path, rows)
    outputs = prepare(tmp_path, source=source, label_names=given)
    assert [outputs.card["label_names"][row["label"]] for row in outputs.documents] == ["no", "yes"] * 6


@pytest.mark.parametrize("given", [["no", "yes"], {"0": "no", "1": "yes"}])
def test_numbers_that_pandas_wrote_with_decimals_can_be_named(
    tmp_path: Path, given: dict[Any, str] | list[str]
) -> None:
    rows = [{"text": text, "label": f"{i % 2}.0"} for i, text in enumerate(TEXTS)]
    outputs = prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows), label_names=given)
    assert [row["label"] for row in outputs.documents] == [0, 1] * 6


def test_text_is_no_truth_value(tmp_path: Path) -> None:
    rows = [{"text": text, "label": ["False", "True"][i % 2]} for i, text in enumerate(TEXTS)]
    source = write_csv(tmp_path / "rows.csv", rows)
    assert "'False' is none of the classes' labels" in refuse(tmp_path, source=source, label_names=["real", "fake"])


def test_gaps_in_a_column_of_integers_are_missing_labels(tmp_path: Path) -> None:
    source = write_labels(tmp_path / "rows.parquet", [0.0, 1.0] * 5 + [float("nan"), None])
    assert "2 of 12 rows cannot be used" in refuse(tmp_path, source=source)
    outputs = prepare(tmp_path / "skip", source=source, bad_rows="skip")
    assert outputs.card["label_names"] == ["0", "1"]
    assert outputs.card["left_out"] == {"unreadable_label": 2}


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_measured_numbers_are_values(tmp_path: Path, suffix: str) -> None:
    rows = [{"text": f"text {i}", "label": i / 7} for i in range(40)]
    path = tmp_path / f"rows.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        (write_csv if suffix == "csv" else write_json_lines)(path, rows)
    outputs = prepare(tmp_path, source=str(path))
    assert (outputs.card["task"], outputs.card["label_names"]) == ("regression", [])
    assert [row["value"] for row in outputs.documents] == [row["label"] for row in rows]


@pytest.mark.parametrize("labels", [[["a", "b"], ["b"]] * 6, [[0, 1], [1, 0]] * 6])
def test_lists_of_labels_are_read_and_lists_as_text_refused_once(tmp_path: Path, labels: list[Any]) -> None:
    outputs = prepare(tmp_path, source=write_labels(tmp_path / "rows.parquet", labels))
    names = outputs.card["label_names"]
    assert [{names[i] for i in row["labels"]} for row in outputs.documents] == [set(map(str, some)) for some in labels]
    rows = [{"text": text, "label": str(label)} for text, label in zip(TEXTS, labels, strict=True)]
    several = [row | {"label": row["label"].replace("['b']", "['b', 'c']")} for row in rows]
    message = refuse(tmp_path / "refused", source=write_csv(tmp_path / "rows.csv", several))
    assert message.startswith("column 'label' (`dataset.label_column`) holds lists written as text")
    assert "`dataset.label_separator`" in message


def test_a_few_ratings_with_halves_are_classes(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label": f"{1 + i % 4 / 2}"} for i in range(40)]
    names = prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows)).card["label_names"]
    assert names == ["1.0", "1.5", "2.0", "2.5"]


def test_minus_one_beside_class_numbers_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"text": f"text {i}", "label": i % 4 - 1} for i in range(16)]
    prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows))
    assert "-1 is a class of its own" in caplog.text


# Names that look alike


@pytest.mark.parametrize(
    ("labels", "difference"),
    [
        (("caf\u00e9", "cafe\u0301"), "Unicode form"),
        (("cafe", "ca\u200bfe"), "invisible characters"),
        (("caf\u00e9", "CAFE\u0301"), "case or Unicode form"),
        (("two words", "two\u00a0words"), "blanks"),
        (("1", "1.0"), "decimals"),
        (("Cafe", "cafe"), "case"),
    ],
)
def test_classes_that_look_alike_are_named_and_the_remedy_joins_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, labels: tuple[str, ...], difference: str
) -> None:
    source = write_csv(tmp_path / "rows.csv", rows_of(18, (*labels, "other")))
    assert len(prepare(tmp_path, source=source).card["label_names"]) == 3
    (warning,) = [record.getMessage() for record in caplog.records if "classes of their own" in record.getMessage()]
    assert difference in warning
    assert all(quoted(label) in warning for label in labels)
    joined = {yaml.safe_load(quoted(label)): "one" for label in labels} | {"other": "other"}
    assert prepare(tmp_path, source=source, label_names=joined).card["label_names"] == ["one", "other"]


def test_ids_that_look_alike_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [row | {"id": f"n{i}"} for i, row in enumerate(rows_of(12))]
    rows[3]["id"], rows[7]["id"] = "caf\u00e9", "cafe\u0301"
    prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows), id_column="id")
    assert "2 ids differ from others by Unicode form" in caplog.text
    assert '"cafe\\u0301"' in caplog.text


# Containers

COMPRESSIONS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda content: pa.compress(content, "zstd", asbytes=True),
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "json"])
def test_compressed_text_is_read(tmp_path: Path, compression: str, suffix: str) -> None:
    plain = tmp_path / f"rows.{suffix}"
    if suffix == "json":
        write_text(plain, json.dumps(rows_of(6)))
    elif suffix == "jsonl":
        write_json_lines(plain, rows_of(6))
    else:
        write_csv(plain, rows_of(6), delimiter="," if suffix == "csv" else "\t")
    packed = tmp_path / f"rows.{suffix}.{compression}"
    packed.write_bytes(COMPRESSIONS[compression](plain.read_bytes()))
    outputs = prepare(tmp_path, source=str(packed))
    assert outputs.documents == prepare(tmp_path, source=str(plain)).documents
    assert outputs.card["files"][0]["path"] == str(packed)


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_cut_compressed_file_is_refused(tmp_path: Path, compression: str) -> None:
    plain = "text,label\n" + "".join(f"text {i * i},{i % 2}\n" for i in range(500))
    path = tmp_path / f"rows.csv.{compression}"
    path.write_bytes(COMPRESSIONS[compression](plain.encode())[:-40])
    assert "is damaged, its end is missing" in refuse(tmp_path, source=str(path))


def test_json_array_is_read_and_other_json_says_what_is_wrong(tmp_path: Path) -> None:
    source = write_text(tmp_path / "rows.json", json.dumps(rows_of(6), indent=2))
    assert len(prepare(tmp_path, source=source).documents) == 6
    write_json_lines(tmp_path / "lines.json", rows_of(6))
    assert len(prepare(tmp_path, source=str(tmp_path / "lines.json")).documents) == 6
    assert "row 2 must be an object" in refuse(
        tmp_path / "b", source=write_text(tmp_path / "a.json", '[{"text": "a"}, 3]')
    )
    assert "is no JSON array" in refuse(tmp_path / "b", source=write_text(tmp_path / "b.json", '[{"text": "a"}'))


def test_key_that_a_row_gives_twice_is_refused(tmp_path: Path) -> None:
    lines = '{"text": "a", "label": 0, "text": "b"}\n{"text": "c", "label": 1}\n'
    for name, content in {"rows.jsonl": lines, "rows.json": f"[{lines.strip().replace(chr(10), ',')}]"}.items():
        assert "the key 'text' twice" in refuse(tmp_path, source=write_text(tmp_path / name, content))


def saved_dataset(n_rows: int = 12) -> datasets.Dataset:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    return datasets.Dataset.from_list([{"text": f"text {i}", "label": i % 2} for i in range(n_rows)], features=features)


def test_saved_dataset_is_read_with_its_class_names(tmp_path: Path) -> None:
    saved_dataset().save_to_disk(tmp_path / "saved", num_shards=3)
    outputs = prepare(tmp_path, source=str(tmp_path / "saved"))
    assert [row["text"] for row in outputs.documents] == [f"text {i}" for i in range(12)]
    assert outputs.card["label_names"] == ["neg", "pos"]
    assert outputs.card["files"][0] == outputs.card["files"][0] | {"path": str(tmp_path / "saved"), "n_rows": 12}
    assert len(outputs.card["files"][0]["sha256"]) == 64
    as_files = {"train": str(tmp_path / "saved"), "test": write_csv(tmp_path / "t.csv", rows_of(4, ("neg", "pos")))}
    assert len(prepare(tmp_path, files=as_files, label_names=["neg", "pos"]).documents) == 16


def test_saved_splits_are_pooled_or_take_the_roles_that_the_study_gives(tmp_path: Path) -> None:
    saved = datasets.DatasetDict({"train": saved_dataset(20), "held-out": saved_dataset(6)})
    saved.save_to_disk(tmp_path / "saved")
    pooled = prepare(tmp_path, source=str(tmp_path / "saved"))
    assert [row["id"] for row in pooled.documents[19:21]] == ["train-20", "held-out-1"]
    kept = prepare(tmp_path, source=str(tmp_path / "saved"), splits={"test": "held-out", "train": "train"})
    assert [row["split"] for row in kept.documents[-6:]] == ["test"] * 6
    message = refuse(tmp_path / "b", source=str(tmp_path / "saved"), splits={"test": "tset"})
    assert "'tset' is no split of" in message
    assert "train, held-out" in message
    assert "one split in it" in refuse(tmp_path / "b", files={"train": str(tmp_path / "saved")})


@pytest.mark.parametrize("name", ["../../secret.arrow", "/etc/passwd", "missing.arrow"])
def test_saved_folder_names_no_file_outside_it(tmp_path: Path, name: str) -> None:
    saved_dataset().save_to_disk(tmp_path / "saved")
    state = {"_data_files": [{"filename": name}]}
    (tmp_path / "saved" / "state.json").write_text(json.dumps(state), encoding="utf-8")
    assert "which is not in the folder" in refuse(tmp_path, source=str(tmp_path / "saved"))


def test_arrow_and_feather_files_are_read(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(rows_of(6))
    pyarrow.feather.write_feather(table, str(tmp_path / "rows.feather"))
    with pa.ipc.new_stream(tmp_path / "rows.arrow", table.schema) as writer:
        writer.write_table(table)
    for name in ("rows.feather", "rows.arrow"):
        assert len(prepare(tmp_path, source=str(tmp_path / name)).documents) == 6
    assert "or no Arrow file" in refuse(tmp_path / "b", source=write_text(tmp_path / "b.arrow", "text,label\n"))


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("rows.zip", b"PK\x03\x04", "unpack it, and name the file in it"),
        ("rows.csv.zip", b"PK\x03\x04", "unpack it, and name the file in it"),
        ("rows.xlsx", b"PK\x03\x04", "save the sheet as CSV"),
        ("rows.csv", b"PK\x03\x04", "an archive or a spreadsheet, in spite of its suffix"),
        ("rows.csv", b"\xd0\xcf\x11\xe0", "save the sheet as CSV"),
        ("rows.pkl", b"\x80\x04", "may hold code, so it is never opened"),
        ("rows.csv", b"version https://git-lfs.github.com/spec/v1\n", "run `git lfs pull`"),
        ("rows.csv", b"<!DOCTYPE html>", "download the file itself"),
    ],
)
@pytest.mark.parametrize("file_format", [None, "csv"])
def test_other_containers_name_the_way_in_one_message(
    tmp_path: Path, name: str, content: bytes, remedy: str, file_format: str | None
) -> None:
    (tmp_path / name).write_bytes(content)
    assert remedy in refuse(tmp_path, source=str(tmp_path / name), format=file_format)


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("file:///data/my%20rows.csv", "write the path alone, /data/my rows.csv"),
        ("https://example.org/rows.csv", "download the file, and give its path"),
        ("s3://bucket/rows.parquet", "download the file, and give its path"),
        ("https://huggingface.co/datasets/owner/news", "write the hub id alone, owner/news"),
        ("hf://datasets/owner/news", "write the hub id alone, owner/news"),
        ("~/rows.csv", "write the whole path"),
    ],
)
def test_addresses_name_the_way_in_one_message(tmp_path: Path, source: str, remedy: str) -> None:
    assert remedy in refuse(tmp_path, source=source)


def test_a_folder_of_files_names_one_of_them(tmp_path: Path) -> None:
    write_csv(tmp_path / "part-1.csv", rows_of(6))
    assert "name a file in it, such as part-1.csv" in refuse(tmp_path, source=str(tmp_path))


def test_a_file_name_with_a_blank_in_front_can_be_given(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "rows.csv ", rows_of(6))
    assert "'rows.csv '" in refuse(tmp_path / "b", source=str(tmp_path / "rows.csv"))
    assert len(prepare(tmp_path, source=source, format="csv").documents) == 6


# Quoting


def quoted_tsv(path: Path, stray: str = "") -> str:
    lines = ["label\ttext", *(f'"{"ab"[i % 2]}"\t"text {i}"' for i in range(6))]
    return write_text(path, "\n".join([*lines, *([stray] if stray else [])]))


def test_quotes_that_stay_in_the_text_are_logged_once_with_the_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = quoted_tsv(tmp_path / "rows.tsv", 'a\tan inch is 1 "')
    with caplog.at_level(logging.WARNING):
        prepare(tmp_path, source=source, label_names={'"a"': "a", '"b"': "b", "a": "a"})
    (warning,) = [record.getMessage() for record in caplog.records if "without quoting" in record.getMessage()]
    assert "line 8 has a stray double quote: the quotes around 12 fields stay" in warning


@pytest.mark.parametrize(("quoting", "first"), [("always", "text 0"), ("never", '"text 0"')])
def test_quoting_can_be_set(tmp_path: Path, caplog: pytest.LogCaptureFixture, quoting: str, first: str) -> None:
    source = quoted_tsv(tmp_path / "rows.tsv", 'a\tan inch is 1 "')
    names = {'"a"': "a", '"b"': "b", "a": "a", "b": "b"}
    documents = prepare(tmp_path, source=source, quoting=quoting, label_names=names).documents
    assert (documents[0]["text"], documents[6]["text"]) == (first, 'an inch is 1 "')
    assert "without quoting" not in caplog.text


def test_csv_without_quoting_is_read_when_the_study_says_so(tmp_path: Path) -> None:
    lines = "text,label\n" + "".join(f'"text {i},{"ab"[i % 2]}\n' for i in range(6))
    source = write_text(tmp_path / "rows.csv", lines)
    assert "set `dataset.quoting: never`" in refuse(tmp_path, source=source)
    assert prepare(tmp_path, source=source, quoting="never").documents[0]["text"] == '"text 0'


def test_quoting_of_what_has_no_quotes_is_refused(tmp_path: Path) -> None:
    source = write_json_lines(tmp_path / "rows.jsonl", rows_of(6))
    assert "dataset.quoting  fits CSV and TSV files only" in refuse(tmp_path, source=source, quoting="never")


# Texts


@pytest.mark.parametrize(
    ("residue", "kind"),
    [
        (r"\xa0", "escapes written out"),
        (r"line\nend", "escapes written out"),
        (r"\u2019", "escapes written out"),
        ("&amp;", "HTML entities"),
        ("&#39;", "HTML entities"),
        ("<br />", "HTML tags"),
        ('<a href="x">', "HTML tags"),
        ("cafÃ©", "UTF-8 read in another encoding"),
        ("itâ€™s", "UTF-8 read in another encoding"),
        ("ca\ufffdf", "the replacement character"),
    ],
)
def test_residues_in_texts_are_logged_once_and_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, residue: str, kind: str
) -> None:
    rows = rows_of(12)
    for row in rows[::3]:
        row["text"] += f" {residue} end"
    outputs = prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows))
    assert [row["text"] for row in outputs.documents] == [row["text"] for row in rows]
    (warning,) = [record.getMessage() for record in caplog.records if "of 12 texts" in record.getMessage()]
    assert f"4 hold {kind}, such as" in warning
    assert "rows.csv row 1" in warning


def test_plain_texts_are_not_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    texts = [
        "café São Ângela",
        "AT&T; 3 < 4 > 2",
        "C:/new",
        "«À»",
        "she said “no”",
        "naïve",
        "100 %",
        "a <3 b",
        "x & y;",
    ]
    prepare(
        tmp_path,
        source=write_csv(tmp_path / "rows.csv", [{"text": text, "label": i % 2} for i, text in enumerate(texts)]),
    )
    assert caplog.text == ""


def test_rare_residues_are_not_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = rows_of(300)
    rows[4]["text"] += " &amp;"
    prepare(tmp_path, source=write_csv(tmp_path / "rows.csv", rows))
    assert caplog.text == ""


def test_damaged_dictionary_of_splits_is_refused(tmp_path: Path) -> None:
    write_text(tmp_path / "dataset_dict.json", '{"splits": ["../x"]}')
    with pytest.raises(DatasetError, match="names splits that are not there"):
        prepare(tmp_path, source=str(tmp_path))
