"""Tiny randomly initialised BERT models with a WordPiece tokenizer, for tests that need a real model folder."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece
from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LABEL_NAMES = ("business", "sport")
WORDS = (
    *("the", "a", "of", "in", "and", "market", "bank", "shares", "profit", "growth", "match", "goal", "team"),
    *("coach", "player", "music", "film", "play", "##er", "##s", "##ing", "##ed", ".", ",", "!"),
)


def make_tiny_bert(  # noqa: PLR0913 - keywords, each with a default
    folder: Path,
    *,
    vocabulary: Sequence[str] = WORDS,
    n_layers: int = 2,
    n_heads: int = 4,
    label_names: Sequence[str] = LABEL_NAMES,
    with_head: bool = True,
    head_size: int = 8,
    max_positions: int = 128,
    initializer_range: float = 0.3,
    seed: int = 0,
) -> Path:
    """Write a model folder as `save_pretrained` does: config.json, model.safetensors, tokenizer files.

    Args:
        folder: Where to write; made if it does not exist.
        vocabulary: WordPiece entries (`play`, `##ing`), special tokens left out: these come first, ids 0 to 4.
        n_layers: Number of layers.
        n_heads: Number of heads per layer.
        label_names: Classes of the head, in the order of its outputs.
        with_head: False saves a bare encoder without a classification head.
        head_size: Size of one head; the hidden size is `n_heads * head_size`.
        max_positions: Rows of the position table, the longest input in tokens.
        initializer_range: Standard deviation of the weights. The usual 0.02 makes a tiny model's attention all but
            even; the default gives it something to look at.
        seed: Seed of the random weights; torch's global state stays as it was.

    Returns:
        `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    make_tiny_tokenizer(vocabulary, max_positions).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(SPECIAL_TOKENS) + len(vocabulary),
        hidden_size=n_heads * head_size,
        num_hidden_layers=n_layers,
        num_attention_heads=n_heads,
        intermediate_size=2 * n_heads * head_size,
        max_position_embeddings=max_positions,
        id2label=dict(enumerate(label_names)),
        label2id={name: index for index, name in enumerate(label_names)},
        initializer_range=initializer_range,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertForSequenceClassification(config) if with_head else BertModel(config)
    model.eval().save_pretrained(folder)
    return folder


def make_tiny_tokenizer(vocabulary: Sequence[str] = WORDS, max_tokens: int = 128) -> PreTrainedTokenizerFast:
    """Build a lower-casing WordPiece tokenizer like BERT's; words outside the vocabulary become [UNK]."""
    entries = {entry: index for index, entry in enumerate([*SPECIAL_TOKENS, *vocabulary])}
    tokenizer = Tokenizer(WordPiece(entries, unk_token=SPECIAL_TOKENS[1]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", entries["[CLS]"]), ("[SEP]", entries["[SEP]"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_tokens,
        **{f"{name[1:-1].lower()}_token": name for name in SPECIAL_TOKENS},
    )
