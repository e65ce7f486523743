"""The extraction engine: text in, self-attention of every layer and head out; token-to-token maps of chosen texts."""

from attviz_pipeline.attention.extraction import extract_attention
from attviz_pipeline.attention.maps import MapInputs, extract_maps

__all__ = ["MapInputs", "extract_attention", "extract_maps"]
