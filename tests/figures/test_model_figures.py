"""Figures of models side by side."""

import csv
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from synthetic_models import write_models

from attviz_pipeline.artifacts import files, models_schemas
from attviz_pipeline.artifacts.layout import ModelsPaths
from attviz_pipeline.config.settings import FiguresSettings
from attviz_pipeline.figures import class_heads
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.model_agreement import draw_model_agreement
from attviz_pipeline.figures.models import draw_effect_replications, draw_model_changes, draw_model_layers
from attviz_pipeline.report.render import templates_folder
from attviz_pipeline.stages import DrawFigures

SETTINGS = DrawFigures(seed=1, figures=FiguresSettings(dpi=50))
DRAW = {
    "model_changes": draw_model_changes,
    "effect_replications": draw_effect_replications,
    "model_layers": draw_model_layers,
    "model_agreement": draw_model_agreement,
}


def inputs_of(folder: Path, *kinds: str) -> Inputs:
    models: ModelsPaths = write_models(folder / "models", ["sport", "world"], kinds or ("pretrained", "seed"))
    return Inputs.below(folder / "statistics", SETTINGS, models=models)


@pytest.mark.parametrize("kind", DRAW)
def test_each_has_its_numbers_as_csv(kind: str, tmp_path: Path) -> None:
    [drawing] = DRAW[kind](inputs_of(tmp_path))
    drawing.save(tmp_path, {})

    with (tmp_path / f"{kind}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    n_rows = {"model_changes": 3 * 6, "effect_replications": 2 * 6, "model_layers": 4 * 2, "model_agreement": 3}
    assert len(rows) == n_rows[kind]
    assert drawing.reason == ""


def test_changes_are_described_per_model(tmp_path: Path) -> None:
    [drawing] = draw_model_changes(inputs_of(tmp_path))

    assert "before fine-tuning: 2 of 6 heads change (q < 0.05), most L1·H2 (change = +0.60)" in drawing.alt
    assert "seed 14: 2 of 6 heads change" in drawing.alt
    assert drawing.caption.startswith("Self-attention relative to even attention (geometric mean) of every head")
    assert "over 24 input rows (in brackets). Blue: more in this model; orange: less." in drawing.caption


def test_colours_of_maps_are_those_of_the_page() -> None:
    values = np.array([[-1.0, 0.0, 1.0]])
    figure = class_heads.plot({"a": {"effect": values, "q": np.ones((1, 3)), "n_inside": np.full((1, 3), 9)}})

    (image,) = figure.axes[0].images
    less, _, more = (to_hex(colour) for colour in image.to_rgba(values)[0])
    page = (templates_folder() / "assets" / "css" / "models" / "models.css").read_text(encoding="utf-8")
    assert (less, more) == ("#d55e00", "#0072b2")
    assert f"--above: {more}; --below: {less};" in page


def test_without_a_model_of_the_same_layout_there_are_no_changes(tmp_path: Path) -> None:
    [drawing] = draw_model_changes(inputs_of(tmp_path, "other"))

    assert drawing.reason == "No other model with the heads and tokens of this one was compared."


def test_effects_say_in_how_many_models_they_are_found_again(tmp_path: Path) -> None:
    [drawing] = draw_effect_replications(inputs_of(tmp_path))

    assert "The 4 effects with q < 0.05 in this model" in drawing.caption
    assert "for 2 effects it is all" in drawing.caption
    assert "sport in L0·H0: +1.50 here, mean +1.20, found again in 2 of 2" in drawing.alt


def test_without_seeds_nothing_can_be_found_again(tmp_path: Path) -> None:
    [drawing] = draw_effect_replications(inputs_of(tmp_path, "pretrained"))

    assert drawing.reason == "The study compares with no other seed, so nothing can be found again."


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("pretrained", "The study compares with no other seed, so nothing can be found again."),
        ("seed", "No effect of this model has q < 0.05: there is nothing to find again."),
    ],
)
def test_without_effects_the_reason_is_not_that_of_missing_seeds(kind: str, reason: str, tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path, kind)
    assert inputs.models is not None
    path, schema = inputs.models.effect_replications, models_schemas.EFFECT_REPLICATIONS
    columns, facts = files.read_table(path, schema).to_pydict(), files.read_facts(path, schema)
    files.write_table(path, schema, columns | {"q": [0.5] * len(columns["q"])}, facts)

    [drawing] = draw_effect_replications(inputs)

    assert drawing.reason == reason


def test_layers_are_described_by_their_ends(tmp_path: Path) -> None:
    [drawing] = draw_model_layers(inputs_of(tmp_path))

    assert "this model from 0.00 in L0 to +0.50 in L1" in drawing.alt


def test_agreement_is_of_every_pair_beside_chance(tmp_path: Path) -> None:
    [drawing] = draw_model_agreement(inputs_of(tmp_path, "pretrained", "seed", "other"))

    assert len(drawing.columns["model"]) == 6
    assert (
        "Share of 24 documents for which two models predict the same, for every pair of models (numbers"
        in drawing.caption
    )
    assert "agree on 50 %" in drawing.caption
    assert drawing.alt == (
        "Heat map of 6 pairs of models. Lowest this model and other, 55 %; highest this model and seed 15, 92 %."
    )


def test_values_of_regressions_are_correlated(tmp_path: Path) -> None:
    models = write_models(tmp_path / "models", ["gold value"], score="r2")
    [drawing] = draw_model_agreement(Inputs.below(tmp_path / "statistics", SETTINGS, models=models))

    assert drawing.caption.startswith("Spearman's correlation of the values that two models predict, over 24 documents")
    assert "+0.80" in drawing.alt


def test_untrained_classifiers_have_no_agreement(tmp_path: Path) -> None:
    [drawing] = draw_model_agreement(inputs_of(tmp_path, "pretrained"))

    assert drawing.reason.startswith("No compared model has a trained classifier")


def test_a_study_of_one_model_has_none(tmp_path: Path) -> None:
    drawings: list[Drawing] = [
        one for draw in DRAW.values() for one in draw(Inputs.below(tmp_path / "statistics", SETTINGS))
    ]
    assert drawings == []


def test_without_another_model_there_is_no_change_to_draw(tmp_path: Path) -> None:
    alone = write_models(tmp_path / "models", ["sport", "world"], ())
    [drawing] = draw_model_changes(Inputs.below(tmp_path / "statistics", SETTINGS, models=alone))

    assert drawing.reason == "No other model with the heads and tokens of this one was compared."
    [drawing] = draw_model_layers(Inputs.below(tmp_path / "statistics", SETTINGS, models=alone))
    assert drawing.reason == ""
