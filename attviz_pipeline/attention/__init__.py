"""The extraction engine: text in, self-attention of every layer and head out."""

from attviz_pipeline.attention.extraction import extract_attention

__all__ = ["extract_attention"]
