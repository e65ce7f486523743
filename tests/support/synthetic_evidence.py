"""Tables of evidence with invented values for the documents of an invented study, summarised by the real stage."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attviz_pipeline.artifacts import attention_schemas, evidence_schemas, files, statistics_schemas
from attviz_pipeline.artifacts.layout import EvidencePaths
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.config.settings import AssessmentSettings, TermsSettings
from attviz_pipeline.evidence.compare_terms import compare_terms
from attviz_pipeline.evidence.rank_heads import rank_heads
from attviz_pipeline.evidence.summarise_evidence import summarise_evidence
from attviz_pipeline.stages import CompareTerms, RankHeads, SummariseEvidence
from attviz_pipeline.tasks.registry import task_of
from attviz_pipeline.tasks.task import Task

FRACTIONS = [0.05, 0.1, 0.2, 0.5]
N_SAMPLE, N_SMALL = 16, 8
"""Documents of the sample, the first of the study, and of the samples within it."""
UNAVAILABLE = {"rollout": "only in full mode"}
GAINS = {"self_mean": 0.02, "gradient_x_input": 0.2, "leave_one_out": 0.3, "random": 0.0}
"""By how much each score's comprehensiveness lies above that of random."""
ORDERS = [("measured", None), ("gradient", None), ("self_attention", None), ("random", 0), ("random", 1)]
NO_GATES = "the model has no known place where the outputs of heads meet"
Row = dict[str, Any]


