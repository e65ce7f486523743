"""Multi-label classification: right and wrong decisions of each label, and which labels occur together."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attviz_pipeline.figures import style
from attviz_pipeline.figures.assessment import interval, left_out_sentence, read_assessment
from attviz_pipeline.figures.drawing import Drawing, Inputs, finish
from attviz_pipeline.formats import percent

KIND = "label_errors"
TOGETHER_KIND = "co_occurrence"
MOST_LABELS = 30
MOST_LABELS_WITH_NUMBERS = 8
INCHES_PER_LABEL = 0.2
BARS = (
    ("n_hits", "found", style.BLUE),
    ("missed", "missed", style.ORANGE),
    ("added", "wrongly predicted", style.YELLOW),
)


def draw_label_errors(inputs: Inputs) -> Iterator[Drawing]:
    """Draw for each label how many documents have it found, missed or wrongly predicted; nothing without gold labels.

    Raises:
        ArtifactError: The assessment is unusable.
    """
    assessment = read_assessment(inputs)
    if not assessment["scores"]:
        return
    labels = [
        of | {"missed": of["n_gold"] - of["n_hits"], "added": of["n_predicted"] - of["n_hits"]}
        for of in assessment["per_label"]
    ]
    shown = sorted(labels, key=lambda of: -int(of["n_gold"]))[:MOST_LABELS]
    names = ("label", "threshold", "n_gold", "n_predicted", "n_hits", "missed", "added", "precision", "recall", "f1")
    n_left_out = len(labels) - len(shown)
    yield finish(
        lambda: _plot_errors(shown),
        name=KIND,
        kind=KIND,
        dpi=inputs.settings.dpi,
        caption=(
            "Documents by label: those that have it and are predicted to (found), that have it and are not (missed), "
            "and that do not have it and are (wrongly predicted). F1 beside the F1 of always predicting the label. "
            f"{_scores(assessment['scores'])}" + left_out_sentence(n_left_out, MOST_LABELS)
        ),
        alt=_errors_in_words(shown),
        columns={name: [of[name] for of in labels] for name in names},
    )


def _scores(scores: Mapping[str, Any]) -> str:
    baseline = scores["majority_baseline"]
    often = ", ".join(style.legible(label) for label in baseline["labels"]) or "no label"
    return (
        f"All labels right in {interval(scores['exact_match'], percent)} of the documents; always predicting the "
        f"most frequent set ({often}) would give {percent(baseline['exact_match'])}. "
        f"Micro F1 {interval(scores['micro_f1'], percent)}, of that set {percent(baseline['micro_f1'])}; "
        f"macro F1 {interval(scores['macro_f1'], percent)}, of that set {percent(baseline['macro_f1'])}. "
        "Wrong decisions about a label (Hamming loss): "
        f"{interval(scores['hamming_loss'], percent)}, of that set {percent(baseline['hamming_loss'])}."
    )


def _errors_in_words(labels: Sequence[Mapping[str, Any]]) -> str:
    worst = max(labels, key=lambda of: int(of["missed"]) + int(of["added"]))
    n_hits = sum(int(of["n_hits"]) for of in labels)
    n_wrong = sum(int(of["missed"]) + int(of["added"]) for of in labels)
    opening = f"Bars of {len(labels)} {'label' if len(labels) == 1 else 'labels'}: {n_hits:,} found, {n_wrong:,} wrong."
    if not worst["missed"] + worst["added"]:
        return opening
    return (
        f"{opening} Most wrong decisions: “{style.legible(worst['label'])}”, missed in {worst['missed']:,} and wrongly "
        f"predicted in {worst['added']:,} documents."
    )


def _plot_errors(labels: Sequence[Mapping[str, Any]]) -> Figure:
    figure = Figure(figsize=(style.WIDTH_INCHES, 0.75 + INCHES_PER_LABEL * len(labels)), layout="constrained")
    counts, scores = figure.subplots(1, 2, sharey=True, width_ratios=[2.4, 1])
    places = np.arange(len(labels))
    left = np.zeros(len(labels))
    for name, title, colour in BARS:
        width = np.array([of[name] for of in labels], np.float64)
        counts.barh(places, width, left=left, color=colour, height=0.62, label=title)
        left += width
    counts.set_yticks(places, style.class_labels([of["label"] for of in labels]))
    counts.set_ylim(len(labels) - 0.4, -0.6)
    counts.set_xlabel("documents")
    for place, of in zip(places, labels, strict=True):
        if of["f1_low"] is not None:
            scores.hlines(place, of["f1_low"], of["f1_high"], color=style.BLUE, linewidth=0.9)
    defined = [(place, of["f1"]) for place, of in zip(places, labels, strict=True) if of["f1"] is not None]
    always = [(place, of["f1_of_always_predicting"]) for place, of in zip(places, labels, strict=True)]
    scores.plot([f1 for _, f1 in always], [p for p, _ in always], "|", color=style.MUTED, markersize=7)
    scores.plot([f1 for _, f1 in defined], [p for p, _ in defined], "o", color=style.BLUE, markersize=3.4)
    scores.set_xlim(-0.03, 1.03)
    scores.set_xticks([0, 0.5, 1])
    scores.set_xlabel("F1 (|: label always\npredicted)")
    for axes in (counts, scores):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=style.PALE, linewidth=0.4)
        axes.set_axisbelow(True)
    counts.locator_params(axis="x", nbins=4)
    figure.legend(*counts.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False, fontsize=6.5)
    return figure


def draw_co_occurrence(inputs: Inputs) -> Iterator[Drawing]:
    """Draw which labels occur together, gold labels and predicted ones.

    Raises:
        ArtifactError: The assessment is unusable.
    """
    assessment = read_assessment(inputs)
    names = assessment["label_names"]
    panels = {"predicted": np.array(assessment["predictions"]["co_occurrence"])}
    if assessment["scores"]:
        panels = {"gold": np.array(assessment["scores"]["co_occurrence"]), **panels}
    gold = panels.get("gold", panels["predicted"])
    order = np.argsort(-np.diagonal(gold), kind="stable")[:MOST_LABELS]
    shown = {title: counts[np.ix_(order, order)] for title, counts in panels.items()}
    rows, columns = np.indices((len(names), len(names))).reshape(2, -1)
    yield finish(
        lambda: _plot_together(style.class_labels([names[label] for label in order]), shown),
        name=TOGETHER_KIND,
        kind=TOGETHER_KIND,
        dpi=inputs.settings.dpi,
        caption=(
            "Labels that occur together: of the documents with the label of the row, the share that also have the "
            f"label of the column{_which(panels)}. Numbers are documents; on the diagonal, all with the label. Compare "
            "a share with that of the column's label among all documents: frequent labels occur often with any other."
            + left_out_sentence(len(names) - len(order), MOST_LABELS)
        ),
        alt=_together_in_words(names, panels),
        columns={
            "label": [names[row] for row in rows],
            "other": [names[column] for column in columns],
            **{f"n_{title}": counts.ravel().tolist() for title, counts in panels.items()},
        },
    )


def _which(panels: Mapping[str, np.ndarray]) -> str:
    return ", by gold labels and by predicted labels" if len(panels) > 1 else ", by predicted labels"


def _together_in_words(names: Sequence[str], panels: Mapping[str, np.ndarray]) -> str:
    found = []
    for title, counts in panels.items():
        pairs = np.triu(counts, 1)
        if not pairs.any():
            found.append(f"No two {title} labels occur together.")
            continue
        first, second = divmod(int(pairs.argmax()), len(names))
        n = f"{pairs.max():,} {'document' if pairs.max() == 1 else 'documents'}"
        found.append(
            f"The two {title} labels most often together: “{style.legible(names[first])}” and "
            f"“{style.legible(names[second])}”, in {n}."
        )
    return f"Heat maps of {len(names)} labels by {len(names)} labels. {' '.join(found)}"


def _plot_together(names: Sequence[str], panels: Mapping[str, np.ndarray]) -> Figure:
    n = len(names)
    beside = style.label_inches(names)
    cell = float(np.clip((style.WIDTH_INCHES - beside - 0.9) / (n * len(panels)), 0.14, 0.42))
    width = max(style.WIDTH_INCHES, beside + 0.9 + cell * n * len(panels))
    figure = Figure(figsize=(width, cell * n + beside * 0.75 + 0.75), layout="constrained")
    drawn = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, counts) in zip(drawn, panels.items(), strict=True):
        shares = counts / np.maximum(np.diagonal(counts)[:, None], 1)
        image = axes.imshow(shares, cmap=style.VALUES, vmin=0, vmax=1)
        axes.set_title(f"{title} labels", fontsize=7)
        axes.set_xticks(range(n), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(n), names)
        axes.tick_params(length=0)
        axes.spines[:].set_color(style.PALE)
        if n <= MOST_LABELS_WITH_NUMBERS:
            _write_counts(axes, counts, shares)
    drawn[0].set_ylabel("documents with")
    bar = figure.colorbar(image, ax=drawn.tolist(), ticks=[0, 0.5, 1], aspect=30, shrink=0.8)
    bar.outline.set_visible(False)
    bar.set_label("share that also have")
    return figure


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for (row, column), count in np.ndenumerate(counts):
        ink = style.ink_on(style.VALUES(shares[row, column])) if count else style.MUTED
        axes.text(column, row, f"{count:,}", ha="center", va="center", color=ink, fontsize=6)
