"""Attention in the formats of other tools: AttViz, neat-vision, LaTeX, CSV, Parquet."""

from attviz_pipeline.export.stage import FORMATS, export_attention

__all__ = ["FORMATS", "export_attention"]
