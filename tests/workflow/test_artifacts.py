"""Files in which stages meet: atomic, versioned, refused when damaged."""

import dataclasses
import errno
import itertools
import json
import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attviz_pipeline.aggregates import AGGREGATES
from attviz_pipeline.artifacts import (
    all_schemas,
    checksums,
    corpus_schemas,
    files,
    model_schemas,
    statistics_schemas,
)
from attviz_pipeline.artifacts.log_code import AGGREGATE_CODE, ATTENTION_CODE, LogCode
from attviz_pipeline.artifacts.schema import Schema, column
from attviz_pipeline.errors import ArtifactError, ResourceError

VALUES = {"position": [0, 1], "id": ["a", "b"]} | {
    name: [np.float32([0.1, 0.2]), np.float32([])] for name in AGGREGATES
}


def write(path: Path) -> Path:
    files.write_table(path, statistics_schemas.AGGREGATES, VALUES, {"n_layers": 2})
    return path


def test_a_file_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, synced = tmp_path / "a.json", []

    def fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        synced.append((path == tmp_path, path.is_file() and path.read_text() == "text", target.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    files.write_text(target, "text")
    assert synced == [(False, True, False), (True, False, True)]


def test_a_folder_has_its_name_only_when_all_of_it_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, calls = tmp_path / "site", []
    monkeypatch.setattr(os, "fsync", lambda handle: calls.append(Path(f"/proc/self/fd/{handle}").readlink()))
    rename = Path.replace
    monkeypatch.setattr(Path, "replace", lambda old, new: (calls.append("rename"), rename(old, new))[1])

    with files.atomic_directory(site) as temporary:
        (temporary / "pages" / "empty").mkdir(parents=True)
        (temporary / "index.html").write_text("index")
        (temporary / "pages" / "1.html").write_text("page")
        (temporary / "elsewhere").symlink_to(tmp_path)

    contents, folders = {"index.html", "pages/1.html"}, {".", "pages", "pages/empty"}
    assert {str(path.relative_to(temporary)) for path in calls[:2]} == contents
    assert {str(path.relative_to(temporary)) for path in calls[2:5]} == folders
    assert calls[5:] == ["rename", tmp_path]


def test_a_folder_that_cannot_be_put_on_disk_gets_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with (
        pytest.raises(OSError, match="Input/output error"),
        files.atomic_directory(tmp_path / "site") as temporary,
    ):
        (temporary / "index.html").write_text("index")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_file_may_be_read_by_whom_the_mask_lets(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        files.write_text(tmp_path / "a.json", "text")
    finally:
        assert os.umask(before) == mask
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize(("code", "percent"), [(ATTENTION_CODE, 2.757), (AGGREGATE_CODE, 0.02637)])
def test_codes_are_off_by_their_error_half_way_between_two(code: LogCode, percent: float) -> None:
    ratio = (code.high / code.low) ** (1 / (2**code.bits - 2))
    assert code.relative_error == pytest.approx(ratio**0.5 - 1) == pytest.approx(percent / 100, rel=1e-3)
    values = code.low * np.geomspace(1, ratio, 2001)
    assert (np.abs(code.decode(code.encode(values)) / values - 1)).max() == pytest.approx(code.relative_error, rel=0.03)


def test_nullable_column_that_is_left_out_is_null_and_no_other_may_be(tmp_path: Path) -> None:
    rows = {"id": ["a", "b"], "split": ["test"] * 2, "label": [0, 1], "text": ["one", "two"]}
    files.write_table(tmp_path / "documents.parquet", corpus_schemas.DOCUMENTS, rows)

    assert files.read_table(tmp_path / "documents.parquet", corpus_schemas.DOCUMENTS)["pair_start"].to_pylist() == [
        None,
        None,
    ]
    del rows["split"]
    with pytest.raises(KeyError, match="split"):
        files.write_table(tmp_path / "documents.parquet", corpus_schemas.DOCUMENTS, rows)


def test_table_comes_back_with_its_facts(tmp_path: Path) -> None:
    path = write(tmp_path / "deep" / "table.parquet")

    assert files.read_table(path, statistics_schemas.AGGREGATES).column("mean").to_pylist()[0] == pytest.approx(
        [0.1, 0.2]
    )
    assert files.read_facts(path, statistics_schemas.AGGREGATES) == {"n_layers": 2}
    assert files.count_rows(path, statistics_schemas.AGGREGATES) == 2


def test_other_tools_read_it(tmp_path: Path) -> None:
    assert pq.read_table(write(tmp_path / "table.parquet")).to_pandas()["id"].tolist() == ["a", "b"]


def test_measured_values_are_split_by_significance_in_lists_too(tmp_path: Path) -> None:
    measured = {
        "float": ([0.5], pa.float32()),
        "list": ([[0.5]], pa.list_(pa.float32())),
        "long": ([[0.5]], pa.large_list(pa.float64())),
        "codes": ([[7]], pa.list_(pa.uint8())),
    }
    others = {"count": ([7], pa.int64()), "name": (["a"], pa.string()), "words": ([["a"]], pa.list_(pa.string()))}
    fields = [pa.field(name, arrow_type) for name, (_, arrow_type) in (measured | others).items()]
    values = {name: column for name, (column, _) in (measured | others).items()}
    files.write_table(tmp_path / "table", Schema("table", 1, "stage", "", pa.schema(fields)), values)

    group = pq.ParquetFile(tmp_path / "table").metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    split = {column.path_in_schema.partition(".")[0] for column in columns if "BYTE_STREAM_SPLIT" in column.encodings}
    assert split == set(measured)


def test_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "a").read_bytes() == write(tmp_path / "b").read_bytes()


def test_failed_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path / "table.parquet")
    before = path.read_bytes()

    def write_and_fail() -> None:
        with files.TableWriter(path, statistics_schemas.AGGREGATES) as writer:
            writer.write(VALUES)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_failed_directory_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    with files.atomic_directory(folder) as temporary:
        (temporary / "index.html").write_text("old")

    def fail() -> None:
        with files.atomic_directory(folder) as temporary:
            (temporary / "index.html").write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (folder / "index.html").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


def test_what_a_killed_job_left_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".table.parquet.x1.partial").write_bytes(b"half a file")
    (tmp_path / ".other.parquet.x1.partial").write_bytes(b"another job's")
    (tmp_path / ".site.x1.partial").mkdir()
    write(tmp_path / "table.parquet")
    (tmp_path / ".corpus.x1.partial").mkdir()
    with files.atomic_directory(tmp_path / "site"):
        pass
    with files.scratch_directory(tmp_path / "corpus") as scratch:
        assert {path.name for path in tmp_path.glob(".corpus.*")} == {scratch.name}

    assert {path.name for path in tmp_path.iterdir()} == {"table.parquet", "site", ".other.parquet.x1.partial"}


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_table_is_refused(tmp_path: Path, keep: float) -> None:
    path = write(tmp_path / "table.parquet")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])

    with pytest.raises(ArtifactError, match=r"table\.parquet is damaged or truncated") as caught:
        files.read_table(path, statistics_schemas.AGGREGATES)
    assert "run the workflow again" in str(caught.value)


