"""Figures of evidence: they draw and say what the tables hold, beside the floor, and only where there are tables."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_figures import PROVENANCE
from synthetic_attention import write_attention_shards
from synthetic_evidence import NO_GATES, write_evidence
from task_studies import write_task_shards

from attviz_pipeline.artifacts import evidence_schemas, files, statistics_schemas
from attviz_pipeline.artifacts.layout import EvidencePaths
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.config.settings import FiguresSettings, TaskName
from attviz_pipeline.errors import ConfigError
from attviz_pipeline.figures.draw_figure import Shape, draw_figure
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.evidence_curves import draw_faithfulness, draw_head_ablation
from attviz_pipeline.figures.head_importance import draw_head_importance
from attviz_pipeline.figures.kinds import FIGURES, kinds_of
from attviz_pipeline.figures.saving import save_figures
from attviz_pipeline.stages import DrawFigures

SETTINGS = DrawFigures(seed=1, figures=FiguresSettings(dpi=60))
DRAW = (draw_faithfulness, draw_head_ablation, draw_head_importance)
Rows = Sequence[dict[str, Any]]


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> EvidencePaths:
    folder = tmp_path_factory.mktemp("evidence")
    return write_evidence(folder, write_attention_shards(folder, n_documents=30, n_shards=1))


def drawings(paths: EvidencePaths | None) -> dict[str, Drawing]:
    inputs = Inputs.below(Path("statistics"), SETTINGS, paths)
    return {drawing.name: drawing for draw in DRAW for drawing in draw(inputs)}


@pytest.fixture(scope="module")
def drawn(paths: EvidencePaths) -> dict[str, Drawing]:
    return drawings(paths)


def changed(paths: EvidencePaths, folder: Path, name: str, rows: Rows | None = None, **facts: object) -> EvidencePaths:
    """Return the tables, one with other rows or facts."""
    schema: Schema = getattr(evidence_schemas, name.upper())
    path = getattr(paths, name)
    rows = files.read_table(path, schema).to_pylist() if rows is None else rows
    columns = {column: [row[column] for row in rows] for column in schema.arrow.names}
    files.write_table(folder / path.name, schema, columns, files.read_facts(path, schema) | facts)
    return EvidencePaths(**{**vars(paths), name: folder / path.name})


def table(paths: EvidencePaths, name: str) -> list[dict[str, Any]]:
    return files.read_table(getattr(paths, name), getattr(evidence_schemas, name.upper())).to_pylist()


def lines(drawing: Drawing, panel: int = 0) -> dict[str, list[tuple[float, float]]]:
    """Return the drawn curves by their names in the legend."""
    assert drawing.figure is not None
    found = [line for line in drawing.figure.axes[panel].get_lines() if not str(line.get_label()).startswith("_")]
    return {str(line.get_label()): [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())] for line in found}


def test_without_evidence_there_is_no_figure_of_it() -> None:
    assert drawings(None) == {}


def test_each_figure_is_there_once(drawn: dict[str, Drawing]) -> None:
    assert list(drawn) == ["faithfulness", "head_ablation", "head_importance-grid", "head_importance-scatter"]
    assert not any(drawing.reason for drawing in drawn.values())


@pytest.mark.parametrize(("panel", "measure"), [(0, "comprehensiveness"), (1, "sufficiency")])
def test_curves_of_scores_are_the_means_of_the_table(
    paths: EvidencePaths, drawn: dict[str, Drawing], panel: int, measure: str
) -> None:
    rows = [row for row in table(paths, "faithfulness") if row["grouping"] == "all" and row["measure"] == measure]
    of_random = [row for row in rows if row["score"] == "random" and row["fraction"] is not None]

    curves = lines(drawn["faithfulness"], panel)
    assert set(curves) == {"mean self-attention over heads", "gradient x input", "random order"}  # same documents
    np.testing.assert_allclose(
        curves["random order"], [(100 * row["fraction"], 100 * row["mean"]) for row in of_random]
    )
    [band] = drawn["faithfulness"].figure.axes[panel].collections  # type: ignore[union-attr]
    corners = np.asarray(band.get_paths()[0].vertices)
    for row in of_random:
        heights = corners[np.isclose(corners[:, 0], 100 * row["fraction"]), 1]
        assert (heights.min(), heights.max()) == pytest.approx((100 * row["mean_low"], 100 * row["mean_high"]))


def test_curves_of_orders_are_the_accuracies_of_the_table(paths: EvidencePaths, drawn: dict[str, Drawing]) -> None:
    rows = table(paths, "ablation_curves")

    curves = lines(drawn["head_ablation"])
    assert set(curves) == {"measured importance", "gradient importance", "mean self-attention", "random order"}
    expected = sorted((row["n_left"], 100 * row["accuracy"]) for row in rows if row["order"] == "measured")
    np.testing.assert_allclose(curves["measured importance"], expected)
    assert drawn["head_ablation"].figure.axes[0].xaxis_inverted()  # type: ignore[union-attr]


def test_points_are_the_heads_of_the_table(paths: EvidencePaths, drawn: dict[str, Drawing]) -> None:
    rows = table(paths, "head_importance")

    figure = drawn["head_importance-scatter"].figure
    assert figure is not None
    for axes, name, factor in zip(figure.axes, ("gradient", "self_attention"), (1, 100), strict=False):
        [points] = axes.collections
        np.testing.assert_allclose(
            np.asarray(points.get_offsets()), [(factor * row[name], row["measured"]) for row in rows]
        )


def test_csv_has_every_row_and_column(paths: EvidencePaths, drawn: dict[str, Drawing]) -> None:
    rows = list(csv.DictReader(io.StringIO(drawn["faithfulness"]._csv())))
    assert len(rows) == sum(row["grouping"] == "all" for row in table(paths, "faithfulness"))
    assert {row["score"] for row in rows} == {"self_mean", "gradient_x_input", "leave_one_out", "random"}
    for name, source in (("head_ablation", "ablation_curves"), ("head_importance-grid", "head_importance")):
        assert drawn[name].columns == {
            column: [row[column] for row in table(paths, source)] for column in table(paths, source)[0]
        }


class TestCaptions:
    """Not compared, nothing found, and found are three different sentences, each with support and floor."""

    def caption(self, paths: EvidencePaths, folder: Path, **values: float | None) -> str:
        rows = [row | (values if row["score"] != "random" else {}) for row in table(paths, "faithfulness")]
        return drawings(changed(paths, folder, "faithfulness", rows))["faithfulness"].caption

    def test_support_removal_and_floor_are_named(self, drawn: dict[str, Drawing]) -> None:
        caption = drawn["faithfulness"].caption
        assert "over 16 documents" in caption
        assert "share of tokens that are masked" in caption
        assert "The floor is 2 random orders of each document's tokens." in caption

    def test_scores_that_differ_are_named(self, paths: EvidencePaths, tmp_path: Path) -> None:
        caption = self.caption(paths, tmp_path, difference=-0.1, difference_q=0.01)
        assert (
            "comprehensiveness lies below it for 2 of 2 scores (mean self-attention over heads, gradient x input)"
        ) in caption

    def test_scores_that_do_not_differ_are_no_finding(self, paths: EvidencePaths, tmp_path: Path) -> None:
        caption = self.caption(paths, tmp_path, difference=0.1, difference_q=0.05)
        assert "Comprehensiveness is not shown to differ from random order for any of 2 scores" in caption

    def test_scores_without_a_test_are_not_compared(self, paths: EvidencePaths, tmp_path: Path) -> None:
        caption = self.caption(paths, tmp_path, difference_q=None)
        assert "Sufficiency was not compared with random order: no score has a test." in caption

    def test_orders_are_compared_at_half_of_the_heads(self, paths: EvidencePaths, drawn: dict[str, Drawing]) -> None:
        [row] = [row for row in table(paths, "ablation_curves") if (row["order"], row["n_left"]) == ("measured", 3)]
        low, high = (100 * row[f"accuracy_difference_{bound}"] for bound in ("low", "high"))
        caption = drawn["head_ablation"].caption
        assert "Accuracy over 8 documents" in caption
        assert "The floor is 2 random orders of the 6 heads." in caption
        said = f"measured importance {100 * row['accuracy_difference']:+.1f} (95 % interval {low:+.1f} to"
        assert said.replace("-", "−") in caption
        assert ("not distinguished from zero" in caption) == any(
            one["accuracy_difference_low"] <= 0 <= one["accuracy_difference_high"]
            for one in table(paths, "ablation_curves")
            if one["n_left"] == 3 and one["order"] != "random"
        )
        assert low <= 0 <= high
        assert "These documents also decided the order by gradient importance" in caption

    @pytest.mark.parametrize(
        ("value", "interval", "verdict"),
        [
            (0.92, (0.8, 1.0), ". The two rank heads alike, more strongly than in 95 % of random orders."),
            (0.6, (0.3, 0.8), ". Heads with higher gradient importance tend to have higher measured importance, more "),
            (-0.6, (-0.8, -0.3), ". Heads with higher gradient importance tend to have lower measured importance, "),
            (0.6, (-0.1, 0.8), ": no association is shown."),
            (0.6, (None, None), "and +0.40. "),
        ],
    )
    def test_correlations_are_beside_chance(
        self,
        paths: EvidencePaths,
        tmp_path: Path,
        value: float,
        interval: tuple[float | None, float | None],
        verdict: str,
    ) -> None:
        found = {
            "measures": ["measured", "gradient"], "n_heads": 6, "value": value, "low": interval[0], "high": interval[1],
            "by_chance": 0.4,
        }  # fmt: skip
        tables = changed(paths, tmp_path, "head_importance", correlations=[found])
        caption = drawings(tables)["head_importance-scatter"].caption
        assert "over 16 documents" in caption
        assert "for 95 % of random orders it is between −0.40 and +0.40" in caption
        assert verdict in caption
        assert "measured importance and mean self-attention were not compared" in caption

    def test_a_correlation_within_chance_is_no_association(self, paths: EvidencePaths, tmp_path: Path) -> None:
        found = {
            "measures": ["measured", "gradient"], "n_heads": 6, "value": 0.3, "low": 0.1, "high": 0.5, "by_chance": 0.4,
        }  # fmt: skip
        tables = changed(paths, tmp_path, "head_importance", correlations=[found])
        assert "no association is shown" in drawings(tables)["head_importance-scatter"].caption


def test_predictions_stand_in_for_unknown_gold_classes(paths: EvidencePaths, tmp_path: Path) -> None:
    rows = [
        row | {"n_labelled": 0} | {name: None for name in row if name.startswith("accuracy")}
        for row in table(paths, "ablation_curves")
    ]
    figure = drawings(changed(paths, tmp_path, "ablation_curves", rows))["head_ablation"]

    assert figure.caption.startswith("Share of predictions like those of the whole model over 8 documents")
    expected = sorted((row["n_left"], 100 * row["agreement"]) for row in rows if row["order"] == "random")
    np.testing.assert_allclose(lines(figure)["random order"], expected)


def of_task(folder: Path, task: TaskName, labelled: float) -> EvidencePaths:
    return write_evidence(folder, write_task_shards(folder, task, labelled=labelled, n_documents=30, n_shards=1))


@pytest.mark.parametrize(("labelled", "what"), [(1.0, "error"), (0.0, "change")])
def test_values_have_errors_or_else_changes_and_no_points(tmp_path: Path, labelled: float, what: str) -> None:
    paths = of_task(tmp_path, "regression", labelled)
    found = drawings(paths)

    rows = [row for row in table(paths, "ablation_curves") if row["order"] == "random"]
    np.testing.assert_allclose(
        lines(found["head_ablation"])["random order"], sorted((row["n_left"], row[what]) for row in rows)
    )
    title = "Mean absolute error" if labelled else "Mean absolute change of the predicted value"
    assert found["head_ablation"].caption.startswith(f"{title} over 8 documents with heads switched off")
    assert found["faithfulness"].caption.startswith("Mean absolute change of the predicted value over 16 documents, by")
    assert "mean absolute change of the predicted value when the head is" in found["head_importance-grid"].caption
    for drawing in found.values():
        assert not re.search(r"points|nat\b|nats|class|probability|accuracy", f"{drawing.caption} {drawing.alt}")


def test_label_sets_have_exact_match(tmp_path: Path) -> None:
    paths = of_task(tmp_path, "multi_label", 1.0)
    found = drawings(paths)

    rows = [row for row in table(paths, "ablation_curves") if row["order"] == "random"]
    np.testing.assert_allclose(
        lines(found["head_ablation"])["random order"], sorted((row["n_left"], 100 * row["accuracy"]) for row in rows)
    )
    assert found["head_ablation"].caption.startswith("Exact match over 8 documents")
    assert "fall of the probability of the predicted label set over" in found["faithfulness"].caption
    for drawing in found.values():
        assert "class" not in f"{drawing.caption} {drawing.alt}"


def test_heads_that_cannot_be_switched_off_are_a_reason(tmp_path: Path) -> None:
    shards = write_attention_shards(tmp_path, n_documents=30, n_shards=1)
    found = drawings(write_evidence(tmp_path / "evidence", shards, gates=NO_GATES))

    assert not found["faithfulness"].reason
    reasons = {found[name].reason for name in ("head_ablation", "head_importance-grid", "head_importance-scatter")}
    assert reasons == {f"No head was switched off: {NO_GATES}."}


def test_nothing_measured_is_a_reason(paths: EvidencePaths, tmp_path: Path) -> None:
    found = drawings(changed(paths, tmp_path, "faithfulness", []))
    assert found["faithfulness"].reason.startswith("The faithfulness of token scores was not measured")


def assessed_single_labels(folder: Path) -> None:
    files.write_json(folder / "assessment.json", statistics_schemas.ASSESSMENT, {"task": "single_label"})


def test_only_drawn_kinds_have_a_formula(paths: EvidencePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {name: FIGURES[name] for name in ("faithfulness", "head_ablation", "head_importance")}
    monkeypatch.setattr("attviz_pipeline.figures.saving.files.count_rows", lambda *_: 6)
    assessed_single_labels(tmp_path)
    for name, tables, expected in (("with", paths, set(kinds)), ("without", None, set())):
        inputs = Inputs.below(tmp_path, SETTINGS, tables)
        save_figures(kinds_of(inputs, kinds), inputs, PROVENANCE, tmp_path / name, label="test")
        content = (tmp_path / name / "figures.json").read_text(encoding="utf-8")
        assert {kind for kind in kinds if f'"{kind}": ' in content} == expected


def test_a_single_figure_without_its_evidence_names_the_remedy(tmp_path: Path) -> None:
    assessed_single_labels(tmp_path)
    inputs = Inputs.below(tmp_path, SETTINGS)
    with pytest.raises(ConfigError, match=r"figure faithfulness is drawn from evidence: add `--evidence`"):
        draw_figure(inputs, "faithfulness", Shape(8.9), tmp_path / "figure.svg")


def test_a_single_figure_is_drawn_for_a_paper(paths: EvidencePaths, tmp_path: Path) -> None:
    assessed_single_labels(tmp_path)
    draw_figure(Inputs.below(tmp_path, SETTINGS, paths), "head_importance-grid", Shape(12), tmp_path / "figure.pdf")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
