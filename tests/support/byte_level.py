"""A tiny RoBERTa with a byte-level BPE tokenizer, trained on texts beyond ASCII."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from tiny_models import LABEL_NAMES
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import RobertaConfig, RobertaForSequenceClassification, RobertaTokenizer

SPECIAL_TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
TEXTS = (
    "café in the Straße",
    "A naïve player of 日本語 in the café 😀",
    "the Straße and the café, naïve",
    "Straße café 日本語 naïve goal",
)
N_ENTRIES = 400


def make_byte_level_tokenizer(texts: Sequence[str] = TEXTS) -> RobertaTokenizer:
    """Train a vocabulary in GPT-2's alphabet; what occurs often enough is one entry, the rest is bytes."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=N_ENTRIES, min_frequency=2, initial_alphabet=alphabet, special_tokens=SPECIAL_TOKENS
    )
    trained.train_from_iterator([text for text in texts for _ in range(2) if "😀" not in text] * 2, trainer)
    model = json.loads(trained.to_str())["model"]
    return RobertaTokenizer(
        vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]], model_max_length=96
    )


def make_byte_level_roberta(folder: Path, texts: Sequence[str] = TEXTS, *, n_layers: int = 2, n_heads: int = 4) -> Path:
    """Write a model folder with random weights and this tokenizer."""
    tokenizer = make_byte_level_tokenizer(texts)
    tokenizer.save_pretrained(folder)
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=n_layers,
        num_attention_heads=n_heads,
        intermediate_size=32,
        max_position_embeddings=130,
        initializer_range=0.3,
        pad_token_id=1,
        id2label=dict(enumerate(LABEL_NAMES)),
        label2id={name: index for index, name in enumerate(LABEL_NAMES)},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        RobertaForSequenceClassification(config).eval().save_pretrained(folder)
    return folder
