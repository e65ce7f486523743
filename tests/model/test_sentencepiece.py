"""Tokenizers published as a SentencePiece model alone, from their file to the checkpoint."""

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
import transformers
from architectures import SMALL
from model_study import SENTENCES, ModelStudy
from tiny_models import LABEL_NAMES
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from attviz_pipeline.attention.windows import DocumentEncoder
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.model.sentencepiece_files import file_fault

LABELS = {"id2label": dict(enumerate(LABEL_NAMES)), "label2id": {name: n for n, name in enumerate(LABEL_NAMES)}}
BRACKETS = {"control_symbols": ["[CLS]", "[SEP]", "[MASK]"], "bos_id": -1, "eos_id": -1}
LARGE = SMALL | {"vocab_size": 300, "max_position_embeddings": 130}
LLAMA = LARGE | {"num_key_value_heads": 2, "pad_token_id": None}
BYTES = {"model_type": "bpe", "byte_fallback": True, "vocab_size": 290}
# Architecture, its config, its file, how the file is trained, and the class in tokenizer_config.json.
WORKING: Mapping[str, tuple[str, dict[str, Any], str, dict[str, Any], str]] = {
    "DeBERTa-v3": (
        *("DebertaV2", LARGE, "spm.model"),
        {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3, "pad_piece": "[PAD]", "bos_piece": "[CLS]"}
        | {"eos_piece": "[SEP]", "unk_piece": "[UNK]", "user_defined_symbols": ["[MASK]"]},
        "",
    ),
    "ALBERT": ("Albert", LARGE | {"embedding_size": 16}, "spiece.model", BRACKETS | {"pad_id": 0, "unk_id": 1}, ""),
    "XLNet": (
        *("XLNet", {"vocab_size": 300, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48}, "spiece.model"),
        {"control_symbols": ["<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"]},
        "",
    ),
    "XLM-R": ("XLMRoberta", LARGE, "sentencepiece.bpe.model", {}, ""),
    "CamemBERT": ("Camembert", LARGE, "sentencepiece.bpe.model", {}, ""),
    "RemBERT": ("RemBert", LARGE, "sentencepiece.model", BRACKETS | {"pad_id": 0, "unk_id": 1}, ""),
    "LLaMA": ("Llama", LLAMA, "tokenizer.model", BYTES, "LlamaTokenizer"),
    "BERT with ALBERT's": ("Bert", LARGE, "spiece.model", BRACKETS | {"pad_id": 0, "unk_id": 1}, "AlbertTokenizer"),
}
REFUSED: Mapping[str, tuple[str, dict[str, Any], str, str]] = {
    "BERT does not read it": ("Bert", LARGE, "spiece.model", "BertTokenizer"),
    "RoBERTa does not read it": ("Roberta", LARGE, "sentencepiece.bpe.model", "RobertaTokenizer"),
    "source and target": ("Bert", LARGE, "source.spm", "BertTokenizer"),
    "LLaMA without its class": ("Llama", LLAMA, "tokenizer.model", "TokenizersBackend"),
    "no class for the architecture": (
        "XLMRobertaXL",
        LARGE,
        "sentencepiece.bpe.model",
        "does not know which tokenizer class to use",
    ),
}
TEXTS = ["the bank  shares growth", "Goal!\nA match, the coach", "profit 🏉 in the market"]


def train(**options: Any) -> bytes:  # noqa: ANN401
    """Train a tiny SentencePiece model on the sentences of the small corpus."""
    sentences = [sentence for group in SENTENCES.values() for sentence in group] * 5
    model = io.BytesIO()
    settings = {"vocab_size": 60, "hard_vocab_limit": False, "minloglevel": 2} | options
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(sentences), model_writer=model, **settings)
    return model.getvalue()


def write_model(  # noqa: PLR0913 - each is a part of the folder
    folder: Path, kind: str, config: dict[str, Any], file: str, content: bytes, name: str = ""
) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        settings = getattr(transformers, f"{kind}Config")(**config | LABELS)
        AutoModelForSequenceClassification.from_config(settings).save_pretrained(folder)
    (folder / file).write_bytes(content)
    if name:
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": name}))
    return folder


