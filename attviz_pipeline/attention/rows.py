"""Join the readings of a document's windows to one row of the artifact `attention`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from attviz_pipeline.attention.capture import Reading
from attviz_pipeline.attention.full_statistics import PROFILE, FullReading
from attviz_pipeline.attention.outputs import activated_outputs
from attviz_pipeline.attention.rounding import round_mantissa
from attviz_pipeline.attention.windows import EncodedDocument
from attviz_pipeline.tasks.task import Task

Row = dict[str, Any]


def document_row(
    document: EncodedDocument, readings: Sequence[Reading], task: Task[Any], output_to_label: Sequence[int], n_bits: int
) -> Row:
    """Join the readings of a document's windows.

    Args:
        document: Its tokens and windows.
        readings: One per window.
        task: What the model's outputs mean.
        output_to_label: Index of the dataset's label for every output of the model.
        n_bits: Mantissa bits to keep of each value.

    Returns:
        The columns of schema `attention` that the extraction computes.
    """
    outputs = [activated_outputs(reading.logits, task.activation, output_to_label) for reading in readings]
    return {
        "text": document.text,
        "pair_start": document.pair_start,
        **task.predict(np.mean(outputs, axis=0).tolist()),
        "tokens": document.tokens,
        "entries": document.entries,
        "token_ids": document.token_ids,
        "starts": document.starts,
        "ends": document.ends,
        "special": document.special,
        "unknown": document.unknown,
        "punctuation": document.punctuation,
        "words": document.words,
        "segments": document.segments,
        "windows": _window_rows(document, [task.predict(values.tolist()) for values in outputs]),
        "truncated": document.truncated,
        "self_attention": _kept(document, [reading.self_attention for reading in readings], n_bits),
    }


def full_columns(document: EncodedDocument, readings: Sequence[FullReading], n_bits: int) -> Row:
    """Join the statistics of full mode of a document's windows; arguments as in `document_row`.

    Returns:
        The columns of schema `attention` that only full mode fills.
    """
    norms = [reading.value_norm for reading in readings if reading.value_norm is not None]
    return {
        "received": _kept(document, [reading.received for reading in readings], n_bits),
        "value_norm": _kept(document, norms, n_bits) if norms else None,
        "rollout": _kept(document, [reading.rollout for reading in readings], n_bits),
        "profile": _profile(readings),
    }


def _profile(readings: Sequence[FullReading]) -> dict[str, npt.NDArray[np.float32]] | None:
    n_queries = sum(reading.n_queries for reading in readings)
    if n_queries == 0:  # without tokens of text there are no queries
        return None
    means = torch.stack([reading.profile.cpu() for reading in readings]).sum(dim=0) / n_queries
    return {name: means[:, :, index].numpy().reshape(-1) for index, name in enumerate(PROFILE)}


def _kept(document: EncodedDocument, parts: Sequence[Tensor], n_bits: int) -> npt.NDArray[np.float32]:
    """Join [..., token] of the windows, with each token once, and flatten."""
    kept = [part[..., w.first : w.stop].cpu() for part, w in zip(parts, document.windows, strict=True)]
    return round_mantissa(torch.cat(kept, dim=-1).numpy().reshape(-1), n_bits)


def _window_rows(document: EncodedDocument, predicted: list[Row]) -> list[Row]:
    rows, first = [], 0
    for window, columns in zip(document.windows, predicted, strict=True):
        n_kept = window.stop - window.first
        rows.append(
            {
                "first_token": first,
                "n_tokens": n_kept,
                "n_model_tokens": window.n_tokens,
                "probabilities": columns["probabilities"],
                "predicted_value": columns.get("predicted_value"),
            }
        )
        first += n_kept
    return rows
