"""The stage `summarise_evidence`: means over documents of faithfulness and of switched-off heads."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.inference import benjamini_hochberg
from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.evidence.macro_f1 import macro_f1_changes
from attviz_pipeline.evidence.paired import NOTHING, Group, Mean, groups_of, mean_of
from attviz_pipeline.stages import SummariseEvidence

Floats = NDArray[np.float64]
Row = dict[str, Any]
RANDOM = "random"


def summarise_evidence(  # noqa: PLR0913 - one parameter per file
    settings: SummariseEvidence,
    document_faithfulness: Path,
    document_ablations: Path,
    cumulative_ablations: Path,
    faithfulness: Path,
    head_ablations: Path,
    ablation_curves: Path,
) -> None:
    """Average evidence over documents, beside its floor, with intervals.

    Args:
        settings: Resamples of the intervals of macro F1.
        document_faithfulness: Faithfulness of each document (schema `document_faithfulness`).
        document_ablations: Changes without each head (schema `document_ablations`).
        cumulative_ablations: Predictions without more and more heads (schema `cumulative_ablations`).
        faithfulness: Where to write (schema `faithfulness`).
        head_ablations: Where to write (schema `head_ablations`).
        ablation_curves: Where to write (schema `ablation_curves`).

    Raises:
        ArtifactError: An input is missing or damaged.
    """
    rows, facts = _read(document_ablations, evidence_schemas.DOCUMENT_ABLATIONS)
    names, shape = facts["label_names"], (facts["n_layers"], facts["n_heads"])
    facts |= {"n_resamples": settings.assessment.n_resamples, "seed": settings.seed}
    found = ablation_rows(rows, shape, names, settings.assessment.n_resamples, settings.seed)
    _write(head_ablations, evidence_schemas.HEAD_ABLATIONS, found, facts)
    rows, facts = _read(document_faithfulness, evidence_schemas.DOCUMENT_FAITHFULNESS)
    found = faithfulness_rows(rows, facts["fractions"], names)
    _write(faithfulness, evidence_schemas.FAITHFULNESS, found, facts | {"label_names": names})
    rows, facts = _read(cumulative_ablations, evidence_schemas.CUMULATIVE_ABLATIONS)
    _write(ablation_curves, evidence_schemas.ABLATION_CURVES, curve_rows(rows, shape[0] * shape[1]), facts)


class Documents(NamedTuple):
    """The documents of a table, each once."""

    numbers: dict[int, int]
    """Number of each document in the arrays, by its position."""
    sources: NDArray[np.str_]
    """Input rows, [document]."""
    labels: list[int | None]
    """Gold classes, [document]."""
    predictions: list[int]
    """Predicted classes, [document]."""

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Self:
        """Gather the documents of rows, of which several may be of one document."""
        unique = {row["position"]: row for row in rows}.values()
        return cls(
            {row["position"]: number for number, row in enumerate(unique)},
            np.array([row["source_id"] for row in unique], dtype=str),
            [row["label"] for row in unique],
            [row["prediction"] for row in unique],
        )

    def groups(self, label_names: Sequence[str]) -> list[Group]:
        """Return the groups that are described."""
        return list(groups_of(self.labels, self.predictions, label_names)) if self.numbers else []

    def mean(self, values: Floats, members: NDArray[np.bool_]) -> Mean:
        """Return the mean of the members of a group; values are [document]."""
        return mean_of(values[members], self.sources[members].tolist())

    def counts(self, values: Floats, members: NDArray[np.bool_]) -> dict[str, int]:
        """Count the members, and their input rows, that have a value."""
        there = members & ~np.isnan(values)
        return {"n_documents": int(there.sum()), "n_sources": len(set(self.sources[there].tolist()))}


def faithfulness_rows(rows: Sequence[Row], fractions: Sequence[float], label_names: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of the table `faithfulness`.

    Args:
        rows: Rows of the table `document_faithfulness`.
        fractions: Shares of tokens that were removed.
        label_names: Names of the classes.
    """
    documents = Documents.of(rows)
    columns = [(name, one) for name in ("comprehensiveness", "sufficiency") for one in (*fractions, None)]
    columns.append(("tau", None))
    draws: dict[tuple[str, int | None], list[list[list[float]]]] = {}
    for row in rows:
        of_score = draws.setdefault((row["score"], row["layer"]), [[] for _ in documents.numbers])
        both = [[*row[name], float(np.mean(row[name]))] for name in ("comprehensiveness", "sufficiency")]
        tau = np.nan if row["tau"] is None else row["tau"]
        of_score[documents.numbers[row["position"]]].append([*both[0], *both[1], tau])
    nothing = [np.nan] * len(columns)
    # The floor of a document is the mean of its random rankings; every other score has one ranking.
    values = {
        key: np.array([np.mean(found, axis=0) if found else nothing for found in of_score])
        for key, of_score in draws.items()
    }
    for group in documents.groups(label_names):
        for number, (measure, fraction) in enumerate(columns):
            found = []
            for (score, layer), array in values.items():
                floor = None if score == RANDOM else values[RANDOM, None][:, number]
                found.append(
                    {
                        "score": score,
                        "layer": layer,
                        "grouping": group.grouping,
                        "group": group.group,
                        "measure": measure,
                        "fraction": fraction,
                        **_beside_floor(documents, group.members, array[:, number], floor),
                    }
                )
            yield from _with_q([row for row in found if row["n_documents"]], "difference")


def _beside_floor(documents: Documents, members: NDArray[np.bool_], values: Floats, floor: Floats | None) -> Row:
    same = None if floor is None else np.where(np.isnan(values), np.nan, floor)
    return {
        **documents.counts(values, members),
        **_columns("mean", documents.mean(values, members)),
        "floor": None if same is None else documents.mean(same, members).value,
        **_columns("difference", NOTHING if same is None else documents.mean(values - same, members), with_p=True),
    }


