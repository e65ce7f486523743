"""The stage `draw_figures`."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from attviz_pipeline.artifacts import files, schemas
from attviz_pipeline.config import DrawFigures
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.head_means import draw_head_means
from attviz_pipeline.figures.top_tokens import draw_top_tokens
from attviz_pipeline.figures.word_cloud import draw_word_clouds
from attviz_pipeline.progress import track

FIGURES: Mapping[str, Callable[[Inputs], Iterator[Drawing]]] = {
    "top_tokens": draw_top_tokens,
    "head_means": draw_head_means,
    "word_cloud": draw_word_clouds,
}


def draw_figures(settings: DrawFigures, tokens: Path, head_tokens: Path, heads: Path, output: Path) -> None:
    """Draw every figure of the study.

    Args:
        settings: What the figures show, and the seed of the word clouds' layout.
        tokens: Artefact `tokens`, read.
        head_tokens: Artefact `head_tokens`, read.
        heads: Artefact `heads`, read.
        output: Directory, written: the figures' files and `figures.json`, the artefact `figures`.

    Raises:
        ArtifactError: An artefact is unusable.
    """
    inputs = Inputs(tokens, head_tokens, heads, settings.figures, settings.seed)
    # One cloud per head and one over all of them, beside the other kinds of one figure each.
    total = files.count_rows(heads, schemas.HEADS) + len(FIGURES)
    drawings = (drawing for draw in FIGURES.values() for drawing in draw(inputs))
    with files.atomic_directory(output) as folder:
        entries = [
            drawing.save(folder) for drawing in track(drawings, total=total, label="draw_figures", unit="figures")
        ]
        files.write_json(folder / "figures.json", schemas.FIGURES, {"figures": entries})
