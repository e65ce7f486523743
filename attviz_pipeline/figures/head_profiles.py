"""What every head attends to: one heat map per measure, and a map of the resulting roles."""

import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import ListedColormap, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files
from attviz_pipeline.artifacts.profile_schemas import HEAD_PROFILES, ROLES
from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.figures.head_names import HEADS
from attviz_pipeline.formats import head_name

KIND = "head_profiles"
MOST_HEADS_WITH_ROLES = 16
SHARE_TICKS = (0, 1, 5, 20, 50, 100)
log = logging.getLogger(__name__)


class Panel(NamedTuple):
    """One measure: its column, what the figure calls it, and how captions name its extreme."""

    column: str
    title: str
    words: str


SPREAD = (
    Panel("evenness", "evenness, %", "evenness"),
    Panel("entropy", "entropy, nats", "entropy"),
    Panel("distance", "distance, tokens", "distance"),
)
SHARES = (
    Panel("on_self", "on itself", "the token itself"),
    Panel("on_previous", "on the previous", "the previous token"),
    Panel("on_next", "on the next", "the next token"),
    Panel("on_cls", "on [CLS]", "[CLS]"),
    Panel("on_sep", "on [SEP]", "[SEP]"),
    Panel("on_punctuation", "on punctuation", "punctuation"),
)
# Families of roles have families of colours: places are blue, delimiters orange to red.
ROLE_COLOURS = dict(
    zip(
        ROLES,
        style.ROLE_COLOURS,
        strict=True,
    )
)
ROLE_NAMES = {role: {"cls": "[CLS]", "sep": "[SEP]"}.get(role, role) for role in ROLES}
ROLE_LABELS = dict(zip(ROLES, ("self", "prev", "next", "CLS", "SEP", "punct", "delim", "broad", "mixed"), strict=True))


def draw_head_profiles(inputs: Inputs) -> Iterator[Drawing]:
    """Draw the measures of all heads, and their roles.

    Raises:
        ArtifactError: The table of profiles is unusable.
    """
    path = inputs.head_profiles
    table, facts = files.read_table(path, HEAD_PROFILES), files.read_facts(path, HEAD_PROFILES)
    dpi = inputs.settings.dpi
    if not table.num_rows:
        reason = _reason_empty(facts)
        for name in (f"{KIND}-measures", f"{KIND}-roles"):
            log.warning("figure %s is empty: %s", name, reason)
            yield empty(reason, name=name, kind=KIND, dpi=dpi, columns=table.column_names)
        return
    yield _draw_measures(table, facts, dpi)
    yield _draw_roles(table, facts, dpi)


def _reason_empty(facts: dict[str, Any]) -> str:
    if facts["mode"] != "full":
        return "No head profiles: they need attention.mode: full."
    return "No head profiles: no document contains a text token."


def _draw_measures(table: pa.Table, facts: dict[str, Any], dpi: int) -> Drawing:
    return finish(
        lambda: _plot_measures(table),
        name=f"{KIND}-measures",
        kind=KIND,
        caption=(
            f"What text tokens attend to, means over {facts['n_documents']:,} documents. Evenness: entropy in percent "
            "of its maximum. Distance: mean distance between a token and the tokens it attends to. Shares: percent of "
            "attention to the token itself, its neighbours, [CLS], [SEP] and punctuation; they overlap, because a "
            "neighbour can be punctuation. All shares have one square-root scale."
        ),
        alt=f"Nine heat maps, layers by heads. {' '.join(_extremes(table))}",
        columns=table.to_pydict(),
        dpi=dpi,
    )


def _extremes(table: pa.Table) -> Iterator[str]:
    for panel in (*SPREAD, *SHARES):
        values = _matrix(table, panel.column)
        layer, head = np.unravel_index(np.nanargmax(np.nan_to_num(values)), values.shape)
        found = f"{head_name(int(layer), int(head))} ({values[layer, head]:.3g})"
        yield f"Highest {panel.words}: {found}." if panel in SPREAD else f"Most on {panel.words}: {found}."


def _draw_roles(table: pa.Table, facts: dict[str, Any], dpi: int) -> Drawing:
    roles = table["role"].to_pylist()
    counted = ", ".join(f"{roles.count(role)} {ROLE_NAMES[role]}" for role in ROLES if role in roles)
    share, evenness = facts["least_share"], facts["least_evenness"]
    return finish(
        lambda: _plot_roles(table),
        name=f"{KIND}-roles",
        kind=KIND,
        caption=(
            f"Role of each head, by the first rule that applies: the largest of its mean shares of attention on "
            f"itself, previous token, next token, [CLS], [SEP] and punctuation is at least {share * 100:.0f} %; the "
            f"last three together are (delimiter); evenness is at least {evenness * 100:.0f} % (broad); else mixed. "
            f"Means over {facts['n_documents']:,} documents; the thresholds are conventions. {counted}."
        ),
        alt=f"Map of {len(roles)} heads, layers by heads, by role: {counted}. {_by_layer(table)}",
        columns=table.select(["layer", "head", "role"]).to_pydict(),
        dpi=dpi,
    )


