"""Whether models predict the same for the same documents, and how well the predictions of each fit the gold values."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline import stats
from attviz_pipeline.analysis.inference import benjamini_hochberg, ratio_variance, t_interval
from attviz_pipeline.analysis.predictions.calibration import Bins, ece_by_chance, expected_calibration_error
from attviz_pipeline.analysis.predictions.proportions import Clusters, proportion
from attviz_pipeline.analysis.predictions.rank_correlation import Ranks, rank_correlations
from attviz_pipeline.analysis.predictions.resampling import Estimate, Statistics, estimate
from attviz_pipeline.analysis.predictions.values import FEWEST_ROWS
from attviz_pipeline.models_compared.paired import flips_wanted, sign_flip_p
from attviz_pipeline.stages import CompareModels
from attviz_pipeline.tasks.task import Task

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Columns = dict[str, Any]

NOTHING = Estimate(None, None, None)
BOUNDS = {"": "value", "_low": "low", "_high": "high"}


@dataclass(frozen=True)
class Predictions:
    """What one model predicts for the documents.

    Attributes:
        task: What predictions and gold values are.
        predicted: Class index, label indices, or value, [document].
        gold: The same of the gold values; None where it is not known, [document].
        probabilities: As the model gives them, [document, class or label]; no column in regression.
        row: Number of each document's input row, [document].
    """

    task: Task[Any]
    predicted: list[Any]
    gold: list[Any]
    probabilities: Floats
    row: Integers

    @classmethod
    def of(cls, table: pa.Table, task: Task[Any], row: Integers) -> Self:
        """Take the predictions from `document_heads`, one row per document."""
        names = [task.gold_column, task.predicted_column]
        rows = table.select(names).to_pylist()
        outputs = np.array(table["probabilities"].to_pylist(), np.float64).reshape(len(rows), -1)
        predicted = [task.predicted(one) for one in rows]
        # Half precision and means over windows can leave a probability a little above 1.
        return cls(task, predicted, [task.gold(one) for one in rows], np.minimum(outputs, 1.0), row)

    @property
    def is_labelled(self) -> Mask:
        """Which documents have a gold value, [document]."""
        return np.array([gold is not None for gold in self.gold], np.bool_)

    @property
    def fit(self) -> Floats:
        """Return 1 for a correct prediction (exact match), else 0; in regression the absolute error, [labelled]."""
        pairs = [(one, gold) for one, gold in zip(self.predicted, self.gold, strict=True) if gold is not None]
        if self.task.has_labels:
            return np.array([one == gold for one, gold in pairs], np.float64)
        return np.array([abs(one - gold) for one, gold in pairs], np.float64)

    @property
    def labelled_row(self) -> Integers:
        """Number of each labelled document's input row, from 0 without gaps, [labelled]."""
        return np.unique(self.row[self.is_labelled], return_inverse=True)[1].astype(np.int64)


def scores(one: Predictions, settings: CompareModels) -> Columns:
    """Return accuracy (share of exact matches) or mean absolute error with intervals, and calibration errors.

    Args:
        one: Predictions of a model.
        settings: Number of bins and resamples, and the seed.

    Returns:
        Columns of `models`, None where undefined. The intervals are those that `assess_predictions` gives.
    """
    fit, row = one.fit, one.labelled_row
    accuracy = proportion(fit, row) if one.task.has_labels else NOTHING
    mae = NOTHING if one.task.has_labels else _mean_error(fit, row, settings)
    error, by_chance = _calibration(one, settings)
    return {**_named("accuracy", accuracy), **_named("mae", mae), "ece": error, "ece_by_chance": by_chance}


def no_scores() -> Columns:
    """Return the same of a model whose classifier is untrained."""
    return {**_named("accuracy", NOTHING), **_named("mae", NOTHING), "ece": None, "ece_by_chance": None}


