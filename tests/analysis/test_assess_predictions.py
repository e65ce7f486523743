"""The stage assess_predictions: scores and calibration as references compute them, honest where nothing is known."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from synthetic_attention import LABEL_NAMES, write_attention_shards, write_ledger

from attviz_pipeline.analysis.aggregate_dataset import aggregate_dataset
from attviz_pipeline.analysis.aggregate_shard import aggregate_shard
from attviz_pipeline.analysis.predictions.assess_predictions import assess_predictions
from attviz_pipeline.analysis.predictions.calibration import (
    Bins,
    expected_calibration_error,
    gap_by_chance,
    reliability,
)
from attviz_pipeline.analysis.predictions.proportions import proportion
from attviz_pipeline.analysis.predictions.rank_correlation import Ranks, partial_correlation, rank_correlations
from attviz_pipeline.analysis.predictions.resampling import draw_weights, estimate
from attviz_pipeline.artifacts import attention_schemas, files, statistics_schemas
from attviz_pipeline.artifacts.layout import AssessmentPaths, StatisticsPaths
from attviz_pipeline.config.settings import AssessmentSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.significance import FEWEST_MISTAKES, FEWEST_ROWS_PER_CLASS
from attviz_pipeline.stages import AssessPredictions

Rows = list[dict[str, Any]]
SETTINGS = AssessPredictions(seed=13, assessment=AssessmentSettings(n_bins=5, n_resamples=200))


class Assessed:
    """What the stage wrote about invented documents."""

    def __init__(
        self,
        folder: Path,
        *,
        n_documents: int = 60,
        n_shards: int = 2,
        change: Callable[[Rows], object] = list,
    ) -> None:
        folder.mkdir(exist_ok=True)
        attention = write_attention_shards(folder, n_documents=n_documents, n_shards=n_shards)
        for path in attention:
            rows, facts = (
                files.read_table(path, attention_schemas.ATTENTION).to_pylist(),
                files.read_facts(path, attention_schemas.ATTENTION),
            )
            change(rows)
            columns = {name: [row[name] for row in rows] for name in attention_schemas.ATTENTION.arrow.names}
            files.write_table(path, attention_schemas.ATTENTION, columns, facts)
        sums = [[folder / f"{name}-{n}" for name in ("aggregates", "tokens", "heads")] for n in range(n_shards)]
        for path, targets in zip(attention, sums, strict=True):
            aggregate_shard(path, *targets)
        ledger = write_ledger(folder / "ledger.parquet", n_documents=n_documents)
        statistics = StatisticsPaths.below(folder / "statistics")
        aggregate_dataset(attention, [s[1] for s in sums], [s[2] for s in sums], ledger, statistics)
        self.output = AssessmentPaths.below(folder / "statistics")
        self.aggregates, self.attention = [s[0] for s in sums], attention
        assess_predictions(SETTINGS, statistics.document_index, attention, self.aggregates, self.output)
        self.index = files.read_table(statistics.document_index, statistics_schemas.DOCUMENT_INDEX).to_pylist()
        self.content = files.read_json(self.output.assessment, statistics_schemas.ASSESSMENT)

    def rows(self, name: str) -> Rows:
        rows: Rows = files.read_table(getattr(self.output, name), getattr(statistics_schemas, name.upper())).to_pylist()
        return rows

    def bytes(self) -> list[bytes]:
        return [path.read_bytes() for path in vars(self.output).values()]


@pytest.fixture(scope="module")
def assessed(tmp_path_factory: pytest.TempPathFactory) -> Assessed:
    return Assessed(tmp_path_factory.mktemp("assessed"))


class TestStage:
    def test_scores_are_those_of_sklearn(self, assessed: Assessed) -> None:
        gold, guess = ([row[name] for row in assessed.index] for name in ("label", "prediction"))
        scores = assessed.content["scores"]

        assert scores["accuracy"]["value"] == pytest.approx(accuracy_score(gold, guess), abs=1e-12)
        assert scores["macro_f1"]["value"] == pytest.approx(f1_score(gold, guess, average="macro"), abs=1e-12)
        for number, row in enumerate(assessed.content["per_class"]):
            for name, reference in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
                assert row[name] == pytest.approx(reference(gold, guess, labels=[number], average="macro"), abs=1e-12)
        for name in ("accuracy", "overconfidence"):
            assert scores[name]["low"] < scores[name]["value"] < scores[name]["high"]
        for name in ("ece_equal_width", "ece_equal_mass"):
            assert scores[name]["value"] > 0
            assert scores[name]["low"] is scores[name]["high"] is None

    def test_macro_f1_has_an_interval_where_every_class_has_enough_rows(self, tmp_path: Path) -> None:
        def balance(rows: Rows) -> None:
            for row in rows:
                row["label"] = row["position"] % 3

        def assess(name: str, n_documents: int, change: Callable[[Rows], object]) -> dict[str, float | None]:
            found = Assessed(tmp_path / name, n_documents=n_documents, n_shards=1, change=change)
            macro_f1: dict[str, float | None] = found.content["scores"]["macro_f1"]
            return macro_f1

        def balance_and_join(rows: Rows) -> None:
            balance(rows)
            for row in rows:
                row["source_id"] = f"doc-{row['position'] // 6:04d}"

        enough, few, joined = (
            assess("enough", 3 * FEWEST_ROWS_PER_CLASS, balance),
            assess("few", 3 * FEWEST_ROWS_PER_CLASS - 1, balance),
            assess("joined", 3 * FEWEST_ROWS_PER_CLASS, balance_and_join),
        )

        assert enough["low"] is not None
        assert few["low"] is few["high"] is joined["low"] is None
        assert few["value"] is not None

    def test_macro_f1_has_no_interval_with_few_mistakes(self, tmp_path: Path) -> None:
        def assess(name: str, n_wrong: int) -> dict[str, float | None]:
            def change(rows: Rows) -> None:
                for row in rows:
                    row["label"] = row["prediction"] = row["position"] % 3
                    row["prediction"] = (row["label"] + (row["position"] < n_wrong)) % 3

            found = Assessed(tmp_path / name, n_documents=3 * FEWEST_ROWS_PER_CLASS, n_shards=1, change=change)
            macro_f1: dict[str, float | None] = found.content["scores"]["macro_f1"]
            return macro_f1

        assert assess("enough", FEWEST_MISTAKES)["low"] is not None
        assert assess("few", FEWEST_MISTAKES - 1)["low"] is None

    def test_entropy_is_the_mean_of_the_aggregate_without_special_tokens(self, assessed: Assessed) -> None:
        special = {
            row["position"]: np.array(row["special"])
            for path in assessed.attention
            for row in files.read_table(path, attention_schemas.ATTENTION).to_pylist()
        }
        expected = {
            row["position"]: np.array(row["entropy"])[~special[row["position"]]].mean()
            for path in assessed.aggregates
            for row in files.read_table(path, statistics_schemas.AGGREGATES).to_pylist()
        }
        rows = assessed.rows("confidences")

        assert [row["position"] for row in rows] == list(range(60))
        assert_allclose([row["mean_entropy"] for row in rows], [expected[p] for p in range(60)], rtol=1e-12)
        found = assessed.content["confidence_and_entropy"][0]["spearman"]["value"]
        reference = stats.spearmanr([row["confidence"] for row in rows], [row["mean_entropy"] for row in rows])
        assert found == pytest.approx(reference.statistic, abs=1e-12)

    def test_sharding_changes_no_byte(self, assessed: Assessed, tmp_path: Path) -> None:
        assert Assessed(tmp_path / "one", n_shards=1).bytes() == assessed.bytes()
        assert Assessed(tmp_path / "seven", n_shards=7).bytes() == assessed.bytes()

    def test_segments_of_one_row_are_drawn_together(self, assessed: Assessed, tmp_path: Path) -> None:
        def join(rows: Rows) -> None:
            for row in rows:
                row["source_id"] = f"doc-{row['position'] // 10:04d}"

        joined = Assessed(tmp_path / "joined", change=join)

        assert joined.content["n_sources"] == 6
        assert assessed.content["n_sources"] == 60
        assert joined.content["scores"]["accuracy"]["value"] == assessed.content["scores"]["accuracy"]["value"]
        assert joined.content["scores"]["accuracy"] != assessed.content["scores"]["accuracy"]
        assert joined.content["scores"]["design_effect"] > assessed.content["scores"]["design_effect"] == 1
        right = np.array([row["label"] == row["prediction"] for row in joined.index], float)
        assert joined.content["scores"]["accuracy"] == proportion(right, np.arange(60) // 10)._asdict()

    def test_precision_and_recall_have_wilson_intervals(self, assessed: Assessed) -> None:
        for number, row in enumerate(assessed.content["per_class"]):
            hits = sum(r["label"] == r["prediction"] == number for r in assessed.index)
            for name, n in (("precision", row["n_predicted"]), ("recall", row["n_gold"])):
                reference = stats.binomtest(hits, n).proportion_ci(method="wilson")
                assert_allclose([row[f"{name}_low"], row[f"{name}_high"]], [reference.low, reference.high], atol=1e-9)

    def test_always_predicting_the_largest_class_is_scored(self, tmp_path: Path) -> None:
        def make_unequal(rows: Rows) -> None:
            for row in rows:
                row.update(label=None if row["position"] == 59 else 1 if row["position"] % 5 else 2)

        found = Assessed(tmp_path, change=make_unequal)

        gold = [row["label"] for row in found.index if row["label"] is not None]
        baseline = found.content["scores"]["majority_baseline"]
        assert (baseline["label"], baseline["n_classes_as_large"]) == (LABEL_NAMES[1], 1)
        assert baseline["accuracy"] == pytest.approx(accuracy_score(gold, [1] * 59))
        expected = f1_score(gold, [1] * 59, labels=[0, 1, 2], average="macro", zero_division=0)
        assert baseline["macro_f1"] == pytest.approx(expected)

    def test_documents_are_counted_by_prediction_and_by_split(self, tmp_path: Path) -> None:
        def change(rows: Rows) -> None:
            for row in rows:
                row.update(prediction=2, label=None, split="train" if row["position"] < 4 else "test")

        found = Assessed(tmp_path, n_documents=10, change=change)

        expected = {"counts": [0, 0, 10], "n_distinct": 1, "label": LABEL_NAMES[2], "share": 1.0}
        assert found.content["predictions"] == expected
        assert found.content["splits"] == {"test": 6, "train": 4}

    def test_without_gold_labels_nothing_is_scored(self, tmp_path: Path) -> None:
        found = Assessed(tmp_path, change=lambda rows: [row.update(label=None) for row in rows])

        assert found.content["scores"] == {}
        assert found.content["per_class"] == []
        assert found.rows("calibration") == []
        assert {row["outcome"] for row in found.rows("confidences")} == {None}
        assert [group["documents"] for group in found.content["confidence_and_entropy"]] == ["all"]
        assert found.content["confidence_and_entropy"][0]["spearman"]["low"] is not None

    def test_one_certain_document_has_scores_and_no_correlation(self, tmp_path: Path) -> None:
        def certain(rows: Rows) -> None:
            for row in rows:
                row.update(label=0, prediction=0, probabilities=[1.0000001, 0, 0])

        found = Assessed(tmp_path, n_documents=1, n_shards=1, change=certain)

        assert found.content["scores"]["accuracy"] == {
            "value": 1.0,
            "low": pytest.approx(0.2065, abs=1e-4),
            "high": 1.0,
        }
        assert found.content["scores"]["overconfidence"] == {"value": 0.0, "low": None, "high": None}
        assert found.content["scores"]["ece_equal_width"]["value"] == 0
        assert found.content["confidence_and_entropy"][0]["spearman"]["value"] is None
        assert found.content["per_class"][1]["precision"] is None
        assert [row["n_documents"] for row in found.rows("calibration")] == [1, 1]

    def test_a_document_of_special_tokens_has_no_entropy(self, tmp_path: Path) -> None:
        def hide(rows: Rows) -> None:
            for row in rows:
                if row["position"] == 3:
                    row["special"] = [True] * len(row["special"])

        found = Assessed(tmp_path, n_documents=8, n_shards=1, change=hide)

        assert found.rows("confidences")[3]["mean_entropy"] is None
        assert found.content["confidence_and_entropy"][0]["n_documents"] == 7

    def test_aggregates_of_other_documents_are_refused(self, assessed: Assessed, tmp_path: Path) -> None:
        index = assessed.output.assessment.with_name("document_index.parquet")
        with pytest.raises(ArtifactError, match="hold different documents"):
            assess_predictions(
                SETTINGS, index, assessed.attention, assessed.aggregates[::-1], AssessmentPaths.below(tmp_path)
            )
        assert not list(tmp_path.iterdir())

    def test_label_names_are_those_of_the_study(self, assessed: Assessed) -> None:
        assert assessed.content["label_names"] == LABEL_NAMES


def sample(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    confidence = random.beta(4, 1.5, n)
    return confidence, (random.random(n) < confidence**1.3).astype(float)


class TestCalibration:
    @pytest.mark.parametrize(("binning", "strategy"), [("equal_width", "uniform"), ("equal_mass", "quantile")])
    def test_points_are_those_of_sklearn(self, binning: str, strategy: str) -> None:
        confidence, right = sample()
        bins = getattr(Bins, binning)(confidence, 10)

        found = reliability(bins, confidence, right, np.arange(400))

        accuracy, mean = calibration_curve(right, confidence, n_bins=10, strategy=strategy)
        # Quantiles are taken between two values there, and at a value here: at most one document changes its bin.
        tolerance = 1e-9 if strategy == "uniform" else 0.03
        assert_allclose(found["accuracy"], accuracy, atol=tolerance)
        assert_allclose(found["mean_confidence"], mean, atol=tolerance)
        assert found["n_documents"].sum() == 400

    def test_error_is_the_published_sum(self) -> None:
        confidence, right = sample()
        bins = Bins.equal_width(confidence, 15)
        expected = 0.0
        for k in range(15):
            inside = [i for i, value in enumerate(confidence) if k / 15 < value <= (k + 1) / 15]
            if inside:
                gap = np.mean([right[i] for i in inside]) - np.mean([confidence[i] for i in inside])
                expected += len(inside) / 400 * abs(gap)

        assert expected_calibration_error(bins, confidence, right) == pytest.approx(expected, abs=1e-12)

    def test_bounds_of_bins(self) -> None:
        """A bin includes its upper bound, not its lower one; a bin without documents keeps its own."""
        confidence = np.array([0.25, 0.3, 0.5, 0.9, 1.0])

        width, mass = Bins.equal_width(confidence, 4), Bins.equal_mass(confidence, 2)

        assert (width.lower.tolist(), width.upper.tolist()) == ([0, 0.25, 0.5, 0.75], [0.25, 0.5, 0.75, 1])
        assert width.of_document.tolist() == [0, 1, 1, 3, 3]
        assert (mass.lower.tolist(), mass.upper.tolist()) == ([0, 0.5], [0.5, 1])
        found = reliability(width, confidence, np.ones(5), np.arange(5))
        assert (found["lower"].tolist(), found["upper"].tolist()) == ([0, 0.25, 0.75], [0.25, 0.5, 1])

    def test_equal_mass_keeps_equal_confidences_together(self) -> None:
        confidence = np.array([0.5] * 5 + [0.9] * 90 + [0.95, 0.96, 0.97, 0.98, 1.0])

        counts = reliability(Bins.equal_mass(confidence, 10), confidence, np.ones(100), np.arange(100))["n_documents"]

        assert counts.tolist() == [95, 5]

    def test_equal_mass_bins_hold_equally_many(self) -> None:
        confidence, right = sample(1000)

        found = reliability(Bins.equal_mass(confidence, 10), confidence, right, np.arange(1000))
        assert found["n_documents"].tolist() == [100] * 10

    def test_bins_of_dependent_documents_have_wider_intervals(self) -> None:
        confidence, right = sample()
        bins = Bins.equal_mass(confidence, 4)
        alone, joined = (reliability(bins, confidence, right, np.arange(400) // size) for size in (1, 2))
        widths = [np.subtract(found["accuracy_high"], found["accuracy_low"]) for found in (alone, joined)]
        assert (widths[1] > widths[0]).all()
        assert reliability(bins, confidence, right, np.zeros(400, int))["accuracy_low"] == [None] * 4

    def test_gap_of_a_calibrated_model_is_that_of_theory(self) -> None:
        confidence, _ = sample()
        spread = 1.96 * math.sqrt((confidence * (1 - confidence)).sum()) / 400
        found = gap_by_chance(confidence, 1.0, 13)
        assert found["high"] == pytest.approx(spread, rel=0.1)
        assert found["low"] == pytest.approx(-spread, rel=0.1)
        assert gap_by_chance(confidence, 4.0, 13)["high"] == pytest.approx(2 * found["high"])


class TestRankCorrelation:
    def test_ties_and_repeated_documents(self) -> None:
        random = np.random.default_rng(1)
        x, y, z = random.integers(0, 6, (3, 80)).astype(float)
        weight = random.integers(0, 4, 80).astype(float)
        again = np.repeat(np.arange(80), weight.astype(int))

        found = rank_correlations([Ranks(x), Ranks(y), Ranks(z)], np.ones(80))

        assert_allclose(found, stats.spearmanr(np.array([x, y, z]), axis=1).statistic, atol=1e-12)
        weighted = rank_correlations([Ranks(x), Ranks(y)], weight)
        assert weighted[0, 1] == pytest.approx(stats.spearmanr(x[again], y[again]).statistic, abs=1e-9)
        ranks = [stats.rankdata(values) for values in (x, y, z)]
        residuals = [r - np.polyval(np.polyfit(ranks[2], r, 1), ranks[2]) for r in ranks[:2]]
        assert partial_correlation(found) == pytest.approx(np.corrcoef(*residuals)[0, 1], abs=1e-9)

    def test_what_does_not_vary_has_none(self) -> None:
        constant, rising = Ranks(np.ones(5)), Ranks(np.arange(5.0))

        found = rank_correlations([constant, rising, Ranks(np.array([1.0, 3, 2, 5, 4]))], np.ones(5))

        assert np.isnan(found[0]).all()
        assert found[1, 2] == pytest.approx(0.8)
        assert math.isnan(partial_correlation(rank_correlations([rising, constant, rising], np.ones(5))))


class TestBootstrap:
    def test_documents_of_a_row_share_their_weight(self) -> None:
        rows = np.array([0, 0, 1, 2, 2, 2])

        for weight in draw_weights(rows, 20, seed=3):
            assert weight[0] == weight[1]
            assert weight[3] == weight[4] == weight[5]
            assert weight[0] + weight[2] + weight[3] == 3

    def test_interval_of_a_mean_is_that_of_theory_and_wider_for_clusters(self) -> None:
        values = np.random.default_rng(5).normal(size=300)
        alone = estimate(lambda w: {"mean": float(w @ values / w.sum())}, np.arange(300), 2000, 1)["mean"]
        half = 1.96 * values.std() / math.sqrt(300)
        assert_allclose([alone.low, alone.high], [values.mean() - half, values.mean() + half], atol=0.012)

        clustered = np.repeat(values[:30], 10)
        rows = np.repeat(np.arange(30), 10)
        found = estimate(lambda w: {"mean": float(w @ clustered / w.sum())}, rows, 2000, 1)["mean"]
        assert found.high is not None
        assert found.low is not None
        assert found.high - found.low > 0.9 * 2 * 1.96 * clustered.std() / math.sqrt(30)

    def test_intervals_cover_the_truth_19_times_in_20(self) -> None:
        """Three classes, the rarest with as few rows as macro F1 asks for; shares are [gold, predicted]."""
        shares = np.array([[170, 8, 6], [14, 50, 2], [15, 5, 30]]) / 300
        n_rows, n_studies = round(FEWEST_ROWS_PER_CLASS / shares[2].sum()), 300
        truth = {"macro_f1": macro_f1_of(shares)}
        random, n_covered = np.random.default_rng(7), dict.fromkeys(truth, 0)
        for seed in range(n_studies):
            cell = random.choice(9, size=n_rows, p=shares.ravel())

            def statistics(weight: np.ndarray, cell: np.ndarray = cell) -> dict[str, float]:
                confusion = np.bincount(cell, weight, minlength=9).reshape(3, 3)
                return {"macro_f1": macro_f1_of(confusion)}

            for name, found in estimate(statistics, np.arange(n_rows), 200, seed).items():
                assert found.low is not None
                assert found.high is not None
                n_covered[name] += found.low <= truth[name] <= found.high
        for name, n in n_covered.items():
            assert 0.93 <= n / n_studies <= 0.97, name


def macro_f1_of(counts: np.ndarray) -> float:
    return float((2 * np.diagonal(counts) / (counts.sum(axis=0) + counts.sum(axis=1))).mean())
