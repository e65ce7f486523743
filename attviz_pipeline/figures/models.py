"""Models side by side: changes of heads, effects that other seeds find again, and means by layer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files, models_schemas
from attviz_pipeline.figures import style
from attviz_pipeline.figures.class_heads import MOST_MAPS, Map, in_words, plot
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.figures.wording import counted
from attviz_pipeline.formats import head_name, signed
from attviz_pipeline.significance import SIGNIFICANT

Row = Mapping[str, Any]

CHANGES, EFFECTS, LAYERS = "model_changes", "effect_replications", "model_layers"
MOST_EFFECTS = 15
ROW_INCHES = 0.2
PANELS = {"log_ratio": "self-attention, ln(n a)", "evenness": "evenness"}
COLOURS = {"own": style.BLUE, "pretrained": style.ORANGE, "seed": style.MUTED}
LINES = {"own": "-", "pretrained": (0, (5, 1.5)), "seed": (0, (1, 1))}


def draw_model_changes(inputs: Inputs) -> Iterator[Drawing]:
    """Draw the change of every head between the study's own model and each other, one map per model.

    Raises:
        ArtifactError: A table is unusable.
    """
    if inputs.models is None:
        return
    table = files.read_table(inputs.models.model_heads, models_schemas.MODEL_HEADS)
    facts = files.read_facts(inputs.models.model_heads, models_schemas.MODEL_HEADS)
    shape = facts["n_layers"], facts["n_heads"]
    titles = titles_of(inputs)
    maps = {titles[name]: _map(rows, shape, facts["n_rows"]) for name, rows in _by_model(table.to_pylist()).items()}
    if not maps:
        reason = "No other model with the heads and tokens of this one was compared."
        yield empty(reason, name=CHANGES, kind=CHANGES, dpi=inputs.settings.dpi, columns=table.column_names)
        return
    shown = dict(list(maps.items())[:MOST_MAPS])
    left_out = f" {len(maps) - len(shown)} more models are in the CSV." if len(maps) > len(shown) else ""
    yield finish(
        lambda: _plot_changes(shown),
        name=CHANGES,
        kind=CHANGES,
        dpi=inputs.settings.dpi,
        caption=(
            "Self-attention relative to even attention (geometric mean) of every head in this model against that in "
            "another, on the same documents: difference of the means of ln(n a) over "
            f"{counted(facts['n_rows'], 'input row')} (in brackets). Blue: "
            f"more in this model; orange: less. Dots: q < {SIGNIFICANT:g} (random signs of the rows' changes, "
            f"{facts['n_flips']:,} draws; false discovery rate over all heads, and over their evenness, which the CSV "
            "has, too)."
            f"{left_out}"
        ),
        alt=in_words(shown, "change", ("changes", "change")),
        columns=table.to_pydict(),
    )


def draw_effect_replications(inputs: Inputs) -> Iterator[Drawing]:
    """Draw the largest effects of gold classes or values beside their means over seeds.

    Raises:
        ArtifactError: A table is unusable.
    """
    if inputs.models is None:
        return
    table = files.read_table(inputs.models.effect_replications, models_schemas.EFFECT_REPLICATIONS)
    every = table.to_pylist()
    n_others = max((row["n_others"] for row in every), default=0)
    rows = [row for row in every if row["q"] is not None and row["q"] < SIGNIFICANT]
    rows.sort(key=lambda row: -abs(row["effect"]))
    if not n_others or not rows:
        reason = (
            f"No effect of this model has q < {SIGNIFICANT:g}: there is nothing to find again."
            if n_others
            else "The study compares with no other seed, so nothing can be found again."
        )
        yield empty(reason, name=EFFECTS, kind=EFFECTS, dpi=inputs.settings.dpi, columns=table.column_names)
        return
    shown = rows[:MOST_EFFECTS]
    everywhere = sum(row["n_found_again"] == n_others for row in rows)
    whole = counted(len(rows), "effect")
    which = whole if len(shown) == len(rows) else f"largest {len(shown)} of {whole}"
    yield finish(
        lambda: _plot_effects(shown),
        name=EFFECTS,
        kind=EFFECTS,
        dpi=inputs.settings.dpi,
        caption=(
            f"The {which} with q < {SIGNIFICANT:g} in this model: in this model with the interval of input rows alone "
            f"(filled), and the mean over {n_others + 1} seeds with an interval that includes the model (open). "
            f"Numbers: in how many of {counted(n_others, 'model')} of other seeds it has the same sign and "
            f"q < {SIGNIFICANT:g}; for {counted(everywhere, 'effect')} it is all. All models read the same "
            "documents. The CSV has every effect."
        ),
        alt=_effects_alt(shown),
        columns=table.to_pydict(),
    )


def draw_model_layers(inputs: Inputs) -> Iterator[Drawing]:
    """Draw mean self-attention and evenness of every model by layer.

    Raises:
        ArtifactError: A table is unusable.
    """
    if inputs.models is None:
        return
    table = files.read_table(inputs.models.model_layers, models_schemas.MODEL_LAYERS)
    rows, titles = table.to_pylist(), titles_of(inputs)
    yield finish(
        lambda: _plot_layers(_by_model(rows), titles),
        name=LAYERS,
        kind=LAYERS,
        dpi=inputs.settings.dpi,
        caption=(
            "Mean over heads and input rows, by layer, of each model: left ln(n a), where 0 is even attention; right "
            "evenness, where 1 is even. Bars: 95 % intervals over input rows."
        ),
        alt=_layers_alt(_by_model(rows), titles),
        columns=table.to_pydict(),
    )


def titles_of(inputs: Inputs) -> dict[str, str]:
    """Return what figures call the models, by their names in the tables."""
    if inputs.models is None:
        return {}
    names = ["model", "kind", "seed", "epoch"]
    rows = files.read_table(inputs.models.models, models_schemas.MODELS, names).to_pylist()
    return {row["model"]: _title(row) for row in rows}


def _title(row: Row) -> str:
    titles = {"own": "this model", "pretrained": "before fine-tuning", "seed": f"seed {row['seed']}"}
    return titles.get(row["kind"], f"after epoch {row['epoch']}" if row["kind"] == "epoch" else row["model"])


def _by_model(rows: Sequence[Row]) -> dict[str, list[Row]]:
    names = dict.fromkeys(row["model"] for row in rows)
    return {name: [row for row in rows if row["model"] == name] for name in names}


def _map(rows: Sequence[Row], shape: tuple[int, int], n_rows: int) -> Map:
    found = {"effect": _column(rows, "log_ratio_change", 0.0), "q": _column(rows, "log_ratio_q", 1.0)}
    return {name: values.reshape(shape) for name, values in found.items()} | {"n_inside": np.array([n_rows])}


def _column(rows: Sequence[Row], name: str, missing: float) -> NDArray[np.float64]:
    return np.array([missing if row[name] is None else row[name] for row in rows])


def _plot_changes(maps: dict[str, Map]) -> Figure:
    figure = plot(maps, "change of ln(n a)")
    # Small changes have long numbers, which would overlap.
    figure.axes[-1].xaxis.set_major_locator(MaxNLocator(4))
    return figure


def _plot_effects(rows: Sequence[Row]) -> Figure:
    figure = Figure(figsize=(style.WIDTH_INCHES, 0.7 + ROW_INCHES * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        _plot_interval(axes, place - 0.14, row, "effect", filled=True)
        _plot_interval(axes, place + 0.14, row, "mean_effect", filled=False)
    names = [
        f"{head_name(row['layer'], row['head'])}  {style.legible(row['group'], style.LONGEST_TOKEN)}" for row in rows
    ]
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.axvline(0, color=style.MUTED, linewidth=0.5)
    axes.set_xlabel("effect (filled: this model; open: mean over seeds)")
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(rows)), [f"{row['n_found_again']} of {row['n_others']}" for row in rows])
    right.tick_params(length=0)
    right.spines[:].set_visible(False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _plot_interval(axes: Axes, place: float, row: Row, name: str, *, filled: bool) -> None:
    if row[name] is None:
        return
    colour = style.BLUE if filled else style.ORANGE
    if row[f"{name}_low"] is not None:
        axes.plot([row[f"{name}_low"], row[f"{name}_high"]], [place, place], color=colour, linewidth=1)
    face = colour if filled else "white"
    axes.plot([row[name]], [place], "o", markersize=3, markeredgecolor=colour, markerfacecolor=face)


def _plot_layers(models: Mapping[str, Sequence[Row]], titles: Mapping[str, str]) -> Figure:
    figure = Figure(figsize=(style.WIDTH_INCHES, 2.1), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, (quantity, title) in zip(panels, PANELS.items(), strict=True):
        for name, rows in models.items():
            there = [row for row in rows if row[quantity] is not None]
            kind = name if name in COLOURS else "seed"
            values = [row[quantity] for row in there]
            bounds = [
                [
                    0.0 if row[f"{quantity}_{end}"] is None else abs(row[f"{quantity}_{end}"] - row[quantity])
                    for row in there
                ]
                for end in ("low", "high")
            ]
            axes.errorbar(
                [row["layer"] for row in there],
                values,
                yerr=bounds,
                color=COLOURS[kind],
                linestyle=LINES[kind],
                linewidth=1.2 if kind != "seed" else 0.8,
                elinewidth=0.6,
                label=titles[name],
            )
        axes.set_title(title, fontsize=7)
        axes.set_xlabel("layer")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=6, handlelength=2.6)
    figure.set_figheight(2.1 + 0.14 * -(-len(labels) // 3))
    return figure


def _effects_alt(rows: Sequence[Row]) -> str:
    named = [
        f"{style.legible(row['group'])} in {head_name(row['layer'], row['head'])}: {signed(row['effect'])} here, "
        f"mean {signed(row['mean_effect'])}, found again in {row['n_found_again']} of {row['n_others']}"
        for row in rows[:5]
        if row["mean_effect"] is not None
    ]
    return f"Effects with two intervals each. The largest: {'; '.join(named)}."


def _layers_alt(models: Mapping[str, Sequence[Row]], titles: Mapping[str, str]) -> str:
    named = []
    for name, rows in models.items():
        known = [row for row in rows if row["log_ratio"] is not None]
        if known:
            first, last = known[0], known[-1]
            named.append(
                f"{titles[name]} from {signed(first['log_ratio'])} in L{first['layer']} to "
                f"{signed(last['log_ratio'])} in L{last['layer']}"
            )
    return f"Two panels of curves by layer. Mean ln(n a): {'; '.join(named) or 'no document has words'}."