def ablation_rows(
    rows: Sequence[Row], shape: tuple[int, int], label_names: Sequence[str], n_resamples: int, seed: int
) -> Iterator[Row]:
    """Yield the rows of the table `head_ablations`.

    Args:
        rows: Rows of the table `document_ablations`.
        shape: Numbers of layers and of heads per layer.
        label_names: Names of the classes.
        n_resamples: Resamples of the intervals of macro F1.
        seed: Of the resamples.
    """
    documents = Documents.of(rows)
    (n_layers, n_heads), whole = shape, np.array([row["whole_prediction"] for row in rows])
    gold = np.array([-1 if label is None else label for label in documents.labels])
    known = gold >= 0
    kinds: dict[str, list[tuple[int, int | None]]] = {
        "": [divmod(number, n_heads) for number in range(n_layers * n_heads)],
        "layer_": [(layer, None) for layer in range(n_layers)],
    }
    for group in documents.groups(label_names):
        for prefix, places in kinds.items():
            changes = np.array([row[f"{prefix}changes"] for row in rows], np.float64)
            of_gold = np.array([row[f"{prefix}gold_changes"] or [np.nan] * len(places) for row in rows], np.float64)
            predictions = np.array([row[f"{prefix}predictions"] for row in rows])
            right = np.where(known[:, None], (predictions == gold[:, None]) * 1.0, np.nan)
            gained = right - np.where(known, (whole == gold) * 1.0, np.nan)[:, None]
            macro = [NOTHING] * len(places)
            if group.grouping == "all" and known.any():
                macro = _macro_f1(
                    gold[known], whole[known], predictions[known].T, len(label_names),
                    documents.sources[known].tolist(), n_resamples, seed,
                )  # fmt: skip
            found = [
                {
                    "layer": layer,
                    "head": head,
                    "grouping": group.grouping,
                    "group": group.group,
                    **documents.counts(changes[:, number], group.members),
                    **_columns("change", documents.mean(changes[:, number], group.members), with_p=True),
                    **_columns("gold_change", documents.mean(of_gold[:, number], group.members), with_p=True),
                    **_columns("flips", documents.mean((predictions[:, number] != whole) * 1.0, group.members)),
                    **_columns("accuracy_change", documents.mean(gained[:, number], group.members), with_p=True),
                    **_columns("macro_f1_change", macro[number]),
                }
                for number, (layer, head) in enumerate(places)
            ]
            yield from _with_q(found, "change", "gold_change", "accuracy_change")


def curve_rows(rows: Sequence[Row], n_heads: int) -> Iterator[Row]:
    """Yield the rows of the table `ablation_curves`.

    Args:
        rows: Rows of the table `cumulative_ablations`.
        n_heads: Number of heads of all layers.
    """
    documents = Documents.of(rows)
    everyone = np.ones(len(documents.numbers), dtype=bool)
    cells: dict[tuple[str, int], list[list[list[float]]]] = {}
    for row in rows:
        of_point = cells.setdefault((row["order"], row["n_switched_off"]), [[] for _ in documents.numbers])
        label = row["label"]
        right = np.nan if label is None else float(row["cut_prediction"] == label)
        same = float(row["cut_prediction"] == row["whole_prediction"])
        of_point[documents.numbers[row["position"]]].append([right, same, row["change"]])
    # A document's value in random order is its mean over the random orders.
    values = {key: np.array([np.mean(found, axis=0) for found in of_point]) for key, of_point in cells.items()}
    for (order, n_off), found in values.items():
        right, same, change = found.T
        floor_right, floor_same, _ = values[RANDOM, n_off].T
        is_floor = order == RANDOM
        yield {
            "order": order,
            "n_switched_off": n_off,
            "n_left": n_heads - n_off,
            "n_documents": len(documents.numbers),
            "n_labelled": int((~np.isnan(right)).sum()),
            "n_sources": len(set(documents.sources.tolist())),
            **_columns("accuracy", documents.mean(right, everyone)),
            **_columns("accuracy_difference", NOTHING if is_floor else documents.mean(right - floor_right, everyone)),
            **_columns("agreement", documents.mean(same, everyone)),
            **_columns("agreement_difference", NOTHING if is_floor else documents.mean(same - floor_same, everyone)),
            **_columns("change", documents.mean(change, everyone)),
        }


def _macro_f1(*arguments: Any) -> list[Mean]:  # noqa: ANN401 - passed on
    bounds = zip(*macro_f1_changes(*arguments), strict=True)
    return [Mean(float(value), _or_none(low), _or_none(high), None) for value, low, high in bounds]


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _columns(name: str, mean: Mean, *, with_p: bool = False) -> Row:
    found = {name: mean.value, f"{name}_low": mean.low, f"{name}_high": mean.high}
    return found | {f"{name}_p": mean.p} if with_p else found


def _with_q(rows: list[Row], *names: str) -> list[Row]:
    """Add q-values over the rows."""
    for name in names:
        p = np.array([np.nan if row[f"{name}_p"] is None else row[f"{name}_p"] for row in rows])
        for row, q in zip(rows, benjamini_hochberg(p), strict=True):
            row[f"{name}_q"] = _or_none(q)
    return rows


def _read(path: Path, schema: Schema) -> tuple[list[Row], Row]:
    return files.read_table(path, schema).to_pylist(), files.read_facts(path, schema)


def _write(path: Path, schema: Schema, rows: Iterable[Row], facts: Mapping[str, Any]) -> None:
    found = list(rows)
    files.write_table(path, schema, {name: [row[name] for row in found] for name in schema.arrow.names}, facts)
