"""Agreement, scores and paired tests of models: by hand, against scipy, and what is claimed where nothing differs."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from attviz_pipeline.artifacts import term_schemas
from attviz_pipeline.config.settings import AssessmentSettings
from attviz_pipeline.models_compared.predictions import (
    Predictions,
    agreement_by_chance,
    compare_predictions,
    paired_difference,
    paired_test,
    scores,
)
from attviz_pipeline.stages import CompareModels
from attviz_pipeline.tasks.multi_label import MultiLabel
from attviz_pipeline.tasks.regression import Regression
from attviz_pipeline.tasks.single_label import SingleLabel

SETTINGS = CompareModels(seed=13, compared={}, assessment=AssessmentSettings(n_bins=2, n_resamples=200))
CLASSES, LABELS = SingleLabel(("sport", "world")), MultiLabel(("a", "b"), (0.5, 0.5))


def of_classes(
    predicted: list[int], gold: list[int | None], row: list[int] | None = None, p: float = 0.8
) -> Predictions:
    probabilities = np.array([[p if label == one else 1 - p for label in (0, 1)] for one in predicted])
    rows = np.arange(len(predicted)) if row is None else np.array(row)
    return Predictions(CLASSES, predicted, gold, probabilities, rows)


def of_values(predicted: list[float], gold: list[float | None], row: list[int] | None = None) -> Predictions:
    rows = np.arange(len(predicted)) if row is None else np.array(row)
    return Predictions(Regression(), predicted, gold, np.zeros((len(predicted), 0)), rows)


def pair(first: Predictions, second: Predictions) -> dict[str, Any]:
    [found] = compare_predictions({"own": first, "other": second}, SETTINGS)
    return found


def test_agreement_and_kappa_by_hand() -> None:
    # 20 both sport, 5 and 10 in which one of the two says world, 15 both world.
    first = [0] * 20 + [0] * 5 + [1] * 10 + [1] * 15
    second = [0] * 20 + [1] * 5 + [0] * 10 + [1] * 15

    found = pair(of_classes(first, [None] * 50), of_classes(second, [None] * 50))

    assert found["n_documents"] == 50
    assert found["agreement"] == pytest.approx(0.7)
    assert found["agreement_by_chance"] == pytest.approx(0.5)
    assert found["kappa"] == pytest.approx(0.4)
    interval = stats.binomtest(35, 50).proportion_ci(method="wilson")
    assert (found["agreement_low"], found["agreement_high"]) == pytest.approx((interval.low, interval.high))
    assert (found["n_labelled"], found["p"], found["q"], found["difference"]) == (0, None, None, None)


def test_two_models_of_one_class_agree_by_chance() -> None:
    found = pair(of_classes([1] * 9, [1] * 9), of_classes([1] * 9, [1] * 9))

    assert (found["agreement"], found["agreement_by_chance"], found["kappa"]) == (1, 1, None)
    assert (found["difference"], found["p"]) == (0, 1)


def test_label_sets_agree_only_if_they_are_equal() -> None:
    p = np.full((4, 2), 0.6)
    gold: list[Any] = [(0,), (0, 1), (), (1,)]
    first = Predictions(LABELS, [(0,), (0, 1), (), (0, 1)], gold, p, np.arange(4))
    second = Predictions(LABELS, [(0,), (0,), (), (1,)], gold, p, np.arange(4))

    found = pair(first, second)

    assert found["agreement"] == 0.5
    assert found["agreement_by_chance"] == pytest.approx(1 / 4 * 2 / 4 + 1 / 4 * 1 / 4)
    assert (found["n_only_model_right"], found["n_only_other_right"], found["p"]) == (1, 1, 1)
    assert scores(first, SETTINGS)["accuracy"] == 0.75
    # p = 0.6 for both labels, which half of the documents have.
    assert scores(first, SETTINGS)["ece"] == pytest.approx(0.1)


def test_the_difference_of_accuracies_is_tested_by_mcnemar() -> None:
    gold: list[int | None] = [0] * 40
    first, second = [0] * 30 + [0] * 9 + [1], [0] * 30 + [1] * 9 + [0]

    found = pair(of_classes(first, gold), of_classes(second, gold))

    assert found["difference"] == pytest.approx(8 / 40)
    assert (found["n_only_model_right"], found["n_only_other_right"], found["test"]) == (9, 1, "mcnemar")
    assert found["p"] == found["q"] == pytest.approx(2 * (1 + 10) / 2**10)
    # Bonett and Price: one more document on either side; Student's t of 41 degrees of freedom.
    mean, n = 8 / 42, 42
    variance = (12 / n - mean**2) / (n - 1)
    half = stats.t.ppf(0.975, n - 1) * np.sqrt(variance)
    assert (found["difference_low"], found["difference_high"]) == pytest.approx((mean - half, mean + half))


def test_documents_of_one_row_count_as_one_in_tests_and_intervals() -> None:
    random = np.random.default_rng(4)
    change = random.choice([-1.0, 0.0, 1.0], 30, p=[0.1, 0.5, 0.4])
    once, copied = np.arange(30), np.repeat(np.arange(30), 5)

    assert paired_test(np.repeat(change, 5), copied, 1)[0] == "signs"
    assert paired_test(np.repeat(change, 5), copied, 1)[1] == pytest.approx(paired_test(change, once, 1)[1], abs=0.02)
    of_copies = paired_difference(np.repeat(change, 5), copied, is_share=True)
    assert of_copies == pytest.approx(paired_difference(change, once, is_share=True))
    assert paired_difference(np.ones(4), np.zeros(4, int), is_share=True) == (1.0, None, None)


def test_intervals_of_a_difference_hold() -> None:
    random, held = np.random.default_rng(7), 0
    for _ in range(1_000):
        change = random.choice([-1.0, 0.0, 1.0], 40, p=[0.05, 0.85, 0.10])
        found = paired_difference(change, np.arange(40), is_share=True)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.05 <= found.high

    assert held >= 940


def test_models_that_are_equally_good_are_rarely_said_to_differ() -> None:
    random, n_claims = np.random.default_rng(8), {"mcnemar": 0, "signs": 0}
    for number in range(200):
        change = random.choice([-1.0, 0.0, 1.0], 60, p=[0.2, 0.6, 0.2])
        for row in (np.arange(60), np.arange(60) // 2):
            test, p = paired_test(change, row, number)
            n_claims[test] += p < 0.05

    # 5 % of 200 are 10; more than 16 have a probability of 2 %.
    assert max(n_claims.values()) <= 16


def test_values_have_errors_and_a_rank_correlation() -> None:
    random = np.random.default_rng(2)
    gold = random.normal(0, 1, 60)
    first, second = gold + random.normal(0, 0.3, 60), gold + random.normal(0, 0.9, 60)
    own, other = of_values(first.tolist(), gold.tolist()), of_values(second.tolist(), gold.tolist())

    found = pair(own, other)

    assert found["value_correlation"] == pytest.approx(stats.spearmanr(first, second).statistic)
    assert found["value_correlation_low"] < found["value_correlation"] < found["value_correlation_high"]
    assert (found["agreement"], found["kappa"], found["n_only_model_right"]) == (None, None, None)
    errors = [np.abs(one - gold) for one in (first, second)]
    reference = stats.ttest_rel(*errors)
    low, high = reference.confidence_interval(0.95)
    assert found["difference"] == pytest.approx(errors[0].mean() - errors[1].mean())
    assert (found["difference_low"], found["difference_high"]) == pytest.approx((low, high))
    assert (found["test"], found["p"] < 0.001) == ("signs", True)
    fit = scores(own, SETTINGS)
    assert fit["mae"] == pytest.approx(errors[0].mean())
    assert fit["mae_low"] < fit["mae"] < fit["mae_high"]
    assert (fit["accuracy"], fit["ece"]) == (None, None)


def test_few_rows_and_constant_values_have_no_interval_or_correlation() -> None:
    found = pair(of_values([1.0, 2, 3], [1.0, None, 3]), of_values([2.0, 2, 2], [1.0, None, 3]))

    assert found["value_correlation"] is None
    assert found["n_labelled"] == 2
    few = pair(of_values([1.0, 2, 3], [None] * 3), of_values([1.0, 3, 2], [None] * 3))
    assert (few["value_correlation"], few["value_correlation_low"]) == (pytest.approx(0.5), None)


def test_scores_are_of_labelled_documents_and_calibration_by_hand() -> None:
    one = of_classes([0, 0, 1, 1, 1], [0, 1, 1, None, 1])

    found = scores(one, SETTINGS)

    assert found["accuracy"] == 0.75
    interval = stats.binomtest(3, 4).proportion_ci(method="wilson")
    assert (found["accuracy_low"], found["accuracy_high"]) == pytest.approx((interval.low, interval.high))
    # All have a confidence of 0.8, and 3 of 4 are right.
    assert found["ece"] == pytest.approx(0.05)
    assert 0.05 < found["ece_by_chance"] < 0.3
    nothing = scores(of_classes([0, 1], [None, None]), SETTINGS)
    assert set(nothing.values()) == {None}


def test_every_pair_agrees_and_only_those_of_the_own_model_are_tested() -> None:
    gold: list[int | None] = [0] * 12
    models = {
        "own": of_classes([0] * 12, gold),
        "seed-14": of_classes([1] * 6 + [0] * 6, gold),
        "seed-15": of_classes([1] * 1 + [0] * 11, gold),
    }

    found = compare_predictions(models, SETTINGS)

    assert [(row["model"], row["other"]) for row in found] == [
        ("own", "seed-14"),
        ("own", "seed-15"),
        ("seed-14", "seed-15"),
    ]
    assert [row["p"] for row in found] == [pytest.approx(2 / 64), 1, None]
    assert [row["q"] for row in found] == [pytest.approx(4 / 64), 1, None]
    assert found[2]["agreement"] == pytest.approx(7 / 12)
    assert found[2]["difference"] is None


def test_without_another_trained_model_there_is_no_pair() -> None:
    assert compare_predictions({"own": of_classes([0], [0])}, SETTINGS) == []


def test_chance_is_the_product_of_the_shares() -> None:
    assert agreement_by_chance([0, 0, 1, 2], [0, 1, 1, 1]) == pytest.approx((2 * 1 + 1 * 3) / 16)


def test_predictions_are_read_from_the_table_of_documents() -> None:
    columns = {
        **{name: ["a", "b"] for name in ("id", "source_id", "split")},
        "position": [0, 1],
        "labels": [[0, 1], None],
        "predictions": [[1], []],
        "probabilities": [[0.4, 1.0001], [0.1, 0.2]],
        **{name: [1, 1] for name in ("n_terms", "n_tokens")},
        **{name: [[], []] for name in ("attention", "log_ratio", "evenness")},
    }
    table: pa.Table = term_schemas.DOCUMENT_HEADS.table(columns)

    found = Predictions.of(table, LABELS, np.array([0, 1]))

    assert (found.predicted, found.gold) == ([(1,), ()], [(0, 1), None])
    assert found.probabilities == pytest.approx(np.array([[0.4, 1.0], [0.1, 0.2]]))
    assert found.is_labelled.tolist() == [True, False]
