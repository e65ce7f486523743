"""The stage `draw_figures`."""

from collections.abc import Sequence
from pathlib import Path

from attviz_pipeline.artifacts.layout import EvidencePaths, ModelsPaths
from attviz_pipeline.figures import word_cloud
from attviz_pipeline.figures.drawing import Inputs
from attviz_pipeline.figures.kinds import FIGURES, kinds_of
from attviz_pipeline.figures.provenance import study_provenance
from attviz_pipeline.figures.saving import save_figures
from attviz_pipeline.provenance import collect_provenance
from attviz_pipeline.stages import DrawFigures


def draw_figures(  # noqa: PLR0913 - one parameter per file
    settings: DrawFigures,
    dataset_card: Path,
    model_card: Path,
    statistics: Path,
    word_clouds: Path,
    figures: Path,
    evidence: Sequence[Path] | None = None,
    models: Sequence[Path] | None = None,
) -> None:
    """Draw every figure of the study but the word clouds, and put these beside them.

    Args:
        settings: What the figures show, and the seed.
        dataset_card: Artifact `dataset`, for the provenance.
        model_card: Artifact `model`, likewise.
        statistics: Folder of the statistics.
        word_clouds: The folder that `draw_word_clouds` wrote.
        figures: Directory, written.
        evidence: The tables of evidence, in the order of `EvidencePaths`; None where it was not measured.
        models: The comparison of models, in the order of `ModelsPaths`; None where the study compares none.

    Raises:
        ArtifactError: An artifact is unusable.
    """
    provenance = study_provenance(dataset_card, model_card, settings.seed, collect_provenance())
    tables = EvidencePaths(*evidence) if evidence else None
    compared = ModelsPaths(*models) if models else None
    inputs = Inputs.below(statistics, settings, tables, compared)
    kinds = {name: kind for name, kind in kinds_of(inputs, FIGURES).items() if name != word_cloud.KIND}
    save_figures(kinds, inputs, provenance, figures, label="draw_figures", more=word_clouds)
