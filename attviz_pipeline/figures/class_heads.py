"""Differences of heads between classes or labels: effect sizes of every head, one map per class or label."""

import logging
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.figures.head_names import HEADS, HeadNames
from attviz_pipeline.formats import plural, signed
from attviz_pipeline.significance import SIGNIFICANT

KIND = "class_heads"
LABEL_KIND = "label_heads"
GROUPINGS = {
    "gold": "documents of a gold class and all others",
    "predicted": "documents predicted to be of a class and all others",
    "correct": "misclassified and correctly classified documents",
}
LABEL_GROUPINGS = {
    "gold": "documents with a gold label and all others",
    "predicted": "documents with a predicted label and all others",
    "correct": "documents with all labels right and all others",
}
NO_LABELS = ": 0 of 0 documents"
"""How facts tell that no document has the label that a grouping needs."""
MOST_MAPS = 6
MAPS_PER_ROW = 3
CHARACTERS_OF_TITLE = 16
log = logging.getLogger(__name__)


def draw_class_heads(inputs: Inputs) -> Iterator[Drawing]:
    """Draw one figure per grouping: gold classes, predicted classes, misclassified against correctly classified.

    Raises:
        ArtifactError: The table of comparisons is unusable.
    """
    return _draw_all(inputs, KIND, GROUPINGS)


def draw_label_heads(inputs: Inputs) -> Iterator[Drawing]:
    """Draw one figure per grouping: gold labels, predicted labels, all labels right against all other documents.

    Raises:
        ArtifactError: The table of comparisons is unusable.
    """
    return _draw_all(inputs, LABEL_KIND, LABEL_GROUPINGS)


def _draw_all(inputs: Inputs, kind: str, groupings: Mapping[str, str]) -> Iterator[Drawing]:
    path = inputs.terms.class_heads
    facts, table = files.read_facts(path, term_schemas.CLASS_HEADS), files.read_table(path, term_schemas.CLASS_HEADS)
    for grouping, what in groupings.items():
        if is_unlabelled(facts, grouping):
            continue
        name = f"{kind}-{grouping}"
        rows = table.filter(pc.equal(table["grouping"], grouping))
        if not rows.num_rows:
            reason = not_compared(what)
            log.warning("figure %s is empty: %s", name, reason)
            yield empty(reason, name=name, kind=kind, dpi=inputs.settings.dpi, columns=table.column_names)
            continue
        yield _draw(name, kind, grouping, what, rows, facts, inputs)


def is_unlabelled(facts: Mapping[str, Any], grouping: str) -> bool:
    """Say whether a grouping needs gold labels or values, and no document has one."""
    reasons = [reason for reason in facts["not_compared"] if reason.startswith(f"{grouping} ")]
    return grouping != "predicted" and bool(reasons) and all(NO_LABELS in reason for reason in reasons)


def not_compared(what: str) -> str:
    """Say why the groups of a grouping were not compared."""
    return f"Not compared: {what}. Two documents inside and two outside of a group are needed."


def group_name(grouping: str, group: str) -> str:
    """Name a group as the pages do."""
    if grouping != "correct":
        return group
    return {
        "wrong": "misclassified",
        "right": "correctly classified",
        "not right": "some label wrong",
        "all right": "all labels right",
    }[group]


TESTED = {"heads": "in a head", "attention": "in self-attention", "use": "in use"}
"""What a test of a family compares."""


def found_by_test(n_found: int, n_tests: int, what: str) -> str:
    """Say how many of the tests of a grouping found a difference."""
    if not n_found:
        return f" None of the {n_tests:,} differences {what} is beyond chance."
    verb = "is" if n_found == 1 else "are"
    return f" {n_found:,} of the {n_tests:,} differences {what} {verb} beyond chance."


def n_tested(rows: pa.Table) -> tuple[int, int]:
    """Return how many terms of some rows of schema CLASS_TERMS were tested in use, and in self-attention."""
    n_use, n_attention = (len(rows.filter(pc.is_valid(rows[q]))["term"].unique()) for q in ("use_q", "q"))
    return n_use, n_attention


