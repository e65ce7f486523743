"""The stage group_documents: planted groups are found; levels, lengths and outliers make none."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from attviz_pipeline import cli
from attviz_pipeline.analysis.group_documents import find_groups, group_documents, head_profiles, k_means
from attviz_pipeline.artifacts import files
from attviz_pipeline.artifacts.term_schemas import DOCUMENT_GROUPS, DOCUMENT_HEADS
from attviz_pipeline.stages import GroupDocuments

N_LAYERS, N_HEADS = 2, 6
SETTINGS = GroupDocuments(seed=13)
Floats = NDArray[np.float64]


def write_measures(
    folder: Path, log_ratios: list[Floats | None], n_shards: int = 1, n_tokens: list[int] | None = None
) -> list[Path]:
    """Write `document_heads` of invented documents; None for one without terms."""
    lengths = n_tokens or [20] * len(log_ratios)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for shard in range(n_shards):
        positions = range(shard, len(log_ratios), n_shards)
        rows: list[list[float]] = [[] if (x := log_ratios[place]) is None else x.tolist() for place in positions]
        columns: dict[str, Any] = {
            "position": list(positions),
            **{name: [f"d{place}" for place in positions] for name in ("id", "source_id")},
            "split": ["test"] * len(rows),
            "label": [0] * len(rows),
            "prediction": [0] * len(rows),
            "probabilities": [[1.0]] * len(rows),
            "n_terms": [min(9, len(row)) for row in rows],
            "n_tokens": [lengths[place] for place in positions],
            **dict.fromkeys(("attention", "log_ratio", "evenness"), rows),
        }
        paths.append(folder / f"{shard}.parquet")
        facts = {"n_layers": N_LAYERS, "n_heads": N_HEADS, "task": "single_label", "label_names": ["one"]}
        files.write_table(paths[-1], DOCUMENT_HEADS, columns, facts)
    return paths


def planted(sizes: list[int], seed: int = 0) -> tuple[list[Floats], NDArray[np.int64]]:
    """Documents of groups with three heads of their own, 2 more active; each document has a level of its own."""
    random = np.random.default_rng(seed)
    truth = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    values = random.normal(0, 0.3, (len(truth), N_LAYERS * N_HEADS)) + random.normal(0, 3, (len(truth), 1))
    for document, group in enumerate(truth):
        values[document, 3 * group : 3 * group + 3] += 2
    return list(values), truth


def run(
    folder: Path, log_ratios: list[Any], n_shards: int = 1, n_tokens: list[int] | None = None
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    output = folder / f"{n_shards}-groups.parquet"
    group_documents(SETTINGS, write_measures(folder / str(n_shards), log_ratios, n_shards, n_tokens), output)
    return files.read_table(output, DOCUMENT_GROUPS).to_pydict(), files.read_facts(output, DOCUMENT_GROUPS)


def test_planted_groups_are_found_and_described(tmp_path: Path) -> None:
    log_ratios, truth = planted([60, 40, 30])
    table, facts = run(tmp_path, log_ratios)
    assert table["group"] == truth.tolist()  # the largest group is the first
    assert [group["n_documents"] for group in facts["groups"]] == [60, 40, 30]
    for number, group in enumerate(facts["groups"]):
        assert {head["layer"] * N_HEADS + head["head"] for head in group["heads"]} == {3 * number + i for i in range(3)}
        assert all(head["z"] > 0.5 for head in group["heads"])
    assert (facts["outcome"], facts["p"], facts["n_draws"]) == ("found", 0.01, 99)
    assert facts["silhouette"] > 0.5 > facts["silhouette_by_chance"]["quantile_95"]
    assert (facts["length_curve"], facts["length_eta_squared"]) == ("none", 0.0)
    profiles = head_profiles(np.array(log_ratios))
    centre = profiles[truth == 2].mean(axis=0)
    last = int(np.flatnonzero(truth == 2)[0])
    assert table["distance"][last] == pytest.approx(np.sqrt(((profiles[last] - centre) ** 2).mean()))


def test_levels_make_no_group() -> None:
    random = np.random.default_rng(0)
    noise = random.normal(0, 1, (200, 12))
    level = np.repeat([0.0, 50.0], 100)[:, None]
    np.testing.assert_allclose(head_profiles(noise + level), head_profiles(noise), atol=1e-9)
    np.testing.assert_allclose(head_profiles(noise).std(axis=0), 1)
    groups, facts = find_groups(head_profiles(noise + level), np.random.default_rng(1))
    assert groups is None
    assert facts["outcome"] == "nothing_found"


def of_length(n_documents: int, seed: int) -> tuple[list[Floats], list[int]]:
    """Documents that differ only in length, which every head follows in its own way; many short ones, many long."""
    random = np.random.default_rng(seed)
    n_tokens = np.concatenate([random.integers(8, 40, n_documents // 2), random.integers(150, 500, n_documents // 2)])
    slopes = np.linspace(-1, 1, N_LAYERS * N_HEADS)
    values = np.outer(np.log(n_tokens), slopes) + random.normal(0, 0.5, (len(n_tokens), len(slopes)))
    return list(values), n_tokens.tolist()


def test_lengths_make_no_group(tmp_path: Path) -> None:
    log_ratios, n_tokens = of_length(120, seed=0)
    raw, _ = find_groups(head_profiles(np.array(log_ratios)), np.random.default_rng(0))
    assert raw is not None  # without the correction they are groups of short and of long documents
    table, facts = run(tmp_path, log_ratios, n_tokens=n_tokens)
    assert set(table["group"]) == set(table["distance"]) == {None}
    assert (facts["outcome"], facts["groups"], facts["length_curve"]) == ("nothing_found", [], "spline")
    assert facts["p"] > 0.05
    assert facts["length_eta_squared"] is None


def test_groups_are_found_whatever_the_lengths_are(tmp_path: Path) -> None:
    log_ratios, n_tokens = of_length(120, seed=1)
    truth = np.random.default_rng(1).random(120) < 0.4
    for document in np.flatnonzero(truth):
        log_ratios[document][2:5] += 3
    table, facts = run(tmp_path, log_ratios, n_tokens=n_tokens)
    assert table["group"] == truth.astype(int).tolist()
    assert facts["length_eta_squared_by_chance"] == pytest.approx(1 / 119)
    assert facts["length_eta_squared"] < 5 / 119


def test_length_tells_groups_that_differ_in_it(tmp_path: Path) -> None:
    """Groups that lengths do not explain, but that differ in length, are shown with how much they do."""
    log_ratios, truth = planted([30, 30])
    n_tokens = np.random.default_rng(2).integers(20, 200, 60) * (2 + truth)
    table, facts = run(tmp_path, log_ratios, n_tokens=n_tokens.tolist())
    assert facts["outcome"] == "found"
    x, truth = np.log(n_tokens), np.array(table["group"])
    between = sum((truth == group).sum() * (x[truth == group].mean() - x.mean()) ** 2 for group in (0, 1))
    assert facts["length_eta_squared"] == pytest.approx(between / ((x - x.mean()) ** 2).sum())


@pytest.mark.slow
@pytest.mark.parametrize("degrees_of_freedom", [3, 1000])
def test_one_cloud_is_rarely_taken_for_groups(degrees_of_freedom: int) -> None:
    """With or without outliers, the share of false findings is near the 5 % that p promises."""
    random = np.random.default_rng(5)
    n_found = 0
    for _ in range(10):
        far = np.sqrt(degrees_of_freedom / random.chisquare(degrees_of_freedom, (60, 1)))
        cloud = far * random.normal(0, 1, (60, 6)) @ random.normal(0, 1, (6, 6))
        n_found += find_groups(head_profiles(cloud), random)[0] is not None
    assert n_found <= 2


def test_shards_change_nothing(tmp_path: Path) -> None:
    log_ratios, _ = planted([20, 15])
    run(tmp_path, log_ratios, 1)
    run(tmp_path, log_ratios, 3)
    assert (tmp_path / "1-groups.parquet").read_bytes() == (tmp_path / "3-groups.parquet").read_bytes()


def test_documents_without_terms_have_no_group(tmp_path: Path) -> None:
    log_ratios, truth = planted([20, 15])
    table, facts = run(tmp_path, [log_ratios[0], None, *log_ratios[1:]])
    assert (table["group"][1], table["distance"][1]) == (None, None)
    assert [table["group"][0], *table["group"][2:]] == truth.tolist()
    assert facts["n_documents"] == 35


def test_a_few_documents_are_not_grouped_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        table, facts = run(tmp_path, planted([10, 9])[0])
    assert set(table["group"]) == {None}
    assert (facts["groups"], facts["silhouette"], facts["outcome"]) == ([], None, "not_compared")
    assert "documents are not grouped: 19 have terms, 20 are needed" in caplog.text


def test_documents_that_are_all_alike_are_no_groups(tmp_path: Path) -> None:
    table, facts = run(tmp_path, [np.arange(12.0)] * 30)
    assert set(table["group"]) == {None}
    assert (facts["groups"], facts["silhouette"], facts["outcome"]) == ([], None, "nothing_found")


def test_k_means_finds_the_least_squares_of_few_points() -> None:
    points = np.array([[0.0], [1.0], [10.0], [11.0], [12.0]])
    number, centres = k_means(points, 2, np.random.default_rng(0))
    assert sorted(centres[:, 0].tolist()) == [0.5, 11.0]
    assert len(set(number[:2])) == len(set(number[2:])) == 1


def test_command_does_what_the_function_does(tmp_path: Path) -> None:
    paths = write_measures(tmp_path / "measures", planted([20, 15])[0])
    group_documents(SETTINGS, paths, tmp_path / "expected.parquet")
    options = ["--document-heads", *map(str, paths), "--document-groups", str(tmp_path / "groups.parquet")]
    assert cli.main(["group-documents", "--settings", json.dumps({"seed": 13}), *options]) == 0
    assert (tmp_path / "groups.parquet").read_bytes() == (tmp_path / "expected.parquet").read_bytes()
