"""The stage `draw_word_clouds`.

It is apart from the other figures, because it takes as long as all of them, and can run before evidence is measured.
"""

from pathlib import Path

from attviz_pipeline.figures import word_cloud
from attviz_pipeline.figures.drawing import Inputs
from attviz_pipeline.figures.kinds import FIGURES
from attviz_pipeline.figures.provenance import study_provenance
from attviz_pipeline.figures.saving import save_figures
from attviz_pipeline.provenance import collect_provenance
from attviz_pipeline.stages import DrawFigures


def draw_word_clouds(
    settings: DrawFigures, dataset_card: Path, model_card: Path, statistics: Path, word_clouds: Path
) -> None:
    """Draw a word cloud over all heads, and one of each head (Škrlj et al., Figure 6).

    Args:
        settings: How many words they show, and the seed.
        dataset_card: Artifact `dataset`, for the provenance.
        model_card: Artifact `model`, likewise.
        statistics: Folder of the statistics; of these, `tokens`, `head_tokens` and `heads` are read.
        word_clouds: Directory, written.

    Raises:
        ArtifactError: An artifact is unusable.
    """
    provenance = study_provenance(dataset_card, model_card, settings.seed, collect_provenance())
    inputs = Inputs.below(statistics, settings)
    kinds = {word_cloud.KIND: FIGURES[word_cloud.KIND]}
    save_figures(kinds, inputs, provenance, word_clouds, label="draw_word_clouds")