def test_flipped_bit_in_the_values_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "table.parquet")
    column = pq.ParquetFile(path).metadata.row_group(0).column(2)
    content = bytearray(path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size - 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(ArtifactError, match="damaged or truncated"):
        files.read_table(path, statistics_schemas.AGGREGATES)


def test_table_of_another_schema_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "table.parquet")

    with pytest.raises(
        ArtifactError, match=r"is attviz/aggregates/\d+, where attviz/ledger/1 is wanted: give the file that stage"
    ):
        files.read_table(path, corpus_schemas.LEDGER)


def test_table_of_another_version_is_refused(tmp_path: Path) -> None:
    newer = dataclasses.replace(statistics_schemas.AGGREGATES, version=99)
    files.write_table(tmp_path / "table.parquet", newer, VALUES)

    with pytest.raises(
        ArtifactError, match=r"is attviz/aggregates/99; this version reads attviz/aggregates/"
    ) as caught:
        files.read_table(tmp_path / "table.parquet", statistics_schemas.AGGREGATES)
    assert "run the workflow again" in str(caught.value)


def test_table_of_a_stranger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pq.write_table(pq.read_table(write(path)).replace_schema_metadata(None), path)

    with pytest.raises(ArtifactError, match="names no schema"):
        files.read_table(path, statistics_schemas.AGGREGATES)


def test_missing_file_names_the_stage_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not exist; stage `aggregate_shard` writes it"):
        files.read_table(tmp_path / "none", statistics_schemas.AGGREGATES)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"schema": "attviz/model/2", "n_layers"', "is damaged or truncated"),
        ('{"schema": "attviz/model/1"}', "is attviz/model/1; this version reads attviz/model/2"),
        ("[]", "names no schema"),
    ],
)
def test_damaged_json_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "model.json"
    path.write_text(text)

    with pytest.raises(ArtifactError, match=fault):
        files.read_json(path, model_schemas.MODEL)


def test_json_never_holds_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "model.json", model_schemas.MODEL, {"accuracy": float("nan")})
    assert not list(tmp_path.iterdir())


def test_json_names_its_schema_first(tmp_path: Path) -> None:
    files.write_json(tmp_path / "model.json", model_schemas.MODEL, {"n_layers": 2})

    assert next(iter(json.loads((tmp_path / "model.json").read_text()))) == "schema"


def test_too_little_disk_is_reported_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"too little disk for a test: .* MB are free.\nFree some space"):
        files.require_space(tmp_path / "not" / "yet" / "there", 10**18, "a test")


def test_every_flipped_bit_of_a_table_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "table.parquet")
    content = path.read_bytes()

    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(ArtifactError, match=r"table\.parquet"):
            files.read_facts(path, statistics_schemas.AGGREGATES)


def test_every_flipped_bit_of_a_json_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    files.write_json(path, model_schemas.MODEL, {"n_layers": 2, "sha256": {"a": "0" * 64}, "label_names": ["ü"]})
    assert files.read_json(path, model_schemas.MODEL)["sha256"] == {"a": "0" * 64}
    content = path.read_bytes()

    for place, bit in itertools.product(range(len(content)), range(8)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        with pytest.raises(ArtifactError, match=r"model\.json"):
            files.read_json(path, model_schemas.MODEL)


def test_changed_file_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    digests = {"a": checksums.digest(tmp_path / "a")}
    checksums.require_unchanged(tmp_path, digests)

    (tmp_path / "a").write_text("two")
    with pytest.raises(ArtifactError, match="a is damaged: its checksum"):
        checksums.require_unchanged(tmp_path, digests)
    with pytest.raises(ArtifactError, match="b is missing"):
        checksums.require_unchanged(tmp_path, {"b": ""})


def test_a_column_that_can_be_empty_is_declared_so() -> None:
    described = [
        (f"{schema.name}.{field.name}", field.metadata[b"description"].decode(), field.nullable)
        for schema in all_schemas.ALL
        for arrow in (schema.arrow, *schema.of_tasks.values())
        for field in arrow
    ]

    empty = re.compile(r"\bnull\b|\bbound of (its|that)( 95 %)? interval")
    assert len(described) > 500
    assert [name for name, description, nullable in described if empty.search(description) and not nullable] == []
    assert not column("n", pa.int32(), "Documents").nullable
