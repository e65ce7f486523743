"""Stage `shard_documents`: what is analysed, how it is cut, and that the number of shards changes nothing."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attviz_pipeline.artifacts import corpus_schemas
from attviz_pipeline.artifacts.files import count_rows, read_facts, read_table, write_table
from attviz_pipeline.config.settings import DocumentsSettings
from attviz_pipeline.dataset.shard_documents import cut_paragraphs, shard_documents
from attviz_pipeline.errors import ArtifactError, DatasetError
from attviz_pipeline.stages import ShardDocuments

CORPORA = Path(__file__).parents[3] / "shared" / "data"
LABEL_NAMES = ["sport", "tech"]


def write_documents(path: Path, texts: list[str], *, split: str = "test", labels: list[int] | None = None) -> Path:
    columns = {
        "id": [f"d{i}" for i in range(len(texts))],
        "split": [split] * len(texts),
        "label": labels or [i % 2 for i in range(len(texts))],
        "text": texts,
    }
    write_table(path, corpus_schemas.DOCUMENTS, columns, {"task": "single_label", "label_names": LABEL_NAMES})
    return path


def many_texts(n: int) -> list[str]:
    return [f"{i} " + "word " * (i * 7 % 41) for i in range(n)]


def shard(documents: Path, n_shards: int = 1, *, seed: int = 13, **settings: object) -> list[list[dict[str, Any]]]:
    """Run the stage and read the rows of every shard."""
    paths = [documents.parent / f"{index:05d}-of-{n_shards:05d}.parquet" for index in range(n_shards)]
    shard_documents(ShardDocuments(seed=seed, documents=DocumentsSettings(**settings)), documents, paths)
    return [read_table(path, corpus_schemas.SHARD).to_pylist() for path in paths]


def one_shard(documents: Path, **settings: object) -> list[dict[str, Any]]:
    return sorted(shard(documents, **settings)[0], key=lambda row: row["position"])


# Blocks and shards


@pytest.mark.parametrize("block_size", [1, 5, 32])
def test_any_number_of_shards_holds_the_same_rows_in_the_same_blocks(tmp_path: Path, block_size: int) -> None:
    documents = write_documents(tmp_path / "documents.parquet", many_texts(230))
    alone, *others = (
        sorted(
            (row for rows in shard(documents, n, block_size=block_size) for row in rows),
            key=lambda row: row["position"],
        )
        for n in (1, 2, 7)
    )
    assert len(alone) == 230
    assert all(rows == alone for rows in others)


def test_blocks_hold_neighbours_in_length(tmp_path: Path) -> None:
    texts = many_texts(100)
    rows = shard(write_documents(tmp_path / "documents.parquet", texts), block_size=8)[0]
    by_length = sorted(range(100), key=lambda i: (len(texts[i]), i))
    assert {row["position"]: row["block"] for row in rows} == {i: rank // 8 for rank, i in enumerate(by_length)}


def test_length_is_counted_in_characters_not_bytes(tmp_path: Path) -> None:
    rows = shard(write_documents(tmp_path / "documents.parquet", ["aaaa", "ééé"]), block_size=1)[0]
    assert {row["text"]: row["block"] for row in rows} == {"ééé": 0, "aaaa": 1}


def test_blocks_are_assigned_in_turn_and_sorted(tmp_path: Path) -> None:
    shards = shard(write_documents(tmp_path / "documents.parquet", many_texts(100)), 3, block_size=4)
    for index, rows in enumerate(shards):
        assert {row["block"] % 3 for row in rows} == {index}
        assert [(row["block"], row["position"]) for row in rows] == sorted((r["block"], r["position"]) for r in rows)
    assert sorted(row["position"] for rows in shards for row in rows) == list(range(100))


@pytest.mark.parametrize(("block_size", "sizes"), [(2, [32] * 4 + [22]), (40, [40, 40, 40, 30]), (1200, [150])])
def test_row_groups_are_whole_blocks(tmp_path: Path, block_size: int, sizes: list[int]) -> None:
    documents = write_documents(tmp_path / "documents.parquet", many_texts(150))
    shard(documents, block_size=block_size)
    metadata = pq.read_metadata(tmp_path / "00000-of-00001.parquet")
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == sizes


def test_no_row_group_is_larger_than_a_thousand_rows(tmp_path: Path) -> None:
    documents = write_documents(tmp_path / "documents.parquet", many_texts(2100))
    shard(documents, block_size=5000)
    metadata = pq.read_metadata(tmp_path / "00000-of-00001.parquet")
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [1000, 1000, 100]


def test_more_shards_than_blocks_leaves_empty_shards(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shards = shard(write_documents(tmp_path / "documents.parquet", many_texts(40)), 5)
    assert [len(rows) for rows in shards] == [32, 8, 0, 0, 0]
    assert "3 of 5 shards are empty, since there are fewer blocks of documents (2) than shards" in caplog.text
    assert "lower documents.n_shards or documents.block_size" in caplog.text
    empty = tmp_path / "00004-of-00005.parquet"
    assert count_rows(empty, corpus_schemas.SHARD) == 0
    assert read_facts(empty, corpus_schemas.SHARD) == {"task": "single_label", "label_names": LABEL_NAMES}


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for run in ("first", "second"):
        documents = write_documents(tmp_path / run / "documents.parquet", many_texts(90))
        shard(documents, 2, max_documents=50)
        contents.append([path.read_bytes() for path in sorted(documents.parent.glob("*-of-*"))])
    assert contents[0] == contents[1]
    assert len(contents[0]) == 2


# Choice of documents


def test_split_is_chosen(tmp_path: Path) -> None:
    documents = tmp_path / "documents.parquet"
    splits = ["train", "test", "validation", "test"]
    columns = {"id": list("abcd"), "split": splits, "label": [0, 1, 0, 1], "text": list("wxyz")}
    write_table(documents, corpus_schemas.DOCUMENTS, columns, {"task": "single_label", "label_names": LABEL_NAMES})
    assert [(row["id"], row["position"]) for row in one_shard(documents)] == [("b", 0), ("d", 1)]
    assert [row["id"] for row in one_shard(documents, split="all")] == list("abcd")


def test_empty_split_names_those_there_are(tmp_path: Path) -> None:
    documents = write_documents(tmp_path / "documents.parquet", many_texts(3), split="train")
    with pytest.raises(DatasetError, match=r"split test of .* is empty; splits with documents: train \(3\)") as refusal:
        shard(documents)
    assert "`documents.split`" in str(refusal.value)
    assert list(tmp_path.iterdir()) == [documents]


def test_sample_is_stratified_ordered_and_seeded(tmp_path: Path) -> None:
    documents = write_documents(tmp_path / "documents.parquet", many_texts(100), labels=[0] * 80 + [1] * 20)
    rows = one_shard(documents, max_documents=10)
    assert Counter(row["label"] for row in rows) == {0: 8, 1: 2}
    assert [row["position"] for row in rows] == list(range(10))
    numbers = [int(row["id"][1:]) for row in rows]
    assert numbers == sorted(numbers)
    assert one_shard(documents, max_documents=10) == rows
    assert one_shard(documents, max_documents=10, seed=14) != rows


def test_sample_keeps_a_rare_class(tmp_path: Path) -> None:
    documents = write_documents(tmp_path / "documents.parquet", many_texts(100), labels=[0] * 99 + [1])
    assert Counter(row["label"] for row in one_shard(documents, max_documents=5)) == {0: 4, 1: 1}


def test_sample_larger_than_the_split_is_all_of_it(tmp_path: Path) -> None:
    documents = write_documents(tmp_path / "documents.parquet", many_texts(7))
    assert len(one_shard(documents, max_documents=50)) == 7


# Segments


def test_whole_texts_keep_their_id_and_text(tmp_path: Path) -> None:
    texts = ["one\n\ntwo  ", " three"]
    rows = one_shard(write_documents(tmp_path / "documents.parquet", texts))
    assert [(row["id"], row["source_id"], row["text"]) for row in rows] == [
        ("d0", "d0", texts[0]),
        ("d1", "d1", texts[1]),
    ]


def test_paragraphs_become_documents(tmp_path: Path) -> None:
    texts = ["a b c\n\nd e f", "only one here"]
    documents = write_documents(tmp_path / "documents.parquet", texts)
    rows = one_shard(documents, segments="paragraph", min_segment_words=2)
    assert [(row["id"], row["source_id"], row["label"], row["text"]) for row in rows] == [
        ("d0#1", "d0", 0, "a b c"),
        ("d0#2", "d0", 0, "d e f"),
        ("d1#1", "d1", 1, "only one here"),
    ]
    assert [row["position"] for row in rows] == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b\n\nc d", ["a b", "c d"]),
        ("a b\n \t\n\nc d", ["a b", "c d"]),
        ("a b\r\n\r\nc d", ["a b", "c d"]),
        ("a b\nc d", ["a b\nc d"]),
        ("title\n\na b", ["title\n\na b"]),
        ("a b\n\nend", ["a b\n\nend"]),
        ("a b\n\nc\n\nd e\n\nend", ["a b", "c\n\nd e\n\nend"]),
        ("x\n\ny\n\nz w\n\nu", ["x\n\ny", "z w\n\nu"]),
        ("\n\n  a  b \n\n", ["a  b"]),
        ("one", ["one"]),
    ],
)
def test_cut_paragraphs(text: str, expected: list[str]) -> None:
    assert cut_paragraphs(text, 2) == expected


@hypothesis.settings(deadline=None, derandomize=True)
@given(st.text(alphabet="ab \n", max_size=60).filter(str.strip), st.integers(1, 4))
def test_cutting_loses_no_word_and_leaves_no_short_segment(text: str, min_words: int) -> None:
    segments = cut_paragraphs(text, min_words)
    assert [word for segment in segments for word in segment.split()] == text.split()
    assert all(segment in text and segment == segment.strip() for segment in segments)
    assert len(segments) == 1 or all(len(segment.split()) >= min_words for segment in segments)


def test_ids_that_are_not_unique_are_refused(tmp_path: Path) -> None:
    documents = tmp_path / "documents.parquet"
    columns = {"id": ["a", "a"], "split": ["test", "test"], "label": [0, 1], "text": ["x", "y"]}
    write_table(documents, corpus_schemas.DOCUMENTS, columns, {"task": "single_label", "label_names": LABEL_NAMES})
    with pytest.raises(DatasetError, match=r"id 'a'  belongs to more than one document"):
        shard(documents)
    assert list(tmp_path.iterdir()) == [documents]


def test_documents_of_another_version_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "documents.parquet"
    pq.write_table(pa.table({"id": ["a"]}), path)
    with pytest.raises(ArtifactError, match="names no schema"):
        shard(path)


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the real corpora are not at hand")
def test_paragraphs_of_bbc_news(tmp_path: Path) -> None:
    with (CORPORA / "bbc-news.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    documents = write_documents(tmp_path / "documents.parquet", texts)
    rows = one_shard(documents, segments="paragraph")
    assert len(rows) > 4 * len(texts)
    assert sum(len(row["text"].split()) for row in rows) == sum(len(text.split()) for text in texts)
    assert min(len(row["text"].split()) for row in rows) >= 8
