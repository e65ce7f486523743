"""What a gold value, a prediction, an outcome and a confidence are, task by task."""

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    hamming_loss,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
)

from attviz_pipeline.artifacts.schema import GOLD_NAMES, PREDICTED_NAMES
from attviz_pipeline.config.settings import TaskName
from attviz_pipeline.config.study import TASKS_OF_CRITERIA, TASKS_OF_KEYS
from attviz_pipeline.dataset.gold import FITTING, READERS
from attviz_pipeline.model.scoring import SCORES, score
from attviz_pipeline.strata import divide_sets
from attviz_pipeline.tasks.multi_label import MultiLabel
from attviz_pipeline.tasks.registry import TASKS, task_of, task_of_config
from attviz_pipeline.tasks.regression import Regression
from attviz_pipeline.tasks.single_label import SingleLabel
from attviz_pipeline.tasks.task import UNLABELLED, Task

NAMES = ("a", "b", "c")
CLASSES: Task[Any] = SingleLabel(NAMES)
SETS: Task[Any] = MultiLabel(NAMES, (0.5, 0.5, 0.3))
VALUES: Task[Any] = Regression()


class TestHome:
    def test_every_list_has_every_task(self) -> None:
        for registry in (TASKS, READERS, FITTING, SCORES):
            assert set(registry) == set(get_args(TaskName))
        assert {task for tasks in TASKS_OF_KEYS.values() for task in tasks} <= set(TASKS)
        assert all(name in TASKS_OF_CRITERIA[task.criterion] for name, task in TASKS.items())

    @pytest.mark.parametrize("task", [CLASSES, SETS, VALUES], ids=lambda task: task.name)
    def test_facts_make_the_task_again(self, task: Task[Any]) -> None:
        assert task_of(task.facts) == task
        assert (task.gold_column in GOLD_NAMES, task.predicted_column in PREDICTED_NAMES) == (True, True)

    @pytest.mark.parametrize(
        ("config", "task"),
        [
            ({"problem_type": "regression", "id2label": {"0": "a", "1": "b"}}, "regression"),
            ({"problem_type": "multi_label_classification", "id2label": {"0": "a"}}, "multi_label"),
            ({"problem_type": "single_label_classification"}, "single_label"),
            ({"id2label": {"0": "score"}}, "regression"),
            ({"num_labels": 1}, "regression"),
            ({"problem_type": ["x"], "num_labels": 3}, None),
            ({"id2label": {"0": "a", "1": "b"}}, None),
            ({}, None),
        ],
    )
    def test_a_config_names_its_task(self, config: dict[str, Any], task: str | None) -> None:
        assert task_of_config(config) == task


class TestPredictions:
    def test_the_first_of_equally_probable_classes(self) -> None:
        assert CLASSES.predict([0.2, 0.4, 0.4]) == {"prediction": 1, "probabilities": [0.2, 0.4, 0.4]}

    def test_labels_from_their_threshold_on(self) -> None:
        assert SETS.predict([0.5, 0.49, 0.3])["predictions"] == [0, 2]
        assert SETS.predict([0.1, 0.1, 0.1])["predictions"] == []

    def test_the_only_output(self) -> None:
        assert VALUES.predict([2.5]) == {"predicted_value": 2.5, "probabilities": []}

    def test_rows_are_read_as_the_task_has_them(self) -> None:
        row = {"label": 2, "labels": [0, 2], "value": 1.5, "prediction": 1, "predictions": [], "predicted_value": 1.0}
        assert [(task.gold(row), task.predicted(row)) for task in (CLASSES, SETS, VALUES)] == [
            (2, 1),
            ((0, 2), ()),
            (1.5, 1.0),
        ]
        unlabelled = dict.fromkeys(GOLD_NAMES)
        assert [task.gold(unlabelled) for task in (CLASSES, SETS, VALUES)] == [None, None, None]

    @pytest.mark.parametrize("gold", [(), (1,), (0, 2)])
    def test_a_target_is_read_back(self, gold: tuple[int, ...]) -> None:
        assert SETS.of_target(SETS.target(gold)) == gold


