"""Importance of heads by three measures, and their rank correlations, against plain recomputation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from attviz_pipeline.analysis.predictions.order_correlation import correlation_by_chance
from attviz_pipeline.artifacts import evidence_schemas, files, statistics_schemas
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.config.settings import AssessmentSettings
from attviz_pipeline.evidence.rank_heads import rank_heads
from attviz_pipeline.stages import RankHeads

N, N_GRADIENTS = 30, 40
SHAPE = (4, 5)
Rows = list[dict[str, Any]]
Found = tuple[Rows, dict[str, Any]]


def filled(schema: Schema, rows: Rows) -> dict[str, Any]:
    """Columns of rows of which only some fields matter."""
    simple = {"string": "", "list": []}
    empty = {
        field.name: None if field.nullable else simple.get(str(field.type).split("<", maxsplit=1)[0], 0)
        for field in schema.arrow
    }
    return {name: [row.get(name, empty[name]) for row in rows] for name in empty}


def rank(folder: Path, changes: Sequence[Any], slopes: Sequence[Any], means: Any, *, n_sources: int = 99) -> Found:  # noqa: ANN401 - numbers
    sources = [f"s{number % n_sources}" for number in range(max(len(changes), len(slopes)))]
    tables = {
        "off": (evidence_schemas.DOCUMENT_ABLATIONS, "changes", changes),
        "slopes": (evidence_schemas.GRADIENTS, "head_gradients", slopes),
    }
    for name, (schema, column, values) in tables.items():
        rows = [{"source_id": source, column: value} for source, value in zip(sources, values, strict=False)]
        files.write_table(folder / name, schema, filled(schema, rows), {"gates": None})
    places = [divmod(number, SHAPE[1]) for number in range(len(means))]
    rows = [{"layer": layer, "head": head, "mean": mean} for (layer, head), mean in zip(places, means, strict=True)]
    files.write_table(folder / "heads", statistics_schemas.HEADS, filled(statistics_schemas.HEADS, rows), {})
    settings = RankHeads(seed=13, assessment=AssessmentSettings(n_resamples=200))
    rank_heads(settings, folder / "off", folder / "slopes", folder / "heads", folder / "found")
    schema = evidence_schemas.HEAD_IMPORTANCE
    return files.read_table(folder / "found", schema).to_pylist(), files.read_facts(folder / "found", schema)


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    random = np.random.default_rng(5)
    sizes = np.linspace(0.1, 2, SHAPE[0] * SHAPE[1])
    return {
        "changes": random.normal(0, sizes, (N, 20)).astype(np.float32),
        "slopes": random.normal(0, sizes, (N_GRADIENTS, 20)).astype(np.float32),
        "means": random.uniform(0, 1, 20),
    }


@pytest.fixture(scope="module")
def found(values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Found:
    slopes = [None if number == 3 else row for number, row in enumerate(values["slopes"].tolist())]
    return rank(tmp_path_factory.mktemp("ranked"), values["changes"].tolist(), slopes, values["means"])


def test_measures_are_means_of_absolute_values(found: Found, values: dict[str, Any]) -> None:
    rows, facts = found
    finite = np.delete(values["slopes"], 3, axis=0)
    assert [(row["layer"], row["head"]) for row in rows][:6] == [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 0)]
    assert [row["measured"] for row in rows] == pytest.approx(np.abs(values["changes"].astype(float)).mean(axis=0))
    assert [row["gradient"] for row in rows] == pytest.approx(np.abs(finite.astype(float)).mean(axis=0))
    assert [row["self_attention"] for row in rows] == values["means"].tolist()
    assert (facts["n_measured"], facts["n_gradient"]) == (N, N_GRADIENTS - 1)


def test_correlations_are_spearmans_over_heads(found: Found) -> None:
    rows, facts = found
    for entry in facts["correlations"]:
        first, second = ([row[name] for row in rows] for name in entry["measures"])
        assert entry["value"] == pytest.approx(stats.spearmanr(first, second).statistic)
        assert entry["low"] <= entry["value"] <= entry["high"]
        assert entry["n_heads"] == 20
    assert [entry["measures"] for entry in facts["correlations"]] == [
        ["measured", "gradient"],
        ["measured", "self_attention"],
        ["gradient", "self_attention"],
    ]
    # Both measures follow the same sizes; self-attention does not.
    assert facts["correlations"][0]["low"] > facts["correlations"][0]["by_chance"]
    assert abs(facts["correlations"][1]["value"]) < facts["correlations"][1]["by_chance"]


def test_chance_is_that_of_random_orders(found: Found) -> None:
    # Tables of Spearman's coefficient (Zar 1972): 0.447 for 20 pairs, and 1 for 2.
    assert correlation_by_chance(20, 4000, 1) == pytest.approx(0.447, abs=0.02)
    assert correlation_by_chance(2, 50, 1) == pytest.approx(1)
    assert correlation_by_chance(1, 50, 1) is None
    assert found[1]["correlations"][0]["by_chance"] == correlation_by_chance(20, 200, 13)


def test_one_input_row_gives_no_interval(values: dict[str, Any], tmp_path: Path) -> None:
    arguments = (values["changes"].tolist(), values["slopes"].tolist(), values["means"])
    _, facts = rank(tmp_path, *arguments, n_sources=1)
    assert {entry["low"] for entry in facts["correlations"]} == {None}
    assert facts["correlations"][0]["value"] > 0.8


def test_intervals_hold_the_correlation_of_all_documents(tmp_path: Path) -> None:
    """The correlation of 40 documents against that of 4,000, for heads of which many are nearly alike."""
    random = np.random.default_rng(0)
    sizes = np.linspace(0.5, 1.5, 20)
    many = np.abs(random.normal(0, sizes, (4000, 20))).mean(axis=0)
    means = many + random.normal(0, 0.2, 20)
    inside = []
    for _ in range(12):
        few = random.normal(0, sizes, (40, 20)).tolist()
        _, facts = rank(tmp_path, few, [[0.0] * 20], means)
        entry = facts["correlations"][1]
        inside.append(entry["low"] <= stats.spearmanr(many, means).statistic <= entry["high"])
    assert sum(inside) >= 10, inside


def test_documents_of_one_row_are_drawn_together(values: dict[str, Any], tmp_path: Path, found: Found) -> None:
    arguments = (values["changes"].tolist(), values["slopes"].tolist(), values["means"])
    _, facts = rank(tmp_path, *arguments, n_sources=4)
    widths = [one["correlations"][0]["high"] - one["correlations"][0]["low"] for one in (found[1], facts)]
    assert widths[0] != widths[1]


def test_what_was_not_measured_is_null_and_not_correlated(values: dict[str, Any], tmp_path: Path) -> None:
    rows, facts = rank(tmp_path, [], values["slopes"].tolist(), values["means"])
    assert {row["measured"] for row in rows} == {None}
    assert [entry["measures"] for entry in facts["correlations"]] == [["gradient", "self_attention"]]
    rows, facts = rank(tmp_path, [], [None] * 3, values["means"])
    assert {row["gradient"] for row in rows} == {None}
    assert facts["correlations"] == []


def test_equal_heads_have_no_correlation(tmp_path: Path) -> None:
    _, facts = rank(tmp_path, [[1.0, 1.0]] * 3, [[0.5, 0.2]] * 3, [0.1, 0.2])
    assert facts["correlations"][0]["value"] is None
    assert facts["correlations"][2]["value"] == pytest.approx(-1)
