"""The stage describe_terms: numbers against references, intervals that cover, the same bytes for any sharding."""

from collections import defaultdict
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from term_study import N_HEADS, N_LAYERS, TermStudy, invented, written

from attviz_pipeline.analysis.bootstrap import GOLDEN, _mix, document_keys, poisson_weights
from attviz_pipeline.analysis.inference import expanded_tail, ratio_variance, t_interval
from attviz_pipeline.analysis.shrinkage import shrink
from attviz_pipeline.analysis.terms.describe_terms import describe_terms
from attviz_pipeline.analysis.terms.replicates import TermReplicates
from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.artifacts.layout import TermPaths
from attviz_pipeline.config.settings import BootstrapSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.stages import DescribeTerms

DESCRIBED = ("vocabulary", "terms", "head_terms", "class_rankings", "head_intervals", "distributions", "curves")
Values = dict[str, list[tuple[int, int, np.ndarray]]]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> TermStudy:
    return invented(tmp_path_factory.mktemp("study"), level="token").measure().describe()


@pytest.fixture(scope="module")
def values(study: TermStudy) -> Values:
    """Document, length of window and self-attention, [head], of every occurrence of every token."""
    found: Values = defaultdict(list)
    for row in study.documents():
        attention = np.array(row["self_attention"]).reshape(N_LAYERS * N_HEADS, -1)
        n = np.concatenate([np.full(w["n_tokens"], w["n_model_tokens"]) for w in row["windows"]])
        for token, length, column in zip(row["tokens"], n, attention.T, strict=True):
            found[token].append((row["position"], int(length), column))
    return found


@pytest.mark.parametrize("n_shards", [2, 7])
def test_sharding_changes_no_byte(study: TermStudy, tmp_path: Path, n_shards: int) -> None:
    study.compare()
    other = invented(tmp_path, n_shards=n_shards, level="token").measure().describe().compare()

    for field in fields(TermPaths):
        ours, theirs = getattr(study.output, field.name), getattr(other.output, field.name)
        assert ours.read_bytes() == theirs.read_bytes(), field.name


def test_moments_over_all_heads(study: TermStudy, values: Values) -> None:
    rows = study.rows("terms")

    assert rows
    for row in rows:
        attention = np.array([column for _, _, column in values[row["term"]]])
        n = np.array([length for _, length, _ in values[row["term"]]])[:, None]
        assert (row["count"], row["document_frequency"]) == (len(n), len({d for d, _, _ in values[row["term"]]}))
        assert_allclose(row["mean"], attention.mean(), rtol=1e-9)
        assert_allclose(row["std"], attention.std(ddof=1), rtol=1e-9)
        assert (row["min"], row["max"]) == (attention.min(), attention.max())
        assert_allclose(row["normalised"], (attention * n).mean(), rtol=1e-9)
        assert_allclose(row["log_ratio"], np.log(attention * n).mean(), rtol=1e-9, atol=1e-12)


def test_moments_and_intervals_per_head(study: TermStudy, values: Values) -> None:
    for row in study.rows("head_terms"):
        of_head = row["layer"] * N_HEADS + row["head"]
        document = np.array([d for d, _, _ in values[row["term"]]])
        attention = np.array([column[of_head] for _, _, column in values[row["term"]]])
        logs = np.log(attention * np.array([length for _, length, _ in values[row["term"]]]))
        assert_allclose(row["mean"], attention.mean(), rtol=1e-9)
        assert_allclose(row["std"], attention.std(ddof=1) if len(attention) > 1 else 0, rtol=1e-9)
        for name, found in (("mean", attention), ("log_ratio", logs)):
            low, high = interval_by_hand(found, document)
            assert_allclose([row[f"{name}_low"], row[f"{name}_high"]], [low, high], rtol=1e-7, atol=1e-10)


def interval_by_hand(values: np.ndarray, document: np.ndarray) -> tuple[float, float]:
    _, place = np.unique(document, return_inverse=True)
    sums, counts = np.bincount(place, values), np.bincount(place)
    mean, m = values.mean(), len(sums)
    error = np.sqrt(m / (m - 1) * ((sums - mean * counts) ** 2).sum()) / counts.sum()
    half = stats.t.ppf(0.975, m - 1) * error
    return mean - half, mean + half


