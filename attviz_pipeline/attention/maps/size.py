"""Size of a token-to-token map in a site: bounds from its shapes, and an estimate from a few that were measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from transformers import AutoConfig

from attviz_pipeline.config.settings import MapsSettings

N_SPECIAL = 2  # [CLS] and [SEP] of a window that a document does not keep
KEY_BYTES, CODE_BYTES, VECTOR_BYTES = 2, 1, 2  # uint16, uint8, float16


class ModelShape(NamedTuple):
    """Number of layers, heads per layer, and length of query and key vectors."""

    n_layers: int
    n_heads: int
    head_size: int

    @classmethod
    def read(cls, facts: Mapping[str, Any], checkpoint: Path) -> Self:
        """Return the shape of a classifier, without loading its weights.

        Args:
            facts: Facts of the classifier (schema `model`).
            checkpoint: Its folder.
        """
        config = AutoConfig.from_pretrained(checkpoint, local_files_only=True, trust_remote_code=False)
        head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        return cls(facts["n_layers"], facts["n_heads"], int(head_size))


class Bounds:
    """Maximum sizes of the maps of documents in bytes, from shapes alone: data that deflate does not shrink.

    Args:
        model: Shape of the classifier.
        max_tokens: Tokens of a full window; all windows of a document with several are taken as full.
        settings: What a map contains.
    """

    def __init__(self, model: ModelShape, max_tokens: int, settings: MapsSettings) -> None:
        self._model, self.max_tokens, self._settings = model, max_tokens, settings

    def maps(self, document: Mapping[str, int]) -> int:
        """Maximum size of the maps of a document with so many `n_tokens` and `n_windows`, without vectors."""
        return (
            map_bytes(self._model, min(document["n_tokens"], self.max_tokens), self._settings) * document["n_windows"]
        )

    def vectors(self, document: Mapping[str, int]) -> int:
        """Maximum size of its query and key vectors, in half precision."""
        return vector_bytes(self._model, min(document["n_tokens"], self.max_tokens)) * document["n_windows"]


class Measured(NamedTuple):
    """What one window of a document takes in a site, in bytes."""

    n_tokens: int
    maps: int
    vectors: int


class Estimate:
    """Sizes of the maps of documents, from measured ones of a few: the same share of the bound at the same length.

    Args:
        bounds: Maximum sizes.
        measured: Windows of some documents; between their lengths, shares are interpolated.
        overlap: Tokens that two windows of a document share.
    """

    def __init__(self, bounds: Bounds, measured: Sequence[Measured], overlap: int) -> None:
        self._bounds, self._overlap = bounds, overlap
        by_length: dict[int, list[Measured]] = {}
        for window in measured:
            by_length.setdefault(window.n_tokens, []).append(window)
        self._lengths = sorted(by_length)
        found = [(_one_window(n), by_length[n]) for n in self._lengths]
        self._of_maps = [_mean([w.maps for w in same]) / bounds.maps(one) for one, same in found]
        self._of_vectors = [_mean([w.vectors for w in same]) / bounds.vectors(one) for one, same in found]

    def maps(self, document: Mapping[str, int]) -> int:
        """Size of the maps of a document, without vectors, bytes."""
        return round(
            sum(self._bounds.maps(_one_window(n)) * self._at(n, self._of_maps) for n in self._windows(document))
        )

    def vectors(self, document: Mapping[str, int]) -> int:
        """Size of its query and key vectors, bytes; 0 if the model exposes none."""
        windows = self._windows(document)
        return round(sum(self._bounds.vectors(_one_window(n)) * self._at(n, self._of_vectors) for n in windows))

    def _windows(self, document: Mapping[str, int]) -> list[int]:
        """Tokens of each window; all but the last are full."""
        full, n_full = self._bounds.max_tokens, document["n_windows"] - 1
        last = document["n_tokens"] + n_full * (self._overlap + N_SPECIAL - full)
        return [full] * n_full + [max(1, min(last, full))]

    def _at(self, n_tokens: int, shares: Sequence[float]) -> float:
        return float(np.interp(n_tokens, self._lengths, shares))


def _one_window(n_tokens: int) -> dict[str, int]:
    return {"n_tokens": n_tokens, "n_windows": 1}


def _mean(numbers: Sequence[int]) -> float:
    return sum(numbers) / len(numbers)


def map_bytes(model: ModelShape, n_tokens: int, settings: MapsSettings) -> int:
    """Return the maximum size in bytes of the map of one window in a site, without vectors.

    Each array is compressed by deflate and encoded in base64. The bound assumes incompressible data; maps of real texts
    are smaller.

    Args:
        model: Shape of the classifier.
        n_tokens: Number of tokens of the window.
        settings: What a map contains.
    """
    side, n_entries = min(settings.thumbnail_size, n_tokens), min(settings.entries_per_row, n_tokens)
    per_head = [
        CODE_BYTES * side**2,
        KEY_BYTES * n_tokens * n_entries,
        CODE_BYTES * n_tokens * n_entries,
        CODE_BYTES * n_tokens,
    ]
    return sum(packed_bytes(model.n_layers * model.n_heads * n_bytes) for n_bytes in per_head)


def vector_bytes(model: ModelShape, n_tokens: int) -> int:
    """Return the maximum size in bytes of the query and key vectors of one window in a site."""
    return 2 * model.n_layers * packed_bytes(VECTOR_BYTES * model.n_heads * n_tokens * model.head_size)


def packed_bytes(n_bytes: int) -> int:
    """Return the maximum number of base64 characters of `n_bytes` after deflate.

    Source: `deflateBound` of zlib for its default window and memory.
    """
    deflated = n_bytes + (n_bytes >> 12) + (n_bytes >> 14) + (n_bytes >> 25) + 13
    return 4 * -(-deflated // 3)
