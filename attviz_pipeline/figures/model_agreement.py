"""Whether every two of the compared models predict the same for the same documents."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files, models_schemas
from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.figures.models import titles_of
from attviz_pipeline.figures.wording import counted
from attviz_pipeline.formats import percent, signed

Row = Mapping[str, Any]

KIND = "model_agreement"
MOST_MODELS_WITH_NUMBERS = 12
LARGEST_CELL_INCHES = 0.45
INCHES_BESIDE = 0.9  # the colour bar with its label
NOTHING = "No compared model has a trained classifier, so there are no two models whose predictions can be compared."


def draw_model_agreement(inputs: Inputs) -> Iterator[Drawing]:
    """Draw the share of documents for which two models predict the same, or the correlation of values, of every pair.

    Raises:
        ArtifactError: A table is unusable.
    """
    if inputs.models is None:
        return
    table = files.read_table(inputs.models.model_predictions, models_schemas.MODEL_PREDICTIONS)
    rows = table.to_pylist()
    if not rows:
        yield empty(NOTHING, name=KIND, kind=KIND, dpi=inputs.settings.dpi, columns=table.column_names)
        return
    titles = titles_of(inputs)
    names = list(dict.fromkeys(row[end] for end in ("model", "other") for row in rows))
    labels = [style.legible(titles[name], style.LONGEST_TOKEN) for name in names]
    yield finish(
        lambda: _plot(labels, _square(rows, names), is_share=_is_share(rows)),
        name=KIND,
        kind=KIND,
        dpi=inputs.settings.dpi,
        caption=_caption(rows),
        alt=_alt(rows, titles),
        columns=table.to_pydict(),
    )


def _is_share(rows: Sequence[Row]) -> bool:
    return any(row["agreement"] is not None for row in rows)


def _value(row: Row) -> float | None:
    value: float | None = row["value_correlation"] if row["agreement"] is None else row["agreement"]
    return value


def _square(rows: Sequence[Row], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the values of all pairs, [model, model]; NaN on the diagonal and where undefined."""
    values = np.full((len(names), len(names)), np.nan)
    for row in rows:
        first, second = names.index(row["model"]), names.index(row["other"])
        value = _value(row)
        values[first, second] = values[second, first] = np.nan if value is None else value
    return values


def _caption(rows: Sequence[Row]) -> str:
    over = counted(rows[0]["n_documents"], "document")
    if not _is_share(rows):
        return f"Spearman's correlation of the values that two models predict, over {over}, for every pair of models."
    chance = sorted(row["agreement_by_chance"] for row in rows)
    low, high = percent(chance[0]), percent(chance[-1])
    span = low if low == high else f"{low} to {high}"
    return (
        f"Share of {over} for which two models predict the same, for every pair of models (numbers: percent). Two "
        f"models that predict as often, but independently, agree on {span}. The CSV has intervals and Cohen's kappa."
    )


def _alt(rows: Sequence[Row], titles: Mapping[str, str]) -> str:
    known = [row for row in rows if _value(row) is not None]
    whole = f"Heat map of {counted(len(rows), 'pair')} of models."
    if not known:
        return f"{whole} A correlation is defined for none of them."
    write = percent if _is_share(rows) else signed
    least, most = (pick(known, key=lambda row: _value(row) or 0.0) for pick in (min, max))
    named = [
        f"{how} {titles[row['model']]} and {titles[row['other']]}, {write(_value(row) or 0.0)}"
        for how, row in (("lowest", least), ("highest", most))
    ]
    return f"{whole} {named[0].capitalize()}{f'; {named[1]}' if len(known) > 1 else ''}."


def _plot(labels: Sequence[str], values: NDArray[np.float64], *, is_share: bool) -> Figure:
    n, beside = len(labels), style.label_inches(labels)
    cell = min((style.WIDTH_INCHES - beside - INCHES_BESIDE) / n, LARGEST_CELL_INCHES)
    figure = Figure(figsize=(style.WIDTH_INCHES, beside + cell * n + 0.4), layout="constrained")
    axes = figure.subplots()
    lowest = 0.0 if is_share or np.nanmin(values, initial=0.0) >= 0 else -1.0
    image = axes.imshow(values, cmap=style.VALUES, vmin=lowest, vmax=1)
    axes.set_xticks(range(n), labels, rotation=90)
    axes.set_yticks(range(n), labels)
    axes.tick_params(length=0)
    axes.spines[:].set_color(style.PALE)
    if n <= MOST_MODELS_WITH_NUMBERS:
        _write_values(figure, values, lowest, is_share=is_share)
    bar = figure.colorbar(image, shrink=0.9)
    bar.outline.set_visible(False)
    bar.set_label("same prediction" if is_share else "Spearman's correlation")
    return figure


def _write_values(figure: Figure, values: NDArray[np.float64], lowest: float, *, is_share: bool) -> None:
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            ink = style.ink_on(style.VALUES((value - lowest) / (1 - lowest)))
            text = percent(value).removesuffix(" %") if is_share else signed(value)
            figure.axes[0].text(column, row, text, ha="center", va="center", color=ink, fontsize=6)
