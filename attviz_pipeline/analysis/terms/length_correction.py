"""Terms corrected for the length of the documents that they occur in.

An occurrence in a document of n tokens has the corrected value ln(n a) - (f(ln n) - mean over documents of f). f is the
curve of a head, a restricted cubic spline as in `analysis.length`, but it is fitted within terms: it compares the same
word in texts of different length, so that the words of long texts are not taken for an effect of length. Words below
the threshold of support count as one term for this. f is linear in its basis, so means and variances of corrected
values follow from sums of the basis over the occurrences of a term, which shards can take before any curve is known.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.inference import ratio_variance
from attviz_pipeline.analysis.length import DOCUMENTS_PER_COLUMN, LEAST_SHARE, N_COLUMNS, LengthCurves, basis
from attviz_pipeline.analysis.quantities import LOG_RATIO, LONGEST_WINDOW

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SMALLEST_SQUARES = 1e-9
"""Smaller sums of squares of the scaled basis are rounding errors: the lengths of all documents are equal."""


def unit_basis(n_tokens: Integers) -> Floats:
    """Return the basis of the curves scaled to 0..1, as exact sums need it, [..., column].

    Documents of more than 2^20 tokens count as that long.
    """
    scaled: Floats = basis(np.clip(n_tokens, 1, LONGEST_WINDOW)) / _largest()
    return np.minimum(scaled, 1.0)


@dataclass(frozen=True)
class TermMeans:
    """What the curves are fitted to.

    Attributes:
        count: Occurrences of each term, [term].
        log_ratio: Mean ln(n a) of the term, [term, layer x head].
        length: Mean of the scaled basis over its occurrences, [term, column].
    """

    count: Integers
    log_ratio: Floats
    length: Floats


class Correction(NamedTuple):
    """What is taken off ln(n a): `slopes` times the scaled basis minus its `centre`.

    Attributes:
        centre: Mean of the scaled basis over documents, [column].
        slopes: 0 for columns that are not used, [column, layer x head].
        used: Whether a column is used, [column].
    """

    centre: Floats
    slopes: Floats
    used: NDArray[np.bool_]

    @classmethod
    def fit(cls, documents: TermMeans, terms: TermMeans) -> Self:
        """Fit the curves of all heads by least squares over occurrences, with a level for each term.

        Columns that documents cannot carry are left out, as in `LengthCurves.fit`, and so are those that hardly vary
        within terms.

        Args:
            documents: Counts and means of all terms of a document, [document, ...], and its basis, [document, column].
            terms: Those of the supported terms.
        """
        centre = documents.length.mean(axis=0) if len(documents.length) else np.zeros(N_COLUMNS)
        level = documents.log_ratio.mean(axis=0) if len(documents.length) else np.zeros(documents.log_ratio.shape[1])
        squares, products = _moments(documents, centre, level)
        of_terms = [terms, _rare(documents, terms)]
        for group in of_terms:
            between_squares, between_products = _moments(group, centre, level)
            squares, products = squares - between_squares, products - between_products
        used = _carried(squares, len(documents.length) // DOCUMENTS_PER_COLUMN)
        slopes = np.zeros_like(products)
        slopes[used] = np.linalg.solve(squares[np.ix_(used, used)], products[used])
        return cls(centre, slopes, used)

    def facts(self) -> dict[str, Any]:
        """Return `length_curve` and `length_knots` as `LengthCurves.facts` does."""
        rows = np.zeros(self.slopes.shape[1])
        return LengthCurves(rows, self.centre, self.slopes, self.used).facts()

    def over_heads(self, n_tokens: Integers) -> Floats:
        """Return what is taken off the mean over heads of a document's occurrences, [document]."""
        taken: Floats = (unit_basis(n_tokens) - self.centre) @ self.slopes.mean(axis=1)
        return taken

    def of_means(self, length: Floats) -> Floats:
        """Return what is taken off the means of terms, [term, layer x head]; `length` is as in `TermMeans`."""
        taken: Floats = (length - self.centre) @ self.slopes
        return taken


@dataclass(frozen=True)
class DocumentSums:
    """Sums over documents, x the mean ln(n a) of a term's c occurrences in a document, scaled to 0..1, b the basis.

    Attributes:
        count: Sum of c, [term].
        squared_count: Sum of c^2, [term].
        total: Sum of c x, [term, row].
        cross: Sum of c^2 x, [term, row].
        between: Sum of c^2 x^2, [term, row].
        length: Sum of c b, [term, column].
        length_cross: Sum of c^2 b, [term, column].
        length_squares: Sum of c^2 b b', [term, column, column].
        log_ratio_length: Sum of c^2 x b, by column, each [term, row].
    """

    count: Integers
    squared_count: Integers
    total: Floats
    cross: Floats
    between: Floats
    length: Floats
    length_cross: Floats
    length_squares: Floats
    log_ratio_length: list[Floats]


def corrected_variances(sums: DocumentSums, correction: Correction) -> Floats:
    """Return the variance over documents of the corrected means of ln(n a), as `ratio_variance` does, [term, row]."""
    slopes, centre = correction.slopes / LOG_RATIO.width, correction.centre
    count, squared = (values[:, None].astype(np.float64) for values in (sums.count, sums.squared_count))
    # g = (b - centre) slopes is what is taken off x.
    g_total = (sums.length - count * centre) @ slopes
    g_cross = (sums.length_cross - squared * centre) @ slopes
    middle = sums.length_cross[:, :, None] * centre
    spread = sums.length_squares - middle - middle.swapaxes(1, 2) + squared[:, :, None] * np.outer(centre, centre)
    x_g, g_g = np.zeros_like(sums.total), np.zeros_like(sums.total)
    for column in range(N_COLUMNS):
        x_g += (sums.log_ratio_length[column] - sums.cross * centre[column]) * slopes[column]
        g_g += (spread[:, column] @ slopes) * slopes[column]
    ratio = (sums.total - g_total) / np.maximum(count, 1)
    variance = ratio_variance(sums.between - 2 * x_g + g_g, sums.cross - g_cross, squared, ratio, count)
    return variance * LOG_RATIO.width**2


def _largest() -> Floats:
    return basis(np.array(LONGEST_WINDOW))


def _moments(means: TermMeans, centre: Floats, level: Floats) -> tuple[Floats, Floats]:
    """Return sums over groups, weighted by occurrences: of b b', [column, column], and of b y, [column, row]."""
    weighted = (means.length - centre) * means.count[:, None]
    return weighted.T @ (means.length - centre), weighted.T @ (means.log_ratio - level)


def _rare(documents: TermMeans, terms: TermMeans) -> TermMeans:
    """Return the occurrences that belong to no supported term as those of one more."""
    left = documents.count.sum() - terms.count.sum()
    log_ratio = (documents.count @ documents.log_ratio - terms.count @ terms.log_ratio) / max(left, 1)
    length = (documents.count @ documents.length - terms.count @ terms.length) / max(left, 1)
    return TermMeans(np.array([left]), log_ratio[None], length[None])


def _carried(squares: Floats, n_most: int) -> NDArray[np.bool_]:
    """Choose at most `n_most` columns that vary within terms, and not only with the columns before them."""
    used = np.zeros(len(squares), np.bool_)
    for column in range(len(squares)):
        before = squares[used, column]
        left = squares[column, column] - before @ np.linalg.solve(squares[np.ix_(used, used)], before)
        used[column] = used.sum() < n_most and left > max(LEAST_SHARE * squares[column, column], SMALLEST_SQUARES)
    return used
