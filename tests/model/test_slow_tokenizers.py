"""Slow tokenizers, which give no character offsets: BERTweet's, from its files to the artifact."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from model_study import ModelStudy
from tiny_extraction import write_card, write_pairs, write_shard
from tiny_models import LABEL_NAMES
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertweetTokenizer,
    CTRLTokenizer,
    PreTrainedTokenizer,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.attention.extract_attention import extract_attention
from attviz_pipeline.attention.windows import DocumentEncoder
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.model.encoding import encode
from attviz_pipeline.model_inputs import join_pair
from attviz_pipeline.stages import ExtractAttention

WORDS = ("the", "bank", "shares", "growth", "profit", "in", "market", "match", "goal", "of", "team", "coach", "played")
MAX_TOKENS = 32
TEXTS = ["the  bank, shares", "profit growth", "banker of the market", "", "🏉 match"]


def write_tokenizer(folder: Path, kind: type[PreTrainedTokenizer]) -> PreTrainedTokenizer:
    """Write a vocabulary of words, letters and inner letters (`b@@`) with the merges that lead to the words."""
    letters = sorted({letter for word in WORDS for letter in word})
    entries = [*WORDS, *letters, *(f"{letter}@@" for letter in letters), ",", "bank@@"]
    merges: dict[tuple[str, str], None] = {}
    for word in [*WORDS, "bank_"]:
        parts = [*word[:-1], f"{word[-1]}</w>"] if word[-1] != "_" else list(word[:-1])
        while len(parts) > 1:
            merges[parts[0], parts[1]] = None
            parts = [parts[0] + parts[1], *parts[2:]]
    folder.mkdir(parents=True, exist_ok=True)
    names = kind.vocab_files_names
    if kind is BertweetTokenizer:
        (folder / names["vocab_file"]).write_text("".join(f"{entry} 1\n" for entry in entries))
        (folder / names["merges_file"]).write_text("".join(f"{one} {other} 1\n" for one, other in merges))
    else:
        numbered = ", ".join(f'"{entry}": {n}' for n, entry in enumerate(["<unk>", *entries]))
        (folder / names["vocab_file"]).write_text(f"{{{numbered}}}")
        (folder / names["merges_file"]).write_text("#version\n" + "".join(f"{a} {b}\n" for a, b in merges))
    return kind(*(str(folder / names[name]) for name in ("vocab_file", "merges_file")))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny RoBERTa with BERTweet's tokenizer, as a hub repository has it."""
    folder = tmp_path_factory.mktemp("bertweet")
    tokenizer = write_tokenizer(folder, BertweetTokenizer)
    written = {path: path.read_bytes() for path in folder.iterdir()}
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=MAX_TOKENS + 2,
        initializer_range=0.3,
        id2label=dict(enumerate(LABEL_NAMES)),
        label2id={name: index for index, name in enumerate(LABEL_NAMES)},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        RobertaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for path, content in written.items():
        path.write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, source: Path) -> ModelStudy:
    study = ModelStudy.make(tmp_path_factory.mktemp("loaded"))
    study.prepare(source, mode="load", max_tokens=MAX_TOKENS)
    return study


def extract(study: ModelStudy, folder: Path, shard: Path, **attention: object) -> list[dict[str, Any]]:
    settings = AttentionSettings(**{"device": "cpu", "window_overlap": 6} | attention)
    output = folder / "attention.parquet"
    card = write_card(folder / "model.json", max_tokens=MAX_TOKENS)
    extract_attention(ExtractAttention(attention=settings), shard, study.checkpoint, card, output)
    assert files.read_facts(output, attention_schemas.ATTENTION)["offsets"] is False
    return files.read_table(output, attention_schemas.ATTENTION).to_pylist()