@pytest.fixture
def study(tmp_path: Path) -> ModelStudy:
    return ModelStudy.make(tmp_path)


@pytest.mark.parametrize("name", WORKING)
def test_cuts_texts_as_sentencepiece_does_and_knows_their_places(study: ModelStudy, tmp_path: Path, name: str) -> None:
    kind, config, file, options, tokenizer_class = WORKING[name]
    content = train(**options)
    study.prepare(write_model(tmp_path / "model", kind, config, file, content, tokenizer_class), mode="load")

    processor = sentencepiece.SentencePieceProcessor(model_proto=content)
    tokenizer = AutoTokenizer.from_pretrained(study.checkpoint)
    assert tokenizer.tokenize("the bank shares growth") == processor.encode("the bank shares growth", out_type=str)
    assert file in study.read_card()["source_sha256"]
    assert study.read_card()["offsets"] is True
    for document in DocumentEncoder(tokenizer, AttentionSettings(window_overlap=4), 32).encode(TEXTS):
        for token, start, end in zip(document.tokens, document.starts, document.ends, strict=True):
            written = token.removeprefix("▁")
            if written.isascii() and written.isalpha():
                assert document.text[start:end].strip().lower() == written.lower()
        words = [document.text[start:end] for start, end in zip(document.starts, document.ends, strict=True)]
        assert "".join(words).split()


def test_special_tokens_are_the_same_in_training_and_extraction(study: ModelStudy, tmp_path: Path) -> None:
    """RemBERT's tokenizer has them only once it was saved."""
    kind, config, file, options, _ = WORKING["RemBERT"]
    folder = write_model(tmp_path / "model", kind, config, file, train(**options))
    study.prepare(folder, mode="load", max_tokens=8)
    tokenizer = AutoTokenizer.from_pretrained(study.checkpoint)
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("goal of")["input_ids"])

    assert (tokens[0], tokens[-1]) == ("[CLS]", "[SEP]")
    alone = ModelStudy(tmp_path / "again")
    alone.folder.mkdir()
    alone.write_documents()
    alone.prepare(study.checkpoint, mode="load", max_tokens=8)
    assert alone.read_metrics() == study.read_metrics()


@pytest.mark.parametrize("name", REFUSED)
def test_that_transformers_reads_in_another_way_is_refused_with_the_remedy(
    study: ModelStudy, tmp_path: Path, name: str
) -> None:
    kind, config, file, reason = REFUSED[name]
    message = study.refusal(write_model(tmp_path / "model", kind, config, file, train(**BYTES)), mode="load")

    assert reason in message
    assert file in message
    assert "`tokenizer_class` in tokenizer_config.json" in message
    assert "tiktoken" not in message


@pytest.mark.parametrize("name", ["tokenizer.model", "spm.model", "tiktoken.model"])
def test_tiktoken_is_refused_by_its_name(study: ModelStudy, tmp_path: Path, name: str) -> None:
    ranks = b"".join(base64.b64encode(bytes([n])) + b" %d\n" % n for n in range(256))
    message = study.refusal(write_model(tmp_path / "model", "Llama", LLAMA, name, ranks), mode="load")

    assert f"{name}  is in tiktoken's format, which is not supported" in message
    assert message.count(name) == 1


@pytest.mark.parametrize("content", [b"", b"no model", b"\0" * 99, None], ids=["empty", "text", "zeros", "truncated"])
def test_damage_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "spiece.model"
    file.write_bytes(train()[:500] if content is None else content)

    assert file_fault(file) == "is damaged or no SentencePiece model"


def test_file_beside_tokenizer_json_is_not_read(study: ModelStudy, tmp_path: Path) -> None:
    kind, config, file, options, _ = WORKING["ALBERT"]
    study.prepare(write_model(tmp_path / "model", kind, config, file, train(**options)), mode="load")
    (study.checkpoint / "spiece.model").write_bytes(b"no model")
    again = ModelStudy(tmp_path / "again")
    again.folder.mkdir()
    again.write_documents()
    again.prepare(study.checkpoint, mode="load")

    assert again.read_metrics() == study.read_metrics()
