"""The stages of predictions in multi-label studies, in regression and without gold values, against references."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn import metrics
from synthetic_attention import write_ledger
from task_studies import LABEL_NAMES, THRESHOLDS, write_task_shards

from attviz_pipeline.analysis.aggregate_dataset import aggregate_dataset
from attviz_pipeline.analysis.aggregate_shard import aggregate_shard
from attviz_pipeline.analysis.predictions.assess_predictions import assess_predictions
from attviz_pipeline.analysis.predictions.documents import Documents
from attviz_pipeline.analysis.predictions.labels import LabelScores, _is_enough
from attviz_pipeline.analysis.predictions.resampling import estimate
from attviz_pipeline.analysis.predictions.values import FEWEST_ROWS
from attviz_pipeline.analysis.summary import LabelCounts, _of_values, outcomes
from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.artifacts.layout import AssessmentPaths, StatisticsPaths
from attviz_pipeline.artifacts.schema import list_of
from attviz_pipeline.config.settings import AssessmentSettings, TaskName
from attviz_pipeline.significance import FEWEST_MISTAKES, FEWEST_ROWS_PER_CLASS
from attviz_pipeline.stages import AssessPredictions
from attviz_pipeline.tasks.multi_label import MultiLabel

SETTINGS = AssessPredictions(seed=13, assessment=AssessmentSettings(n_bins=5, n_resamples=100))


class Assessed:
    """What the stages wrote about a small study of a task."""

    def __init__(self, folder: Path, task: TaskName, *, labelled: float = 1.0, n_documents: int = 80) -> None:
        shards = write_task_shards(
            folder, task, labelled=labelled, n_documents=n_documents, n_shards=2, n_layers=1, n_heads=2
        )
        parts = [[folder / f"{name}-{n}" for name in ("aggregates", "tokens", "heads")] for n in range(2)]
        for shard, part in zip(shards, parts, strict=True):
            aggregate_shard(shard, *part)
        paths = StatisticsPaths.below(folder / "statistics")
        ledger = write_ledger(folder / "ledger", n_documents=n_documents)
        aggregate_dataset(shards, [part[1] for part in parts], [part[2] for part in parts], ledger, paths)
        output = AssessmentPaths.below(folder / "statistics")
        assess_predictions(SETTINGS, paths.document_index, shards, [part[0] for part in parts], output)
        self.index: list[dict[str, Any]] = files.read_table(
            paths.document_index, statistics_schemas.DOCUMENT_INDEX
        ).to_pylist()
        self.summary = files.read_json(paths.summary, statistics_schemas.SUMMARY)
        self.content = files.read_json(output.assessment, statistics_schemas.ASSESSMENT)
        self.scores: dict[str, Any] = self.content["scores"]
        self.confidences = files.read_table(output.confidences, statistics_schemas.CONFIDENCES).to_pylist()
        self.calibration = files.read_table(output.calibration, statistics_schemas.CALIBRATION).to_pylist()

    def members(self, column: str) -> np.ndarray:
        found = np.zeros((len(self.index), len(LABEL_NAMES)), bool)
        for row, document in zip(found, self.index, strict=True):
            row[document[column]] = True
        return found

    def numbers(self, column: str) -> np.ndarray:
        return np.array([document[column] for document in self.index], np.float64)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Assessed:
    return Assessed(tmp_path_factory.mktemp("labels"), "multi_label")


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> Assessed:
    return Assessed(tmp_path_factory.mktemp("values"), "regression")


class TestLabels:
    def test_scores_are_those_of_sklearn(self, labels: Assessed) -> None:
        gold, predicted = labels.members("labels"), labels.members("predictions")
        expected = {
            "exact_match": metrics.accuracy_score(gold, predicted),
            "hamming_loss": metrics.hamming_loss(gold, predicted),
            "micro_f1": metrics.f1_score(gold, predicted, average="micro"),
            "macro_f1": metrics.f1_score(gold, predicted, average="macro", zero_division=0),
        }

        for name, value in expected.items():
            assert labels.summary[name] == pytest.approx(value)
            assert labels.scores[name]["value"] == pytest.approx(value)
        columns = metrics.precision_recall_fscore_support(gold, predicted, zero_division=0)
        for of, precision, recall, f1, n_gold in zip(labels.content["per_label"], *columns, strict=True):
            assert (of["precision"], of["recall"], of["f1"], of["n_gold"]) == (
                pytest.approx(precision),
                pytest.approx(recall),
                pytest.approx(f1),
                n_gold,
            )
            assert of["precision_low"] < of["precision"] < of["precision_high"]
        assert [of["threshold"] for of in labels.content["per_label"]] == list(THRESHOLDS)
        confusion = metrics.multilabel_confusion_matrix(gold, predicted)
        assert [of["n_hits"] for of in labels.content["per_label"]] == confusion[:, 1, 1].tolist()

    def test_baseline_is_the_most_frequent_set(self, labels: Assessed) -> None:
        gold = labels.members("labels")
        sets, counts = np.unique(gold, axis=0, return_counts=True)
        always = np.tile(sets[counts.argmax()], (len(gold), 1))

        found = labels.scores["majority_baseline"]
        assert found["exact_match"] == pytest.approx(metrics.accuracy_score(gold, always))
        assert found["hamming_loss"] == pytest.approx(metrics.hamming_loss(gold, always))
        assert found["micro_f1"] == pytest.approx(metrics.f1_score(gold, always, average="micro", zero_division=0))
        for of, column in zip(labels.content["per_label"], gold.T, strict=True):
            assert of["f1_of_always_predicting"] == pytest.approx(metrics.f1_score(column, np.ones(len(gold))))

    def test_outcomes_and_confidence_are_those_of_the_task(self, labels: Assessed) -> None:
        for row, document in zip(labels.confidences, labels.index, strict=True):
            gold, predicted = set(document["labels"]), set(document["predictions"])
            outcome = "right" if gold == predicted else "partly_right" if gold & predicted else "wrong"
            assert row["outcome"] == outcome
            p = document["probabilities"]
            least = min(p[label] if label in predicted else 1 - p[label] for label in range(len(p)))
            assert row["confidence"] == pytest.approx(least)
            assert (row["labels"], row["error"]) == (document["labels"], None)
        counts = [row["outcome"] for row in labels.confidences]
        assert labels.scores["outcomes"] == {name: counts.count(name) for name in ("right", "partly_right", "wrong")}
        assert labels.summary["outcomes"] == labels.scores["outcomes"]

    def test_labels_together_are_counted(self, labels: Assessed) -> None:
        gold, predicted = (labels.members(name).astype(int) for name in ("labels", "predictions"))

        assert labels.scores["co_occurrence"] == (gold.T @ gold).tolist()
        assert labels.content["predictions"]["co_occurrence"] == (predicted.T @ predicted).tolist()
        missed, added = np.clip(gold - predicted, 0, 1), np.clip(predicted - gold, 0, 1)
        assert labels.scores["missed_and_added"] == (missed.T @ added).tolist()

    def test_each_label_has_its_calibration(self, labels: Assessed) -> None:
        gold = labels.members("labels")
        p = np.array([document["probabilities"] for document in labels.index])

        for label, name in enumerate(LABEL_NAMES):
            mine = [row for row in labels.calibration if (row["label"], row["binning"]) == (name, "equal_width")]
            assert sum(row["n_documents"] for row in mine) == len(gold)
            mean = sum(row["n_documents"] * row["accuracy"] for row in mine) / len(gold)
            assert mean == pytest.approx(gold[:, label].mean())
            of = labels.content["per_label"][label]
            assert of["overconfidence"]["value"] == pytest.approx(p[:, label].mean() - gold[:, label].mean())
            assert 0 < of["ece_of_a_calibrated_model"]["equal_width"]["mean"] < 1

    def test_a_probability_a_little_above_1_is_1(self) -> None:
        """Half precision can leave a mean over windows there."""
        names, probabilities = list_of(pa.int32()), [[1.0000001, 0.2], [0.9, 1.0000001]]
        table = pa.table(
            {
                "labels": pa.array([[0], [1]], names),
                "predictions": pa.array([[0], [0, 1]], names),
                "probabilities": probabilities,
                "n_tokens": [5, 7],
            }
        )
        scores = LabelScores(Documents(MultiLabel(("a", "b"), (0.5, 0.5)), table, np.arange(2), np.zeros(2)), SETTINGS)

        points = [row for columns in scores.calibration() for row in pa.table(columns).to_pylist()]

        assert sum(row["n_documents"] for row in points) == 8  # two documents, labels and binnings
        assert max(row["mean_confidence"] for row in points) == 1
        assert scores.confidences()["confidence"].tolist() == pytest.approx([0.8, 0.9])
        assert scores.content()["scores"]["outcomes"] == {"right": 1, "partly_right": 1, "wrong": 0}

    def test_without_gold_labels_nothing_is_scored(self, tmp_path: Path) -> None:
        found = Assessed(tmp_path, "multi_label", labelled=0, n_documents=30)

        assert found.scores == {}
        assert found.content["per_label"] == []
        assert found.calibration == []
        assert (found.content["n_labelled"], found.summary["exact_match"]) == (0, None)
        assert {row["outcome"] for row in found.confidences} == {None}
        assert [group["documents"] for group in found.content["confidence_and_entropy"]] == ["all"]

    def test_with_some_gold_labels_outcomes_are_those_of_documents_with_them(self, tmp_path: Path) -> None:
        found = Assessed(tmp_path, "multi_label", labelled=0.6, n_documents=30)

        n_documents = {group["documents"]: group["n_documents"] for group in found.content["confidence_and_entropy"]}
        assert n_documents == {"all": 30} | found.scores["outcomes"]
        assert sum(found.scores["outcomes"].values()) == found.content["n_labelled"] < 30

    def test_micro_f1_of_few_labels_or_mistakes_has_no_interval(self) -> None:
        rows = np.arange(200)
        gold, predicted = rows % 2 == 0, rows % 2 == 0
        predicted = predicted ^ (rows < FEWEST_MISTAKES)

        assert _is_enough(gold, predicted, rows)
        assert not _is_enough(gold, predicted ^ (rows == 0), rows)
        few = rows < FEWEST_ROWS_PER_CLASS - 1
        assert not _is_enough(few, few ^ (rows % 20 == 0), rows)
        just = rows < FEWEST_ROWS_PER_CLASS
        assert _is_enough(just, just ^ (rows % 20 == 0), rows)

    @pytest.mark.slow
    def test_intervals_cover_the_truth_19_times_in_20(self) -> None:
        """Three labels that occur together, the rarest with as few rows as F1 asks for."""
        shares, recall, wrongly = np.array([0.5, 0.3, 0.17]), 0.8, 0.1
        random, n_rows = np.random.default_rng(3), 300

        def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
            gold = random.random((n, 1)) * 0.5 + random.random((n, 3)) * 0.5 < shares * 0.9
            return gold, np.where(gold, random.random((n, 3)) < recall, random.random((n, 3)) < wrongly)

        def scores(gold: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> dict[str, float]:
            counts = LabelCounts.of(gold, predicted, weight)
            return {"micro_f1": counts.micro_f1(), "macro_f1": float(counts.f1().mean())}

        truth = scores(*draw(400_000), np.ones(400_000))
        covered = dict.fromkeys(truth, 0)
        for seed in range(200):
            gold, predicted = draw(n_rows)
            found = estimate(lambda w: scores(gold, predicted, w), np.arange(n_rows), 200, seed)  # noqa: B023
            for name, of in found.items():
                assert of.low is not None
                assert of.high is not None
                covered[name] += of.low <= truth[name] <= of.high
        for name, n in covered.items():
            assert 0.91 <= n / 200 <= 0.985, name


class TestValues:
    def test_scores_are_those_of_sklearn_and_scipy(self, values: Assessed) -> None:
        gold, predicted = values.numbers("value"), values.numbers("predicted_value")
        expected = {
            "mse": metrics.mean_squared_error(gold, predicted),
            "mae": metrics.mean_absolute_error(gold, predicted),
            "r2": metrics.r2_score(gold, predicted),
            "spearman": stats.spearmanr(gold, predicted).statistic,
        }

        for name, value in expected.items():
            assert values.summary[name] == pytest.approx(value)
            found = values.scores[name]
            assert found["value"] == pytest.approx(value)
            assert found["low"] < value < found["high"]
        assert values.scores["mean_error"]["value"] == pytest.approx((predicted - gold).mean())
        baseline = values.scores["mean_baseline"]
        assert baseline["mse"] == pytest.approx(metrics.mean_squared_error(gold, np.full(len(gold), gold.mean())))
        assert baseline["r2"] == 0
        quantiles = {of["share"]: of["value"] for of in values.scores["error_quantiles"]}
        assert quantiles[0.05] == pytest.approx(np.quantile(predicted - gold, 0.05))
        assert values.content["mean_confidence"] is values.summary["mean_confidence"] is None

    def test_errors_are_listed_and_correlated_with_entropy(self, values: Assessed) -> None:
        gold, predicted = values.numbers("value"), values.numbers("predicted_value")
        rows = values.confidences

        assert_allclose([row["error"] for row in rows], predicted - gold)
        assert {(row["outcome"], row["confidence"], row["label"]) for row in rows} == {(None, None, None)}
        (found,) = values.content["error_and_entropy"]
        expected = stats.spearmanr(np.abs(predicted - gold), [row["mean_entropy"] for row in rows]).statistic
        assert found["spearman"]["value"] == pytest.approx(expected)
        assert "confidence_and_entropy" not in values.content

    def test_few_rows_have_no_intervals(self, tmp_path: Path) -> None:
        found = Assessed(tmp_path, "regression", n_documents=FEWEST_ROWS - 1).scores

        assert found["mse"]["value"] > 0
        assert {found[name]["low"] for name in ("mse", "mae", "r2", "spearman", "mean_error")} == {None}

    def test_some_or_all_without_gold_value(self, tmp_path: Path) -> None:
        some = Assessed(tmp_path / "some", "regression", labelled=0.6, n_documents=30)
        none = Assessed(tmp_path / "none", "regression", labelled=0, n_documents=30)

        known = [row for row in some.confidences if row["value"] is not None]
        assert some.content["n_labelled"] == some.summary["n_labelled"] == len(known) < 30
        errors = [abs(row["error"]) for row in known]
        assert some.scores["mae"]["value"] == pytest.approx(np.mean(errors))
        (of_all,) = some.content["error_and_entropy"]
        expected = stats.spearmanr(errors, [row["mean_entropy"] for row in known]).statistic
        assert (of_all["n_documents"], of_all["spearman"]["value"]) == (len(known), pytest.approx(expected))
        assert none.scores == {}
        assert none.content["error_and_entropy"] == []
        assert none.summary["mse"] is None
        assert math.isfinite(none.content["predictions"]["mean"])
        assert "NaN" not in json.dumps(none.content)

    @pytest.mark.slow
    def test_intervals_cover_the_truth_19_times_in_20(self) -> None:
        random = np.random.default_rng(4)
        covered = dict.fromkeys(("mse", "mae"), 0)
        truth = {"mse": 1.0, "mae": math.sqrt(2 / math.pi)}
        for seed in range(400):
            error = random.normal(0, 1, FEWEST_ROWS)
            found = estimate(
                lambda w: {"mse": float(w @ error**2 / w.sum()), "mae": float(w @ np.abs(error) / w.sum())},  # noqa: B023
                np.arange(FEWEST_ROWS),
                200,
                seed,
            )
            for name, of in found.items():
                assert of.low is not None
                assert of.high is not None
                covered[name] += of.low <= truth[name] <= of.high
        for name, n in covered.items():
            assert 0.88 <= n / 400 <= 0.97, (name, n / 400)


def test_outcomes_of_sets() -> None:
    gold = np.array([[1, 0], [1, 1], [1, 0], [0, 0], [0, 0]], bool)
    predicted = np.array([[1, 0], [1, 0], [0, 1], [0, 0], [1, 0]], bool)

    assert outcomes(gold, predicted).tolist() == ["right", "partly_right", "wrong", "right", "wrong"]


@pytest.mark.parametrize(
    ("gold", "predicted", "r2", "spearman"),
    [
        ([1.0, 2, 4], [1.0, 2, 3], 1 - 1 / (14 / 3), 1.0),
        ([1.0, 2, 3], [2.0, 2, 2], 0.0, None),
        ([2.0, 2, 2], [1.0, 2, 3], None, None),
        ([2.0], [1.0], None, None),
    ],
)
def test_values_that_are_all_equal_have_no_order(
    gold: list[float], predicted: list[float], r2: float | None, spearman: float | None
) -> None:
    found = _of_values(pa.table({"value": gold, "predicted_value": predicted}), 0)
    assert (found["r2"], found["spearman"]) == (pytest.approx(r2), pytest.approx(spearman))