def _by_layer(table: pa.Table) -> str:
    per_layer = []
    for layer, row in enumerate(_matrix(table, "role")):
        roles = row.tolist()
        most = max(ROLES, key=roles.count)
        per_layer.append(f"L{layer} {ROLE_NAMES[most]} ({roles.count(most)} of {len(roles)})")
    return f"Most frequent role by layer: {'; '.join(per_layer)}."


def _matrix(table: pa.Table, name: str) -> NDArray[Any]:
    """Return a column as [layer, head]."""
    n_layers = table["layer"].to_numpy().max() + 1
    values: NDArray[Any] = table[name].to_numpy().reshape(n_layers, -1)
    return values


def _plot_measures(table: pa.Table) -> Figure:
    n_layers, n_heads = _matrix(table, "on_self").shape
    cell = min(max((style.WIDTH_INCHES - 0.4) / 3 / n_heads, 0.045), 0.17)
    figure = Figure(
        figsize=(style.WIDTH_INCHES, 1.7 + 3 * cell * n_layers), layout=ConstrainedLayoutEngine(h_pad=0.02, w_pad=0.02)
    )
    panels = figure.subplots(3, 3, sharex=True, sharey=True)
    for axes, panel in zip(panels[0], SPREAD, strict=True):
        percent = 100 if panel.column == "evenness" else 1
        image = _show(axes, panel, _matrix(table, panel.column) * percent)
        bar = figure.colorbar(image, ax=axes, location="bottom", aspect=14, shrink=0.9, pad=0.03)
        _tidy(bar)
    shares = {panel: _matrix(table, panel.column) * 100 for panel in SHARES}
    # Few heads have large shares; on a linear scale all others would look alike.
    largest = max(float(values.max()) for values in shares.values())
    for axes, (panel, values) in zip(panels[1:].flat, shares.items(), strict=True):
        image = _show(axes, panel, values, PowerNorm(0.5, 0, largest))
    bar = figure.colorbar(image, ax=panels[1:], location="bottom", aspect=40, shrink=0.7, pad=0.02)
    _tidy(bar)
    bar.set_ticks([tick for tick in SHARE_TICKS if tick <= largest])
    bar.ax.minorticks_off()
    bar.set_label("share of attention, % (square-root scale)")
    return figure


def _show(axes: Axes, panel: Panel, values: NDArray[np.float64], norm: Normalize | None = None) -> AxesImage:
    image = axes.imshow(values, cmap=style.VALUES, aspect="auto", norm=norm)
    axes.set_title(panel.title, fontsize=7, pad=3)
    HEADS.frame(axes, *values.shape)
    return image


def _tidy(bar: Colorbar) -> None:
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=1.5, pad=1, labelsize=6)
    bar.ax.locator_params(nbins=4)


def _plot_roles(table: pa.Table) -> Figure:
    roles = _matrix(table, "role")
    n_layers, n_heads = roles.shape
    width = (style.WIDTH_INCHES - 0.35) / n_heads
    cell = min(max(0.75 * width, 0.09), 0.22)
    figure = Figure(figsize=(style.WIDTH_INCHES, 0.85 + cell * n_layers), layout="constrained")
    axes = figure.subplots()
    numbers = np.vectorize(ROLES.index)(roles)
    colours = ListedColormap([ROLE_COLOURS[role] for role in ROLES])
    axes.imshow(numbers, cmap=colours, vmin=-0.5, vmax=len(ROLES) - 0.5, aspect="auto", interpolation="nearest")
    HEADS.frame(axes, n_layers, n_heads)
    if n_heads <= MOST_HEADS_WITH_ROLES:
        _write_roles(axes, roles)
    _add_key(figure, roles)
    return figure


def _write_roles(axes: Axes, roles: NDArray[Any]) -> None:
    size = min(6.5, 68 / roles.shape[1])
    for (layer, head), role in np.ndenumerate(roles):
        ink = style.ink_on(ROLE_COLOURS[role])
        axes.text(head, layer, ROLE_LABELS[role], ha="center", va="center", color=ink, fontsize=size)


def _add_key(figure: Figure, roles: NDArray[Any]) -> None:
    """Write what the colours stand for, with the number of heads."""
    found = roles.ravel().tolist()
    shown = [role for role in ROLES if role in found]
    patches = [Patch(color=ROLE_COLOURS[role], label=f"{ROLE_NAMES[role]} ({found.count(role)})") for role in shown]
    figure.legend(
        handles=patches,
        loc="outside lower center",
        ncols=min(len(shown), 4),
        frameon=False,
        fontsize=6.5,
        handlelength=1,
        handleheight=0.8,
        columnspacing=1.2,
        handletextpad=0.4,
    )
