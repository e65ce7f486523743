"""The stage compare_heads: what it writes is what the functions give, for any sharding, and odd input stays visible."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import jensenshannon
from scipy.stats import false_discovery_control
from synthetic_attention import write_attention_shards, write_ledger
from tiny_extraction import extract
from tiny_models import WORDS, make_tiny_bert

from attviz_pipeline import cli
from attviz_pipeline.analysis.aggregate_dataset import aggregate_dataset
from attviz_pipeline.analysis.aggregate_shard import aggregate_shard
from attviz_pipeline.analysis.heads.clusters import cluster_heads, map_heads
from attviz_pipeline.analysis.heads.compare_heads import compare_heads
from attviz_pipeline.analysis.heads.fuji import fuji
from attviz_pipeline.artifacts import attention_schemas, comparison_schemas, files, statistics_schemas
from attviz_pipeline.artifacts.layout import ComparisonPaths, StatisticsPaths
from attviz_pipeline.config.settings import ComparisonSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.stages import CompareHeads

N_DOCUMENTS = 24
MEASURES = ["fuji", "jensen_shannon"]


@dataclass(frozen=True)
class Run:
    """Inputs and outputs of one run of the stage."""

    attention: list[Path]
    statistics: StatisticsPaths
    output: ComparisonPaths

    def go(self, *, seed: int = 5, **settings: int) -> None:
        chosen = ComparisonSettings.model_validate({"n_permutations": 19} | settings)
        head_tokens = self.statistics.head_tokens
        compare_heads(CompareHeads(seed=seed, comparison=chosen), head_tokens, self.attention, self.output)

    def rows(self, name: str, **wanted: object) -> list[dict[str, Any]]:
        table = files.read_table(getattr(self.output, name), getattr(comparison_schemas, name.upper()))
        return [row for row in table.to_pylist() if all(row[key] == value for key, value in wanted.items())]

    def facts(self) -> dict[str, Any]:
        return files.read_facts(self.output.head_clusters, comparison_schemas.HEAD_CLUSTERS)


def change_documents(attention: list[Path], change: Callable[[dict[str, Any]], None]) -> None:
    """Rewrite every document of every shard."""
    for path in attention:
        facts = files.read_facts(path, attention_schemas.ATTENTION)
        rows = files.read_table(path, attention_schemas.ATTENTION).to_pylist()
        for row in rows:
            change(row)
        columns = {name: [row[name] for row in rows] for name in attention_schemas.ATTENTION.arrow.names}
        files.write_table(path, attention_schemas.ATTENTION, columns, facts)


def make_run(
    folder: Path,
    *,
    n_documents: int = N_DOCUMENTS,
    n_shards: int = 2,
    change: Callable[[dict[str, Any]], None] = lambda _: None,
    **options: int,
) -> Run:
    attention = write_attention_shards(folder / "attention", n_documents=n_documents, n_shards=n_shards, **options)
    change_documents(attention, change)
    statistics = StatisticsPaths.below(folder / "statistics")
    sums = [(folder / f"tokens-{n}.parquet", folder / f"heads-{n}.parquet") for n in range(n_shards)]
    for path, (token_sums, head_sums) in zip(attention, sums, strict=True):
        aggregate_shard(path, folder / f"aggregates-{path.name}", token_sums, head_sums)
    ledger = write_ledger(folder / "ledger.parquet", n_documents=n_documents)
    aggregate_dataset(attention, [pair[0] for pair in sums], [pair[1] for pair in sums], ledger, statistics)
    return Run(attention, statistics, ComparisonPaths.below(folder / "statistics"))


def give_every_token(value: float) -> Callable[[dict[str, Any]], None]:
    return lambda row: row.update(self_attention=[value] * len(row["self_attention"]))


def leave_one_token(row: dict[str, Any]) -> None:
    row["special"] = [True] * (len(row["special"]) - 1) + [False]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    prepared = make_run(tmp_path_factory.mktemp("run"))
    prepared.go()
    return prepared


class TestNumbers:
    def test_one_row_per_measure_and_pair(self, run: Run) -> None:
        heads = [(layer, head) for layer in range(2) for head in range(3)]

        for measure in MEASURES:
            rows = run.rows("head_pairs", measure=measure)
            named = [((row["layer_a"], row["head_a"]), (row["layer_b"], row["head_b"])) for row in rows]
            assert named == list(combinations(heads, 2))
            assert [(row["layer"], row["head"]) for row in run.rows("head_clusters", measure=measure)] == heads

    def test_fuji_is_that_of_the_frequent_tokens(self, run: Run) -> None:
        table = files.read_table(run.statistics.head_tokens, statistics_schemas.HEAD_TOKENS).to_pylist()
        eligible = [row for row in table if row["document_frequency"] >= 5 and not row["special"]]
        tokens = sorted({row["token"] for row in eligible})
        means = {(row["layer"], row["head"], row["token"]): row["mean"] for row in eligible}
        scores = [[means[layer, head, token] for token in tokens] for layer in range(2) for head in range(3)]

        expected = fuji(np.array(scores)).area[np.triu_indices(6, 1)]

        assert len(tokens) < 128
        assert_allclose([row["value"] for row in run.rows("head_pairs", measure="fuji")], expected, rtol=1e-12)
        assert run.facts()["n_tokens"] == len(tokens)

    def test_distance_is_that_of_scipy_over_all_documents(self, run: Run) -> None:
        divergences = []
        for path in run.attention:
            for row in files.read_table(path, attention_schemas.ATTENTION).to_pylist():
                own = np.array(row["self_attention"]).reshape(6, -1)[:, ~np.array(row["special"])]
                divergences.append([jensenshannon(own[a], own[b], base=2) ** 2 for a, b in combinations(range(6), 2)])

        found = [row["value"] for row in run.rows("head_pairs", measure="jensen_shannon")]

        assert len(divergences) == run.facts()["n_documents"] == N_DOCUMENTS
        assert_allclose(found, np.sqrt(np.mean(divergences, axis=0)), rtol=1e-9)

    def test_chance_lies_in_its_range_and_q_covers_all_pairs(self, run: Run) -> None:
        for measure in MEASURES:
            rows = run.rows("head_pairs", measure=measure)
            assert all(row["null_low"] <= row["null_mean"] <= row["null_high"] for row in rows)
            assert all(1 / 20 <= row["p"] <= 1 for row in rows)
            assert_allclose([row["q"] for row in rows], false_discovery_control([row["p"] for row in rows]))

    def test_heads_that_share_a_taste_are_alike_beyond_chance(self, run: Run) -> None:
        # The invented heads all prefer the same tokens, which no permutation does.
        assert all(row["p"] == 1 / 20 for row in run.rows("head_pairs"))
        assert all(row["value"] > row["null_high"] for row in run.rows("head_pairs", measure="fuji"))
        assert all(row["value"] < row["null_low"] for row in run.rows("head_pairs", measure="jensen_shannon"))

    def test_map_and_groups_are_those_of_the_distances(self, run: Run) -> None:
        distance = np.zeros((6, 6))
        distance[np.triu_indices(6, 1)] = [1 - row["value"] for row in run.rows("head_pairs", measure="fuji")]
        rows, groups = run.rows("head_clusters", measure="fuji"), run.facts()["measures"]["fuji"]

        found = map_heads(distance + distance.T)

        assert_allclose([[row["x"] for row in rows], [row["y"] for row in rows]], [found.x, found.y])
        assert groups["stress"] == pytest.approx(found.stress)
        assert groups["n_clusters"] == len({row["cluster"] for row in rows})
        assert groups["silhouette"] == pytest.approx(cluster_heads(distance + distance.T).silhouette.mean())
        # Six invented heads that differ by level only form no groups.
        assert groups["outcome"] == "nothing_found"
        assert groups["silhouette_p"] > 0.05
        assert groups["silhouette_by_chance"]["mean"] < groups["silhouette_by_chance"]["quantile_95"]
        assert {(row["cluster"], row["silhouette"]) for row in rows} == {(0, 0)}
        assert np.array(groups["linkage"]).shape == (5, 4)

    def test_curves_are_of_the_extreme_pairs(self, run: Run) -> None:
        values = [row["value"] for row in run.rows("head_pairs", measure="fuji")]

        for kind, expected in (("nearest", max(values)), ("furthest", min(values))):
            rows = run.rows("fuji_curves", kind=kind)
            lengths, curve = ([row[name] for row in rows] for name in ("length", "value"))
            assert np.trapezoid(curve, lengths) / (lengths[-1] - 1) == pytest.approx(expected)
            assert curve[-1] == rows[-1]["null_low"] == rows[-1]["null_high"] == 1

    def test_facts_say_how_it_was_made(self, run: Run) -> None:
        expected = {"seed": 5, "n_permutations": 19, "min_document_frequency": 5, "n_layers": 2, "n_heads": 3}

        for name in ("head_pairs", "head_clusters", "fuji_curves"):
            facts = files.read_facts(getattr(run.output, name), getattr(comparison_schemas, name.upper()))
            assert expected.items() <= facts.items()
            assert facts["n_documents"] == N_DOCUMENTS

    def test_nothing_is_not_a_number(self, run: Run) -> None:
        for name in ("head_pairs", "head_clusters", "fuji_curves"):
            numbers = [value for row in run.rows(name) for value in row.values() if isinstance(value, float)]
            assert np.isfinite(numbers).all()


class TestSampling:
    def test_any_sharding_gives_the_same_bytes(self, tmp_path: Path) -> None:
        runs = [make_run(tmp_path / str(n), n_shards=n) for n in (1, 2, 7)]
        for run in runs:
            run.go(n_documents=10)

        for field in fields(ComparisonPaths):
            first, *others = [getattr(run.output, field.name).read_bytes() for run in runs]
            assert all(other == first for other in others)

    def test_sample_is_bounded_and_seeded(self, run: Run, tmp_path: Path) -> None:
        def distances(name: str, seed: int) -> list[float]:
            other = Run(run.attention, run.statistics, ComparisonPaths.below(tmp_path / name))
            other.go(seed=seed, n_documents=8)
            assert other.facts()["n_documents"] == 8
            return [row["value"] for row in other.rows("head_pairs", measure="jensen_shannon")]

        assert distances("one", 1) == distances("again", 1)
        assert distances("one", 1) != distances("two", 2)

    def test_minimum_frequency_chooses_tokens(self, run: Run, tmp_path: Path) -> None:
        n_tokens = []
        for least in (1, 12):
            other = Run(run.attention, run.statistics, ComparisonPaths.below(tmp_path / str(least)))
            other.go(min_document_frequency=least)
            n_tokens.append(other.facts()["n_tokens"])

        assert n_tokens[0] > n_tokens[1] > 0


class TestOddInput:
    def test_one_head_is_a_group_of_its_own(self, tmp_path: Path) -> None:
        run = make_run(tmp_path, n_layers=1, n_heads=1)
        run.go()

        assert run.rows("head_pairs") == []
        assert run.rows("fuji_curves") == []
        for measure in MEASURES:
            (row,) = run.rows("head_clusters", measure=measure)
            assert (row["order"], row["cluster"], row["silhouette"], row["x"], row["y"]) == (0, 0, 0, 0, 0)

    def test_without_frequent_tokens_fuji_has_no_rows(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        run = make_run(tmp_path, n_documents=3)
        with caplog.at_level(logging.WARNING):
            run.go(min_document_frequency=4)

        assert "no token occurs in 4 documents (comparison.min_document_frequency)" in caplog.text
        assert {row["measure"] for row in run.rows("head_pairs")} == {"jensen_shannon"}
        assert list(run.facts()["measures"]) == ["jensen_shannon"]
        assert run.rows("fuji_curves") == []

    def test_documents_of_one_token_cannot_separate_heads(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        run = make_run(tmp_path, change=leave_one_token)
        with caplog.at_level(logging.WARNING):
            run.go()

        assert "no sampled document has two tokens" in caplog.text
        assert {row["measure"] for row in run.rows("head_pairs")} == {"fuji"}
        assert run.facts()["n_documents"] == 0

    def test_constant_attention_is_alike_and_by_chance(self, tmp_path: Path) -> None:
        run = make_run(tmp_path, change=give_every_token(0.25))
        run.go()

        for measure, value in (("fuji", 1), ("jensen_shannon", 0)):
            rows = run.rows("head_pairs", measure=measure)
            assert_allclose([row["value"] for row in rows], value, atol=1e-7)
            # Every permutation gives the same, so that nothing can be distinguished from chance.
            assert_array_equal([row["p"] for row in rows], 1)
            assert {row["cluster"] for row in run.rows("head_clusters", measure=measure)} == {0}
            assert run.facts()["measures"][measure]["outcome"] == "not_compared"
        assert run.facts()["constant_heads"] == [0, 1, 2, 3, 4, 5]

    def test_pairs_of_constant_heads_are_not_tested(self, tmp_path: Path) -> None:
        def flatten_two(row: dict[str, Any]) -> None:
            values = np.array(row["self_attention"]).reshape(6, -1)
            values[1], values[4] = 0.2, 0.5 * np.linspace(1, 1.1, values.shape[1])
            row["self_attention"] = values.ravel().tolist()

        flat = make_run(tmp_path, change=flatten_two)
        flat.go()

        assert flat.facts()["constant_heads"] == [1, 4]
        for measure in MEASURES:
            numbers = [row["layer_a"] * 3 + row["head_a"] for row in flat.rows("head_pairs", measure=measure)]
            others = [row["layer_b"] * 3 + row["head_b"] for row in flat.rows("head_pairs", measure=measure)]
            rows = zip(flat.rows("head_pairs", measure=measure), numbers, others, strict=True)
            tested = {pair: row for row, *pair in rows for pair in [tuple(pair)]}
            untested = [row for pair, row in tested.items() if {1, 4} & set(pair)]
            assert len(untested) == 9
            assert all((row["p"], row["q"]) == (1, 1) for row in untested)
            # The other pairs are adjusted among themselves.
            assert all(row["q"] == row["p"] == 1 / 20 for pair, row in tested.items() if not {1, 4} & set(pair))

    def test_an_untrained_model_has_no_similar_heads(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Its heads attend nearly evenly: alike is only that tokens of short documents get more in all of them."""
        random = np.random.default_rng(0)
        words = [word for word in WORDS if word[0] not in "#.,!"]
        texts = [" ".join(random.choice(words, n)) for n in random.integers(4, 50, 40)]
        make_tiny_bert(tmp_path / "checkpoint", initializer_range=0.02, n_heads=6)
        attention = [extract(tmp_path, texts, card={"n_heads": 6})]
        statistics = StatisticsPaths.below(tmp_path / "statistics")
        sums = (tmp_path / "tokens.parquet", tmp_path / "heads.parquet")
        aggregate_shard(attention[0], tmp_path / "aggregates.parquet", *sums)
        ledger = write_ledger(tmp_path / "ledger.parquet", n_documents=len(texts), id_format="d{}")
        aggregate_dataset(attention, [sums[0]], [sums[1]], ledger, statistics)
        run = Run(attention, statistics, ComparisonPaths.below(tmp_path / "statistics"))
        with caplog.at_level(logging.WARNING):
            run.go()

        facts = run.facts()
        assert "12 of 12 heads give all tokens of a document nearly the same" in caplog.text
        assert facts["constant_heads"] == list(range(12))
        assert facts["n_even_heads"] == 12
        assert max(facts["head_deviation"]) < np.log(facts["even_within"])
        assert {row["q"] for row in run.rows("head_pairs")} == {1}
        assert {row["cluster"] for row in run.rows("head_clusters")} == {0}
        assert all(one["outcome"] == "not_compared" for one in facts["measures"].values())

    def test_heads_without_any_attention_are_named(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        run = make_run(tmp_path, n_documents=6, change=give_every_token(0.0))
        with caplog.at_level(logging.WARNING):
            run.go(min_document_frequency=1)

        assert "6 heads have no self-attention at all; treated as uniform over its tokens" in caplog.text

    def test_one_document_and_empty_shards(self, tmp_path: Path) -> None:
        run = make_run(tmp_path, n_documents=1, n_shards=3)
        run.go(min_document_frequency=1)

        assert run.facts()["n_documents"] == 1
        assert {row["measure"] for row in run.rows("head_pairs")} == set(MEASURES)

    def test_shards_of_another_model_are_named(self, run: Run, tmp_path: Path) -> None:
        other = make_run(tmp_path, n_layers=3)

        with pytest.raises(ArtifactError, match=r"has 3 x 3 heads, not 2 x 3"):
            Run([run.attention[0], *other.attention], run.statistics, other.output).go()

    def test_statistics_of_another_model_are_refused(self, run: Run, tmp_path: Path) -> None:
        other = make_run(tmp_path, n_layers=3)

        with pytest.raises(ArtifactError, match=r"does not hold the same tokens for each of 6 heads"):
            Run(run.attention, other.statistics, other.output).go()
        assert not other.output.head_pairs.exists()

    def test_no_shard_at_all(self, run: Run) -> None:
        with pytest.raises(ArtifactError, match="no attention shard was given"):
            Run([], run.statistics, run.output).go()


def test_command_line(run: Run, tmp_path: Path) -> None:
    settings = '{"seed": 5, "comparison": {"n_permutations": 19}}'
    inputs = ["--attention", *map(str, run.attention), "--head-tokens", str(run.statistics.head_tokens)]

    assert cli.main(["compare-heads", "--settings", settings, *inputs, "--statistics", str(tmp_path)]) == 0

    for field in fields(ComparisonPaths):
        written = getattr(ComparisonPaths.below(tmp_path), field.name).read_bytes()
        assert written == getattr(run.output, field.name).read_bytes()