def no_term_found(rows: pa.Table, verb: str) -> str:
    """Say that no term has a significant test, and how many were tested: not each term's self-attention can be.

    Args:
        rows: Rows of a grouping, of schema CLASS_TERMS.
        verb: What a term with a significant test does.
    """
    n_use, n_attention = n_tested(rows)
    of_use = f"None of {plural(n_use, 'term')} tested in use {verb} beyond chance"
    if not n_attention:
        return f"{of_use}; no term could be tested in self-attention"
    return f"{of_use}, and none of {n_attention:,} tested in self-attention"


def limits_of_test(facts: Mapping[str, Any], grouping: str, *tests: str) -> str:
    """Name the limits of the permutations behind p and q of a grouping; empty where there are none.

    Args:
        facts: Facts of the table.
        grouping: Name of the grouping.
        tests: Families of tests: heads, attention or use.
    """
    limits = ""
    if facts["permuted"][grouping] == "documents":
        limits += " Documents of one input row were permuted as independent documents, so p and q are too small."
    families = [family for family in facts["families"] if family["grouping"] == grouping and family["tests"] in tests]
    short = [family for family in families if family["n_wanted"]]
    if short:
        takes = " and ".join(f"{of['n_wanted']:,} ({of['n_permutations']:,} were made)" for of in short)
        limits += (
            f" A single difference {' or '.join(TESTED[of['tests']] for of in short)} cannot have q < {SIGNIFICANT}, "
            f"however clear it is: that takes {takes} permutations; several need fewer."
        )
    if any(family["floor_sets_q"] for family in families):
        limits += " The number of permutations, not the data, sets the smallest q: more permutations would lower it."
    return limits


def _draw(  # noqa: PLR0913 - each is a part of the figure
    name: str, kind: str, grouping: str, what: str, rows: pa.Table, facts: dict[str, Any], inputs: Inputs
) -> Drawing:
    maps = {group_name(grouping, group): found for group, found in maps_of(rows).items()}
    shown = dict(list(maps.items())[:1] if grouping == "correct" else sorted(maps.items(), key=_size)[:MOST_MAPS])
    n_left_out = 0 if grouping == "correct" else len(maps) - len(shown)
    return finish(
        lambda: plot(shown, names=inputs.names),
        name=name,
        kind=kind,
        caption=(
            f"Differences of heads between {what}: Hedges' g of a document's mean log self-attention "
            "relative to even attention, with documents as units, adjusted for length and not shrunken, so the largest "
            f"are too large on average. Above 0: higher in the documents named. Dots: q < {SIGNIFICANT} (permutation "
            f"test with up to {most_permutations(facts, grouping, 'heads'):,} permutations within "
            f"{facts['length_strata']} strata of length; false discovery rate over the tests of heads and "
            "terms in all groupings)."
            + found_by_test(*counts(rows, "q", family_of(facts, grouping, "heads")), "of heads")
            + limits_of_test(facts, grouping, "heads")
            + (f" The {MOST_MAPS} largest groups are shown; {n_left_out} more are in the CSV." if n_left_out else "")
        ),
        alt=in_words(shown, names=inputs.names),
        columns=rows.to_pydict(),
        dpi=inputs.settings.dpi,
    )


