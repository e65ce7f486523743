"""BertViz's way of extracting attention, written anew from its description, as a baseline to compare with."""

# ruff: noqa: INP001 - a folder of scripts

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def extract_like_bertviz(checkpoint: Path, texts: Sequence[str], max_tokens: int, device: str = "cpu") -> int:
    """Per text one forward pass with whole matrices, which its views need in host memory; returns the number of tokens.

    Two things favour this baseline: gradients are off, and the matrices are not written into a page.
    """
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, attn_implementation="eager").eval()
    model.to(device)
    n_tokens = 0
    with torch.no_grad():
        for text in texts:
            encoded = tokenizer(text, truncation=True, max_length=max_tokens, return_tensors="pt").to(device)
            tokens = tokenizer.convert_ids_to_tokens(encoded["input_ids"][0])
            matrices = model(**encoded, output_attentions=True).attentions
            torch.stack([matrix.squeeze(0) for matrix in matrices]).cpu()  # [layer, head, query, key]
            n_tokens += len(tokens)
    return n_tokens