def eager_reading(checkpoint: Path, *texts: str) -> tuple[np.ndarray, np.ndarray]:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, attn_implementation="eager").eval()
    with torch.no_grad():
        output = model(**tokenizer(*texts, return_tensors="pt"), output_attentions=True)
    diagonal = torch.stack(output.attentions)[:, 0].diagonal(dim1=-2, dim2=-1)
    return diagonal.numpy(), output.logits[0].softmax(-1).numpy()


def test_is_accepted_with_one_warning_and_recorded_in_the_metadata(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    study = ModelStudy.make(tmp_path)
    study.prepare(source, mode="load", max_tokens=MAX_TOKENS)

    warnings = [record.message for record in caplog.records if "slow" in record.message]
    assert len(warnings) == 1
    assert "BertweetTokenizer is a slow one, which gives no character offsets" in warnings[0]
    assert study.read_card()["offsets"] is False
    assert study.read_metrics()["splits"]["test"]["n"] == 8


def test_is_fine_tuned_and_reads_its_own_checkpoint_alike(source: Path, tmp_path: Path) -> None:
    study = ModelStudy.make(tmp_path)
    study.prepare(source, max_tokens=MAX_TOKENS, training={"epochs": 4})

    history = study.read_metrics()["history"]
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    original, reloaded = (AutoTokenizer.from_pretrained(folder) for folder in (source, study.checkpoint))
    assert original.tokenize("the banker") == ["the", "bank@@", "e@@", "r"]
    assert reloaded.tokenize("the banker") == ["the", "bank@@", "e@@", "r"]
    digests = study.read_card()["sha256"]
    assert {"vocab.txt", "bpe.codes"} <= set(digests)
    assert digests["bpe.codes"] == study.read_card()["source_sha256"]["bpe.codes"]


def test_vocabulary_of_another_model_is_refused(source: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(source, tmp_path / "copy"))
    with (copy / "vocab.txt").open("a") as file:
        file.writelines(f"word{number} 1\n" for number in range(10))

    message = ModelStudy.make(tmp_path).refusal(copy, mode="load", max_tokens=MAX_TOKENS)
    assert "entries, but the model's embeddings have only" in message


def test_values_are_those_of_eager_attention_and_the_text_is_its_pieces(loaded: ModelStudy, tmp_path: Path) -> None:
    rows = extract(loaded, tmp_path, write_shard(tmp_path / "shard.parquet", TEXTS))

    for row, text in zip(rows, TEXTS, strict=True):
        diagonal, probabilities = eager_reading(loaded.checkpoint, text)
        found = np.asarray(row["self_attention"]).reshape(diagonal.shape)
        np.testing.assert_allclose(found, diagonal, atol=1e-5, rtol=0)
        np.testing.assert_allclose(row["probabilities"], probabilities, atol=1e-5)
    assert [row["text"] for row in rows] == [
        "the bank, shares",
        "profit growth",
        "banker of the market",
        "",
        "🏉 match",
    ]
    row = rows[2]
    assert [row["text"][start:end] for start, end in zip(row["starts"], row["ends"], strict=True)] == [
        *("", "bank", "e", "r", "of", "the", "market", "")
    ]
    assert row["tokens"] == ["<s>", "bank##", "e##", "r", "of", "the", "market", "</s>"]
    assert row["entries"] == ["<s>", "bank@@", "e@@", "r", "of", "the", "market", "</s>"]
    assert row["special"] == [True] + [False] * 6 + [True]
    assert row["words"] == [-1, 0, 0, 0, 1, 2, 3, -1]
    assert rows[4]["tokens"] == ["<s>", "<unk>", "match", "</s>"]
    assert rows[4]["unknown"] == [False, True, False, False]


def test_long_text_is_read_in_windows_as_fast_tokenizers_cut_them(loaded: ModelStudy, tmp_path: Path) -> None:
    words = [WORDS[n % len(WORDS)] for n in range(75)]
    row = extract(loaded, tmp_path, write_shard(tmp_path / "shard.parquet", [" ".join(words)]))[0]

    assert row["tokens"] == ["<s>", *words, "</s>"]
    assert row["text"] == " ".join(words)
    assert [window["n_model_tokens"] for window in row["windows"]] == [32, 32, 29]
    assert [window["n_tokens"] for window in row["windows"]] == [28, 24, 25]
    # Of 30 words a window, the second begins 6 words before the first one's end, and 3 of these are its own.
    diagonal, _ = eager_reading(loaded.checkpoint, " ".join(words[24:54]))
    found = np.asarray(row["self_attention"]).reshape(2, 4, -1)[:, :, 28 : 28 + 24]
    np.testing.assert_allclose(found, diagonal[:, :, 4:28], atol=1e-5, rtol=0)


def test_truncation_keeps_the_beginning_as_scoring_does(loaded: ModelStudy, tmp_path: Path) -> None:
    texts = ["goal " * 40, "goal"]
    rows = extract(loaded, tmp_path, write_shard(tmp_path / "shard.parquet", texts), long_texts="truncate")

    assert [row["truncated"] for row in rows] == [True, False]
    encoded = encode(AutoTokenizer.from_pretrained(loaded.checkpoint), texts, [0, 0], MAX_TOKENS)
    assert [ids.tolist() for ids in encoded.token_ids] == [row["token_ids"] for row in rows]
    assert encoded.n_truncated == 1


def test_pairs_are_read_as_pairs(loaded: ModelStudy, tmp_path: Path) -> None:
    pairs = [("the bank", "goal team"), ("goal " * 40, "the bank"), ("", "team")]
    rows = extract(loaded, tmp_path, write_pairs(tmp_path / "shard.parquet", pairs), long_texts="truncate")

    diagonal, _ = eager_reading(loaded.checkpoint, *pairs[0])
    found = np.asarray(rows[0]["self_attention"]).reshape(diagonal.shape)
    np.testing.assert_allclose(found, diagonal, atol=1e-5, rtol=0)
    assert rows[0]["tokens"] == ["<s>", "the", "bank", "</s>", "</s>", "goal", "team", "</s>"]
    assert rows[0]["segments"] == [-1, 0, 0, -1, -1, 1, 1, -1]
    assert (rows[0]["text"], rows[0]["pair_start"]) == ("the bank\ngoal team", 9)
    assert rows[0]["text"][rows[0]["starts"][6] : rows[0]["ends"][6]] == "team"
    assert (rows[1]["truncated"], len(rows[1]["tokens"]), rows[1]["tokens"][-3:]) == (
        *(True, MAX_TOKENS, ["the", "bank", "</s>"]),
    )
    text, start = join_pair(*pairs[1])
    encoded = encode(AutoTokenizer.from_pretrained(loaded.checkpoint), [text], [0], MAX_TOKENS, [start])
    assert encoded.token_ids[0].tolist() == rows[1]["token_ids"]
    assert rows[2]["text"] == "\nteam"


def test_tokenizer_without_special_tokens_makes_windows_of_text_alone(tmp_path: Path) -> None:
    tokenizer = write_tokenizer(tmp_path, CTRLTokenizer)
    document = DocumentEncoder(tokenizer, AttentionSettings(window_overlap=2), 8).encode(["the bank of the goal " * 4])[
        0
    ]

    assert not any(document.special)
    assert [window.n_tokens for window in document.windows] == [8, 8, 8]
    assert document.tokens == ["the", "bank", "of", "the", "goal"] * 4
    assert document.segments == [0] * 20


def test_broken_characters_of_a_vocabulary_can_be_written(tmp_path: Path) -> None:
    tokenizer = write_tokenizer(tmp_path, CTRLTokenizer)
    tokenizer.decoder[tokenizer.encoder["bank"]] = "bank\ud800"
    document = DocumentEncoder(tokenizer, AttentionSettings(window_overlap=2), 8).encode(["the bank"])[0]

    assert document.tokens == ["the", "bank‹ED A0 80›"]
    assert document.entries == ["the", "bank?"]
    assert document.text.encode() == b"the bank"
