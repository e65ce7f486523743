"""Evidence of models side by side: the importance of heads against plain recomputation, and scores of tokens."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compared_evidence import write_evidence_of
from compared_study import N_HEADS, compare_written, write_model
from numpy.typing import NDArray
from scipy import stats

from attviz_pipeline.artifacts import files, model_evidence_schemas
from attviz_pipeline.artifacts.layout import ModelsPaths
from attviz_pipeline.config.settings import CompareSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.models_compared.evidence import ModelEvidence, importance_rows

N_MEASURED = 20
SEEDS = CompareSettings(pretrained=True, seeds=[14, 15])
OF_OWN = {"self_mean": 0.2, "gradient_norm": 0.05}
OF_SEEDS = {"seed-14": {"self_mean": 0.3, "gradient_norm": -0.2}, "seed-15": {"self_mean": 0.01}}
Floats = NDArray[np.float64]


def changes(sizes: Floats, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(0, 1, (N_MEASURED, len(sizes))) * sizes


SIZES = np.linspace(1, 2, N_HEADS)
"""The last head matters most."""
CHANGES = {"": changes(SIZES, 1), "seed-14": changes(SIZES, 2), "seed-15": changes(SIZES[::-1], 3)}


class Written:
    """A study of three models with evidence, of which the comparison can be repeated."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own = write_model(folder, "")
        for name in ("pretrained", *OF_SEEDS):
            write_model(folder, name)
        write_evidence_of(folder, CHANGES[""], OF_OWN)
        for name, differences in OF_SEEDS.items():
            write_evidence_of(folder / "models" / name, CHANGES[name], differences)

    def compare(self, *with_evidence: str) -> ModelsPaths:
        return compare_written(self.folder, self.own, SEEDS, with_evidence)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("with evidence"))


@pytest.fixture(scope="module")
def compared(written: Written) -> ModelsPaths:
    return written.compare("seed-14", "seed-15")


def importance(paths: ModelsPaths) -> dict[str, dict[str, Any]]:
    table = files.read_table(paths.model_importance, model_evidence_schemas.MODEL_IMPORTANCE)
    return {row["model"]: row for row in table.to_pylist()}


def faithfulness(paths: ModelsPaths) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = files.read_table(
        paths.model_faithfulness, model_evidence_schemas.MODEL_FAITHFULNESS
    ).to_pylist()
    return rows


def test_importance_is_correlated_with_that_in_the_own_model(compared: ModelsPaths) -> None:
    found = importance(compared)

    assert list(found) == ["own", "seed-14", "seed-15"]
    means = {name: np.abs(values).mean(axis=0) for name, values in CHANGES.items()}
    for name in OF_SEEDS:
        row = found[name]
        expected = stats.spearmanr(means[""], means[name]).statistic
        assert row["correlation"] == pytest.approx(expected)
        assert -1 <= row["correlation_low"] < expected < row["correlation_high"] <= 1
        assert (row["n_documents"], row["n_sources"]) == (N_MEASURED, N_MEASURED)
    assert found["seed-14"]["correlation"] > 0.5
    assert found["seed-15"]["correlation"] < -0.5
    assert found["own"]["correlation"] is None


def test_the_most_important_head_and_its_rank_elsewhere(compared: ModelsPaths) -> None:
    found = importance(compared)

    for name, row in found.items():
        means = np.abs(CHANGES[name.replace("own", "")]).mean(axis=0)
        assert (row["top_layer"], row["top_head"]) == (0, means.argmax())
        assert row["top_importance"] == pytest.approx(means.max())
        top_of_own = np.abs(CHANGES[""]).mean(axis=0).argmax()
        assert row["rank_of_own_top"] == N_HEADS + 1 - stats.rankdata(means)[top_of_own]
    assert found["own"]["rank_of_own_top"] == 1


