"""Curves of length: what length alone gives is taken off, effects of heads stay, and few lengths give simple curves."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from attviz_pipeline.analysis.length import KNOTS, LengthCurves, basis

Floats = NDArray[np.float64]


def lengths(n_documents: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(4, 513, n_documents)


def of_length(n_tokens: NDArray[np.int64], seed: int = 0) -> Floats:
    """Values of four heads that depend on length only, each in its own way, with noise."""
    x = np.log(n_tokens)
    shapes = np.stack([-x, np.sqrt(n_tokens / 100), np.tanh(x - 4), -(x**2) / 10], axis=1)
    return shapes + np.random.default_rng(seed).normal(0, 0.3, shapes.shape)


def correlations(values: Floats, n_tokens: NDArray[np.int64]) -> Floats:
    return np.array([spearmanr(column, n_tokens).statistic for column in values.T])


def test_what_length_alone_gives_is_taken_off() -> None:
    n_tokens = lengths(600)
    values = of_length(n_tokens)
    assert np.abs(correlations(values, n_tokens)).min() > 0.5
    curves = LengthCurves.fit(values, n_tokens)
    assert np.abs(correlations(curves.residuals(values, n_tokens), n_tokens)).max() < 0.1
    assert (curves.shape, curves.facts()["length_knots"]) == ("spline", [8, 32, 128, 512])


def test_even_attention_alone_leaves_the_dependence_on_length() -> None:
    """Attention that does not fall as 1 / n: ln(n a) rises with n, its residuals do not."""
    n_tokens = lengths(600)
    log_attention = -0.4 * np.log(n_tokens)[:, None] + np.random.default_rng(1).normal(0, 0.3, (600, 2))
    log_ratio = log_attention + np.log(n_tokens)[:, None]
    assert correlations(log_ratio, n_tokens).min() > 0.7
    residuals = LengthCurves.fit(log_ratio, n_tokens).residuals(log_ratio, n_tokens)
    assert np.abs(correlations(residuals, n_tokens)).max() < 0.1
    of_logs = LengthCurves.fit(log_attention, n_tokens).residuals(log_attention, n_tokens)
    np.testing.assert_allclose(residuals, of_logs, atol=1e-12)


def test_an_effect_of_a_head_stays() -> None:
    n_tokens = lengths(600)
    chosen = np.random.default_rng(2).random(600) < 0.3
    values = of_length(n_tokens)
    values[chosen, 2] += 1.5
    residuals = LengthCurves.fit(values, n_tokens).residuals(values, n_tokens)
    effects = residuals[chosen].mean(axis=0) - residuals[~chosen].mean(axis=0)
    assert effects[2] == pytest.approx(1.5, abs=0.1)
    assert np.abs(effects[[0, 1, 3]]).max() < 0.1


def test_curves_are_those_of_least_squares() -> None:
    n_tokens = lengths(200)
    values = of_length(n_tokens)
    design = np.column_stack([np.ones(200), basis(n_tokens)])
    expected = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    curves = LengthCurves.fit(values, n_tokens)
    np.testing.assert_allclose(curves.predict(n_tokens), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(curves.residuals(values, n_tokens), values - expected, atol=1e-9)
    # Linear in the basis: the mean of predictions is the prediction at the mean of the basis.
    np.testing.assert_allclose(curves.at(basis(n_tokens).mean(axis=0)), values.mean(axis=0), atol=1e-12)


def test_basis_bends_between_the_knots_only() -> None:
    x = np.arange(0, 8, 0.01)
    second = np.diff(basis(np.exp(x)), 2, axis=0)
    inside = (x[1:-1] > np.log(KNOTS[0])) & (x[1:-1] < np.log(KNOTS[-1]))
    assert np.abs(second[~inside]).max() < 1e-5
    assert (np.abs(second[inside][:, 1:]).max(axis=0) > 1e-5).all()
    assert np.abs(second[:, 0]).max() < 1e-12
    np.testing.assert_array_equal(basis(np.array([[1, 8], [20, 600]])).shape, (2, 2, 3))


@pytest.mark.parametrize(
    ("n_tokens", "shape", "n_columns"),
    [
        ([40] * 60, "none", 0),
        ([40] * 30 + [80] * 30, "line", 1),
        ([100, 101, 102] * 20, "line", 1),  # the bend between such lengths cannot be distinguished from a line
        (list(range(10, 25)) + list(range(40, 55)), "spline", 3),
        (list(range(10, 35)), "spline", 2),  # 25 documents carry two columns
        (list(range(10, 19)), "none", 0),  # nine documents carry none
    ],
)
def test_lengths_that_do_not_span_the_curve_give_a_simpler_one(n_tokens: list[int], shape: str, n_columns: int) -> None:
    array = np.array(n_tokens)
    values = np.random.default_rng(0).normal(0, 1, (len(array), 3)) - np.log(array)[:, None]
    curves = LengthCurves.fit(values, array)
    assert (curves.shape, int(curves.used.sum())) == (shape, n_columns)
    np.testing.assert_allclose(curves.residuals(values, array).mean(axis=0), 0, atol=1e-12)
    if n_columns == 0:
        np.testing.assert_array_equal(curves.predict(array), np.broadcast_to(values.mean(axis=0), values.shape))


def test_bits_do_not_depend_on_the_memory_layout_of_the_values() -> None:
    n_tokens = lengths(300)
    values = of_length(n_tokens)
    first = LengthCurves.fit(values, n_tokens).residuals(values, n_tokens)
    parts = np.asfortranarray(values)
    np.testing.assert_array_equal(LengthCurves.fit(parts, n_tokens).residuals(parts, n_tokens), first)


def test_impossible_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 token, got 0"):
        basis(np.array([3, 0]))
    with pytest.raises(ValueError, match="at least one document"):
        LengthCurves.fit(np.empty((0, 2)), np.empty(0, np.int64))
