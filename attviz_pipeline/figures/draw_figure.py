"""One figure for a paper: with the width, font size and format that the paper needs."""

import difflib
from pathlib import Path
from typing import NamedTuple

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

from attviz_pipeline.artifacts import files
from attviz_pipeline.errors import ConfigError
from attviz_pipeline.figures import style, word_cloud
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.kinds import FIGURES, kinds_of

CENTIMETRES_PER_INCH = 2.54
FORMATS = ("svg", "pdf", "png")


class Shape(NamedTuple):
    """How large a figure is wanted.

    Attributes:
        width_cm: Width in centimetres.
        height_cm: Height in centimetres; None keeps the figure's proportions.
        font_size: Size of its words in points; None keeps the house's size, 7.
        dpi: Dots per inch of a PNG, and of what is drawn as a picture within the other formats.
    """

    width_cm: float
    height_cm: float | None = None
    font_size: float | None = None
    dpi: int = 300


def draw_figure(inputs: Inputs, name: str, shape: Shape, output: Path) -> None:
    """Draw one figure again and write it.

    Args:
        inputs: The artifacts and settings.
        name: The figure's name in the list of figures, for example `reliability` or `word_cloud-L05-H03`.
        shape: Its size.
        output: The file; its suffix is the format, svg, pdf or png.

    Raises:
        ConfigError: There is no such figure or format, it has nothing to show, or the size is impossible.
        ArtifactError: An artifact is unusable.
    """
    suffix = output.suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise ConfigError(f"{output} is of no known format: let it end in {', '.join(FORMATS)}.")
    if any(size is not None and size <= 0 for size in shape):
        raise ConfigError("width, height and font size must be greater than 0.")
    drawing = _find(inputs, name)
    if drawing.reason:
        raise ConfigError(f"figure {name} has nothing to show: {drawing.reason}")
    if drawing.figure is None:
        raise ConfigError(f"figure {name} cannot be drawn at another size: take its files from the folder of figures.")
    if drawing.kind == word_cloud.KIND and shape.font_size is not None:
        raise ConfigError("the font sizes of a word cloud are its numbers: give a width only.")
    with style.house_style():
        _resize(drawing.figure, shape, keep_text=drawing.kind != word_cloud.KIND)
        with files.atomic_path(output) as temporary:
            temporary.write_bytes(style.render(drawing.figure, suffix, shape.dpi))


def _find(inputs: Inputs, name: str) -> Drawing:
    kind, kinds = name.partition("-")[0], kinds_of(inputs, FIGURES)
    drawings = kinds[kind].draw(inputs) if kind in kinds else iter(())
    if kind in FIGURES and FIGURES[kind].needs_evidence and inputs.evidence is None:
        raise ConfigError(
            f"figure {name} is drawn from evidence: add `--evidence` with the folder evidence of the study's results. "
            "If there is no such folder, set evidence.enabled: true and run the workflow again."
        )
    if kind in FIGURES and FIGURES[kind].needs_models and inputs.models is None:
        raise ConfigError(
            f"figure {name} compares models: add `--models` with the folder models of the study's results. If there is "
            "no such folder, set compare.pretrained or compare.seeds and run the workflow again."
        )
    seen = []
    for drawing in drawings:
        if drawing.name == name:
            return drawing
        seen.append(drawing.name)
    near = difflib.get_close_matches(name, [*kinds, *seen], n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ConfigError(f"there is no figure {name!r}: {hint}there are {', '.join(seen[:5] or kinds)}.")


def _resize(figure: Figure, shape: Shape, *, keep_text: bool) -> None:
    """Give a figure another size; its layout engine finds new places for everything in it."""
    width, height = figure.get_size_inches()
    new_width = shape.width_cm / CENTIMETRES_PER_INCH
    new_height = shape.height_cm / CENTIMETRES_PER_INCH if shape.height_cm else height * new_width / width
    house_size = style.STYLE["font.size"]
    _scale_texts(figure, (shape.font_size or house_size) / house_size if keep_text else new_width / width)
    figure.set_size_inches(new_width, new_height)


def _scale_texts(figure: Figure, factor: float) -> None:
    figure.draw_without_rendering()  # from here on ticks have labels
    labels: set[Text] = set()
    for axis in (found for found in figure.findobj(Axis) if isinstance(found, Axis)):
        of_axis = axis.get_ticklabels()
        labels.update(of_axis)
        if of_axis:
            axis.set_tick_params(labelsize=float(of_axis[0].get_fontsize()) * factor)
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text not in labels:
            text.set_fontsize(float(text.get_fontsize()) * factor)
