"""Size of a token-to-token map in a site, computed from its shapes before the extraction."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from transformers import AutoConfig

from attviz_pipeline.config.settings import MapsSettings

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


def document_bytes(
    model: ModelShape, documents: Sequence[Mapping[str, int]], max_tokens: int, settings: MapsSettings
) -> list[int]:
    """Return the maximum size of each document's maps in bytes, assuming that each of several windows is full.

    Args:
        model: Shape of the classifier.
        documents: `n_tokens` and `n_windows` of each.
        max_tokens: Tokens of a full window.
        settings: What a map contains.
    """
    n_tokens = [min(document["n_tokens"], max_tokens) for document in documents]
    per_window = {n: map_bytes(model, n, settings) for n in set(n_tokens)}
    return [per_window[n] * document["n_windows"] for n, document in zip(n_tokens, documents, strict=True)]


def map_bytes(model: ModelShape, n_tokens: int, settings: MapsSettings) -> int:
    """Return the maximum size in bytes of the map of one window in a site.

    Each array is compressed by deflate and encoded in base64. The bound assumes incompressible data; maps of real texts
    are smaller. Vectors are counted even if the model turns out not to expose them.

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
    if settings.vectors:
        per_head += [VECTOR_BYTES * n_tokens * model.head_size] * 2
    return sum(packed_bytes(model.n_layers * model.n_heads * n_bytes) for n_bytes in per_head)


def packed_bytes(n_bytes: int) -> int:
    """Return the maximum number of base64 characters of `n_bytes` after deflate.

    Source: `deflateBound` of zlib for its default window and memory.
    """
    deflated = n_bytes + (n_bytes >> 12) + (n_bytes >> 14) + (n_bytes >> 25) + 13
    return 4 * -(-deflated // 3)
