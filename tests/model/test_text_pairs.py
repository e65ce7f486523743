"""Pairs of texts, from the columns of a corpus to attention: what each stage makes of them."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from corpora import Outputs, prepare, refuse, write_csv, write_json_lines
from model_study import ModelStudy
from pydantic import ValidationError
from tiny_extraction import write_card, write_pairs
from tiny_models import LABEL_NAMES, make_tiny_bert, make_tiny_tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertForSequenceClassification

from attviz_pipeline.artifacts import attention_schemas, corpus_schemas, files
from attviz_pipeline.attention.extract_attention import extract_attention
from attviz_pipeline.attention.windows import DocumentEncoder
from attviz_pipeline.cli import main
from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.config.settings import AttentionSettings, DocumentsSettings
from attviz_pipeline.dataset.shard_documents import shard_documents
from attviz_pipeline.errors import AttentionError, ConfigError, DatasetError
from attviz_pipeline.model.encoding import Collator, encode
from attviz_pipeline.model_inputs import join_pair, split_pairs
from attviz_pipeline.stages import ExtractAttention, ShardDocuments

PAIRS = [
    ("The bank played.", "The coach, the team and the market!"),
    ("A goal, a goal, a goal of the coach.", "Profit"),
    ("Profit!", "Profit!"),
    ("The 🏉 film", "the music 🏉 of the players"),
]
COLUMNS = {"text_column": "premise", "pair_column": "hypothesis"}


def corpus_rows(n: int) -> list[dict[str, str]]:
    return [
        {"premise": f"the bank {'profit ' * (i % 5)}", "hypothesis": f"a match {i}", "label": LABEL_NAMES[i % 2]}
        for i in range(n)
    ]


def extract_pairs(folder: Path, pairs: list[tuple[str, str]], **attention: object) -> list[dict[str, object]]:
    shard = write_pairs(folder / "shard.parquet", pairs)
    checkpoint = folder / "checkpoint"
    if not checkpoint.exists():
        make_tiny_bert(checkpoint)
    settings = AttentionSettings(**{"device": "cpu", "long_texts": "truncate"} | attention)
    output = folder / "attention.parquet"
    extract_attention(
        ExtractAttention(attention=settings), shard, checkpoint, write_card(folder / "model.json"), output
    )
    return files.read_table(output, attention_schemas.ATTENTION).to_pylist()


def refused(**changes: dict[str, object]) -> str:
    study = {"name": "pairs", "dataset": {"source": "a.csv", "pair_column": "b"}, "model": {"source": "m"}} | changes
    with pytest.raises(ConfigError) as refusal:
        parse_study(study, "study.yaml")
    return str(refusal.value)


class TestConfig:
    def test_windows_and_paragraphs_are_refused_with_their_remedies(self) -> None:
        message = refused(documents={"segments": "paragraph"})

        assert "`dataset.pair_column` is given: pairs are not cut into windows" in message
        assert "set `attention.long_texts: truncate`" in message
        assert "set `documents.segments: none`" in message
        assert "segments" not in refused()

    def test_truncated_pairs_are_fine(self) -> None:
        study = {"name": "pairs", "dataset": {"source": "a.csv", "pair_column": "b"}, "model": {"source": "m"}}
        assert parse_study(study | {"attention": {"long_texts": "truncate"}}, "x").dataset.pair_column == "b"


class TestDataset:
    def test_both_texts_stand_in_one_and_their_border_is_kept(self, tmp_path: Path) -> None:
        rows = corpus_rows(12)
        source = write_csv(tmp_path / "pairs.csv", rows)
        documents, _, card = prepare(tmp_path, source=source, **COLUMNS)

        for row, document in zip(rows, documents, strict=True):
            start = document["pair_start"]
            assert document["text"][start:] == row["hypothesis"]
            assert document["text"][: start - 1] == row["premise"]
            assert document["text"][start - 1] == "\n"
        assert card["pair_column"] == "hypothesis"

    def test_json_lines_and_parquet_are_read_alike(self, tmp_path: Path) -> None:
        rows = [{**row, "key": f"k{i}"} for i, row in enumerate(corpus_rows(12))]
        lines = write_json_lines(tmp_path / "pairs.jsonl", rows)
        table = tmp_path / "pairs.parquet"
        pq.write_table(pa.Table.from_pylist(rows), table)
        first, second = (
            prepare(tmp_path, source=source, id_column="key", **COLUMNS).documents for source in (lines, str(table))
        )
        assert first == second
        assert first[3]["id"] == "k3"

    @pytest.mark.parametrize("second", ["", " \n", None])
    def test_empty_second_text_makes_a_row_unusable(self, tmp_path: Path, second: str | None) -> None:
        rows: list[dict[str, object]] = [*corpus_rows(12)]
        rows[3]["hypothesis"] = second
        source = write_json_lines(tmp_path / "pairs.jsonl", rows)

        assert "row 4, column hypothesis" in refuse(tmp_path, source=source, **COLUMNS)
        outputs: Outputs = prepare(tmp_path, source=source, bad_rows="skip", **COLUMNS)
        assert outputs.ledger[3]["status"] == "empty"
        assert len(outputs.documents) == 11

    def test_duplicates_are_pairs_of_which_both_are_equal(self, tmp_path: Path) -> None:
        rows = corpus_rows(12)
        rows[5] |= {"premise": rows[1]["premise"], "hypothesis": "another"}
        rows[7] |= {"premise": rows[1]["premise"], "hypothesis": rows[1]["hypothesis"]}
        rows[8] |= {"premise": "a\nb", "hypothesis": "c"}
        rows[10] |= {"premise": "a", "hypothesis": "b\nc"}
        ledger = prepare(tmp_path, source=write_csv(tmp_path / "pairs.csv", rows), **COLUMNS).ledger

        assert [row["row"] for row in ledger if row["detail"]] == [8]
        assert ledger[7]["detail"] == "same text as 2"

    def test_missing_column_and_one_named_twice_are_refused(self, tmp_path: Path) -> None:
        source = write_csv(tmp_path / "pairs.csv", corpus_rows(6))

        assert "has no column 'hypotheses' (`dataset.pair_column`); did you mean 'hypothesis'?" in refuse(
            tmp_path, source=source, text_column="premise", pair_column="hypotheses"
        )
        with pytest.raises(ValidationError, match="must name different columns, got premise, premise, label"):
            prepare(tmp_path, source=source, text_column="premise", pair_column="premise")

    def test_without_the_key_the_splits_are_those_of_the_first_text(self, tmp_path: Path) -> None:
        source = write_csv(tmp_path / "pairs.csv", corpus_rows(40))
        documents = prepare(tmp_path, source=source, text_column="hypothesis").documents

        assert {document["pair_start"] for document in documents} == {None}
        assert all("\n" not in document["text"] for document in documents)


class TestShards:
    def test_the_border_comes_along(self, tmp_path: Path) -> None:
        self.write_documents(tmp_path)
        shards = [tmp_path / f"{i}.parquet" for i in range(2)]
        settings = ShardDocuments(seed=1, documents=DocumentsSettings(split="all", block_size=2))
        shard_documents(settings, tmp_path / "documents.parquet", shards)

        rows = [row for shard in shards for row in files.read_table(shard, corpus_schemas.SHARD).to_pylist()]
        assert {row["text"][row["pair_start"] :] for row in rows} == {second for _, second in PAIRS}

    def test_paragraphs_are_refused(self, tmp_path: Path) -> None:
        self.write_documents(tmp_path)
        settings = ShardDocuments(seed=1, documents=DocumentsSettings(split="all", segments="paragraph"))

        with pytest.raises(DatasetError, match=r"pairs of texts cannot be cut into paragraphs: set documents\.segm"):
            shard_documents(settings, tmp_path / "documents.parquet", [tmp_path / "shard.parquet"])

    @staticmethod
    def write_documents(folder: Path) -> None:
        joined = [join_pair(*pair) for pair in PAIRS]
        columns = {
            "id": [str(i) for i in range(len(PAIRS))],
            "split": ["test"] * len(PAIRS),
            "label": [0] * len(PAIRS),
            "text": [text for text, _ in joined],
            "pair_start": [start for _, start in joined],
        }
        files.write_table(
            folder / "documents.parquet",
            corpus_schemas.DOCUMENTS,
            columns,
            {"task": "single_label", "label_names": ["a", "b"]},
        )


class TestModel:
    def test_scoring_reads_a_real_pair_and_cuts_the_longer_text_first(self) -> None:
        tokenizer = make_tiny_tokenizer()
        texts, starts = zip(*(join_pair(*pair) for pair in [*PAIRS, ("a " * 30, "the team")]), strict=True)
        encoded = encode(tokenizer, texts, [0] * 5, 16, starts)

        expected = tokenizer(*PAIRS[2], return_token_type_ids=True)
        assert encoded.token_ids[2].tolist() == expected["input_ids"]
        assert encoded.type_ids[2].tolist() == expected["token_type_ids"] == [0] * 4 + [1] * 3
        assert [len(ids) for ids in encoded.token_ids] == [16, 16, 7, 13, 16]
        assert tokenizer.decode(encoded.token_ids[4]).endswith("[SEP] the team [SEP]")
        assert encoded.n_truncated == 2

    def test_batches_have_the_text_of_each_token(self, tmp_path: Path) -> None:
        folder = make_tiny_bert(tmp_path)
        model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder)
        texts, starts = zip(*(join_pair(*pair) for pair in PAIRS), strict=True)
        encoded = encode(tokenizer, texts, [0] * 4, 64, starts)
        batch = Collator.of(model, tokenizer)([encoded[n] for n in range(4)])
        del batch["labels"]
        alone = [tokenizer(*pair, return_tensors="pt", return_token_type_ids=True) for pair in PAIRS]

        with torch.no_grad():
            found = model(**batch).logits
            expected = torch.cat([model(**inputs).logits for inputs in alone])
            untyped = torch.cat([model(input_ids=inputs["input_ids"]).logits for inputs in alone])
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
        assert (found - untyped).abs().max() > 1e-2

    def test_pairs_are_fine_tuned_on(self, tmp_path: Path) -> None:
        """The classes differ only in which of two texts comes first."""
        study = ModelStudy(tmp_path)
        texts = [("the bank profit", "a goal") if i % 2 else ("a goal", "the bank profit") for i in range(40)]
        joined = [join_pair(*pair) for pair in texts]
        columns = {
            "id": [str(i) for i in range(40)],
            "split": [("train", "train", "validation", "test")[i // 2 % 4] for i in range(40)],
            "label": [i % 2 for i in range(40)],
            "text": [text for text, _ in joined],
            "pair_start": [start for _, start in joined],
        }
        files.write_table(
            study.documents,
            corpus_schemas.DOCUMENTS,
            columns,
            {"task": "single_label", "label_names": list(LABEL_NAMES)},
        )
        study.prepare(make_tiny_bert(tmp_path / "bert"), training={"epochs": 6, "learning_rate": 1e-2})

        assert study.read_metrics()["splits"]["test"]["macro_f1"] == 1


class TestAttention:
    def test_values_are_those_of_eager_attention_on_the_pair(self, tmp_path: Path) -> None:
        rows = extract_pairs(tmp_path, PAIRS)
        tokenizer = AutoTokenizer.from_pretrained(tmp_path / "checkpoint")
        model = AutoModelForSequenceClassification.from_pretrained(
            tmp_path / "checkpoint", attn_implementation="eager"
        ).eval()

        for row, pair in zip(rows, PAIRS, strict=True):
            inputs = tokenizer(*pair, return_tensors="pt", return_token_type_ids=True)
            assert row["token_ids"] == inputs["input_ids"][0].tolist()
            diagonal, probabilities = self.read(model, inputs)
            found = np.asarray(row["self_attention"]).reshape(diagonal.shape)
            np.testing.assert_allclose(found, diagonal, atol=1e-5, rtol=0)
            np.testing.assert_allclose(row["probabilities"], probabilities, atol=1e-5)
            without_types, _ = self.read(model, {**inputs, "token_type_ids": torch.zeros_like(inputs["input_ids"])})
            assert np.abs(found - without_types).max() > 1e-3

    @staticmethod
    def read(model: BertForSequenceClassification, inputs: dict[str, torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            output = model(**inputs, output_attentions=True)
        diagonal = torch.stack(output.attentions)[:, 0].diagonal(dim1=-2, dim2=-1)
        return diagonal.numpy(), output.logits[0].softmax(-1).numpy()

    def test_tokens_know_their_text_and_their_place_in_it(self, tmp_path: Path) -> None:
        row = extract_pairs(tmp_path, PAIRS)[3]
        spans = [row["text"][start:end] for start, end in zip(row["starts"], row["ends"], strict=True)]

        assert row["text"] == "The 🏉 film\nthe music 🏉 of the players"
        assert row["pair_start"] == len("The 🏉 film\n")
        assert spans == ["", "The", "🏉", "film", "", "the", "music", "🏉", "of", "the", "player", "s", ""]
        assert row["segments"] == [-1, 0, 0, 0, -1, 1, 1, 1, 1, 1, 1, 1, -1]
        assert row["words"] == [-1, 0, 1, 2, -1, 3, 4, 5, 6, 7, 8, 8, -1]

    def test_pair_over_the_limit_loses_the_end_of_its_longer_text_as_in_scoring(self, tmp_path: Path) -> None:
        long = ("match goal team " * 40, "the bank.")
        row = extract_pairs(tmp_path, [long])[0]
        text, start = join_pair(*long)

        assert row["truncated"]
        assert len(row["tokens"]) == 64
        assert row["tokens"][-5:] == ["[SEP]", "the", "bank", ".", "[SEP]"]
        tokenizer = AutoTokenizer.from_pretrained(tmp_path / "checkpoint")
        assert row["token_ids"] == encode(tokenizer, [text], [0], 64, [start]).token_ids[0].tolist()

    def test_pair_that_would_need_windows_is_refused(self) -> None:
        encoder = DocumentEncoder(make_tiny_tokenizer(), AttentionSettings(window_overlap=2), 8)
        text, start = join_pair("the bank the bank", "a goal")

        with pytest.raises(AttentionError, match=r"longer than model\.max_tokens \(8\).*attention\.long_texts: trunc"):
            encoder.encode([text], [start])
        assert encoder.encode(["the bank " * 9], [None])[0].truncated is False
        assert encoder.encode(["the bank"], [4])[0].segments == [-1, 0, -1, 1, -1]  # short enough


@pytest.mark.parametrize("first", ["", "a", "a\n", "\n"])
@pytest.mark.parametrize("second", ["b", "\nb\n"])
def test_joined_texts_come_apart_again(first: str, second: str) -> None:
    text, start = join_pair(first, second)

    assert split_pairs([text], [start]) == ([first], [second])
    assert split_pairs([text], [None]) == ([text], None)


def test_command_line_carries_pairs_from_csv_to_attention(tmp_path: Path) -> None:
    rows = corpus_rows(40)
    settings = {
        "seed": 1,
        "dataset": {"source": write_csv(tmp_path / "pairs.csv", rows), **COLUMNS},
        "documents": {"split": "test"},
        "model": {"source": str(make_tiny_bert(tmp_path / "bert")), "mode": "load", "max_tokens": 64},
        "attention": {"long_texts": "truncate", "device": "cpu"},
    }
    study = tmp_path / "study.yaml"
    study.write_text(json.dumps({"name": "pairs", **settings}))
    outputs = {
        "prepare-dataset": ("documents", "ledger", "card=dataset"),
        "shard-documents": ("documents", "shards"),
        "prepare-model": ("documents", "checkpoint", "card", "metrics"),
        "extract-attention": ("shard=shards", "checkpoint", "card", "attention"),
    }
    for command, flags in outputs.items():
        arguments = [f"--{flag.split('=')[0]}={tmp_path / flag.split('=')[-1]}" for flag in flags]
        assert main([command, f"--config={study}", *arguments]) == 0, command

    attention = files.read_table(tmp_path / "attention", attention_schemas.ATTENTION).to_pylist()
    seconds = {row["text"][row["pair_start"] :] for row in attention}
    assert len(attention) == 8
    assert seconds <= {row["hypothesis"] for row in rows}
    assert all(set(row["segments"]) == {-1, 0, 1} for row in attention)