def test_bootstrap_agrees_with_the_linearised_interval(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    documents = [(["a"] * 3, rng.uniform(0.1, 0.4, (1, 3)) + rng.normal(0, 0.02)) for _ in range(200)]
    study = written(tmp_path, documents).measure().describe(n_replicates=1000)

    (row,), (head,) = study.rows("terms"), study.rows("head_terms")
    for name in ("mean", "log_ratio"):
        width, reference = (found[f"{name}_high"] - found[f"{name}_low"] for found in (row, head))
        assert 0.9 < width / reference < 1.1
        assert row[f"{name}_low"] < row[name] < row[f"{name}_high"]


def test_ranking_is_by_the_shrunken_log_ratio(study: TermStudy) -> None:
    ranked = [row["shrunken_log_ratio"] for row in study.rows("terms")]
    prior = study.facts("terms")["shrinkage"]

    assert ranked == sorted(ranked, reverse=True)
    for row in study.rows("terms"):
        assert (
            abs(row["shrunken_log_ratio"] - prior["prior_mean"])
            <= abs(row["corrected_log_ratio"] - prior["prior_mean"]) + 1e-12
        )
    assert len(list(files.iter_tables(study.output.head_terms, term_schemas.HEAD_TERMS))) == N_LAYERS * N_HEADS


def test_every_table_of_terms_says_which_terms_it_describes(study: TermStudy) -> None:
    study.compare()

    for name in ("vocabulary", "terms", "head_terms", "class_terms"):
        assert study.facts(name)["min_document_frequency"] == 3, name
    assert min(row["document_frequency"] for row in study.rows("head_terms")) == 3


def test_heads_count_documents_once(study: TermStudy) -> None:
    rows = study.rows("head_intervals")
    table = files.read_table(study.measures[0].document_heads, term_schemas.DOCUMENT_HEADS).to_pylist()

    for index, row in enumerate(rows):
        mine = np.array([document["evenness"][index] for document in table])
        half = stats.t.ppf(0.975, len(mine) - 1) * mine.std(ddof=1) / np.sqrt(len(mine))
        assert_allclose(
            [row["evenness"], row["evenness_low"], row["evenness_high"]],
            [mine.mean(), mine.mean() - half, mine.mean() + half],
            rtol=1e-9,
        )
        assert row["n_even_documents"] == len(mine)


def test_curves_hold_means_of_their_bins(study: TermStudy) -> None:
    rows = [row for row in study.rows("curves") if row["axis"] == "position" and row["layer"] is None]
    at_one = [
        np.array(row["self_attention"]).reshape(N_LAYERS * N_HEADS, -1)[:, 1].mean()
        for row in study.documents()
        if not row["punctuation"][1]
    ]

    found = {row["first"]: row for row in rows}
    assert found[1]["count"] == len(at_one)
    assert_allclose(found[1]["attention"], np.mean(at_one), rtol=1e-8)
    assert 0 not in found  # [CLS] stands there and is no term


class TestDegenerate:
    def test_term_of_one_document_has_no_interval(self, tmp_path: Path) -> None:
        documents = [(["a", "b"], np.array([[0.2, 0.3]])), (["a", "c"], np.array([[0.25, 0.3]]))]
        rows = {row["term"]: row for row in written(tmp_path, documents).measure().describe().rows("terms")}

        assert rows["b"]["mean_low"] is None
        assert rows["b"]["log_ratio_high"] is None
        assert rows["a"]["mean_low"] <= rows["a"]["mean"] <= rows["a"]["mean_high"]

    def test_segments_of_one_row_are_one_witness(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        documents = [(["a"], np.array([[value]])) for value in (0.2, 0.4, 0.3)]
        study = written(tmp_path, documents, sources=["x", "x", "x"]).measure().describe()

        assert study.rows("terms")[0]["mean_low"] is None
        assert study.rows("head_intervals")[0]["attention_low"] is None
        assert "several documents come from one input row" in caplog.text

    def test_constant_attention_varies_nowhere(self, tmp_path: Path) -> None:
        documents = [(["a", "b", "c", "d"], np.full((2, 4), 0.1)) for _ in range(4)]
        study = written(tmp_path, documents).measure().describe()

        for row in study.rows("terms"):
            assert row["std"] == 0
            assert_allclose([row["mean_low"], row["mean_high"]], row["mean"], rtol=1e-6)
            for name in ("mean", "normalised", "log_ratio"):
                assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
            assert_allclose(row["shrunken_log_ratio"], row["log_ratio"])
        for row in study.rows("head_terms"):
            assert row["mean_low"] == row["mean"] == row["mean_high"]

    def test_one_document(self, tmp_path: Path) -> None:
        study = written(tmp_path, [(["a", "b"], np.array([[0.2, 0.3]]))]).measure().describe()

        assert study.rows("head_intervals")[0]["attention_low"] is None
        assert_allclose(study.rows("head_intervals")[0]["attention"], 0.25)

    def test_unknown_gold_classes_are_counted_apart(self, tmp_path: Path) -> None:
        documents = [(["a", "b"], np.array([[0.2, 0.3]])) for _ in range(4)]
        study = written(tmp_path, documents, labels=[0, 1, None, None], predictions=[0, 0, 1, 1])
        study.measure().describe().compare()

        unknown = [row for row in study.rows("distributions") if row["documents"] == "no_label"]
        assert sum(sum(row["histogram"]) for row in unknown if row["layer"] == 0 and row["statistic"] == "max") == 4
        assert {row["grouping"] for row in study.rows("class_heads")} == {"predicted"}

    def test_no_supported_term(self, tmp_path: Path) -> None:
        documents = [(["a", "b"], np.array([[0.2, 0.3]]))]
        study = written(tmp_path, documents, min_document_frequency=2).measure().describe()

        assert study.rows("terms") == []
        assert study.rows("head_terms") == []

    def test_no_document_is_an_error(self, tmp_path: Path) -> None:
        study = written(tmp_path, []).measure()

        with pytest.raises(ArtifactError, match="no document to analyse"):
            describe_terms(
                DescribeTerms(seed=1, bootstrap=BootstrapSettings()),
                study.output.vocabulary,
                study.measures,
                study.output,
            )

    def test_shards_that_do_not_belong_together_are_refused(self, tmp_path: Path) -> None:
        one = written(tmp_path / "one", [(["a"], np.array([[0.2]]))]).measure()
        other = written(tmp_path / "other", [(["a"], np.array([[0.2], [0.3]]))]).measure()
        settings = DescribeTerms(seed=1, bootstrap=BootstrapSettings())

        with pytest.raises(ArtifactError, match="is of another model or corpus"):
            describe_terms(settings, one.output.vocabulary, [*one.measures, *other.measures], one.output)
        two = written(tmp_path / "two", [(["a"], np.array([[0.2]]))] * 2).measure()
        mixed = [replace(one.measures[0], term_documents=two.measures[0].term_documents)]
        with pytest.raises(ArtifactError, match="documents that are in no shard"):
            describe_terms(settings, one.output.vocabulary, mixed, one.output)

    def test_no_number_is_nan(self, study: TermStudy) -> None:
        for name in DESCRIBED:
            for row in study.rows(name):
                assert not any(isinstance(value, float) and np.isnan(value) for value in row.values()), (name, row)


class TestBootstrap:
    def test_weights_are_poisson(self) -> None:
        weights = poisson_weights(document_keys(1, [str(number) for number in range(2000)]), range(100))

        counts = np.bincount(weights.ravel(), minlength=8)[:8]
        expected = stats.poisson.pmf(np.arange(8), 1) * weights.size
        assert stats.chisquare(counts[:7], expected[:7] * counts[:7].sum() / expected[:7].sum()).pvalue > 1e-4
        correlation = np.corrcoef(weights[:, :50].T)[np.triu_indices(50, 1)]
        assert abs(correlation).max() < 0.12

    def test_weights_depend_on_seed_name_and_replicate_only(self) -> None:
        keys = document_keys(1, ["a", "b"])

        assert (poisson_weights(keys, range(10))[:, 3:5] == poisson_weights(keys, range(3, 5))).all()
        assert (poisson_weights(document_keys(1, ["b"]), range(10))[0] == poisson_weights(keys, range(10))[1]).all()
        assert (poisson_weights(document_keys(2, ["a", "b"]), range(50)) != poisson_weights(keys, range(50))).any()

    def test_numbers_are_those_of_splitmix64(self) -> None:
        """The first numbers of the published generator with the seed 1234567."""
        numbers = _mix(np.uint64(1234567) + np.arange(1, 4, dtype=np.uint64) * GOLDEN)

        assert numbers.tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]

    @pytest.mark.parametrize("n_documents", [12, 40])
    @pytest.mark.parametrize("shape", [None, 8], ids=["symmetric", "skewed"])
    def test_intervals_cover_the_truth_19_times_in_20(self, n_documents: int, shape: int | None) -> None:
        """Documents differ in level and in how often they hold the term; their tokens are not independent."""
        rng = np.random.default_rng(7)
        n_studies = 1500
        count = rng.integers(1, 5, (n_studies, n_documents))
        level = rng.normal(0, 1, (n_studies, n_documents))
        if shape is not None:
            level = (shape - rng.gamma(shape, size=level.shape)) / np.sqrt(shape)
        sums = count * level + rng.normal(0, 0.5, count.shape) * np.sqrt(count)

        keys = document_keys(3, [str(number) for number in range(n_studies * n_documents)]).reshape(count.shape)
        weights = poisson_weights(keys.ravel(), range(500)).reshape(*count.shape, 500)
        drawn = np.einsum("sd,sdr->sr", count, weights)
        means = np.einsum("sd,sdr->sr", sums, weights) / np.where(drawn > 0, drawn, np.nan)
        replicates = TermReplicates.of_means(
            np.full(n_studies, n_documents), count.sum(axis=1), (count**2).sum(axis=1), {"x": means.astype(np.float32)}
        )
        estimate = sums.sum(axis=1) / count.sum(axis=1)
        low, high = replicates.summarise({"x": estimate}).bounds["x"]
        assert 0.93 <= ((low <= 0) & (high >= 0)).mean() <= 0.97

        variance = ratio_variance(
            (sums**2).sum(axis=1), (sums * count).sum(axis=1), (count**2).sum(axis=1), estimate, count.sum(axis=1)
        )
        low, high = t_interval(estimate, variance, np.full(n_studies, n_documents))
        assert 0.93 <= ((low <= 0) & (high >= 0)).mean() <= 0.97

    def test_few_documents_widen_the_percentiles(self) -> None:
        tails = expanded_tail(np.array([2, 5, 10, 100, 10**6]))

        assert (np.diff(tails) > 0).all()
        assert_allclose(tails[-1], 0.025, rtol=1e-4)


class TestShrinkage:
    def test_it_beats_the_raw_means(self) -> None:
        rng = np.random.default_rng(2)
        n_documents = rng.integers(1, 40, 3000)
        truth = rng.normal(1.0, 0.5, 3000)
        means = truth + rng.normal(0, 2.0, 3000) / np.sqrt(n_documents)
        # Each term's variance is estimated from its own documents, as in a study.
        variances = 4 * rng.chisquare(np.maximum(n_documents - 1, 1)) / n_documents**2 * (n_documents > 1)

        found = shrink(means, variances, 1 / n_documents, n_documents)

        assert ((found.means - truth) ** 2).mean() < 0.5 * ((means - truth) ** 2).mean()
        assert_allclose([found.centre, found.spread, found.std], [1.0, 0.5, 2.0], rtol=0.1)

    def test_the_fewer_documents_the_stronger(self) -> None:
        means, n_documents = np.array([2.0, 2.0, -2.0, -2.0]), np.array([2, 50, 2, 50])

        found = shrink(means, 1 / n_documents, 1 / n_documents, n_documents)

        assert 0 < found.means[0] < found.means[1] < 2
        assert_allclose(found.means[2:], -found.means[:2])

    def test_paragraphs_of_one_article_are_one_witness(self, tmp_path: Path) -> None:
        """Articles differ, their paragraphs hardly; a name stands in all paragraphs of one article."""
        rng = np.random.default_rng(5)
        n_articles, n_paragraphs, n_words, n_terms = 30, 20, 10, 60
        truth = rng.normal(-1, 0.3, n_terms + n_articles)
        in_article = truth + rng.normal(0, 1, (n_articles, len(truth)))
        documents = []
        for article in np.repeat(np.arange(n_articles), n_paragraphs):
            words = np.append(rng.choice(n_terms, n_words - 1, replace=False), n_terms + article)
            log_ratio = np.minimum(in_article[article, words] + rng.normal(0, 0.1, n_words), np.log(n_words))
            documents.append(([f"w{word}" for word in words], np.exp(log_ratio)[None] / n_words))
        sources = [f"article-{number // n_paragraphs}" for number in range(len(documents))]

        rows = written(tmp_path, documents, sources=sources).measure().describe().rows("terms")

        names = [row for row in rows if int(row["term"][1:]) >= n_terms]
        error = {
            column: np.mean([(row[column] - truth[int(row["term"][1:])]) ** 2 for row in names])
            for column in ("log_ratio", "shrunken_log_ratio")
        }
        assert error["shrunken_log_ratio"] < 0.2 * error["log_ratio"]
        assert not [row["term"] for row in rows[:10] if row in names]

    def test_one_term_and_none(self) -> None:
        one = shrink(np.array([0.3]), np.array([0.1]), np.array([0.5]), np.array([2]))

        assert one.means.tolist() == [0.3]
        none = shrink(np.empty(0), np.empty(0), np.empty(0), np.empty(0, np.int64))
        assert (none.means.size, none.centre, none.spread, none.std) == (0, 0.0, 0.0, 0.0)
