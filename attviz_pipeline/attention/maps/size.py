"""What a token-to-token map weighs in a site: known from its shapes, before anything is computed."""

from pathlib import Path
from typing import NamedTuple

from transformers import AutoConfig

from attviz_pipeline.config.settings import MapsSettings

KEY_BYTES, CODE_BYTES, VECTOR_BYTES = 2, 1, 2  # uint16, uint8, float16


class ModelShape(NamedTuple):
    """How many matrices a classifier makes, and of which vectors."""

    n_layers: int
    n_heads: int
    head_size: int


def read_head_size(checkpoint: Path) -> int:
    """Return the length of a classifier's query and key vectors, without loading its weights."""
    config = AutoConfig.from_pretrained(checkpoint, local_files_only=True, trust_remote_code=False)
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def map_bytes(model: ModelShape, n_tokens: int, settings: MapsSettings) -> int:
    """Return the most bytes that the map of one window can take in a site.

    Each array is deflated and written in base64. Deflate may find nothing to save, so this is an upper bound for any
    attention: maps of real texts take less. Vectors are counted whether or not the model turns out to have them.

    Args:
        model: The classifier.
        n_tokens: Tokens of the window.
        settings: What a map keeps.
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
    """Return the most characters of base64 that `n_bytes` can become when deflated.

    Source: `deflateBound` of zlib for its default window and memory.
    """
    deflated = n_bytes + (n_bytes >> 12) + (n_bytes >> 14) + (n_bytes >> 25) + 13
    return 4 * -(-deflated // 3)
