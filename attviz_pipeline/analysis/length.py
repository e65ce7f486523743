"""How a document's self-attention depends on its length, and what is left when that is taken off.

Self-attention falls with the number of tokens n, because the same attention is shared among more of them. Values
relative to even attention, ln(n a), are not free of it: they rise with n, since real attention is not even. So the
dependence is estimated: per head, a smooth curve in ln n through the documents, by least squares.

The curve is a restricted cubic spline: cubic between knots, straight outside of them, so that the longest and the
shortest documents do not bend it. The knots are fixed lengths, not quantiles of the corpus, so that sums of the basis
over shards add up to those of the corpus. ln n is a column of the basis, so residuals of ln a and of ln(n a) are equal.

Source: Harrell 2015, Regression Modeling Strategies, 2nd edition, section 2.4.5 (restricted cubic splines).
"""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

KNOTS = (8, 32, 128, 512)
"""Lengths in tokens between which the curve bends."""

N_COLUMNS = len(KNOTS) - 1

DOCUMENTS_PER_COLUMN = 10
"""Fewest documents per column of the curve; fewer would follow single documents (Harrell 2015, section 4.4)."""

LEAST_SHARE = 1e-4
"""A column is used if at least this share of its variance is not in the columns before it: else lengths do not span
the bend."""

SHAPES = ("none", "line", "spline")


def basis(n_tokens: Integers) -> Floats:
    """Return the columns of the curve: ln n, and cubic columns that are straight outside of the knots; not centred.

    Args:
        n_tokens: Number of tokens, at least 1, any shape.

    Returns:
        [..., `N_COLUMNS`].

    Raises:
        ValueError: A length is below 1.

    Source: Harrell 2015, equation 2.25, divided by the squared distance of the outer knots.
    """
    if np.size(n_tokens) and np.min(n_tokens) < 1:
        raise ValueError(f"lengths must be at least 1 token, got {np.min(n_tokens)}")
    x = np.log(np.asarray(n_tokens, np.float64))
    knots = np.log(np.array(KNOTS, np.float64))
    cubes = np.maximum(x[..., None] - knots, 0) ** 3
    last_interval = knots[-1] - knots[-2]
    bends = (
        cubes[..., :-2]
        - cubes[..., -2:-1] * (knots[-1] - knots[:-2]) / last_interval
        + cubes[..., -1:] * (knots[-2] - knots[:-2]) / last_interval
    )
    return np.concatenate([x[..., None], bends / (knots[-1] - knots[0]) ** 2], axis=-1)


class LengthCurves(NamedTuple):
    """The expected value of every head at each length.

    Attributes:
        mean: Mean of the values over documents, [head].
        centre: Mean of the basis over documents, [column].
        slopes: Coefficients of the centred basis; 0 for columns that are not used, [column, head].
        used: Whether a column is used, [column].
    """

    mean: Floats
    centre: Floats
    slopes: Floats
    used: NDArray[np.bool_]

    @classmethod
    def fit(cls, values: Floats, n_tokens: Integers) -> Self:
        """Fit the curve of every head by least squares, all documents with the same weight.

        Columns are left out that the documents cannot carry: there are fewer than ten documents per column, or the
        lengths do not span its bend. What remains can be a straight line, or no curve where all lengths are equal.
        Equal documents in equal order give equal bits.

        Args:
            values: Mean ln a or ln(n a) of each document, finite, [document, head].
            n_tokens: Tokens of each document, [document].

        Raises:
            ValueError: There is no document, or a length is below 1.
        """
        if not len(values):
            raise ValueError("a curve needs at least one document")
        values = np.ascontiguousarray(values)  # numpy adds in the order of memory
        columns = basis(n_tokens)
        mean, centre = values.mean(axis=0), columns.mean(axis=0)
        used, axes = _independent(columns - centre, len(values) // DOCUMENTS_PER_COLUMN)
        slopes = np.zeros((N_COLUMNS, values.shape[1]))
        if used.any():
            triangle = axes.T @ (columns[:, used] - centre[used])
            slopes[used] = np.linalg.solve(triangle, axes.T @ (values - mean))
        return cls(mean, centre, slopes, used)

    def predict(self, n_tokens: Integers) -> Floats:
        """Return the value that the length alone would give, [document, head]."""
        return self.at(basis(n_tokens))

    def at(self, columns: Floats) -> Floats:
        """Return the value at rows of the basis, or at means of such rows, since the curve is linear in them.

        Args:
            columns: [..., column].

        Returns:
            [..., head].
        """
        values: Floats = self.mean + (columns - self.centre) @ self.slopes
        return values

    def residuals(self, values: Floats, n_tokens: Integers) -> Floats:
        """Return values minus what the length alone would give, [document, head]; 0 is as expected at this length."""
        return values - self.predict(n_tokens)

    @property
    def shape(self) -> str:
        """One of `SHAPES`: `none` where lengths do not differ or documents are too few, else `line` or `spline`."""
        return SHAPES[min(int(self.used.sum()), 2)]

    def facts(self) -> dict[str, Any]:
        """Return `length_curve`, its shape, and `length_knots`, for the facts of an artifact."""
        return {"length_curve": self.shape, "length_knots": list(KNOTS)}


def _independent(columns: Floats, n_most: int) -> tuple[NDArray[np.bool_], Floats]:
    """Choose columns that are not sums of the columns before them.

    Args:
        columns: Centred, [document, column].
        n_most: Most columns to choose.

    Returns:
        Whether each column is chosen, and orthonormal axes that span the chosen ones, [document, axis].
    """
    used = np.zeros(columns.shape[1], np.bool_)
    axes = np.empty((len(columns), 0))
    for number, column in enumerate(columns.T):
        rest = column
        for _ in range(2):  # the second pass removes the rounding errors of the first
            rest = rest - axes @ (axes.T @ rest)
        whole, left = float(column @ column), float(rest @ rest)
        # Equal lengths leave rounding errors of their mean.
        if axes.shape[1] < n_most and left > max(LEAST_SHARE * whole, len(columns) * np.finfo(np.float64).eps):
            used[number] = True
            axes = np.column_stack([axes, rest / np.sqrt(left)])
    return used, axes
