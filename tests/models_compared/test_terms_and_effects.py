"""Rank correlations of terms, and effects found again, against scipy and by hand."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.models_compared.effects import Effects, replications
from attviz_pipeline.models_compared.terms import correlations, median_of_others


def test_correlations_are_spearmans() -> None:
    random = np.random.default_rng(1)
    first, second = random.integers(0, 6, (3, 20)).astype(float), random.normal(0, 1, (2, 20))

    found = correlations(first, second)

    for one in range(3):
        for other in range(2):
            assert found[one, other] == pytest.approx(stats.spearmanr(first[one], second[other]).statistic)


def test_too_few_or_equal_terms_have_no_correlation() -> None:
    assert np.isnan(correlations(np.ones((2, 2)), np.ones((2, 2)))).all()
    assert np.isnan(correlations(np.ones((1, 5)), np.arange(5.0)[None])).all()


def test_the_median_of_other_heads_leaves_out_the_head_itself() -> None:
    within = np.array([[1.0, 0.2, 0.4, 0.6], [0.2, 1, 0, 0], [0.4, 0, 1, np.nan], [0.6, 0, np.nan, 1]])

    assert median_of_others(within).tolist() == pytest.approx([0.4, 0.0, 0.2, 0.3])
    assert np.isnan(median_of_others(np.ones((1, 1)))).all()


def effects_of(effect: list[float], q: list[float], half: float = 0.5, group: str = "sport") -> Effects:
    values, n = np.array(effect), len(effect)
    names = pa.table({"grouping": ["gold"] * n, "group": [group] * n, "layer": [0] * n, "head": list(range(n))})
    return Effects(names, values, values - half, values + half, np.array(q), np.full(n, 1_000.0))


def test_found_again_is_the_same_sign_and_significant_there() -> None:
    own = effects_of([1.0, -1.0, 0.5, 0.5], [0.001] * 4)
    others = [
        effects_of([0.8, -0.9, -0.6, 0.4], [0.01, 0.2, 0.01, np.nan]),
        effects_of([0.9, -1.1, 0.6, 0.4], [0.01, 0.01, 0.01, 0.05]),
    ]

    found = replications(own, others, None)

    assert found["n_found_again"].tolist() == [2, 1, 1, 0]
    assert found["n_others"].tolist() == [2] * 4
    assert found["mean_effect"][0] == pytest.approx(0.9)
    assert found["spread"][0] == pytest.approx(0.1)
    assert np.isnan(found["pretrained_effect"]).all()


def test_the_interval_with_models_has_both_variances() -> None:
    own, other = effects_of([1.0], [0.01], half=1.959964 * 0.2), effects_of([0.6], [0.01], half=1.959964 * 0.4)

    found = replications(own, [other], None)

    of_models, of_rows = 0.08 / 2, (0.2**2 + 0.4**2) / 2
    half = np.sqrt(stats.t.ppf(0.975, 1) ** 2 * of_models + stats.t.ppf(0.975, 998) ** 2 * of_rows)
    assert found["mean_effect_low"][0] == pytest.approx(0.8 - half, rel=1e-5)
    assert found["mean_effect_high"][0] == pytest.approx(0.8 + half, rel=1e-5)


def test_without_other_seeds_nothing_is_found_again() -> None:
    found = replications(effects_of([1.0], [0.01]), [], effects_of([0.1], [0.9]))

    assert found["n_others"].tolist() == [0]
    assert np.isnan(found["mean_effect_low"]).all()
    assert found["pretrained_effect"].tolist() == [0.1]


def test_effects_of_models_correlate() -> None:
    own, other = effects_of([1.0, 2.0, np.nan, 4.0], [0.1] * 4), effects_of([2.0, 4.5, 1.0, 8.0], [0.1] * 4)

    assert own.correlation(other) == pytest.approx(np.corrcoef([1, 2, 4], [2, 4.5, 8])[0, 1])
    assert own.correlation(effects_of([1.0] * 4, [0.1] * 4)) is None


def test_effects_of_other_classes_are_refused() -> None:
    with pytest.raises(ArtifactError, match="models/seed-14"):
        effects_of([1.0], [0.1]).require_same(effects_of([1.0], [0.1], group="tech"), Path("models/seed-14"))
