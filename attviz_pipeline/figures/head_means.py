"""Mean self-attention of every layer and head, as a heat map."""

from collections.abc import Iterator

import numpy as np

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.figures.drawing import Drawing, Inputs, finish
from attviz_pipeline.figures.head_grid import head_matrix, plot_grid
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
        lambda: plot_grid(means * 100, "mean self-attention, % (log scale)"),
        name=KIND,
        kind=KIND,
        dpi=inputs.settings.dpi,
        caption=(
            "Mean self-attention of every head over all non-special tokens, in percent: "
            "5 means that a token gives a twentieth of its attention to itself on average. Not corrected for length: "
            "even attention gives 1/n in a text of n tokens."
        ),
        alt=_alt(means),
        columns=table.select(["layer", "head", "count", "mean", "std", "min", "max"]).to_pydict(),
    )


def _alt(means: np.ndarray) -> str:
    n_layers, n_heads = means.shape
    highest, lowest = (np.unravel_index(index, means.shape) for index in (means.argmax(), means.argmin()))
    by_layer = means.mean(axis=1)
    opening = f"Heat map of {counted(n_layers, 'layer')} by {counted(n_heads, 'head')}."
    if f"{means.max():.3g}" == f"{means.min():.3g}":
        return f"{opening} Mean self-attention: {means.max():.3g}{' in every head' if means.size > 1 else ''}."
    sentence = (
        f"{opening} Highest mean self-attention: layer {highest[0]}, head {highest[1]} ({means[highest]:.3g}); "
        f"lowest: layer {lowest[0]}, head {lowest[1]} ({means[lowest]:.3g})."
    )
    if n_layers == 1 or n_heads == 1:
        return sentence
    return (
        f"{sentence} Averaged over heads, layer {by_layer.argmax()} has the highest mean ({by_layer.max():.3g}) "
        f"and layer {by_layer.argmin()} the lowest ({by_layer.min():.3g})."
    )
