"""Reliability diagrams of labels: how often documents have a label, by its probability."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.figures import style
from attviz_pipeline.figures.assessment import interval, left_out_sentence, read_assessment
from attviz_pipeline.figures.drawing import Drawing, Inputs, finish
from attviz_pipeline.formats import points

KIND = "label_reliability"
MOST_LABELS = 9
PANELS_PER_ROW = 3
INCHES_PER_PANEL = 1.35
N_NAMED = 4


def draw_label_reliability(inputs: Inputs) -> Iterator[Drawing]:
    """Draw a reliability diagram for each of the most frequent labels; nothing without gold labels.

    Raises:
        ArtifactError: The assessment is unusable.
    """
    table = files.read_table(inputs.assessment.calibration, statistics_schemas.CALIBRATION)
    if not table.num_rows:
        return
    labels = read_assessment(inputs)["per_label"]
    shown = sorted(labels, key=lambda of: -int(of["n_gold"]))[:MOST_LABELS]
    n_left_out = len(labels) - len(shown)
    yield finish(
        lambda: _plot(table, shown),
        name=KIND,
        kind=KIND,
        dpi=inputs.settings.dpi,
        caption=(
            "Share of documents that have a label by its probability; below the dashed line the classifier is "
            "overconfident in the label. Dots: bins of equal width; lines: 95 % Wilson intervals; grey line: "
            "threshold. Above each: expected calibration error (ECE) with bins of equal width, "
            "and in brackets the value that a calibrated model with the same probabilities stays below in 95 % of "
            "simulations." + left_out_sentence(n_left_out, MOST_LABELS)
        ),
        alt=_alt(shown),
        columns=table.to_pydict(),
    )


def _alt(labels: Sequence[Mapping[str, Any]]) -> str:
    worst = sorted(labels, key=lambda of: -abs(float(of["overconfidence"]["value"])))[:N_NAMED]
    named = [f"“{style.legible(of['label'])}” {interval(of['overconfidence'], points)}" for of in worst]
    return (
        f"Reliability diagrams of {len(labels)} {'label' if len(labels) == 1 else 'labels'}. Mean probability minus "
        f"share of documents with the label, the largest first: {'; '.join(named)}."
    )


def _plot(table: pa.Table, labels: Sequence[Mapping[str, Any]]) -> Figure:
    n_columns = min(len(labels), PANELS_PER_ROW)
    n_rows = -(-len(labels) // PANELS_PER_ROW)
    figure = Figure(figsize=(style.WIDTH_INCHES, 0.3 + INCHES_PER_PANEL * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    for axes in panels.flat[len(labels) :]:
        axes.set_axis_off()
    for axes, of in zip(panels.flat, labels, strict=False):
        mine = table.filter(pc.equal(table["label"], of["label"]))
        axes.plot([0, 1], [0, 1], color=style.MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.axvline(of["threshold"], color=style.PALE, linewidth=0.8)
        rows = mine.filter(pc.equal(mine["binning"], "equal_width"))
        x, y, low, high = (
            rows[name].to_numpy() for name in ("mean_confidence", "accuracy", "accuracy_low", "accuracy_high")
        )
        axes.vlines(x, low, high, color=style.BLUE, linewidth=0.7, alpha=0.6)
        axes.plot(x, y, "o", color=style.BLUE, markersize=2.6, markeredgewidth=0.7)
        chance = of["ece_of_a_calibrated_model"]["equal_width"]["quantile_95"]
        ece = f"ECE {of['ece_equal_width']['value']:.2f} [{chance:.2f}]"
        axes.set_title(f"{style.legible(of['label'])}\n{ece}", fontsize=6.5, pad=3)
        axes.set_xticks([0, 0.5, 1])
        axes.set_yticks([0, 0.5, 1])
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.03, 1.03)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[:, 0]:
        axes.set_ylabel("have the label")
    for column in range(n_columns):
        lowest = (len(labels) - 1 - column) // PANELS_PER_ROW
        panels[lowest, column].tick_params(labelbottom=True)
        panels[lowest, column].set_xlabel("probability")
    return figure
