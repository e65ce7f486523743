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
from attviz_pipeline.tasks.registry import task_of
from attviz_pipeline.tasks.task import Task

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Row = dict[str, Any]
RANDOM = "random"
UNKNOWN = -1


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
    task, shape = task_of(facts), (facts["n_layers"], facts["n_heads"])
    facts |= {"n_resamples": settings.assessment.n_resamples, "seed": settings.seed}
    found = ablation_rows(rows, task, shape, settings.assessment.n_resamples, settings.seed)
    _write(head_ablations, evidence_schemas.HEAD_ABLATIONS.of(task.name), found, facts)
    rows, facts = _read(document_faithfulness, evidence_schemas.DOCUMENT_FAITHFULNESS)
    found = faithfulness_rows(rows, task, facts["fractions"])
    facts |= {"label_names": list(task.label_names)}
    _write(faithfulness, evidence_schemas.FAITHFULNESS.of(task.name), found, facts)
    rows, facts = _read(cumulative_ablations, evidence_schemas.CUMULATIVE_ABLATIONS)
    schema = evidence_schemas.ABLATION_CURVES.of(task.name)
    _write(ablation_curves, schema, curve_rows(rows, task, shape[0] * shape[1]), facts)


class Documents(NamedTuple):
    """The documents of a table, each once."""

    numbers: dict[int, int]
    """Number of each document in the arrays, by its position."""
    sources: NDArray[np.str_]
    """Input rows, [document]."""
    task: Task[Any]
    """The task of the study."""
    golds: list[Any]
    """Gold values, None where unknown, [document]."""
    predictions: list[Any]
    """Predictions, [document]."""

    @classmethod
    def of(cls, rows: Iterable[Row], task: Task[Any]) -> Self:
        """Gather the documents of rows, of which several may be of one document."""
        unique = {row["position"]: row for row in rows}.values()
        return cls(
            {row["position"]: number for number, row in enumerate(unique)},
            np.array([row["source_id"] for row in unique], dtype=str),
            task,
            [task.gold(row) for row in unique],
            [task.predicted(row) for row in unique],
        )

    def groups(self) -> list[Group]:
        """Return the groups that are described."""
        return list(groups_of(self.task, self.golds, self.predictions)) if self.numbers else []

    def mean(self, values: Floats, members: NDArray[np.bool_]) -> Mean:
        """Return the mean of the members of a group; values are [document]."""
        return mean_of(values[members], self.sources[members].tolist())

    def counts(self, values: Floats, members: NDArray[np.bool_]) -> dict[str, int]:
        """Count the members, and their input rows, that have a value."""
        there = members & ~np.isnan(values)
        return {"n_documents": int(there.sum()), "n_sources": len(set(self.sources[there].tolist()))}


def faithfulness_rows(rows: Sequence[Row], task: Task[Any], fractions: Sequence[float]) -> Iterator[Row]:
    """Yield the rows of the table `faithfulness`.

    Args:
        rows: Rows of the table `document_faithfulness`.
        task: The task of the study.
        fractions: Shares of tokens that were removed.
    """
    documents = Documents.of(rows, task)
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
    for group in documents.groups():
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


class _Predictions:
    """Predictions of documents as numbers, one for each class or label set that occurs; only tasks with outcomes."""

    def __init__(self, documents: Documents, rows: Sequence[Row]) -> None:
        self._rows, self._task = rows, documents.task
        self._numbers: dict[Any, int] = {}
        self.gold = np.array([UNKNOWN if gold is None else self._number(gold) for gold in documents.golds], np.int64)
        self.whole = np.array(self._numbered([row[f"whole_{self._task.predicted_column}"] for row in rows]), np.int64)

    def without(self, prefix: str) -> Integers:
        """Return the predictions without each head, or without each layer, [document, place]."""
        column = f"{prefix}predictions" if prefix else self._task.evidence.without_head
        return np.array([self._numbered(row[column]) for row in self._rows], np.int64)

    @property
    def members(self) -> NDArray[np.bool_]:
        """Which classes or labels each numbered value has, [value, class]."""
        labels = range(len(self._task.label_names))
        return np.array([[label in self._task.labels_in(value) for label in labels] for value in self._numbers])

    def _numbered(self, cells: Iterable[Any]) -> list[int]:
        return [self._number(self._task.predicted({self._task.predicted_column: cell})) for cell in cells]

    def _number(self, value: Any) -> int:  # noqa: ANN401 - a class or a label set
        return self._numbers.setdefault(value, len(self._numbers))


