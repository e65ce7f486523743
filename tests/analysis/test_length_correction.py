"""Terms corrected for length: numbers against references, rankings that length does not drive, intervals that cover."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from term_study import TermStudy, written

from attviz_pipeline.analysis.inference import t_interval
from attviz_pipeline.analysis.length import basis
from attviz_pipeline.analysis.quantities import LOG_RATIO
from attviz_pipeline.analysis.shrinkage import shrink
from attviz_pipeline.analysis.terms.length_correction import (
    Correction,
    DocumentSums,
    TermMeans,
    corrected_variances,
    unit_basis,
)

N_HEADS = 3
N_TERMS = 60
Documents = list[tuple[list[str], np.ndarray]]


def driven_by_length(rng: np.random.Generator, n_documents: int, spread: float) -> tuple[Documents, np.ndarray]:
    """Return documents whose ln(n a) bends with ln n, and the true level of every term in every head, [term, head].

    Terms differ in the length of the texts that they occur in. A term's values in one document are not independent.
    """
    truth = rng.normal(0, spread, (N_TERMS, N_HEADS)) if spread else np.zeros((N_TERMS, N_HEADS))
    usual = rng.uniform(np.log(8), np.log(120), N_TERMS)
    documents = []
    for n in np.exp(rng.uniform(np.log(8), np.log(120), n_documents)).astype(int):
        likely = np.exp(-0.5 * ((usual - np.log(n)) / 0.6) ** 2) + 0.02
        terms = rng.choice(N_TERMS, n, p=likely / likely.sum())
        of_document = rng.normal(0, 0.4, (N_TERMS, N_HEADS))
        log_ratio = curve(n) + (truth + of_document)[terms] + rng.normal(0, 0.2, (n, N_HEADS))
        documents.append(([f"w{term}" for term in terms], np.exp(log_ratio).T / n))
    return documents, truth


def curve(n: int) -> float:
    return 0.15 * (np.log(n) - 1.5) ** 2 - 1.0


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> TermStudy:
    documents, _ = driven_by_length(np.random.default_rng(3), 60, 0.0)
    return written(tmp_path_factory.mktemp("study"), documents).measure().describe()


def test_corrected_means_and_intervals_are_those_of_corrected_occurrences(study: TermStudy) -> None:
    documents = study.documents()
    n = np.array([len(row["tokens"]) for row in documents])
    logs = [np.log(np.array(row["self_attention"]).reshape(N_HEADS, -1).T * len(row["tokens"])) for row in documents]
    token = np.concatenate([row["tokens"] for row in documents])
    document = np.repeat(np.arange(len(n)), n)
    # Least squares with a level for each term, in the natural scale of the basis.
    columns = basis(n) - basis(n).mean(axis=0)
    levels = (token[:, None] == np.unique(token)).astype(float)
    slopes = np.linalg.lstsq(np.hstack([columns[document], levels]), np.concatenate(logs))[0][:3]
    corrected = np.concatenate(logs) - (columns @ slopes)[document]

    assert study.facts("head_terms")["length_curve"] == "spline"
    of_heads = study.rows("head_terms")
    for row in of_heads:
        found = token == row["term"]
        values, units = corrected[found, row["head"]], np.unique(document[found], return_inverse=True)[1]
        sums, counts = np.bincount(units, values), np.bincount(units)
        error = np.sqrt(((sums - values.mean() * counts) ** 2).sum() * len(sums) / (len(sums) - 1)) / counts.sum()
        half = stats.t.ppf(0.975, len(sums) - 1) * error
        assert_allclose(row["corrected_log_ratio"], values.mean(), atol=1e-6)
        assert_allclose(
            [row["corrected_log_ratio_low"], row["corrected_log_ratio_high"]],
            [values.mean() - half, values.mean() + half],
            atol=1e-6,
        )
    for row in study.rows("terms"):
        mine = [other["corrected_log_ratio"] for other in of_heads if other["term"] == row["term"]]
        assert_allclose(row["corrected_log_ratio"], np.mean(mine), atol=1e-9)
        assert row["corrected_log_ratio_low"] <= row["corrected_log_ratio"] <= row["corrected_log_ratio_high"]


@pytest.mark.parametrize("table", ["terms", "head_terms"])
def test_length_alone_ranks_no_term(study: TermStudy, table: str) -> None:
    length: dict[str, list[int]] = {}
    for row in study.documents():
        for token in row["tokens"]:
            length.setdefault(token, []).append(len(row["tokens"]))
    rows = study.rows(table)
    mean_length = [np.mean(length[row["term"]]) for row in rows]

    def correlation(column: str) -> float:
        return float(stats.spearmanr(mean_length, [row[column] for row in rows]).statistic)

    assert correlation("mean") < -0.8
    assert correlation("log_ratio") > 0.6
    assert abs(correlation("corrected_log_ratio")) < 0.2
    assert abs(correlation("shrunken_log_ratio")) < 0.2


def test_words_of_long_texts_keep_their_level(tmp_path: Path) -> None:
    """Terms of long texts attend more to themselves than others at any length: that is no effect of length."""
    rng = np.random.default_rng(5)
    documents = []
    for n in np.exp(rng.uniform(np.log(8), np.log(120), 200)).astype(int):
        long_words = rng.random(n) < (0.9 if n > 30 else 0.1)
        numbers = rng.integers(6, size=n)
        words = [f"{'long' if long else 'short'}{word}" for long, word in zip(long_words, numbers, strict=True)]
        log_ratio = curve(n) + 0.5 * long_words + rng.normal(0, 0.2, n)
        documents.append((words, np.exp(log_ratio)[None] / n))

    rows = written(tmp_path, documents).measure().describe().rows("terms")

    long, short = (
        np.mean([row["corrected_log_ratio"] for row in rows if row["term"].startswith(kind)])
        for kind in ("long", "short")
    )
    assert_allclose(long - short, 0.5, atol=0.05)


class Simulation:
    """Many studies in memory: estimates, variances and the truth of terms in at least three documents."""

    def __init__(self, n_studies: int, n_documents: int, spread: float) -> None:
        rng = np.random.default_rng(6)
        self.studies = [self._study(rng, n_documents, spread) for _ in range(n_studies)]

    @staticmethod
    def _study(rng: np.random.Generator, n_documents: int, spread: float) -> dict[str, np.ndarray]:
        documents, truth = driven_by_length(rng, n_documents, spread)
        n = np.array([len(words) for words, _ in documents])
        term = np.array([int(word[1:]) for words, _ in documents for word in words])
        document = np.repeat(np.arange(n_documents), n)
        logs = np.concatenate([np.log(values.T * len(words)) for words, values in documents])
        count, means = np.zeros((N_TERMS, n_documents), int), np.zeros((N_TERMS, n_documents, N_HEADS))
        np.add.at(count, (term, document), 1)
        np.add.at(means, (term, document), logs)
        means /= np.maximum(count, 1)[..., None]
        described = np.count_nonzero(count, axis=1) >= 3
        count, x, b = count[described], LOG_RATIO.to_unit(means[described]), unit_basis(n)
        sums = DocumentSums(
            count=count.sum(axis=1),
            squared_count=(count**2).sum(axis=1),
            total=np.einsum("td,tdr->tr", count, x),
            cross=np.einsum("td,tdr->tr", count**2, x),
            between=np.einsum("td,tdr->tr", count**2, x**2),
            length=count @ b,
            length_cross=count**2 @ b,
            length_squares=np.einsum("td,dk,dl->tkl", count**2, b, b),
            log_ratio_length=[np.einsum("td,tdr,d->tr", count**2, x, column) for column in b.T],
        )
        total = sums.count[:, None]
        terms = TermMeans(sums.count, LOG_RATIO.from_unit(sums.total / total), sums.length / total)
        of_documents = np.stack([np.bincount(document, logs[:, head]) / n for head in range(N_HEADS)], axis=1)
        correction = Correction.fit(TermMeans(n, of_documents, b), terms)
        return {
            "estimate": terms.log_ratio - correction.of_means(terms.length),
            "variance": corrected_variances(sums, correction),
            "weight": sums.squared_count / sums.count**2,
            "n_documents": np.count_nonzero(count, axis=1),
            "truth": truth[described] + np.mean([curve(number) for number in n]),
        }


def test_intervals_of_corrected_values_cover_19_times_in_20() -> None:
    hits = []
    for study in Simulation(40, 60, 0.3).studies:
        low, high = t_interval(study["estimate"], study["variance"], study["n_documents"][:, None])
        hits.append(((low <= study["truth"]) & (study["truth"] <= high)).ravel())

    assert 0.93 <= np.concatenate(hits).mean() <= 0.97


@pytest.mark.parametrize("spread", [0.05, 0.1, 0.3])
def test_intervals_of_shrunken_values_cover_the_first_term_too(spread: float) -> None:
    """Plain intervals of the term of largest mean miss the truth far more often, because it was chosen."""
    every, first, plain = [], [], []
    for study in Simulation(60, 60, spread).studies:
        for head in range(N_HEADS):
            estimate, truth = study["estimate"][:, head], study["truth"][:, head]
            variance, n_documents = study["variance"][:, head], study["n_documents"]
            found = shrink(estimate, variance, study["weight"], n_documents)
            low, high = found.interval()
            every.append(np.mean((low <= truth) & (truth <= high)))
            best = np.argmax(found.means)
            first.append(low[best] <= truth[best] <= high[best])
            low, high = t_interval(estimate, variance, n_documents)
            best = np.argmax(estimate)
            plain.append(low[best] <= truth[best] <= high[best])

    assert 0.93 <= np.mean(every) <= 0.97
    assert np.mean(first) >= 0.90  # of 180, with a standard error of 0.016
    assert np.mean(plain) < 0.90


def test_without_differences_no_interval_leaves_the_mean_of_all_terms() -> None:
    n_apart = 0
    for study in Simulation(60, 60, 0.0).studies:
        for head in range(N_HEADS):
            found = shrink(
                study["estimate"][:, head], study["variance"][:, head], study["weight"], study["n_documents"]
            )
            n_apart += int((found.interval()[0] > found.centre).any())

    assert n_apart <= 5  # of 180


@pytest.mark.slow
def test_bootstrap_intervals_of_corrected_values_cover_19_times_in_20(tmp_path: Path) -> None:
    rng, hits = np.random.default_rng(11), []
    for number in range(20):
        documents, truth = driven_by_length(rng, 60, 0.3)
        run = written(tmp_path / str(number), documents, min_document_frequency=8).measure().describe(n_replicates=300)
        level = np.mean([curve(len(words)) for words, _ in documents])
        for row in run.rows("terms"):
            wanted = level + truth[int(row["term"][1:])].mean()
            hits.append(row["corrected_log_ratio_low"] <= wanted <= row["corrected_log_ratio_high"])

    assert 0.93 <= np.mean(hits) <= 0.97


class TestFirstTerm:
    @pytest.mark.parametrize(("lead", "fewest", "most"), [(1.0, 100, 100), (0.01, 40, 75)], ids=["clear", "level"])
    def test_it_is_counted_over_replicates(self, tmp_path: Path, lead: float, fewest: int, most: int) -> None:
        """Of the words a and b, one attends more to itself in half of the texts, the other in the other half."""
        documents = [
            (["a", "b", "c"], np.exp(np.array([[lead + sign / 2, -sign / 2, -2.0]])) / 9) for sign in [1, -1] * 20
        ]
        study = written(tmp_path, documents).measure().describe(100)

        assert study.rows("terms")[0]["term"] == "a"
        assert fewest <= study.facts("terms")["n_replicates_first"] <= most

    def test_without_terms_nothing_is_first(self, tmp_path: Path) -> None:
        study = written(tmp_path, [(["a"], np.full((1, 1), 0.5))], min_document_frequency=2).measure().describe()

        assert study.facts("terms")["n_replicates_first"] == 0


class TestCurvesThatCannotBeFitted:
    @pytest.mark.parametrize(
        ("lengths", "shape"), [([12] * 40, "none"), ([8, 60] * 4, "none"), ([8, 60] * 8, "line")], ids=str
    )
    def test_columns_are_left_out(self, tmp_path: Path, lengths: list[int], shape: str) -> None:
        rng = np.random.default_rng(2)
        documents = [
            ([f"w{number}" for number in rng.integers(9, size=n)], rng.uniform(0.01, 0.3, (1, n))) for n in lengths
        ]
        study = written(tmp_path, documents).measure().describe()

        assert study.facts("terms")["length_curve"] == study.facts("head_terms")["length_curve"] == shape
        for row in study.rows("terms"):
            assert (row["corrected_log_ratio"] == row["log_ratio"]) == (shape == "none")

    def test_terms_that_stand_in_texts_of_one_length_tell_nothing_of_length(self, tmp_path: Path) -> None:
        documents = [
            ([f"{kind}{number % 5}" for number in range(n)], np.full((1, n), 0.1))
            for kind, n in [("short", 10), ("long", 40)] * 15
        ]

        assert written(tmp_path, documents).measure().describe().facts("terms")["length_curve"] == "none"
