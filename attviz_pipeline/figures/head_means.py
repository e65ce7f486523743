"""Mean self-attention of every layer and head, as a heat map."""

from collections.abc import Iterator

import numpy as np

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.figures.drawing import Drawing, Inputs, finish
from attviz_pipeline.figures.head_grid import head_matrix, plot_grid
from attviz_pipeline.figures.head_names import HEADS, HeadNames
from attviz_pipeline.figures.wording import counted

KIND = "head_means"


def draw_head_means(inputs: Inputs) -> Iterator[Drawing]:
    """Draw the mean self-attention of all heads, layers from top to bottom.

    Raises:
        ArtifactError: The table of heads is unusable.
    """
    table = files.read_table(inputs.heads, statistics_schemas.HEADS)
    means = head_matrix(*(table[name].to_numpy() for name in ("layer", "head", "mean")))
    yield finish(
        lambda: plot_grid(means * 100, "mean self-attention, % (log scale)", inputs.names),
        name=KIND,
        kind=KIND,
        dpi=inputs.settings.dpi,
        caption=(
            f"Mean self-attention of every {inputs.names.noun} over all non-special tokens, in percent: "
            "5 means that a token gives a twentieth of its attention to itself on average. Not corrected for length: "
            "even attention gives 1/n in a text of n tokens."
        ),
        alt=_alt(means, inputs.names),
        columns=table.select(["layer", "head", "count", "mean", "std", "min", "max"]).to_pydict(),
    )


def _alt(means: np.ndarray, names: HeadNames = HEADS) -> str:
    n_layers, n_heads = means.shape
    highest, lowest = (divmod(int(index), n_heads) for index in (means.argmax(), means.argmin()))
    by_layer = means.mean(axis=1)
    layers = "" if names.imported else f"{counted(n_layers, 'layer')} by "
    opening = f"Heat map of {layers}{counted(n_heads, names.noun)}."
    if f"{means.max():.3g}" == f"{means.min():.3g}":
        return f"{opening} Mean self-attention: {means.max():.3g}{f' in every {names.noun}' if means.size > 1 else ''}."
    sentence = (
        f"{opening} Highest mean self-attention: {names.of(*highest)} ({means[highest]:.3g}); "
        f"lowest: {names.of(*lowest)} ({means[lowest]:.3g})."
    )
    if n_layers == 1 or n_heads == 1:
        return sentence
    return (
        f"{sentence} Averaged over heads, layer {by_layer.argmax()} has the highest mean ({by_layer.max():.3g}) "
        f"and layer {by_layer.argmin()} the lowest ({by_layer.min():.3g})."
    )
