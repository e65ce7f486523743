"""The stage `assess_predictions`: scores, baseline, calibration, and correlation of confidence with entropy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.analysis.predictions.calibration import Bins, expected_calibration_error, reliability
from attviz_pipeline.analysis.predictions.proportions import Clusters, design_effect, gap, proportion
from attviz_pipeline.analysis.predictions.rank_correlation import Ranks, partial_correlation, rank_correlations
from attviz_pipeline.analysis.predictions.resampling import Estimate, Floats, estimate
from attviz_pipeline.analysis.summary import macro_f1
from attviz_pipeline.artifacts import attention_schemas, files, statistics_schemas
from attviz_pipeline.artifacts.layout import AssessmentPaths
from attviz_pipeline.config.settings import AssessmentSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.progress import track
from attviz_pipeline.stages import AssessPredictions
from attviz_pipeline.tasks import Task, task_of

INDEX_COLUMNS = ["position", "source_id", "label", "prediction", "probabilities", "n_tokens"]
FEWEST_CORRELATED = 3
N_SIMULATED = 1000
FEWEST_ROWS_PER_CLASS = 50
"""Minimum number of input rows of every class for which the bootstrap interval of macro F1 has its coverage."""
FEWEST_MISTAKES = 5
"""Minimum number of input rows with a misclassified document, and with a correctly classified one, for the same."""


def assess_predictions(
    settings: AssessPredictions,
    document_index: Path,
    attention: Sequence[Path],
    aggregates: Sequence[Path],
    statistics: AssessmentPaths,
) -> None:
    """Assess the predictions of the analysed documents; the results do not depend on the sharding.

    Without gold labels there are no scores and no calibration; confidence and entropy are still correlated.

    Args:
        settings: Number of bins, number of resamples, and their seed.
        document_index: Artifact `document_index`.
        attention: Artifacts `attention` of all shards.
        aggregates: Artifacts `aggregates` of the same shards, in the same order.
        statistics: Artifacts to write.

    Raises:
        ArtifactError: A file is unusable, or the files contain different documents.
    """
    documents = _read_documents(document_index, attention, aggregates)
    task = task_of(files.read_facts(document_index, statistics_schemas.DOCUMENT_INDEX))
    label_names = list(task.label_names)
    documents.write(statistics.confidences, task)
    labelled = documents.where(documents.label >= 0)
    bins = _bins(labelled, settings.assessment.n_bins)
    _write_calibration(statistics.calibration, bins, labelled)
    content = {
        "n_documents": len(documents.position),
        "n_labelled": len(labelled.position),
        "n_sources": int(documents.row.max()) + 1,
        **task.facts,
        "aggregates": _definition(aggregates),
        "settings": settings.assessment.model_dump(),
        "seed": settings.seed,
        "splits": _count_splits(document_index),
        "mean_confidence": float(documents.confidence.mean()),
        "predictions": _predictions(documents, label_names),
        "scores": _scores(labelled, bins, label_names, settings),
        "per_class": _per_class(labelled, label_names),
        "confidence_and_entropy": _correlations(documents, settings),
    }
    files.write_json(statistics.assessment, statistics_schemas.ASSESSMENT, content)


@dataclass(frozen=True)
class _Documents:
    """All documents, sorted by position; label -1 means unknown; `row` is the number of the input row."""

    position: NDArray[np.int64]
    row: NDArray[np.intp]
    label: NDArray[np.int64]
    prediction: NDArray[np.int64]
    confidence: Floats
    n_tokens: NDArray[np.int64]
    entropy: Floats

    @property
    def right(self) -> Floats:
        right: Floats = (self.label == self.prediction).astype(np.float64)
        return right

    def where(self, chosen: NDArray[np.bool_]) -> "_Documents":
        some = {name: values[chosen] for name, values in vars(self).items()}
        # Renumber the rows, so that rows without a chosen document are not resampled.
        some["row"] = np.unique(some["row"], return_inverse=True)[1]
        return _Documents(**some)

    def write(self, path: Path, task: Task[Any]) -> None:
        unknown = self.label < 0
        columns = {
            "position": self.position,
            "label": pa.array(self.label, mask=unknown),
            "prediction": self.prediction,
            "outcome": pa.array(np.where(self.label == self.prediction, "right", "wrong"), mask=unknown),
            "confidence": self.confidence,
            "mean_entropy": pa.array(self.entropy, mask=np.isnan(self.entropy)),
            "n_tokens": self.n_tokens,
        }
        files.write_table(path, statistics_schemas.CONFIDENCES, columns, task.facts)


def _read_documents(index: Path, attention: Sequence[Path], aggregates: Sequence[Path]) -> _Documents:
    table = files.read_table(index, statistics_schemas.DOCUMENT_INDEX, INDEX_COLUMNS)
    position = table["position"].to_numpy()
    entropies = _mean_entropies(attention, aggregates)
    if sorted(entropies) != position.tolist():
        raise ArtifactError(f"{index} and the aggregates hold different documents.", remedy=files.REBUILD)
    prediction = table["prediction"].to_numpy().astype(np.int64)
    probabilities = np.array(table["probabilities"].to_pylist(), dtype=np.float64)
    return _Documents(
        position=position,
        row=table["source_id"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.intp),
        label=pc.fill_null(table["label"], -1).to_numpy().astype(np.int64),
        prediction=prediction,
        # Half precision and means over windows can leave a sum, and so a probability, a little above 1.
        confidence=np.minimum(probabilities[np.arange(len(prediction)), prediction], 1.0),
        n_tokens=table["n_tokens"].to_numpy().astype(np.int64),
        entropy=np.array([entropies[number] for number in position.tolist()]),
    )


def _mean_entropies(attention: Sequence[Path], aggregates: Sequence[Path]) -> dict[int, float]:
    """Average the entropy over every document's tokens but special ones; NaN where there are none; by position."""
    found: dict[int, float] = {}
    pairs = track(
        zip(attention, aggregates, strict=True), total=len(attention), label="assess_predictions", unit="shards"
    )
    for shard, path in pairs:
        tokens = files.read_table(shard, attention_schemas.ATTENTION, ["position", "special"])
        table = files.read_table(path, statistics_schemas.AGGREGATES, ["position", "entropy"])
        ordinary = ~pc.list_flatten(tokens["special"]).to_numpy(zero_copy_only=False).astype(bool)
        entropy = pc.list_flatten(table["entropy"]).to_numpy().astype(np.float64)
        if tokens["position"] != table["position"] or len(ordinary) != len(entropy):
            raise ArtifactError(f"{path} and {shard} hold different documents.", remedy=files.REBUILD)
        document = pc.list_parent_indices(table["entropy"]).to_numpy()
        sums = np.bincount(document, weights=entropy * ordinary, minlength=table.num_rows)
        counts = np.bincount(document, weights=ordinary, minlength=table.num_rows)
        means = np.divide(sums, counts, out=np.full(table.num_rows, np.nan), where=counts > 0)
        found.update(zip(table["position"].to_pylist(), means.tolist(), strict=True))
    return found


