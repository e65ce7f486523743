"""What figures call layers and heads: the same as the pages."""

import re
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from attviz_pipeline.formats import head_name

MOST_NAMED = (6, 4)
IMPORTED = {"head": "vector", "heads": "vectors", "Head": "Vector", "Heads": "Vectors"}
HEADS_IN_WORDS = re.compile(rf"\b({'|'.join(IMPORTED)})\b")


@dataclass(frozen=True)
class HeadNames:
    """Names of layers and heads; imported attention has no layers, and numbered vectors instead of heads."""

    imported: bool = False

    @property
    def noun(self) -> str:
        """What one of them is."""
        return "vector" if self.imported else "head"

    def of(self, layer: int, head: int) -> str:
        """Return the name of one head or vector: L5·H7 or V7."""
        return f"V{head}" if self.imported else head_name(layer, head)

    def in_words(self, text: str) -> str:
        """Return a text that speaks of heads; of vectors, where attention is imported."""
        return HEADS_IN_WORDS.sub(lambda found: IMPORTED[found[0]], text) if self.imported else text

    def frame(self, axes: Axes, n_layers: int, n_heads: int, most: tuple[int, int] = MOST_NAMED) -> None:
        """Name rows (layers) and columns (heads) of a heat map, no more than `most` of each, and separate its cells."""
        layers, heads = (range(0, n, -(-n // fit)) for n, fit in zip((n_layers, n_heads), most, strict=True))
        axes.set_xticks(heads, [f"{'V' if self.imported else 'H'}{head}" for head in heads])
        axes.set_yticks(layers, ["" if self.imported else f"L{layer}" for layer in layers])
        axes.tick_params(length=0, pad=2)
        axes.spines[:].set_visible(False)
        # Lines, and not a grid of ticks, each of which would be laid out.
        (right, below), edge = (n_heads - 0.5, n_layers - 0.5), -0.5
        lines = [[(edge, layer - 0.5), (right, layer - 0.5)] for layer in range(1, n_layers)]
        lines += [[(head - 0.5, edge), (head - 0.5, below)] for head in range(1, n_heads)]
        axes.add_collection(LineCollection(lines, colors="white", linewidths=0.5), autolim=False)


HEADS = HeadNames()
"""Names in a study whose attention comes from a model."""
