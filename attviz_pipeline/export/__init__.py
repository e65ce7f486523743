"""Attention in the formats of other tools: AttViz, neat-vision, LaTeX, CSV, Parquet."""
