"""Means of evidence over documents, their floor, intervals, q and what is not there, against plain recomputation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evidence_study import read
from scipy import stats
from sklearn.metrics import f1_score

from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.config.settings import AssessmentSettings
from attviz_pipeline.evidence.macro_f1 import macro_f1_changes
from attviz_pipeline.evidence.paired import NOTHING, mean_of
from attviz_pipeline.evidence.summarise_evidence import summarise_evidence
from attviz_pipeline.stages import SummariseEvidence

FRACTIONS = [0.1, 0.5]
NAMES = ["business", "sport"]
N = 12
Rows = list[dict[str, Any]]


def identity(number: int) -> dict[str, Any]:
    label = None if number == N - 1 else number % 2
    return {
        "position": number,
        "id": f"d{number}",
        "source_id": f"s{number}",
        "label": label,
        "prediction": 1 if number < 3 else number % 2,
    }


def faithfulness_rows(random: np.random.Generator) -> Rows:
    rows = []
    for number in range(N):
        for score, layer, draw in [
            ("rollout", None, None),
            ("self_layers", 0, None),
            ("random", None, 0),
            ("random", None, 1),
        ]:
            if score == "rollout" and number == 5:
                continue  # a document without this score
            rows.append(
                {
                    **identity(number),
                    "score": score,
                    "layer": layer,
                    "draw": draw,
                    "n_text_tokens": 20,
                    "probability": 0.9,
                    "comprehensiveness": random.normal(0.2 if score == "random" else 0.4, 0.1, 2).tolist(),
                    "sufficiency": random.normal(0.1, 0.1, 2).tolist(),
                    "tau": float(random.normal(0, 0.1)) if number < 6 else None,
                }
            )
    return rows


def rounded(values: np.ndarray) -> list[float]:
    """As the table stores them, in float32."""
    return values.astype(np.float32).tolist()


def ablation_rows(random: np.random.Generator) -> Rows:
    rows = []
    for number in range(N):
        row, known = identity(number), number < N - 1
        changes = rounded(random.normal([0, -0.2, -0.4, -0.6], 0.1))
        rows.append(
            {
                **row,
                "whole_prediction": row["prediction"],
                "log_probability": -0.1,
                "gold_log_probability": -0.1 if known else None,
                "changes": changes,
                "gold_changes": rounded(random.normal(0, 0.1, 4)) if known else None,
                "predictions": random.integers(2, size=4).tolist(),
                "layer_changes": rounded(random.normal(-1, 0.1, 2)),
                "layer_gold_changes": rounded(random.normal(-1, 0.1, 2)) if known else None,
                "layer_predictions": random.integers(2, size=2).tolist(),
            }
        )
    return rows


def cumulative_rows(random: np.random.Generator) -> Rows:
    return [
        {
            **identity(number),
            "order": order,
            "draw": draw,
            "n_switched_off": n_off,
            "whole_prediction": identity(number)["prediction"],
            "cut_prediction": identity(number)["prediction"] if n_off == 0 else int(random.integers(2)),
            "change": 0.0 if n_off == 0 else float(random.normal(-1, 1)),
        }
        for order, draw in [("measured", None), ("random", 0), ("random", 1)]
        for n_off in (0, 2, 4)
        for number in range(N)
    ]


SCHEMAS = {
    "document_faithfulness": evidence_schemas.DOCUMENT_FAITHFULNESS,
    "document_ablations": evidence_schemas.DOCUMENT_ABLATIONS,
    "cumulative_ablations": evidence_schemas.CUMULATIVE_ABLATIONS,
}
OUTPUTS = (evidence_schemas.FAITHFULNESS, evidence_schemas.HEAD_ABLATIONS, evidence_schemas.ABLATION_CURVES)


def summarise(folder: Path, tables: Sequence[Rows]) -> list[Rows]:
    facts = {"n_layers": 2, "n_heads": 2, "label_names": NAMES, "fractions": FRACTIONS}
    for (name, schema), rows in zip(SCHEMAS.items(), tables, strict=True):
        columns = {column: [row[column] for row in rows] for column in schema.arrow.names}
        files.write_table(folder / f"{name}.parquet", schema, columns, facts)
    inputs = [folder / f"{name}.parquet" for name in SCHEMAS]
    outputs = [folder / f"{schema.name}.parquet" for schema in OUTPUTS]
    settings = SummariseEvidence(seed=13, assessment=AssessmentSettings(n_resamples=200))
    summarise_evidence(settings, *inputs, *outputs)
    return [read(path, schema) for path, schema in zip(outputs, OUTPUTS, strict=True)]


@pytest.fixture(scope="module")
def tables() -> list[Rows]:
    random = np.random.default_rng(3)
    return [faithfulness_rows(random), ablation_rows(random), cumulative_rows(random)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, tables: list[Rows]) -> list[Rows]:
    return summarise(tmp_path_factory.mktemp("evidence"), tables)


def one(rows: Rows, **wanted: object) -> dict[str, Any]:
    [row] = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return row


def assert_mean(row: dict[str, Any], name: str, values: Sequence[float], *, tested: bool = True) -> None:
    """A paired t test by scipy; every document is an input row here."""
    test = stats.ttest_1samp(values, 0)
    interval = test.confidence_interval(0.95)
    assert row[name] == pytest.approx(np.mean(values), abs=1e-12)
    assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(tuple(interval), abs=1e-9)
    if tested:
        assert row[f"{name}_p"] == pytest.approx(test.pvalue, abs=1e-9)


def test_a_score_is_compared_with_the_floor_of_the_same_documents(found: list[Rows], tables: list[Rows]) -> None:
    groups = {
        ("all", ""): range(N),
        ("gold", "sport"): [1, 3, 5, 7, 9],
        ("correct", "wrong"): [0, 2],
        ("correct", "right"): [1, 3, 4, 5, 6, 7, 8, 9, 10],
    }
    for (grouping, group), members in groups.items():
        mine = [number for number in members if number != 5]
        for column, fraction in [(0, 0.1), (1, 0.5), (slice(None), None)]:
            values = {
                (row["score"], row["position"], row["draw"]): np.mean(np.asarray(row["comprehensiveness"])[column])
                for row in tables[0]
            }
            floor = [np.mean([values["random", number, draw] for draw in (0, 1)]) for number in mine]
            own = [values["rollout", number, None] for number in mine]
            row = one(
                found[0],
                score="rollout",
                grouping=grouping,
                group=group,
                measure="comprehensiveness",
                fraction=fraction,
            )
            assert (row["n_documents"], row["n_sources"]) == (len(mine), len(mine))
            assert row["floor"] == pytest.approx(np.mean(floor), abs=1e-12)
            assert_mean(row, "mean", own, tested=False)
            assert_mean(row, "difference", np.subtract(own, floor).tolist())


def test_q_is_over_the_scores_of_one_comparison(found: list[Rows]) -> None:
    wanted = {"grouping": "all", "measure": "comprehensiveness", "fraction": 0.1}
    rows = [row for row in found[0] if all(row[name] == value for name, value in wanted.items())]
    assert [(row["score"], row["layer"]) for row in rows] == [("rollout", None), ("self_layers", 0), ("random", None)]
    p = [row["difference_p"] for row in rows[:2]]
    assert [row["difference_q"] for row in rows[:2]] == pytest.approx(stats.false_discovery_control(p).tolist())
    floor = [rows[2][name] for name in ("floor", "difference", "difference_low", "difference_p", "difference_q")]
    assert floor == [None] * 5
    assert rows[2]["n_documents"] == N


def test_tau_counts_the_documents_that_have_one(found: list[Rows], tables: list[Rows]) -> None:
    row = one(found[0], score="rollout", grouping="all", measure="tau")
    values = [row["tau"] for row in tables[0] if row["score"] == "rollout" and row["tau"] is not None]

    assert row["n_documents"] == len(values) == 5
    assert_mean(row, "mean", values, tested=False)


def test_a_group_without_a_value_has_no_row(found: list[Rows]) -> None:
    assert not [row for row in found[0] if not row["n_documents"]]
    groups = {(row["grouping"], row["group"]) for row in found[0]}
    assert groups == {("all", ""), ("gold", "business"), ("gold", "sport"), ("correct", "right"), ("correct", "wrong")}


def test_heads_have_changes_flips_and_accuracy(found: list[Rows], tables: list[Rows]) -> None:
    rows = tables[1]
    for layer, head in [(0, 1), (1, 0)]:
        number = 2 * layer + head
        row = one(found[1], layer=layer, head=head, grouping="all")
        assert_mean(row, "change", [one["changes"][number] for one in rows])
        assert_mean(row, "gold_change", [one["gold_changes"][number] for one in rows[:-1]])
        flips = [float(one["predictions"][number] != one["whole_prediction"]) for one in rows]
        assert_mean(row, "flips", flips, tested=False)
        gained = [
            float(one["predictions"][number] == one["label"]) - float(one["whole_prediction"] == one["label"])
            for one in rows[:-1]
        ]
        assert_mean(row, "accuracy_change", gained)
        gold, whole, cut = ([one[name] for one in rows[:-1]] for name in ("label", "whole_prediction", "predictions"))
        cut = [predictions[number] for predictions in cut]
        before, after = (f1_score(gold, one, average="macro") for one in (whole, cut))
        assert row["macro_f1_change"] == pytest.approx(after - before, abs=1e-12)
        assert row["macro_f1_change_low"] <= row["macro_f1_change"] <= row["macro_f1_change_high"]


def test_q_of_heads_and_of_layers_are_apart(found: list[Rows]) -> None:
    everyone = [row for row in found[1] if row["grouping"] == "all"]
    heads = [row for row in everyone if row["head"] is not None]
    layers = [row for row in everyone if row["head"] is None]
    assert (len(heads), len(layers)) == (4, 2)
    for rows in (heads, layers):
        for name in ("change", "gold_change", "accuracy_change"):
            expected = stats.false_discovery_control([row[f"{name}_p"] for row in rows])
            assert [row[f"{name}_q"] for row in rows] == pytest.approx(expected.tolist())


def test_macro_f1_is_of_all_documents_only(found: list[Rows]) -> None:
    assert {row["macro_f1_change"] is None for row in found[1] if row["grouping"] != "all"} == {True}


def test_bootstrap_of_macro_f1_resamples_rows() -> None:
    members = np.eye(3, dtype=bool)
    gold, whole = np.array([0, 1, 0, 1, 2, 2]), np.array([0, 1, 0, 1, 2, 0])
    value, low, high = macro_f1_changes(gold, whole, whole[None], members, list("aabbcc"), 100, 1)
    assert (value, low, high) == (0, 0, 0)
    value, low, high = macro_f1_changes(gold, whole, np.array([[1, 1, 0, 1, 2, 0]]), members, list("aaaaaa"), 100, 1)
    assert value < 0
    assert np.isnan([low, high]).all()


def test_curves_stand_beside_random_orders(found: list[Rows], tables: list[Rows]) -> None:
    def right(order: str, draw: int | None, n_off: int) -> list[float]:
        rows = [row for row in tables[2] if (row["order"], row["draw"], row["n_switched_off"]) == (order, draw, n_off)]
        return [float(row["cut_prediction"] == row["label"]) for row in rows[:-1]]

    row = one(found[2], order="measured", n_switched_off=2)
    floor = np.mean([right("random", draw, 2) for draw in (0, 1)], axis=0)
    assert (row["n_left"], row["n_documents"], row["n_labelled"]) == (2, N, N - 1)
    assert_mean(row, "accuracy", right("measured", None, 2), tested=False)
    assert_mean(row, "accuracy_difference", np.subtract(right("measured", None, 2), floor).tolist(), tested=False)
    floor_row = one(found[2], order="random", n_switched_off=2)
    assert floor_row["accuracy"] == pytest.approx(floor.mean())
    assert floor_row["accuracy_difference"] is None
    assert one(found[2], order="measured", n_switched_off=0)["agreement"] == 1


def test_documents_of_one_input_row_count_together() -> None:
    # Cochran 1977, chapter 6: sums 3 and 1 of counts 2 and 1, mean 4/3, residuals 1/3 and -1/3.
    found = mean_of(np.array([1.0, 2.0, 1.0]), ["a", "a", "b"])
    error = np.sqrt(2 * (1 / 3) ** 2 * 2 / 1) / 3
    assert found.value == pytest.approx(4 / 3)
    assert found.high == pytest.approx(4 / 3 + stats.t.ppf(0.975, 1) * error)


def test_what_cannot_be_tested_has_no_p() -> None:
    assert mean_of(np.array([np.nan]), ["a"]) == NOTHING
    assert mean_of(np.array([1.0, 2.0]), ["a", "a"])[1:] == (None, None, None)
    assert mean_of(np.array([0.0, 0.0]), ["a", "b"]).p == 1
    assert mean_of(np.array([0.5, 0.5]), ["a", "b"]).p is None


def test_empty_tables_give_empty_tables(tmp_path: Path) -> None:
    assert summarise(tmp_path, [[], [], []]) == [[], [], []]


def test_gold_classes_may_all_be_unknown(tmp_path: Path, tables: list[Rows]) -> None:
    unknown = {"label": None, "gold_changes": None, "layer_gold_changes": None, "gold_log_probability": None}
    rows = [[row | {name: None for name in unknown if name in row} for row in table] for table in tables]
    faithfulness, heads, curves = summarise(tmp_path, rows)

    assert {row["grouping"] for row in (*faithfulness, *heads)} == {"all"}
    for row in heads:
        assert row["change"] is not None
        assert row["gold_change"] is row["accuracy_change"] is row["macro_f1_change"] is None
    assert {row["accuracy"] for row in curves} == {None}
    assert {row["n_labelled"] for row in curves} == {0}