def compare_predictions(models: Mapping[str, Predictions], settings: CompareModels) -> list[Columns]:
    """Return the rows of `model_predictions`: every pair of models, those with the study's own first.

    Only comparisons with the study's own model are tested; q is over these.

    Args:
        models: Predictions of each model with a trained classifier by name, the study's own first.
        settings: Number of resamples, and the seed.
    """
    names, n_tests = list(models), max(len(models) - 1, 1)
    own = names[0]
    rows = [
        {
            "model": first,
            "other": second,
            "n_documents": len(models[first].row),
            **_agreement(models[first], models[second], settings if first == own else None),
            **(_difference(models[first], models[second], n_tests, settings.seed) if first == own else _UNTESTED),
        }
        for first, second in combinations(names, 2)
    ]
    p = np.array([np.nan if row["p"] is None else row["p"] for row in rows])
    q = benjamini_hochberg(p) if rows else p
    return [row | {"q": None if np.isnan(value) else float(value)} for row, value in zip(rows, q, strict=True)]


def _agreement(first: Predictions, second: Predictions, settings: CompareModels | None) -> Columns:
    if not first.task.has_labels:
        found = _rank_correlation(first, second, settings)
        return {**_named("agreement", NOTHING), **_named("value_correlation", found)} | {
            "agreement_by_chance": None,
            "kappa": None,
        }
    same = np.array([one == other for one, other in zip(first.predicted, second.predicted, strict=True)], np.float64)
    chance = agreement_by_chance(first.predicted, second.predicted)
    return {
        **_named("agreement", proportion(same, first.row)),
        "agreement_by_chance": chance,
        "kappa": (float(same.mean()) - chance) / (1 - chance) if chance < 1 else None,
        **_named("value_correlation", NOTHING),
    }


