"""The stage aggregate_shard: the paper's aggregates, and sums that no order of addition can change."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from synthetic_attention import write_attention_shards

from attviz_pipeline import aggregates
from attviz_pipeline.analysis import batches, exact_sums
from attviz_pipeline.analysis.aggregate_shard import aggregate_shard
from attviz_pipeline.artifacts import all_schemas, attention_schemas, files, statistics_schemas
from attviz_pipeline.artifacts.histogram import N_BINS, bin_edges
from attviz_pipeline.config.settings import AggregatesSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.stages import AggregateShard

N_LAYERS, N_HEADS = 2, 3
OUTPUTS = ("aggregates", "token_sums", "head_sums")

unit_floats = st.floats(0, 1, width=32)


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    return write_attention_shards(tmp_path, n_documents=30, n_shards=1, n_layers=N_LAYERS, n_heads=N_HEADS)[0]


def run(shard: Path, name: str = "out") -> dict[str, Path]:
    paths = {output: shard.parent / name / f"{output}.parquet" for output in OUTPUTS}
    aggregate_shard(shard, **paths)
    return paths


def read(path: Path, name: str) -> list[dict[str, Any]]:
    schema = next(schema for schema in all_schemas.ALL if schema.name == name)
    rows: list[dict[str, Any]] = files.read_table(path, schema).to_pylist()
    return rows


def documents(shard: Path) -> Iterator[tuple[dict[str, Any], NDArray[np.float64]]]:
    for row in read(shard, "attention"):
        yield row, np.array(row["self_attention"]).reshape(N_LAYERS * N_HEADS, len(row["tokens"]))


def rewrite(shard: Path, change: Callable[[dict[str, list[Any]]], None], facts: dict[str, Any] | None = None) -> None:
    columns = files.read_table(shard, attention_schemas.ATTENTION).to_pydict()
    change(columns)
    facts = files.read_facts(shard, attention_schemas.ATTENTION) if facts is None else facts
    files.write_table(shard, attention_schemas.ATTENTION, columns, facts)


def exact(limbs: list[int]) -> Fraction:
    return sum((Fraction(limb, 2 ** (30 * (len(limbs) - k))) for k, limb in enumerate(limbs)), Fraction(0))


class TestTable2:
    def test_values_worked_out_by_hand(self) -> None:
        attention = np.array([[0.5, 0.0, 1.0], [0.25, 0.0, 1.0], [0.25, 0.5, 1.0]])

        assert_allclose(aggregates.mean(attention), [1 / 3, 1 / 6, 1])
        assert_allclose(aggregates.std(attention), [math.sqrt(1 / 48), math.sqrt(1 / 12), 0], atol=1e-15)
        assert_array_equal(aggregates.maximum(attention), [0.5, 0.5, 1])
        assert_array_equal(aggregates.minimum(attention), [0.25, 0, 1])

    def test_entropy_divides_by_the_number_of_distinct_values(self) -> None:
        attention = np.array([[0.5, 0.0, 1.0], [0.25, 0.0, 1.0], [0.25, 0.5, 1.0]])

        in_nats = [(0.5 * math.log(2) + 2 * 0.25 * math.log(4)) / 2, 0.5 * math.log(2) / 2, 0]
        assert_allclose(aggregates.entropy(attention), in_nats)
        assert not np.signbit(aggregates.entropy(attention)).any()

    def test_a_single_head_has_no_spread(self) -> None:
        assert_array_equal(aggregates.std(np.array([[0.1, 0.9]])), [0, 0])

    @given(st.lists(st.lists(unit_floats, min_size=4, max_size=4), min_size=1, max_size=9))
    def test_distinct_values_are_counted_per_token(self, rows: list[list[float]]) -> None:
        counts = aggregates.count_distinct(np.array(rows))

        assert counts.tolist() == [len(set(column)) for column in zip(*rows, strict=True)]


class TestExactSums:
    @given(st.lists(unit_floats, min_size=1, max_size=30), st.randoms(use_true_random=False))
    def test_any_order_and_grouping_has_the_same_normal_form(self, values: list[float], random: Random) -> None:
        shuffled = random.sample(values, len(values))
        cut = random.randint(0, len(values))

        whole = exact_sums.to_limbs(np.array(values), 2).sum(axis=1)
        parts = [exact_sums.to_limbs(np.array(part), 2).sum(axis=1) for part in (shuffled[:cut], shuffled[cut:])]

        carried = exact_sums.carry(parts[0] + parts[1], 4)
        assert_array_equal(carried, exact_sums.carry(whole, 4))
        assert (carried[:-1] < 2**30).all()
        assert (carried >= 0).all()

    @given(unit_floats)
    def test_limbs_are_exact_but_for_the_tiniest_values(self, value: float) -> None:
        error = abs(exact(exact_sums.to_limbs(np.array([value]), 2)[:, 0].tolist()) - Fraction(value))

        assert error <= (Fraction(0) if value >= 2**-37 else Fraction(1, 2**61))

    @given(unit_floats)
    def test_limbs_of_squares_are_within_half_of_two_to_the_minus_90(self, value: float) -> None:
        limbs = exact_sums.to_limbs(np.array([value * value]), 3)[:, 0].tolist()

        assert abs(exact(limbs) - Fraction(value) ** 2) <= Fraction(1, 2**91)
        assert all(0 <= limb <= 2**30 for limb in limbs)

    @given(st.lists(unit_floats, min_size=1, max_size=30), st.integers(1, 2**30))
    def test_mean_and_std_agree_with_fractions(self, values: list[float], repeats: int) -> None:
        """However often the values repeat: sums near the limbs' limit stay exact."""
        wide = np.array(values)
        sums = exact_sums.to_limbs(wide, 2).sum(axis=1)[:, None]
        squares = exact_sums.to_limbs(wide * wide, 3).sum(axis=1)[:, None]
        repeats = min(repeats, 2**33 // len(values))
        count = len(values) * repeats

        mean = exact_sums.mean(sums * repeats, np.array([count]))[0]
        std = exact_sums.std(sums * repeats, squares * repeats, np.array([count]))[0]

        total, total_of_squares = exact(sums[:, 0].tolist()) * repeats, exact(squares[:, 0].tolist()) * repeats
        assert mean == pytest.approx(float(total / count), rel=1e-14, abs=0)
        variance = (count * total_of_squares - total**2) / (count * (count - 1)) if count > 1 else Fraction(0)
        assert std == pytest.approx(math.sqrt(max(float(variance), 0.0)), rel=1e-14, abs=0)

    def test_nothing_cancels_where_values_barely_differ(self) -> None:
        low, high = float(np.float32(0.9)), float(np.nextafter(np.float32(0.9), np.float32(1)))
        values = np.array([low, high] * 500)
        sums = exact_sums.to_limbs(values, 2).sum(axis=1)[:, None]
        squares = exact_sums.to_limbs(values * values, 3).sum(axis=1)[:, None]

        std = exact_sums.std(sums, squares, np.array([1000]))

        assert_allclose(std, (high - low) / 2 * math.sqrt(1000 / 999), rtol=1e-12)

    def test_nothing_summed_is_zero(self) -> None:
        nothing = np.zeros((3, 1), np.int64)

        assert exact_sums.mean(nothing[:2], np.array([0])) == 0
        assert exact_sums.std(nothing[:2], nothing, np.array([0])) == 0


class TestAggregates:
    def test_every_document_has_table_2_for_each_of_its_tokens(self, shard: Path) -> None:
        rows = {row["id"]: row for row in read(run(shard)["aggregates"], "aggregates")}

        assert len(rows) == 30
        for document, matrix in documents(shard):
            row = rows[document["id"]]
            assert row["position"] == document["position"]
            assert_allclose(row["mean"], matrix.mean(axis=0), rtol=1e-6)
            assert_allclose(row["std"], matrix.std(axis=0, ddof=1), rtol=1e-6)
            assert_allclose(row["max"], matrix.max(axis=0), rtol=0)
            assert_allclose(row["min"], matrix.min(axis=0), rtol=0)
            distinct = [len(set(column)) for column in matrix.T]
            assert_allclose(row["entropy"], -(matrix * np.log(matrix)).sum(axis=0) / distinct, rtol=1e-6)

    def test_size_of_batches_changes_no_value(self, shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        large = run(shard, "large")
        monkeypatch.setattr(batches, "VALUES_PER_BATCH", 100)
        small = run(shard, "small")

        assert read(small["aggregates"], "aggregates") == read(large["aggregates"], "aggregates")
        for name in ("token_sums", "head_sums"):
            assert small[name].read_bytes() == large[name].read_bytes()


class TestTokenSums:
    def test_sums_are_those_of_the_raw_values(self, shard: Path) -> None:
        values, where = defaultdict(list), defaultdict(set)
        for document, matrix in documents(shard):
            for token_id, column in zip(document["token_ids"], matrix.T, strict=True):
                values[token_id].append(column)
                where[token_id].add(document["id"])

        rows = read(run(shard)["token_sums"], "token_sums")

        assert [row["token_id"] for row in rows] == sorted(values)
        for row in rows:
            mine = np.array(values[row["token_id"]])
            assert row["count"] == len(mine)
            assert row["document_frequency"] == len(where[row["token_id"]])
            assert_array_equal(row["min"], mine.min(axis=0))
            assert_array_equal(row["max"], mine.max(axis=0))
            limbs = np.array(row["sum"]).reshape(2, -1).T.tolist()
            squares = np.array(row["sum_of_squares"]).reshape(3, -1).T.tolist()
            for column, total, total_of_squares in zip(mine.T.tolist(), limbs, squares, strict=True):
                assert float(exact(total)) == pytest.approx(math.fsum(column), rel=1e-15)
                assert float(exact(total_of_squares)) == pytest.approx(math.fsum(v * v for v in column), rel=1e-15)

    def test_a_token_is_special_where_any_occurrence_is(self, shard: Path) -> None:
        def write_separator_in_the_text(columns: dict[str, list[Any]]) -> None:
            columns["token_ids"][0][1], columns["tokens"][0][1] = 102, "[SEP]"

        rewrite(shard, write_separator_in_the_text)
        rows = {row["token"]: row for row in read(run(shard)["token_sums"], "token_sums")}

        assert {token for token, row in rows.items() if row["special"]} == {"[CLS]", "[SEP]"}
        assert rows["[SEP]"]["count"] == 31
        assert rows["[SEP]"]["document_frequency"] == 30


class TestHeadSums:
    def test_special_tokens_are_left_out(self, shard: Path) -> None:
        matrices = [matrix[:, ~np.array(document["special"])] for document, matrix in documents(shard)]
        values = np.hstack(matrices)

        rows = read(run(shard)["head_sums"], "head_sums")

        assert [(row["layer"], row["head"]) for row in rows] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
        for row, mine in zip(rows, values, strict=True):
            assert row["count"] == len(mine)
            assert float(exact(row["sum"])) == pytest.approx(math.fsum(mine), rel=1e-15)
            assert (row["min"], row["max"]) == (mine.min(), mine.max())

    def test_histogram_counts_tenths_of_a_decade(self, shard: Path) -> None:
        edges = bin_edges()
        placed = [0.0, 9e-9, 1e-8, float(edges[40]), float(np.nextafter(edges[40], np.float32(0))), 0.999, 1.0]

        def place(columns: dict[str, list[Any]]) -> None:
            for row in range(30):
                columns["special"][row] = [True] * len(columns["special"][row])
            n_tokens = len(columns["tokens"][0])
            columns["special"][0] = [index >= len(placed) for index in range(n_tokens)]
            columns["self_attention"][0] = (placed + [0.5] * (n_tokens - len(placed))) * (N_LAYERS * N_HEADS)

        rewrite(shard, place)
        row = read(run(shard)["head_sums"], "head_sums")[3]

        assert len(row["histogram"]) == N_BINS == 81
        assert {index: n for index, n in enumerate(row["histogram"]) if n} == {0: 2, 1: 1, 40: 1, 41: 1, 80: 2}

    def test_edges_are_tenths_of_decades(self) -> None:
        assert_allclose(bin_edges()[[0, 10, 79]], [1e-8, 1e-7, 10**-0.1], rtol=1e-7)


class TestHardInput:
    def test_an_empty_shard_gives_empty_sums(self, tmp_path: Path) -> None:
        shard = write_attention_shards(tmp_path, n_documents=0, n_shards=1, n_layers=N_LAYERS, n_heads=N_HEADS)[0]

        paths = run(shard)

        assert read(paths["aggregates"], "aggregates") == read(paths["token_sums"], "token_sums") == []
        assert [row["count"] for row in read(paths["head_sums"], "head_sums")] == [0] * 6
        assert files.read_facts(paths["token_sums"], statistics_schemas.TOKEN_SUMS) == {"n_layers": 2, "n_heads": 3}

    @pytest.mark.parametrize("value", [math.nan, 1.5, -0.1, math.inf])
    def test_values_that_are_no_attention_are_refused(self, shard: Path, value: float) -> None:
        rewrite(shard, lambda columns: columns["self_attention"][3].__setitem__(7, value))
        identifier = read(shard, "attention")[3]["id"]

        with pytest.raises(
            ArtifactError, match=rf"(?s)is damaged.*'{identifier}'  self-attention outside 0\.\.1"
        ) as found:
            run(shard)
        assert str(found.value).count("outside 0..1") == 1
        assert not list((shard.parent / "out").iterdir())

    def test_columns_of_unequal_length_are_refused_together(self, shard: Path) -> None:
        def shorten(columns: dict[str, list[Any]]) -> None:
            columns["self_attention"][3].pop()
            columns["special"][5].pop()

        rewrite(shard, shorten)

        with pytest.raises(ArtifactError, match="one value per token, or 6 of self-attention") as fault:
            run(shard)
        assert len(fault.value.problems) == 2

    @pytest.mark.parametrize(
        "facts", [{}, {"n_layers": 2}, {"n_layers": "2", "n_heads": 3}, {"n_layers": 0, "n_heads": 3}]
    )
    def test_a_shard_that_does_not_name_its_heads_is_refused(self, shard: Path, facts: dict[str, Any]) -> None:
        rewrite(shard, lambda _: None, facts)

        with pytest.raises(ArtifactError, match="does not say how many layers and heads"):
            run(shard)

    def test_one_index_with_two_names_is_refused(self, shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(batches, "VALUES_PER_BATCH", 1)
        rewrite(shard, lambda columns: columns["tokens"][1].__setitem__(0, "<s>"))

        with pytest.raises(ArtifactError, match=r"token 101 is '\[CLS\]' in one place and '<s>' in another"):
            run(shard)

    def test_a_truncated_file_is_refused(self, shard: Path) -> None:
        shard.write_bytes(shard.read_bytes()[:-100])

        with pytest.raises(ArtifactError, match="damaged or truncated"):
            run(shard)

    def test_row_groups_are_streamed(self, shard: Path) -> None:
        table = files.read_table(shard, attention_schemas.ATTENTION)
        split = shard.with_name("split.parquet")
        with files.TableWriter(
            split, attention_schemas.ATTENTION, json.loads(table.schema.metadata[files.FACTS_KEY])
        ) as writer:
            for start in range(0, 30, 7):
                writer.write_table(table.slice(start, 7))

        assert run(split, "split")["token_sums"].read_bytes() == run(shard)["token_sums"].read_bytes()
        assert isinstance(table, pa.Table)


def viewer_std(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def viewer_entropy(values: list[float]) -> float:
    counts = Counter(math.floor(value * 100) / 100 for value in values)
    return -sum(n / len(values) * math.log(n / len(values)) for n in counts.values()) / len(counts)


@pytest.mark.parametrize("n_heads", [1, 2, 11, 144])
def test_formulas_of_the_viewer_are_those_of_its_code(n_heads: int) -> None:
    matrix = np.random.default_rng(n_heads).beta(0.4, 3, (n_heads, 50))
    matrix[:, 0], matrix[:, 1], matrix[:, 2] = 0, 1, 0.29
    columns = matrix.T.tolist()

    assert_allclose(aggregates.population_std(matrix), [viewer_std(column) for column in columns], atol=1e-12)
    assert_allclose(aggregates.binned_entropy(matrix), [viewer_entropy(column) for column in columns], atol=1e-12)


def test_entropy_of_the_viewer_is_largest_for_three_bins() -> None:
    equal_bins = [np.arange(b, dtype=float)[:, None] / 100 + 0.005 for b in range(1, 13)]

    entropies = [float(aggregates.binned_entropy(values)[0]) for values in equal_bins]

    assert entropies[0] == 0
    assert int(np.argmax(entropies)) + 1 == 3
    assert entropies[2] == pytest.approx(0.366, abs=5e-4)
    assert entropies[11] == pytest.approx(0.207, abs=5e-4)


def test_definition_is_applied_and_written_down(tmp_path: Path) -> None:
    shard = write_attention_shards(tmp_path, n_documents=3, n_shards=1)[0]
    targets = [tmp_path / f"{name}.parquet" for name in ("aggregates", "tokens", "heads")]

    settings = AggregateShard(aggregates=AggregatesSettings(definition="attviz"))
    aggregate_shard(shard, *targets, settings=settings)

    row = files.read_table(shard, attention_schemas.ATTENTION).to_pylist()[0]
    found = files.read_table(targets[0], statistics_schemas.AGGREGATES).to_pylist()[0]
    columns = np.array(row["self_attention"]).reshape(6, -1).T.tolist()
    assert_allclose(found["entropy"], [viewer_entropy(column) for column in columns], rtol=1e-6)
    assert_allclose(found["std"], [viewer_std(column) for column in columns], rtol=1e-6)
    assert files.read_facts(targets[0], statistics_schemas.AGGREGATES)["definition"] == "attviz"
