"""Figures of models side by side."""

import csv
from pathlib import Path

import pytest
from synthetic_models import write_models

from attviz_pipeline.artifacts.layout import ModelsPaths
from attviz_pipeline.config.settings import FiguresSettings
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.models import draw_effect_replications, draw_model_changes, draw_model_layers
from attviz_pipeline.stages import DrawFigures

SETTINGS = DrawFigures(seed=1, figures=FiguresSettings(dpi=50))
DRAW = {
    "model_changes": draw_model_changes,
    "effect_replications": draw_effect_replications,
    "model_layers": draw_model_layers,
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
    assert len(rows) == {"model_changes": 3 * 6, "effect_replications": 2 * 6, "model_layers": 4 * 2}[kind]
    assert drawing.reason == ""


def test_changes_are_described_per_model(tmp_path: Path) -> None:
    [drawing] = draw_model_changes(inputs_of(tmp_path))

    assert "before fine-tuning: 2 of 6 heads change (q < 0.05), most layer 1, head 2 (change = +0.60)" in drawing.alt
    assert "seed 14: 2 of 6 heads change" in drawing.alt
    assert "over 24 input rows (in brackets)" in drawing.caption


def test_effects_say_in_how_many_models_they_are_found_again(tmp_path: Path) -> None:
    [drawing] = draw_effect_replications(inputs_of(tmp_path))

    assert "The 4 effects with q < 0.05 in this model" in drawing.caption
    assert "for 2 effects it is all" in drawing.caption
    assert "sport in layer 0, head 0: +1.50 here, mean +1.20, found again in 2 of 2" in drawing.alt


def test_without_seeds_nothing_can_be_found_again(tmp_path: Path) -> None:
    [drawing] = draw_effect_replications(inputs_of(tmp_path, "pretrained"))

    assert drawing.reason == "The study compares with no other seed, so nothing can be found again."


def test_layers_are_described_by_their_ends(tmp_path: Path) -> None:
    [drawing] = draw_model_layers(inputs_of(tmp_path))

    assert "this model from 0.00 in layer 0 to +0.50 in layer 1" in drawing.alt


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