def agreement_by_chance(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Return how often two models would agree if they predicted as often what they predict, but independently, 0..1.

    Args:
        first: Predictions of one model, [document].
        second: Those of the other, [document].

    Source: Cohen 1960, A coefficient of agreement for nominal scales.
    """
    one, other = Counter(first), Counter(second)
    return sum(n * other[value] for value, n in one.items()) / len(first) ** 2


def _rank_correlation(first: Predictions, second: Predictions, settings: CompareModels | None) -> Estimate:
    """Return Spearman's correlation of predicted values; bounds with settings and enough input rows."""
    ranked = [Ranks(np.array(one.predicted, np.float64)) for one in (first, second)]

    def statistics(weight: Floats) -> dict[str, float]:
        return {"spearman": float(rank_correlations(ranked, weight)[0, 1])}

    return _bootstrapped(statistics, first.row, settings)


def _mean_error(errors: Floats, row: Integers, settings: CompareModels) -> Estimate:
    if not len(errors):
        return NOTHING
    return _bootstrapped(lambda weight: {"mae": float(weight @ errors / weight.sum())}, row, settings)


def _bootstrapped(statistics: Statistics, row: Integers, settings: CompareModels | None) -> Estimate:
    if settings is not None and len(np.unique(row)) >= FEWEST_ROWS:
        (found,) = estimate(statistics, row.astype(np.intp), settings.assessment.n_resamples, settings.seed).values()
        return found
    (value,) = statistics(np.ones(len(row))).values()
    return Estimate(None if np.isnan(value) else value, None, None)


_UNTESTED: Columns = {
    "n_labelled": None,
    **dict.fromkeys(["difference", "difference_low", "difference_high"]),
    **dict.fromkeys(["n_only_model_right", "n_only_other_right", "test", "p"]),
}


def _difference(first: Predictions, second: Predictions, n_tests: int, seed: int) -> Columns:
    """Compare the accuracy or the mean absolute error of two models, paired."""
    row, change = first.labelled_row, first.fit - second.fit
    if not len(change):
        return _UNTESTED | {"n_labelled": 0}
    is_share = first.task.has_labels
    only = [int((change > 0).sum()), int((change < 0).sum())] if is_share else [None, None]
    test, p = paired_test(change, row, seed, n_tests) if is_share else ("signs", _sign_p(change, row, seed, n_tests))
    return {
        "n_labelled": len(change),
        **_named("difference", paired_difference(change, row, is_share=is_share)),
        "n_only_model_right": only[0],
        "n_only_other_right": only[1],
        "test": test,
        "p": p,
    }


def paired_difference(change: Floats, row: Integers, *, is_share: bool) -> Estimate:
    """Estimate the mean of paired differences of documents, with a 95 % interval over input rows; none with one row.

    For shares, one row is added in which only the first model is right, and one in which only the second is, both of
    mean size: without them, an interval would be empty where no document is right in one model only.

    Args:
        change: Value of the first model minus that of the second, [document].
        row: Number of each document's input row, [document].
        is_share: Whether values are 1 and 0, so that differences are -1, 0 or 1.

    Source: Bonett and Price 2012, Adjusted Wald interval for a difference of binomial proportions based on paired data;
    Cochran 1977, chapter 6 (documents of input rows).
    """
    (sums, sizes), value = Clusters.of(change, row.astype(np.intp)), float(change.mean())
    if len(sizes) < 2:
        return Estimate(value, None, None)
    if is_share:
        size = sizes.mean()
        sums, sizes = np.append(sums, [size, -size]), np.append(sizes, [size, size])
    centre, n = np.array(sums.sum() / sizes.sum()), np.array(sizes.sum())
    between, cross, squares = (np.array(float(a @ b)) for a, b in ((sums, sums), (sums, sizes), (sizes, sizes)))
    low, high = t_interval(centre, ratio_variance(between, cross, squares, centre, n), np.array(len(sizes)))
    widest = 1.0 if is_share else np.inf
    return Estimate(value, max(float(low), -widest), min(float(high), widest))


def paired_test(change: Floats, row: Integers, seed: int, n_tests: int = 1) -> tuple[str, float]:
    """Test whether two models are right equally often: McNemar's exact test, or random signs of input rows.

    Args:
        change: 1 where only the first is right, -1 where only the second is, else 0, [document].
        row: Number of each document's input row, [document].
        seed: Of the random signs.
        n_tests: Models that are tested together.

    Returns:
        `mcnemar`, or `signs` where an input row has several documents; and the two-sided p.

    Source: McNemar 1947; Fisher 1935 (random signs).
    """
    if len(np.unique(row)) < len(row):
        return "signs", _sign_p(change, row, seed, n_tests)
    n_first, n_both = int((change > 0).sum()), int((change != 0).sum())
    return "mcnemar", float(stats.sign_test(n_first, n_both)) if n_both else 1.0


def _sign_p(change: Floats, row: Integers, seed: int, n_tests: int) -> float:
    # Sums of rows, not means: as in the difference that stands beside it, each document counts once.
    sums = Clusters.of(change, row.astype(np.intp)).hits
    return float(sign_flip_p(sums[:, None], flips_wanted(n_tests), seed)[0])


def _calibration(one: Predictions, settings: CompareModels) -> tuple[float | None, float | None]:
    """Return the expected calibration error, and that of a calibrated model; of several labels the mean over them."""
    known = one.is_labelled
    if not one.task.has_labels or not known.any():
        return None, None
    errors = []
    for confidence, right in _confidences(one, known):
        bins = Bins.equal_width(confidence, settings.assessment.n_bins)
        by_chance = ece_by_chance(bins, confidence, settings.seed)["mean"]
        errors.append((expected_calibration_error(bins, confidence, right), by_chance))
    error, by_chance = np.mean(errors, axis=0).tolist()
    return error, by_chance


def _confidences(one: Predictions, known: Mask) -> list[tuple[Floats, Floats]]:
    """Return probabilities and whether they came true, [labelled]: of the predicted class, or of each label."""
    probabilities = one.probabilities[known]
    if not one.task.many_labels:
        predicted = np.array(one.predicted, np.int64)[known]
        return [(probabilities[np.arange(len(predicted)), predicted], one.fit)]
    golds = [gold for gold in one.gold if gold is not None]
    return [
        (probabilities[:, label], np.array([label in gold for gold in golds], np.float64))
        for label in range(probabilities.shape[1])
    ]


def _named(name: str, found: Estimate) -> Columns:
    return {f"{name}{end}": getattr(found, part) for end, part in BOUNDS.items()}