def _definition(aggregates: Sequence[Path]) -> str:
    return str(files.read_facts(aggregates[0], statistics_schemas.AGGREGATES)["definition"])


def _bins(labelled: _Documents, n_bins: int) -> dict[str, Bins]:
    if not len(labelled.position):
        return {}
    return {
        "equal_width": Bins.equal_width(labelled.confidence, n_bins),
        "equal_mass": Bins.equal_mass(labelled.confidence, n_bins),
    }


def _write_calibration(path: Path, bins: Mapping[str, Bins], labelled: _Documents) -> None:
    with files.TableWriter(path, statistics_schemas.CALIBRATION) as writer:
        for binning, found in bins.items():
            columns = reliability(found, labelled.confidence, labelled.right, labelled.row)
            writer.write({"binning": [binning] * len(columns["bin"]), **columns})


def _scores(
    labelled: _Documents, bins: Mapping[str, Bins], label_names: Sequence[str], settings: AssessPredictions
) -> dict[str, Any]:
    """Return scores with intervals, the baseline, and calibration errors with those of a calibrated model.

    Calibration errors have no interval, because resampling biases them upwards.
    """
    if not bins:
        return {}
    right, confidence, row, n_classes = labelled.right, labelled.confidence, labelled.row, len(label_names)
    effect = design_effect(Clusters.of(right, row))
    estimates = {
        "accuracy": proportion(right, row),
        "macro_f1": _macro_f1(labelled, n_classes, settings),
        "overconfidence": gap(confidence, right, row),
    }
    for name, found in bins.items():
        estimates[f"ece_{name}"] = Estimate(expected_calibration_error(found, confidence, right), None, None)
    by_chance = {name: _ece_by_chance(found, confidence, settings.seed) for name, found in bins.items()}
    return {
        **{name: value._asdict() for name, value in estimates.items()},
        "design_effect": effect,
        "majority_baseline": _majority_baseline(labelled.label, label_names),
        "ece_of_a_calibrated_model": by_chance,
        "overconfidence_of_a_calibrated_model": gap_by_chance(confidence, effect, settings.seed),
        "confusion": _confusion(labelled, n_classes, np.ones(len(right))).tolist(),
    }


