"""The stage `draw_figures`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import files, output_schemas, statistics_schemas
from attviz_pipeline.artifacts.layout import EvidencePaths, ModelsPaths
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.kinds import FIGURES, kinds_of
from attviz_pipeline.figures.provenance import study_provenance
from attviz_pipeline.progress import track
from attviz_pipeline.provenance import collect_provenance
from attviz_pipeline.stages import DrawFigures


def draw_figures(  # noqa: PLR0913 - one parameter per file
    settings: DrawFigures,
    dataset_card: Path,
    model_card: Path,
    statistics: Path,
    figures: Path,
    evidence: Sequence[Path] | None = None,
    models: Sequence[Path] | None = None,
) -> None:
    """Draw every figure of the study.

    Args:
        settings: What the figures show, and the seed.
        dataset_card: Artifact `dataset`, for the provenance.
        model_card: Artifact `model`, likewise.
        statistics: Folder of the statistics.
        figures: Directory, written.
        evidence: The tables of evidence, in the order of `EvidencePaths`; None where it was not measured.
        models: The comparison of models, in the order of `ModelsPaths`; None where the study compares none.

    Raises:
        ArtifactError: An artifact is unusable.
    """
    provenance = study_provenance(dataset_card, model_card, settings.seed, collect_provenance())
    tables = EvidencePaths(*evidence) if evidence else None
    compared = ModelsPaths(*models) if models else None
    draw_all(Inputs.below(statistics, settings, tables, compared), provenance, figures)


def draw_all(inputs: Inputs, provenance: Mapping[str, Any], output: Path) -> None:
    """Draw every figure of the study.

    Args:
        inputs: The artifacts, and what the figures show of them.
        provenance: Where all of them come from, see `study_provenance`.
        output: Directory, written: the figures' files and `figures.json`, the artifact `figures`.

    Raises:
        ArtifactError: An artifact is unusable.
    """
    n_heads = files.count_rows(inputs.heads, statistics_schemas.HEADS)
    kinds = kinds_of(inputs, FIGURES)
    total = sum(kind.n + kind.n_per_head * n_heads for kind in kinds.values())
    drawings = (drawing for kind in kinds.values() for drawing in kind.draw(inputs))
    with files.atomic_directory(output) as folder:
        entries = [
            _save(drawing, folder, provenance)
            for drawing in track(drawings, total=total, label="draw_figures", unit="figures")
        ]
        content = {
            "provenance": dict(provenance),
            "formulas": {entry["kind"]: kinds[entry["kind"]].formula for entry in entries},
            "figures": entries,
        }
        files.write_json(folder / "figures.json", output_schemas.FIGURES, content)


def _save(drawing: Drawing, folder: Path, provenance: Mapping[str, Any]) -> dict[str, Any]:
    kind = FIGURES[drawing.kind]
    entry = drawing.save(folder, {"formula": kind.formula, **provenance})
    return entry | {"title": kind.title(drawing), "chapter": kind.chapter, "names_words": kind.names_words}