def write_evidence(folder: Path, attention: Sequence[Path], *, gates: str | None = None) -> EvidencePaths:
    """Write every table of evidence.

    Args:
        folder: Where they go.
        attention: The attention of the study.
        gates: Why no head can be switched off; None if they can.
    """
    paths = EvidencePaths.below(folder)
    documents = [row for path in attention for row in files.read_table(path, attention_schemas.ATTENTION).to_pylist()]
    documents = sorted(documents, key=lambda row: row["position"])[:N_SAMPLE]
    known = files.read_facts(attention[0], attention_schemas.ATTENTION)
    shape, task = (known["n_layers"], known["n_heads"]), task_of(known)
    facts = {name: known[name] for name in ("n_layers", "n_heads", "label_names")} | task.evidence_facts
    facts |= {"model": "synthetic/bert", "device": "cpu", "removal": "mask", "n_too_short": 0, "gates": gates}
    facts |= {"n_not_finite": 0, "fractions": FRACTIONS, "random_rankings": 2, "unavailable": UNAVAILABLE}
    facts |= {
        "prefix_cache": True,
        "ablation": "zero",
        "held_out": {"measured": True, "gradient": False},
        "orders": [{"order": order, "draw": draw, "heads": []} for order, draw in ORDERS],
    }
    n_off = sorted({0, shape[0] * shape[1] // 2, shape[0] * shape[1]})
    small = documents[:N_SMALL]
    off = documents if gates is None else []
    tables: dict[Path, tuple[Schema, list[Row]]] = {
        paths.gradients: (evidence_schemas.GRADIENTS, [_gradients(row, task, shape, gates) for row in documents]),
        paths.leave_one_out: (evidence_schemas.LEAVE_ONE_OUT, [_left_out(row, task) for row in small]),
        paths.document_faithfulness: (
            evidence_schemas.DOCUMENT_FAITHFULNESS,
            [ranking for row in documents for ranking in _rankings(row, task)],
        ),
        paths.document_ablations: (evidence_schemas.DOCUMENT_ABLATIONS, [_ablations(row, task, shape) for row in off]),
        paths.cumulative_ablations: (
            evidence_schemas.CUMULATIVE_ABLATIONS,
            [cut for row in off[:N_SMALL] for cut in _cuts(row, task, n_off)],
        ),
    }
    for path, (of_classes, rows) in tables.items():
        schema = of_classes.of(task.name)
        columns = {name: [row[name] for row in rows] for name in schema.arrow.names}
        files.write_table(path, schema, columns, facts)
    assessment = AssessmentSettings(n_resamples=100)
    settings = SummariseEvidence(seed=13, assessment=assessment)
    summarise_evidence(settings, *list(vars(paths).values())[2:8])
    ranking = RankHeads(seed=13, assessment=assessment)
    heads = _write_heads(folder / "heads.parquet", attention, shape)
    rank_heads(ranking, paths.document_ablations, paths.gradients, heads, paths.head_importance)
    terms = CompareTerms(seed=13, terms=TermsSettings())
    compare_terms(terms, attention, paths.gradients, paths.leave_one_out, paths.term_evidence)
    return paths


def _write_heads(path: Path, attention: Sequence[Path], shape: tuple[int, int]) -> Path:
    """Write the mean self-attention of heads, and nothing else of their statistics."""
    rows = [row for shard in attention for row in files.read_table(shard, attention_schemas.ATTENTION).to_pylist()]
    values = [np.reshape(row["self_attention"], (*shape, -1))[..., ~np.array(row["special"], bool)] for row in rows]
    means = np.concatenate(values, axis=-1).mean(axis=-1).ravel()
    columns: dict[str, Any] = {name: [0] * len(means) for name in statistics_schemas.HEADS.arrow.names}
    columns["layer"], columns["head"] = (places.ravel().tolist() for places in np.indices(shape))
    columns |= {"mean": means.tolist(), "histogram": [[]] * len(means)}
    files.write_table(path, statistics_schemas.HEADS, columns, {})
    return path


def _identity(row: Row, task: Task[Any]) -> Row:
    return {name: row[name] for name in ("position", "id", "source_id", task.gold_column, task.predicted_column)}


def _known(row: Row, task: Task[Any]) -> bool:
    return row[task.gold_column] is not None


def _outputs(row: Row, task: Task[Any]) -> list[float]:
    return task.outputs(task.predicted(row), row["probabilities"])


def _random(row: Row, part: int) -> np.random.Generator:
    return np.random.default_rng([row["position"], part])


def _gradients(row: Row, task: Task[Any], shape: tuple[int, int], gates: str | None) -> Row:
    random, n_tokens = _random(row, 0), len(row["tokens"])
    made: Row = {task.evidence.target: -0.1, "gold_log_probability": -0.2 if _known(row, task) else None}
    for prefix in ("", "gold_"):
        there = prefix == "" or _known(row, task)
        values = random.normal(0, 0.1, n_tokens)
        heads = random.normal(0, 0.1, shape[0] * shape[1])
        made[f"{prefix}gradient_x_input"] = values.tolist() if there else None
        made[f"{prefix}gradient_norm"] = (2 * np.abs(values)).tolist() if there else None
        made[f"{prefix}head_gradients"] = heads.tolist() if there and gates is None else None
    return _identity(row, task) | made


def _left_out(row: Row, task: Task[Any]) -> Row:
    places = [place for place, special in enumerate(row["special"]) if not special]
    outputs = _outputs(row, task)
    changes = _random(row, 1).uniform(-0.3, 0.1, (len(places), len(outputs)))
    if not task.many_labels and task.has_labels:
        changes -= changes.mean(axis=1, keepdims=True)
    return _identity(row, task) | {
        "places": places,
        task.evidence.outputs: outputs,
        "changes": changes.ravel().tolist(),
    }


def _rankings(row: Row, task: Task[Any]) -> Iterator[Row]:
    random = _random(row, 2)
    rankings = [(name, None, None) for name in GAINS if name != "random"]
    rankings += [("random", None, draw) for draw in range(2)]
    for score, layer, draw in rankings:
        small = row["position"] < N_SMALL
        if score == "leave_one_out" and not small:
            continue
        yield _identity(row, task) | {
            "score": score,
            "layer": layer,
            "draw": draw,
            "n_text_tokens": row["special"].count(False),
            task.evidence.strength: 0.9,
            "comprehensiveness": task.dependence(
                np.sqrt(FRACTIONS) / 2 + GAINS[score] + random.normal(0, 0.03, 4)
            ).tolist(),
            "sufficiency": task.dependence(
                0.5 - np.sqrt(FRACTIONS) / 2 - GAINS[score] + random.normal(0, 0.03, 4)
            ).tolist(),
            "tau": float(random.normal(GAINS[score], 0.1)) if small and score != "leave_one_out" else None,
        }


def _ablations(row: Row, task: Task[Any], shape: tuple[int, int]) -> Row:
    random, (n_layers, n_heads), known = _random(row, 3), shape, _known(row, task)
    predicted = row[task.predicted_column]
    made: Row = {task.evidence.target: -0.1, f"whole_{task.predicted_column}": predicted}
    made["gold_log_probability"] = -0.2 if known else None
    for prefix, number in (("", n_layers * n_heads), ("layer_", n_layers)):
        # The first head matters most.
        means = -0.5 / (1 + np.arange(number)) ** 2
        made[f"{prefix}changes"] = random.normal(means, 0.05).tolist()
        made[f"{prefix}gold_changes"] = random.normal(means, 0.05).tolist() if known else None
        others = random.integers(len(_outputs(row, task)), size=number).tolist()
        flipped = (random.random(number) < 0.1).tolist()
        made[f"{prefix}predictions" if prefix else task.evidence.without_head] = [
            _other(label, task) if flips else predicted for label, flips in zip(others, flipped, strict=True)
        ]
    return _identity(row, task) | made


def _other(label: int, task: Task[Any]) -> Any:  # noqa: ANN401 - a class or a list of labels
    return [label] if task.many_labels else label


def _cuts(row: Row, task: Task[Any], n_off: Sequence[int]) -> Iterator[Row]:
    random = _random(row, 4)
    for order, draw in ORDERS:
        for number in n_off:
            lost = number / n_off[-1] * (0.3 if order == "measured" else 1)
            whole = row[task.predicted_column]
            cut = _other(0, task) if random.random() < lost else whole
            change = -lost * float(random.uniform(0.5, 1.5))
            if not task.outcomes:
                cut = whole + change
            yield _identity(row, task) | {
                "order": order,
                "draw": draw,
                "n_switched_off": number,
                f"whole_{task.predicted_column}": whole,
                f"cut_{task.predicted_column}": cut,
                "change": change,
            }
