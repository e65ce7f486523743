"""Token-to-token maps: which documents get them, and what is kept of their attention matrices."""

from attviz_pipeline.attention.maps.extraction import MapInputs, extract_maps

__all__ = ["MapInputs", "extract_maps"]
