"""Figures of the study, each as SVG, PNG and the CSV of its numbers."""

from attviz_pipeline.figures.draw import FIGURES, draw_figures
from attviz_pipeline.figures.drawing import Inputs
from attviz_pipeline.figures.provenance import study_provenance
from attviz_pipeline.figures.single import Shape, draw_figure

__all__ = ["FIGURES", "Inputs", "Shape", "draw_figure", "draw_figures", "study_provenance"]
