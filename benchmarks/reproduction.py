"""The tables of docs/reproduction.md of one finished study, as Markdown.

python benchmarks/reproduction.py results/bbc-news
"""

# ruff: noqa: INP001, T201 - a script that prints

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from attviz_pipeline import Results, open_results

Rows = list[tuple[str, ...]]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of the study")
    folder = parser.parse_args().results
    study, metrics = open_results(folder), json.loads((folder / "model" / "metrics.json").read_text())
    show(("scored on", "n", "accuracy", "macro F1"), scores(metrics))
    show(("epoch", "training loss", "validation loss", "validation macro F1"), epochs(metrics))
    show(("statistic", folder.name), statistics(study, json.loads((folder / "statistics/assessment.json").read_text())))
    if "faithfulness" in study.tables:
        show(("score", "comprehensiveness", "minus random", "sufficiency", "tau, minus random"), faithfulness(study))
        show(("Spearman over heads", folder.name), importance(study))


def show(header: tuple[str, ...], rows: Rows) -> None:
    """Print one Markdown table."""
    print("\n".join(f"| {' | '.join(row)} |" for row in (header, ("---",) * len(header), *rows)) + "\n")


def scores(metrics: dict[str, Any]) -> Rows:
    """Scores of each split, each text read once and truncated."""
    return [
        (name, f"{s['n']:,}", f"{s['accuracy']:.1%}", f"{s['macro_f1']:.3f}") for name, s in metrics["splits"].items()
    ]


def epochs(metrics: dict[str, Any]) -> Rows:
    """The curve of the training."""
    names = ("train_loss", "validation_loss", "macro_f1")
    return [(str(e["epoch"]), *(f"{e[name]:.3f}" for name in names)) for e in metrics["history"]]


def statistics(study: Results, assessment: dict[str, Any]) -> Rows:
    """What the stages of statistics found."""
    heads, pairs = frame(study, "class_heads"), frame(study, "head_pairs")
    gold, correct = (heads[heads.grouping == name] for name in ("gold", "correct"))
    largest = gold.loc[gold[gold.q < 0.05].shrunken_effect.abs().idxmax()] if (gold.q < 0.05).any() else None
    found = assessment["scores"]
    over_all = assessment["confidence_and_entropy"][0]
    rows = [
        ("documents", f"{assessment['n_documents']:,} of {assessment['n_sources']:,} input rows"),
        ("accuracy on them, 95 % interval", "{value:.1%} ({low:.1%} to {high:.1%})".format(**found["accuracy"])),
        (
            "always the largest class: accuracy, macro F1",
            "{accuracy:.1%}, {macro_f1:.3f}".format(**found["majority_baseline"]),
        ),
        ("expected calibration error, 15 bins of equal width", f"{found['ece_equal_width']['value']:.3f}"),
        (
            "the same for a calibrated model, mean",
            f"{found['ece_of_a_calibrated_model']['equal_width']['mean']:.3f}",
        ),
        (
            "confidence and entropy of self-attention, Spearman; at equal length",
            "; ".join(f"{over_all[name]['value']:.2f}" for name in ("spearman", "spearman_at_equal_length")),
        ),
        ("head and gold class pairs that differ (q < 0.05)", f"{(gold.q < 0.05).sum()} of {len(gold)}"),
        (
            "largest shrunken effect among them",
            "none"
            if largest is None
            else f"{largest.group} in L{largest.layer}·H{largest['head']}: g {largest.shrunken_effect:.1f}",
        ),
        (
            "heads that differ between correct and wrong predictions",
            f"{(correct[correct.group == 'wrong'].q < 0.05).sum()} of {len(correct) // 2}",
        ),
    ]
    alike = pairs[pairs.q < 0.05].measure.value_counts()
    return [*rows, *((f"pairs of heads more alike than chance, {name}", f"{n:,}") for name, n in alike.items())]


def faithfulness(study: Results) -> Rows:
    """Each token score against random rankings: means over all fractions and documents, with 95 % intervals."""
    table = frame(study, "faithfulness")
    mean = table[(table.grouping == "all") & table.fraction.isna()]
    rows = []
    for (score, layer), some in mean.groupby(["score", "layer"], dropna=False, sort=False):
        by = {row.measure: row for row in some.itertuples()}
        name = score if pd.isna(layer) else f"{score}, layer {int(layer)}"
        rows.append(
            (
                name,
                *(
                    f"{by[m].mean:.3f}" if i == 0 else difference(by[m])
                    for m, i in (("comprehensiveness", 0), ("comprehensiveness", 1), ("sufficiency", 1))
                ),
                difference(by["tau"]) if "tau" in by else "",
            )
        )
    return rows


def difference(row: Any) -> str:  # noqa: ANN401 - a row of a data frame
    """Return the paired difference from random rankings with its interval; empty for random rankings themselves."""
    return (
        ""
        if pd.isna(row.difference)
        else f"{row.difference:+.3f} ({row.difference_low:+.3f} to {row.difference_high:+.3f})"
    )


def importance(study: Results) -> Rows:
    """Rank correlations of a head's measured importance with what costs less."""
    heads = frame(study, "head_importance")
    return [
        (f"measured importance and {name.replace('_', '-')}", f"{heads.measured.corr(heads[name], 'spearman'):.2f}")
        for name in ("gradient", "self_attention")
    ]


def frame(study: Results, name: str) -> pd.DataFrame:
    """Return a table as a data frame."""
    return study.table(name).to_pandas()


if __name__ == "__main__":
    main()