class TestOutcomes:
    @pytest.mark.parametrize(
        ("gold", "predicted", "outcome"),
        [
            ((0, 1), (0, 1), "right"),
            ((), (), "right"),
            ((0, 1), (1,), "partly_right"),
            ((0,), (1,), "wrong"),
            ((), (1,), "wrong"),
            ((1,), (), "wrong"),
            (None, (1,), None),
        ],
    )
    def test_of_sets(self, gold: tuple[int, ...] | None, predicted: tuple[int, ...], outcome: str | None) -> None:
        assert SETS.outcome(gold, predicted) == outcome

    def test_of_classes_and_numbers(self) -> None:
        assert (CLASSES.outcome(1, 1), CLASSES.outcome(1, 0), CLASSES.outcome(None, 0)) == ("right", "wrong", None)
        assert (CLASSES.error(1, 0), SETS.error((1,), ())) == (None, None)
        assert VALUES.outcome(1.0, 1.0) is None
        assert (VALUES.error(2.0, 1.5), VALUES.error(None, 1.5)) == (-0.5, None)

    def test_confidence_is_that_of_the_least_probable_decision(self) -> None:
        assert CLASSES.confidence(1, [0.3, 0.6, 0.1]) == 0.6
        assert SETS.confidence((0,), [0.9, 0.2, 0.25]) == 0.75
        assert SETS.confidence((), [0.4, 0.2, 0.25]) == 0.6
        assert VALUES.confidence(1.0, []) is None

    def test_the_worst_prediction_comes_first(self) -> None:
        assert CLASSES.fit(2, 0, [0.8, 0.1, 0.1]) == 0.1
        assert CLASSES.fit(None, 0, [0.8, 0.1, 0.1]) == 0.8
        assert SETS.fit((1,), (0,), [0.9, 0.2, 0.0]) == pytest.approx(0.1)
        assert sorted([(1.0, 1.5), (0.0, -3.0), (2.0, 2.0)], key=lambda pair: VALUES.fit(pair[0], pair[1], [])) == [
            (0.0, -3.0),
            (1.0, 1.5),
            (2.0, 2.0),
        ]

    def test_spelling(self) -> None:
        assert [CLASSES.spell(1), SETS.spell((0, 2)), SETS.spell(()), VALUES.spell(1 / 3)] == [
            "b",
            "a; c",
            "no label",
            "0.333333",
        ]


class TestStrata:
    def test_a_set_is_in_the_stratum_of_its_rarest_label(self) -> None:
        assert SETS.strata([(0,), (0, 1), (), None, (0,)]) == [0, 1, 3, UNLABELLED, 0]

    def test_numbers_are_in_equal_quantiles(self) -> None:
        strata = VALUES.strata([*map(float, range(200)), None])
        assert np.bincount(strata[:-1]).tolist() == [20] * 10
        assert strata[-1] == UNLABELLED
        assert strata[:-1] == sorted(strata[:-1])

    def test_few_or_equal_numbers_are_in_one(self) -> None:
        assert VALUES.strata([1.0, 2.0, 3.0]) == [0, 0, 0]
        assert len(set(VALUES.strata([1.0] * 50))) == 1
        assert VALUES.strata([None, None]) == [UNLABELLED, UNLABELLED]

    @given(st.lists(st.sets(st.integers(0, 3)), min_size=1, max_size=60))
    def test_every_item_is_in_one_part_with_a_share(self, sets: list[set[int]]) -> None:
        parts = divide_sets([sorted(labels) for labels in sets], [0.6, 0.0, 0.4])
        assert len(parts) == len(sets)
        assert set(parts) <= {0, 2}

    def test_labels_are_divided_in_proportion(self) -> None:
        random = np.random.default_rng(3)
        sets = [np.flatnonzero(random.random(5) < [0.5, 0.3, 0.2, 0.1, 0.05]).tolist() for _ in range(500)]
        parts = np.array(divide_sets(sets, [0.6, 0.2, 0.2]))
        assert np.bincount(parts).tolist() == [300, 100, 100]
        for label in range(5):
            has = np.array([label in labels for labels in sets])
            shares = np.bincount(parts[has], minlength=3) / has.sum()
            np.testing.assert_allclose(shares, [0.6, 0.2, 0.2], atol=1.5 / has.sum())


class TestScores:
    GOLD: Sequence[tuple[int, ...]] = [(0,), (0, 1), (), (2,), (1, 2)]
    FOUND: Sequence[tuple[int, ...]] = [(0,), (0,), (), (1,), (1, 2)]

    def test_of_sets_are_those_of_scikit_learn(self) -> None:
        gold, found = (np.array([SETS.target(s) for s in sets]) for sets in (self.GOLD, self.FOUND))
        scores = score(SETS, self.GOLD, self.FOUND)
        assert scores["exact_match"] == accuracy_score(gold, found) == 0.6
        assert scores["hamming_loss"] == pytest.approx(hamming_loss(gold, found))
        assert scores["micro_f1"] == pytest.approx(f1_score(gold, found, average="micro"))
        assert scores["macro_f1"] == pytest.approx((1 + 0.5 + 2 / 3) / 3)
        assert scores["per_label"][1] == {"label": "b", "precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}

    def test_of_numbers_are_those_of_scikit_learn_and_scipy(self) -> None:
        random = np.random.default_rng(1)
        gold = random.normal(size=50)
        found = gold + random.normal(size=50)
        scores = score(VALUES, gold.tolist(), found.tolist())
        assert scores["mse"] == pytest.approx(mean_squared_error(gold, found))
        assert scores["mae"] == pytest.approx(mean_absolute_error(gold, found))
        assert scores["r2"] == pytest.approx(r2_score(gold, found))
        assert scores["spearman"] == pytest.approx(spearmanr(gold, found).statistic)

    def test_of_equal_numbers_are_undefined(self) -> None:
        assert [score(VALUES, [1.0, 1.0], [1.0, 2.0])[name] for name in ("r2", "spearman")] == [None, None]
        assert score(VALUES, [1.0, 2.0], [3.0, 3.0])["spearman"] is None