def test_other_documents_are_compared_as_halves(compared: ModelsPaths) -> None:
    found = importance(compared)
    random, expected = np.random.default_rng(8), {name: [] for name in CHANGES}
    for _ in range(400):
        order = random.permutation(N_MEASURED)
        mine, theirs = order[: N_MEASURED // 2], order[N_MEASURED // 2 :]
        for name, values in CHANGES.items():
            of_own, of_other = np.abs(CHANGES[""][mine]).mean(axis=0), np.abs(values[theirs]).mean(axis=0)
            expected[name].append(stats.spearmanr(of_own, of_other).statistic)

    for name, values in expected.items():
        assert found[name or "own"]["other_documents"] == pytest.approx(np.mean(values), abs=0.06)
    # As many documents, and the same model: what differs is the documents alone.
    assert found["own"]["other_documents"] < 1


def test_scores_are_those_of_each_model_as_means_over_all_fractions(compared: ModelsPaths) -> None:
    rows = faithfulness(compared)

    found = {(row["model"], row["score"]): row for row in rows if row["measure"] == "comprehensiveness"}
    assert {key: row["difference"] for key, row in found.items()} == {
        ("own", "self_mean"): 0.2,
        ("own", "gradient_norm"): 0.05,
        ("seed-14", "self_mean"): 0.3,
        ("seed-14", "gradient_norm"): -0.2,
        ("seed-15", "self_mean"): 0.01,
    }
    assert found["own", "self_mean"]["difference_q"] == 0.01
    assert found["seed-15", "self_mean"]["difference_q"] == 0.5
    assert {row["removal"] for row in rows} == {"mask"}
    assert {row["measure"] for row in rows} == {"comprehensiveness", "sufficiency"}
    assert len(rows) == 2 * len(found)
    facts = files.read_facts(compared.model_faithfulness, model_evidence_schemas.MODEL_FAITHFULNESS)
    assert facts["fractions"] == [0.1, 0.5]


def test_without_evidence_the_tables_have_no_rows(tmp_path: Path) -> None:
    own = write_model(tmp_path, "")
    write_model(tmp_path, "pretrained")

    # Left over from a run with evidence: what the study does not measure is not read.
    write_evidence_of(tmp_path, CHANGES[""], OF_OWN)
    paths = compare_written(tmp_path, own, CompareSettings(pretrained=True))

    assert importance(paths) == {}
    assert faithfulness(paths) == []


def test_documents_of_one_input_row_stay_on_one_side(tmp_path: Path) -> None:
    values = np.repeat(changes(SIZES, 5)[:2], 10, axis=0)
    for name in ("a", "b"):
        write_evidence_of(tmp_path / name, values, {}, documents_per_row=10)
    both = [ModelEvidence.read(name, tmp_path / name, has_own_layout=True) for name in ("a", "b")]

    own, other = importance_rows(both, 100, 13)

    # Ten documents of a row are the same: halves that divide a row would agree with each other.
    expected = stats.spearmanr(np.abs(values[0]), np.abs(values[-1])).statistic
    assert (own["other_documents"], other["other_documents"]) == (pytest.approx(expected), pytest.approx(expected))
    assert own["n_sources"] == 2


def test_one_input_row_gives_no_interval_and_no_halves(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_evidence_of(tmp_path / name, changes(SIZES, 5), {}, documents_per_row=N_MEASURED)
    both = [ModelEvidence.read(name, tmp_path / name, has_own_layout=True) for name in ("a", "b")]

    _, other = importance_rows(both, 100, 13)

    assert other["correlation"] == pytest.approx(1)
    assert (other["correlation_low"], other["other_documents"]) == (None, None)


def test_heads_of_another_layout_are_named_and_not_compared(tmp_path: Path) -> None:
    write_evidence_of(tmp_path / "a", changes(SIZES, 5), {})
    write_evidence_of(tmp_path / "b", changes(SIZES[:2], 6), {})
    found = [ModelEvidence.read(name, tmp_path / name, has_own_layout=name == "a") for name in ("a", "b")]

    _, other = importance_rows(found, 100, 13)

    assert other["top_head"] in {0, 1}
    assert [other[name] for name in ("correlation", "rank_of_own_top", "other_documents")] == [None] * 3


def test_a_model_whose_heads_cannot_be_switched_off_has_no_important_head(tmp_path: Path) -> None:
    write_evidence_of(tmp_path / "a", changes(SIZES, 5), {})
    write_evidence_of(tmp_path / "b", changes(SIZES, 6)[:0], {})
    for order in ("ab", "ba"):
        found = [ModelEvidence.read(name, tmp_path / name, has_own_layout=True) for name in order]
        rows = {row["model"]: row for row in importance_rows(found, 100, 13)}
        assert {name: value for name, value in rows["b"].items() if value} == {"model": "b"}
        assert rows["a"]["correlation"] is None


def test_other_documents_than_the_own_model_s_are_refused(tmp_path: Path) -> None:
    write_evidence_of(tmp_path / "a", changes(SIZES, 5), {})
    write_evidence_of(tmp_path / "b", changes(SIZES, 6), {}, first=3)
    own, other = (ModelEvidence.read(name, tmp_path / name, has_own_layout=True) for name in ("a", "b"))

    with pytest.raises(ArtifactError, match="heads of model b were switched off in other documents"):
        own.require_same_documents(other)


def test_a_missing_table_is_named(written: Written) -> None:
    with pytest.raises(ArtifactError, match=r"models/pretrained/evidence/document_ablations\.parquet"):
        written.compare("pretrained")
