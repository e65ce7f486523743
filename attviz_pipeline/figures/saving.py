"""Draw kinds of figures into a folder, with the list of all its figures."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import files, output_schemas
from attviz_pipeline.artifacts.checksums import require_unchanged
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.head_names import HeadNames
from attviz_pipeline.figures.kinds import FigureKind
from attviz_pipeline.progress import track

LIST_OF_FIGURES = "figures.json"


def save_figures(  # noqa: PLR0913 - what is drawn from what, and where it goes
    kinds: Mapping[str, FigureKind],
    inputs: Inputs,
    provenance: Mapping[str, Any],
    output: Path,
    *,
    label: str,
    more: Path | None = None,
) -> None:
    """Draw figures and write their files.

    Args:
        kinds: The kinds to draw.
        inputs: The artifacts, and what the figures show of them.
        provenance: Where all of them come from, see `study_provenance`.
        output: Directory, written: the figures' files and `figures.json`, the artifact `figures`.
        label: Name of the stage, for the progress.
        more: A directory of further figures that this function wrote; they are copied, and listed last.

    Raises:
        ArtifactError: An artifact is unusable.
    """
    total = sum(kind.n + (kind.n_more(inputs) if kind.n_more else 0) for kind in kinds.values())
    drawings = (drawing for kind in kinds.values() for drawing in kind.draw(inputs))
    with files.atomic_directory(output) as folder:
        entries = [
            _save(drawing, kinds[drawing.kind], folder, provenance, inputs.names)
            for drawing in track(drawings, total=total, label=label, unit="figures")
        ]
        formulas = {entry["kind"]: inputs.names.in_words(kinds[entry["kind"]].formula) for entry in entries}
        if more is not None:
            copied = _copy(more, folder)
            formulas |= copied["formulas"]
            entries += copied["figures"]
        content = {"provenance": dict(provenance), "formulas": formulas, "figures": entries}
        files.write_json(folder / LIST_OF_FIGURES, output_schemas.FIGURES, content)


def _save(
    drawing: Drawing, kind: FigureKind, folder: Path, provenance: Mapping[str, Any], names: HeadNames
) -> dict[str, Any]:
    entry = drawing.save(folder, {"formula": names.in_words(kind.formula), **provenance})
    return entry | {"title": kind.title(drawing, names), "chapter": kind.chapter, "names_words": kind.names_words}


def _copy(source: Path, folder: Path) -> dict[str, Any]:
    """Copy the files of all figures into the folder, and return the list of them."""
    content = files.read_json(source / LIST_OF_FIGURES, output_schemas.FIGURES)
    for entry in content["figures"]:
        require_unchanged(source, entry["sha256"])
        for name in map(Path, entry["sha256"]):
            shutil.copyfile(source / name, folder / name.name)
    return content
