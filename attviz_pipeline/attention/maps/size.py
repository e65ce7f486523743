"""Size of a token-to-token map in a site, computed from its shapes before the extraction."""

from pathlib import Path
from typing import NamedTuple

from transformers import AutoConfig

from attviz_pipeline.config.settings import MapsSettings

KEY_BYTES, CODE_BYTES, VECTOR_BYTES = 2, 1, 2  # uint16, uint8, float16


class ModelShape(NamedTuple):
    """Number of layers, heads per layer, and length of query and key vectors."""

    n_layers: int
    n_heads: int
    head_size: int


def read_head_size(checkpoint: Path) -> int:
    """Return the length of a classifier's query and key vectors, without loading its weights."""
    config = AutoConfig.from_pretrained(checkpoint, local_files_only=True, trust_remote_code=False)
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


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