def counts(rows: pa.Table, column: str, family: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many tests are significant, and how many there are.

    Args:
        rows: Rows of a grouping. Those of two groups mirror each other: both have each test.
        column: Its q.
        family: What the facts tell of these tests.
    """
    n_rows = rows.num_rows - rows[column].null_count
    n_rows_per_test = n_rows // family["n_tests"] if family["n_tests"] else 1
    found = pc.sum(pc.less(rows[column], SIGNIFICANT)).as_py() or 0
    return found // n_rows_per_test, family["n_tests"]


def most_permutations(facts: Mapping[str, Any], grouping: str, *tests: str) -> int:
    """Return the most permutations that one of these tests got."""
    return max(int(family_of(facts, grouping, name)["n_permutations"]) for name in tests)


def family_of(facts: Mapping[str, Any], grouping: str, tests: str) -> Mapping[str, Any]:
    """Return what the facts tell of one family of tests."""
    return next(of for of in facts["families"] if (of["grouping"], of["tests"]) == (grouping, tests))


Map = dict[str, np.ndarray]


def maps_of(rows: pa.Table) -> dict[str, Map]:
    """Return effect and q of every group, [layer, head], and its number of documents."""
    found = {}
    for group in pc.unique(rows["group"]).to_pylist():
        mine = rows.filter(pc.equal(rows["group"], group))
        shape = mine["layer"].to_numpy().max() + 1, mine["head"].to_numpy().max() + 1
        found[group] = {name: mine[name].to_numpy().reshape(shape) for name in ("effect", "q", "n_inside")}
    return found


def _size(item: tuple[str, Map]) -> int:
    return -int(item[1]["n_inside"].max())


def in_words(
    maps: dict[str, Map],
    symbol: str = "g",
    does: tuple[str, str] = ("differs", "differ"),
    names: HeadNames = HEADS,
) -> str:
    """Describe maps in words; `symbol` is that of the effect, `does` what one head and what several do."""
    one, several = does
    descriptions = []
    for group, found in maps.items():
        effect, differs = found["effect"], found["q"] < SIGNIFICANT
        if not differs.any():
            smallest = f"smallest q {found['q'].min():.2g}"
            descriptions.append(f"{style.legible(group)}: none of {effect.size} {names.noun}s {one} ({smallest})")
            continue
        layer, head = np.unravel_index(np.where(differs, np.abs(effect), -1).argmax(), effect.shape)
        verb = one if differs.sum() == 1 else several
        descriptions.append(
            f"{style.legible(group)}: {int(differs.sum())} of {effect.size} {names.noun}s {verb} (q < {SIGNIFICANT}), "
            f"most {names.of(int(layer), int(head))} ({symbol} = {signed(effect[layer, head])})"
        )
    cells = f"by {names.noun}" if names.imported else "layers by heads"
    return f"Heat maps of effect sizes, {cells}. {'; '.join(descriptions)}."


def plot(maps: dict[str, Map], effect_name: str = "effect, Hedges' g", names: HeadNames = HEADS) -> Figure:
    """Plot maps of effects, one per group or value."""
    n_layers, n_heads = next(iter(maps.values()))["effect"].shape
    n_columns = min(len(maps), MAPS_PER_ROW)
    n_rows = -(-len(maps) // MAPS_PER_ROW)
    cell = min(max((style.WIDTH_INCHES - 0.35) / n_columns * 0.92 / n_heads, 0.115), 0.2)
    titles = [_title(group, found) for group, found in maps.items()]
    height_of_title = 0.22 + 0.12 * (1 + max(title.count("\n") for title in titles))
    height = 0.75 + n_rows * (cell * n_layers + height_of_title)
    figure = Figure(figsize=(style.WIDTH_INCHES, height), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    limit = max(float(np.abs(found["effect"]).max()) for found in maps.values()) or 1.0
    for axes in panels.flat[len(maps) :]:
        axes.set_axis_off()
    for axes, title, found in zip(panels.flat, titles, maps.values(), strict=False):
        image = axes.imshow(found["effect"], cmap=style.DIVERGING, aspect="auto", vmin=-limit, vmax=limit)
        _mark(axes, found, limit, cell, names)
        axes.set_title(title, fontsize=7, pad=3)
    for column in range(n_columns):
        lowest = (len(maps) - 1 - column) // MAPS_PER_ROW
        panels[lowest, column].tick_params(labelbottom=True)
    bar = figure.colorbar(image, ax=panels, location="bottom", aspect=40, shrink=0.7)
    bar.outline.set_visible(False)
    bar.set_label(f"{effect_name} (dot: q < {SIGNIFICANT})")
    return figure


def _title(group: str, found: Map) -> str:
    """Return a group's name and its number of documents, in lines no wider than a map."""
    text = f"{style.legible(group, style.LONGEST_CLASS)} ({int(found['n_inside'].max()):,})"
    lines = textwrap.wrap(text.replace("_", "_ "), CHARACTERS_OF_TITLE)  # names break behind underscores
    return "\n".join(line.replace("_ ", "_") for line in lines)


def _mark(axes: Axes, found: Map, limit: float, cell: float, names: HeadNames) -> None:
    layer, head = np.nonzero(found["q"] < SIGNIFICANT)
    dark = np.abs(found["effect"][layer, head]) > 0.6 * limit
    for ink, chosen in (("white", dark), (style.INK, ~dark)):
        axes.plot(head[chosen], layer[chosen], ".", color=ink, markersize=max(cell * 14, 2.4), markeredgewidth=0)
    names.frame(axes, *found["effect"].shape)
