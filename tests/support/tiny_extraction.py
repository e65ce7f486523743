"""A shard of a few texts, read by a tiny model, and the textbook reading beside it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tiny_models import LABEL_NAMES, make_tiny_bert
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from attviz_pipeline.artifacts import corpus_schemas, files, model_schemas
from attviz_pipeline.attention.extract_attention import extract_attention
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.model_inputs import join_pair
from attviz_pipeline.stages import ExtractAttention

TEXTS = [
    "The bank played the match.",
    "Profit!",
    "The coach of the team played in the market, the market of the film and the music of the players.",
    "A goal, a goal, a goal of the coach.",
    "",
]


def write_shard(path: Path, texts: Sequence[str], block_size: int = 2) -> Path:
    columns = {
        "position": range(len(texts)),
        "id": [f"d{index}" for index in range(len(texts))],
        "source_id": [f"d{index}" for index in range(len(texts))],
        "split": ["test"] * len(texts),
        "label": [0] * len(texts),
        "text": list(texts),
        "block": [index // block_size for index in range(len(texts))],
    }
    files.write_table(path, corpus_schemas.SHARD, columns, {"task": "single_label", "label_names": list(LABEL_NAMES)})
    return path


def write_card(path: Path, **changes: object) -> Path:
    card = {
        "task": "single_label",
        "label_names": list(LABEL_NAMES),
        "n_layers": 2,
        "n_heads": 4,
        "max_tokens": 64,
        "output_to_label": [0, 1],
        "sha256": {},
    } | changes
    files.write_json(path, model_schemas.MODEL, card)
    return path


def extract(
    folder: Path,
    texts: Sequence[str],
    *,
    card: dict[str, object] | None = None,
    block_size: int = 2,
    **attention: object,
) -> Path:
    shard = write_shard(folder / "shard.parquet", texts, block_size)
    checkpoint = folder / "checkpoint"
    if not checkpoint.exists():
        make_tiny_bert(checkpoint)
    stage = ExtractAttention(attention=AttentionSettings(**{"device": "cpu", "window_overlap": 8} | attention))
    output = folder / "attention.parquet"
    extract_attention(stage, shard, checkpoint, write_card(folder / "model.json", **(card or {})), output)
    return output


def eager_reading(checkpoint: Path, text: str) -> tuple[np.ndarray, np.ndarray]:
    """Diagonal [layer, head, token] and probabilities [class] of one text alone, the textbook way."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, attn_implementation="eager").eval()
    with torch.no_grad():
        output = model(**tokenizer(text, return_tensors="pt"), output_attentions=True)
    diagonal = torch.stack(output.attentions)[:, 0].diagonal(dim1=-2, dim2=-1)
    return diagonal.numpy(), output.logits[0].softmax(-1).numpy()


def write_pairs(path: Path, pairs: list[tuple[str, str]]) -> Path:
    joined = [join_pair(*pair) for pair in pairs]
    n = range(len(pairs))
    columns = {
        "position": n,
        "id": [f"d{i}" for i in n],
        "source_id": [f"d{i}" for i in n],
        "split": ["test" for _ in n],
        "label": [0 for _ in n],
        "text": [text for text, _ in joined],
        "pair_start": [start for _, start in joined],
        "block": [0 for _ in n],
    }
    files.write_table(path, corpus_schemas.SHARD, columns, {"task": "single_label", "label_names": list(LABEL_NAMES)})
    return path
