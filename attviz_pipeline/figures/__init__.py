"""Figures of the study, each as SVG, PNG and the CSV of its numbers."""

from attviz_pipeline.figures.draw import FIGURES, draw_figures

__all__ = ["FIGURES", "draw_figures"]
