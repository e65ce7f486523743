"""Figures of many classes with long names: every name is whole or distinct from the others, and none covers another."""

from collections.abc import Sequence

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from attviz_pipeline.figures import class_heads, confusion, distributions, style

WORDS = ["card", "payment", "declined", "transfer", "exchange", "rate", "not_recognised"]
NAMES = [f"{first}_{second}_{number}" for number in range(2) for first in WORDS for second in WORDS][:77]


def overlapping(figure: Figure, texts: Sequence[Text]) -> list[tuple[str, str]]:
    """Pairs of neighbours that cover each other; of slanted ones, lines of text that are too near."""
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts]
    slants = [np.radians(text.get_rotation()) for text in texts]
    height = 6.5 / 72 * figure.dpi
    pairs = zip(texts, boxes, slants, texts[1:], boxes[1:], strict=False)
    return [
        (one.get_text(), other.get_text())
        for one, box, slant, other, beside in pairs
        if Bbox.intersection(box, beside) and not (0 < slant < 1.5 and (beside.x1 - box.x1) * np.sin(slant) >= height)
    ]


def inside(figure: Figure, texts: Sequence[Text]) -> bool:
    edge = figure.bbox.padded(1)
    return all(
        edge.containsx(box.x0) and edge.containsy(box.y0) for box in (text.get_window_extent() for text in texts)
    )


@pytest.mark.parametrize("n", [2, 5, 15, 20, 40, 77])
def test_names_beside_a_confusion_matrix_do_not_overlap(n: int) -> None:
    with style.house_style():
        figure = confusion._plot(style.class_labels(NAMES[:n]), np.eye(n, dtype=int) * 1000)
        (axes, _) = figure.axes[:1] + figure.axes[0].child_axes[:1]
        for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
            assert [label.get_text() for label in labels] == NAMES[:n]
            assert overlapping(figure, labels) == []
            assert inside(figure, labels)


def test_titles_of_maps_do_not_overlap() -> None:
    values = {"effect": np.ones((4, 4)), "q": np.ones((4, 4)), "n_inside": np.full((4, 4), 1234)}
    with style.house_style():
        figure = class_heads.plot({name * 2: values for name in NAMES[-6:]})
        assert overlapping(figure, [axes.title for axes in figure.axes[:3]]) == []
        assert overlapping(figure, [axes.title for axes in figure.axes[3:6]]) == []


def test_the_legend_of_long_names_fits() -> None:
    labels = style.class_labels(NAMES[-5:])
    with style.house_style():
        figure = distributions._plot_distributions(np.ones((5, 3, len(distributions.bin_edges()) + 1)), labels, "class")
        figure.draw_without_rendering()
        box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


def test_names_that_are_cut_are_told_apart() -> None:
    labels = style.class_labels(["a" * 50 + "x", "b", "a" * 50 + "y"])
    assert labels[1] == "b"
    assert len(set(labels)) == 3