def _macro_f1(labelled: _Documents, n_classes: int, settings: AssessPredictions) -> Estimate:
    """Estimate macro F1; the bootstrap is only trusted with enough rows of every class and enough mistakes."""

    def statistics(weight: Floats) -> dict[str, float]:
        return {"macro_f1": macro_f1(_confusion(labelled, n_classes, weight))}

    right = labelled.right.astype(bool)
    n_rows = [len(np.unique(labelled.row[chosen])) for chosen in (right, ~right)]
    if _rows_per_class(labelled, n_classes).min() < FEWEST_ROWS_PER_CLASS or min(n_rows) < FEWEST_MISTAKES:
        return Estimate(statistics(np.ones(len(right)))["macro_f1"], None, None)
    return estimate(statistics, labelled.row, settings.assessment.n_resamples, settings.seed)["macro_f1"]


def _majority_baseline(label: NDArray[np.int64], label_names: Sequence[str]) -> dict[str, Any]:
    """Score a classifier that predicts the largest gold class of these documents for all of them."""
    gold = np.bincount(label, minlength=len(label_names))
    largest = int(gold.argmax())
    confusion = np.zeros((len(gold), len(gold)), np.int64)
    confusion[:, largest] = gold
    return {
        "label": label_names[largest],
        "n_classes_as_large": int((gold == gold[largest]).sum()),
        "accuracy": float(gold[largest] / len(label)),
        "macro_f1": macro_f1(confusion),
    }


def gap_by_chance(confidence: Floats, effect: float, seed: int) -> dict[str, float]:
    """Bounds of mean confidence minus accuracy in 95 % of simulations of a perfectly calibrated model.

    Args:
        confidence: Probability of the predicted class, [document].
        effect: Design effect; the bounds of independent documents are multiplied by its root.
        seed: The same seed gives the same bounds.
    """
    random = np.random.default_rng(seed)
    gaps = [float((confidence - (random.random(len(confidence)) < confidence)).mean()) for _ in range(N_SIMULATED)]
    low, high = np.quantile(gaps, [0.025, 0.975]) * np.sqrt(effect)
    return {"low": float(low), "high": float(high)}


def _count_splits(index: Path) -> dict[str, int]:
    """Count the analysed documents of each split; those without one are counted under an empty name."""
    splits = files.read_table(index, statistics_schemas.DOCUMENT_INDEX, ["split"])["split"].to_pylist()
    return {split: splits.count(split) for split in sorted(set(splits))}