def ablation_rows(
    rows: Sequence[Row], task: Task[Any], shape: tuple[int, int], n_resamples: int, seed: int
) -> Iterator[Row]:
    """Yield the rows of the table `head_ablations`.

    Args:
        rows: Rows of the table `document_ablations`.
        task: The task of the study.
        shape: Numbers of layers and of heads per layer.
        n_resamples: Resamples of the intervals of macro F1.
        seed: Of the resamples.
    """
    documents, (n_layers, n_heads) = Documents.of(rows, task), shape
    kinds: dict[str, list[tuple[int, int | None]]] = {
        "": [divmod(number, n_heads) for number in range(n_layers * n_heads)],
        "layer_": [(layer, None) for layer in range(n_layers)],
    }
    outcomes = {prefix: _outcomes(documents, rows, prefix, n_resamples, seed) for prefix in kinds if rows}
    for group in documents.groups():
        for prefix, places in kinds.items():
            changes = np.array([row[f"{prefix}changes"] for row in rows], np.float64)
            of_gold = np.array([row[f"{prefix}gold_changes"] or [np.nan] * len(places) for row in rows], np.float64)
            found = [
                {
                    "layer": layer,
                    "head": head,
                    "grouping": group.grouping,
                    "group": group.group,
                    **documents.counts(changes[:, number], group.members),
                    **_columns("change", documents.mean(changes[:, number], group.members), with_p=True),
                    **_columns("gold_change", documents.mean(of_gold[:, number], group.members), with_p=True),
                    **_outcome_columns(documents, group, outcomes[prefix], number),
                }
                for number, (layer, head) in enumerate(places)
            ]
            yield from _with_q(found, "change", "gold_change", *(["accuracy_change"] if task.outcomes else []))


class _Outcomes(NamedTuple):
    """What switching off each head, or each layer, does to predictions."""

    flips: Floats
    """1 where the prediction is another one, else 0, [document, place]."""
    gained: Floats
    """Right predictions won, or lost if below 0; NaN where the gold value is unknown, [document, place]."""
    macro_f1: list[Mean]
    """Change of macro F1 over all documents, [place]."""


def _outcomes(documents: Documents, rows: Sequence[Row], prefix: str, n_resamples: int, seed: int) -> _Outcomes | None:
    """Compare predictions; None in regression, whose predictions are not right or wrong."""
    if not documents.task.outcomes:
        return None
    predictions = _Predictions(documents, rows)
    gold, whole, without = predictions.gold, predictions.whole, predictions.without(prefix)
    known = gold != UNKNOWN
    right = np.where(known[:, None], (without == gold[:, None]) * 1.0, np.nan)
    macro = [NOTHING] * without.shape[1]
    if known.any():
        macro = _macro_f1(
            gold[known], whole[known], without[known].T, predictions.members, documents.sources[known].tolist(),
            n_resamples, seed,
        )  # fmt: skip
    gained = right - np.where(known, (whole == gold) * 1.0, np.nan)[:, None]
    return _Outcomes((without != whole[:, None]) * 1.0, gained, macro)


def _outcome_columns(documents: Documents, group: Group, outcomes: _Outcomes | None, number: int) -> Row:
    if outcomes is None:
        return {}
    macro = outcomes.macro_f1[number] if group.grouping == "all" else NOTHING
    return {
        **_columns("flips", documents.mean(outcomes.flips[:, number], group.members)),
        **_columns("accuracy_change", documents.mean(outcomes.gained[:, number], group.members), with_p=True),
        **_columns("macro_f1_change", macro),
    }


def curve_rows(rows: Sequence[Row], task: Task[Any], n_heads: int) -> Iterator[Row]:
    """Yield the rows of the table `ablation_curves`.

    Args:
        rows: Rows of the table `cumulative_ablations`.
        task: The task of the study.
        n_heads: Number of heads of all layers.
    """
    documents = Documents.of(rows, task)
    names = (*task.judged_by, *(["change"] if task.outcomes else []))
    everyone = np.ones(len(documents.numbers), dtype=bool)
    cells: dict[tuple[str, int], list[list[list[float]]]] = {}
    for row in rows:
        of_point = cells.setdefault((row["order"], row["n_switched_off"]), [[] for _ in documents.numbers])
        of_point[documents.numbers[row["position"]]].append(_of_cut(row, task))
    # A document's value in random order is its mean over the random orders.
    values = {key: np.array([np.mean(found, axis=0) for found in of_point]) for key, of_point in cells.items()}
    for (order, n_off), found in values.items():
        judged: Row = {}
        for name, own, floor in zip(names, found.T, values[RANDOM, n_off].T, strict=True):
            judged |= _columns(name, documents.mean(own, everyone))
            if name in task.judged_by:
                apart = NOTHING if order == RANDOM else documents.mean(own - floor, everyone)
                judged |= _columns(f"{name}_difference", apart)
        yield {
            "order": order,
            "n_switched_off": n_off,
            "n_left": n_heads - n_off,
            "n_documents": len(documents.numbers),
            "n_labelled": int((~np.isnan(found[:, 0])).sum()),
            "n_sources": len(set(documents.sources.tolist())),
            **judged,
        }


def _of_cut(row: Row, task: Task[Any]) -> list[float]:
    """Return what is averaged over documents: the measures of `judged_by`, and in classification the change."""
    gold, cut = task.gold(row), row[f"cut_{task.predicted_column}"]
    error = task.error(gold, cut)
    if not task.outcomes:
        return [np.nan if error is None else abs(error), abs(row["change"])]
    predicted = task.predicted({task.predicted_column: cut})
    right = np.nan if gold is None else float(predicted == gold)
    return [right, float(cut == row[f"whole_{task.predicted_column}"]), row["change"]]


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
