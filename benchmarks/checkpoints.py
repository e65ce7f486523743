"""Classifiers of well-known shapes with random weights."""

# ruff: noqa: INP001 - a folder of scripts

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

MAX_TOKENS = 512
CLS, SEP = 2, 3  # places in:
SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SHAPES: dict[str, dict[str, int]] = {
    "BERT-base": {},
    "MiniLM-L6": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    "narrow": {"hidden_size": 96, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 96},
    "tiny": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64},
}


def make_checkpoint(folder: Path, shape: str, corpus: Sequence[str]) -> None:
    """Write a randomly initialised BERT with a WordPiece vocabulary of the corpus."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - a token of text
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=30_522, special_tokens=SPECIAL_TOKENS, show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {f"{name[1:-1].lower()}_token": name for name in SPECIAL_TOKENS}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(0)
    BertForSequenceClassification(BertConfig(**SHAPES[shape])).save_pretrained(folder)


def make_card(shape: str) -> dict[str, Any]:
    """Return what the stage needs to know of a classifier."""
    config = BertConfig(**SHAPES[shape])
    return {
        "n_layers": config.num_hidden_layers,
        "n_heads": config.num_attention_heads,
        "max_tokens": MAX_TOKENS,
        "task": "single_label",
        "label_names": ["a", "b"],
        "output_to_label": [0, 1],
        "sha256": {},
    }
