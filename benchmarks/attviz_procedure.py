"""AttViz's way of extracting attention, written anew from its description, as the baseline to compare with."""

# ruff: noqa: INP001 - a folder of scripts

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

N_VECTORS = 11


def extract_like_attviz(
    checkpoint: Path, texts: Sequence[str], output: Path, max_tokens: int, device: str = "cpu"
) -> None:
    """Per text two forward passes with whole matrices, eleven diagonals, and numbers as strings in one JSON file.

    Vector i is the diagonal of layer i, head i; where there is no such layer, the one before is repeated. Two things
    favour this baseline: gradients are off, and texts over the model's limit are cut instead of failing.
    """
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, attn_implementation="eager").eval()
    model.to(device)
    with torch.no_grad():
        segments = [_segment(tokenizer, model, text, max_tokens) for text in texts]
    output.write_text(json.dumps(segments), encoding="utf-8")


def _segment(tokenizer: Any, model: Any, text: str, max_tokens: int) -> dict[str, Any]:  # noqa: ANN401
    encoded = tokenizer(text, truncation=True, max_length=max_tokens, return_tensors="pt").to(model.device)
    probabilities = model(**encoded).logits.softmax(dim=-1)[0]
    matrices = model(**encoded, output_attentions=True).attentions
    last = len(matrices) - 1
    diagonals = [matrices[min(i, last)][0, min(i, last)].diagonal() for i in range(N_VECTORS)]
    vectors = [{"name": f"head {i}", "vectors": [str(x) for x in d.tolist()]} for i, d in enumerate(diagonals)]
    return {
        "text": text,
        "sets": [{"tokens": tokenizer.convert_ids_to_tokens(encoded["input_ids"][0]), "attention_vectors": vectors}],
        "output_activations": [{"name": str(i), "value": str(x)} for i, x in enumerate(probabilities.tolist())],
    }
