"""The stage `draw_figures`."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import files, schemas
from attviz_pipeline.figures.class_heads import draw_class_heads
from attviz_pipeline.figures.class_terms import draw_class_terms
from attviz_pipeline.figures.comparison import MEASURES
from attviz_pipeline.figures.confidence_entropy import draw_confidence_entropy
from attviz_pipeline.figures.confusion import draw_confusion
from attviz_pipeline.figures.curves import draw_curves
from attviz_pipeline.figures.distributions import draw_log_distributions, draw_normal_quantiles
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.fuji_curves import draw_fuji_curves
from attviz_pipeline.figures.head_likeness import draw_head_likeness
from attviz_pipeline.figures.head_map import draw_head_maps
from attviz_pipeline.figures.head_means import draw_head_means
from attviz_pipeline.figures.head_profiles import draw_head_profiles
from attviz_pipeline.figures.provenance import FORMULAS, figure_provenance, study_provenance
from attviz_pipeline.figures.reliability import draw_reliability
from attviz_pipeline.figures.top_terms import draw_top_terms
from attviz_pipeline.figures.top_tokens import draw_top_tokens
from attviz_pipeline.figures.word_cloud import draw_word_clouds
from attviz_pipeline.progress import track
from attviz_pipeline.provenance import collect_provenance
from attviz_pipeline.stages import DrawFigures

FIGURES: Mapping[str, Callable[[Inputs], Iterator[Drawing]]] = {
    "top_tokens": draw_top_tokens,
    "top_terms": draw_top_terms,
    "head_means": draw_head_means,
    "confusion": draw_confusion,
    "reliability": draw_reliability,
    "confidence_entropy": draw_confidence_entropy,
    "head_likeness": draw_head_likeness,
    "head_map": draw_head_maps,
    "fuji_curves": draw_fuji_curves,
    "head_profiles": draw_head_profiles,
    "log_distributions": draw_log_distributions,
    "normal_quantiles": draw_normal_quantiles,
    "curves": draw_curves,
    "class_heads": draw_class_heads,
    "class_terms": draw_class_terms,
    "word_cloud": draw_word_clouds,
}


def draw_figures(settings: DrawFigures, dataset_card: Path, model_card: Path, statistics: Path, figures: Path) -> None:
    """Draw every figure of the study.

    Args:
        settings: What the figures show, and the seed.
        dataset_card: Artefact `dataset`, for the provenance.
        model_card: Artefact `model`, likewise.
        statistics: Folder of the statistics.
        figures: Directory, written.

    Raises:
        ArtifactError: An artefact is unusable.
    """
    provenance = study_provenance(dataset_card, model_card, settings.seed, collect_provenance())
    draw_all(Inputs.below(statistics, settings), provenance, figures)


def draw_all(inputs: Inputs, provenance: Mapping[str, Any], output: Path) -> None:
    """Draw every figure of the study.

    Args:
        inputs: The artefacts, and what the figures show of them.
        provenance: Where all of them come from, see `study_provenance`.
        output: Directory, written: the figures' files and `figures.json`, the artefact `figures`.

    Raises:
        ArtifactError: An artefact is unusable.
    """
    # One cloud per head and one over all of them, three distributions, two Q-Q plots, three groupings of two kinds,
    # two kinds of one figure per measure of likeness, measures and roles of heads.
    total = files.count_rows(inputs.heads, schemas.HEADS) + len(FIGURES) + 8 + 2 * (len(MEASURES) - 1)
    drawings = (drawing for draw in FIGURES.values() for drawing in draw(inputs))
    with files.atomic_directory(output) as folder:
        entries = [
            drawing.save(folder, figure_provenance(provenance, drawing.kind))
            for drawing in track(drawings, total=total, label="draw_figures", unit="figures")
        ]
        content = {"provenance": dict(provenance), "formulas": dict(FORMULAS), "figures": entries}
        files.write_json(folder / "figures.json", schemas.FIGURES, content)
