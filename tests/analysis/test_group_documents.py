"""The stage group_documents: planted groups are found, levels and lengths make none, and shards change nothing."""

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


def write_measures(folder: Path, log_ratios: list[Floats | None], n_shards: int = 1) -> list[Path]:
    """Write `document_heads` of invented documents; None for one without terms."""
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
            "n_terms": [min(9, len(row)) for row in rows],
            "n_tokens": [20] * len(rows),
            **dict.fromkeys(("attention", "log_ratio", "evenness"), rows),
        }
        paths.append(folder / f"{shard}.parquet")
        facts = {"n_layers": N_LAYERS, "n_heads": N_HEADS, "label_names": ["one"]}
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


def run(folder: Path, log_ratios: list[Any], n_shards: int = 1) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    output = folder / f"{n_shards}-groups.parquet"
    group_documents(SETTINGS, write_measures(folder / str(n_shards), log_ratios, n_shards), output)
    return files.read_table(output, DOCUMENT_GROUPS).to_pydict(), files.read_facts(output, DOCUMENT_GROUPS)


def test_planted_groups_are_found_and_described(tmp_path: Path) -> None:
    log_ratios, truth = planted([60, 40, 30])
    table, facts = run(tmp_path, log_ratios)
    assert table["group"] == truth.tolist()  # the largest group is the first
    assert [group["n_documents"] for group in facts["groups"]] == [60, 40, 30]
    for number, group in enumerate(facts["groups"]):
        assert {head["layer"] * N_HEADS + head["head"] for head in group["heads"]} == {3 * number + i for i in range(3)}
        assert all(head["z"] > 0.5 for head in group["heads"])
    assert facts["silhouette"] > 0.5
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
    found = find_groups(head_profiles(noise + level), np.random.default_rng(1))
    assert found.silhouette is not None
    assert found.silhouette < 0.2
    assert abs(np.mean(found.number[:100]) - np.mean(found.number[100:])) < 1.5


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
    assert (facts["groups"], facts["silhouette"]) == ([], None)
    assert "documents are not grouped: 19 have terms, 20 are needed" in caplog.text


def test_documents_that_are_all_alike_are_one_group(tmp_path: Path) -> None:
    table, facts = run(tmp_path, [np.arange(12.0)] * 30)
    assert set(table["group"]) == {0}
    assert len(facts["groups"]) == 1
    assert facts["silhouette"] is None


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