def _predictions(documents: _Documents, label_names: Sequence[str]) -> dict[str, Any]:
    """Count the predictions of each class, over all documents, with and without gold label."""
    counts = np.bincount(documents.prediction, minlength=len(label_names))
    return {
        "counts": counts.tolist(),
        "n_distinct": int((counts > 0).sum()),
        "label": label_names[int(counts.argmax())],
        "share": float(counts.max() / counts.sum()),
    }


def _ece_by_chance(bins: Bins, confidence: Floats, seed: int) -> dict[str, float]:
    """Mean and 95 % quantile of the calibration error of a perfectly calibrated model.

    Source: Bröcker and Smith 2007 (consistency resampling).
    """
    random = np.random.default_rng(seed)
    outcomes = ((random.random(len(confidence)) < confidence).astype(np.float64) for _ in range(N_SIMULATED))
    errors = [expected_calibration_error(bins, confidence, right) for right in outcomes]
    return {"mean": float(np.mean(errors)), "quantile_95": float(np.quantile(errors, 0.95))}


def _rows_per_class(labelled: _Documents, n_classes: int) -> NDArray[np.int64]:
    distinct = np.unique(np.stack([labelled.label, labelled.row]), axis=1)
    return np.bincount(distinct[0], minlength=n_classes).astype(np.int64)


def _confusion(labelled: _Documents, n_classes: int, weight: Floats) -> NDArray[np.int64]:
    cell = labelled.label * n_classes + labelled.prediction
    counts: NDArray[np.int64] = np.bincount(cell, weights=weight, minlength=n_classes**2).astype(np.int64)
    return counts.reshape(n_classes, n_classes)


def _per_class(labelled: _Documents, label_names: Sequence[str]) -> list[dict[str, Any]]:
    """Precision and recall of every class with intervals, and F1; None if undefined."""
    if not len(labelled.position):
        return []
    confusion = _confusion(labelled, len(label_names), np.ones(len(labelled.label)))
    hits, gold, predicted = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return [
        {
            "label": name,
            "n_gold": int(gold[index]),
            "n_predicted": int(predicted[index]),
            **_named("precision", _among(labelled, labelled.prediction == index)),
            **_named("recall", _among(labelled, labelled.label == index)),
            "f1": _ratio(2 * hits[index], gold[index] + predicted[index]),
        }
        for index, name in enumerate(label_names)
    ]


def _among(documents: _Documents, chosen: NDArray[np.bool_]) -> Estimate:
    """Estimate the proportion of some documents that is correctly classified."""
    return proportion(documents.right[chosen], documents.row[chosen])


def _named(name: str, found: Estimate) -> dict[str, float | None]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _correlations(documents: _Documents, settings: AssessPredictions) -> list[dict[str, Any]]:
    """Correlate confidence with mean entropy over all, correctly classified and misclassified documents."""
    known = documents.label >= 0
    right = documents.label == documents.prediction
    groups = {"all": np.ones_like(known), "right": known & right, "wrong": known & ~right}
    defined = ~np.isnan(documents.entropy)
    return [
        {"documents": name, **_correlate(documents.where(chosen & defined), settings.assessment, settings.seed)}
        for name, chosen in groups.items()
        if name == "all" or known.any()
    ]


def _correlate(documents: _Documents, settings: AssessmentSettings, seed: int) -> dict[str, Any]:
    if len(documents.position) < FEWEST_CORRELATED:
        nothing = Estimate(None, None, None)._asdict()
        return {"n_documents": len(documents.position), "spearman": nothing, "spearman_at_equal_length": nothing}
    ranked = [Ranks(values) for values in (documents.confidence, documents.entropy, documents.n_tokens)]

    def statistics(weight: Floats) -> dict[str, float]:
        found = rank_correlations(ranked, weight)
        return {"spearman": float(found[0, 1]), "spearman_at_equal_length": partial_correlation(found)}

    estimates = estimate(statistics, documents.row, settings.n_resamples, seed)
    return {"n_documents": len(documents.position), **{name: value._asdict() for name, value in estimates.items()}}
