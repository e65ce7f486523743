"""Figures of what heads attend to: what they draw and say is what the table holds."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from attviz_pipeline.artifacts import files
from attviz_pipeline.artifacts.profile_schemas import HEAD_PROFILES, MEASURES, ROLES
from attviz_pipeline.config.settings import FiguresSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.head_profiles import ROLE_COLOURS, ROLE_LABELS, draw_head_profiles
from attviz_pipeline.stages import DrawFigures

SVG = "{http://www.w3.org/2000/svg}"
FACTS = {"mode": "full", "n_documents": 1234, "least_share": 0.5, "least_evenness": 0.8}


def make_inputs(folder: Path, *, n_layers: int, n_heads: int, n_documents: int = 1234, mode: str = "full") -> Inputs:
    """Invent the profiles of a model; the roles are dealt out in turn."""
    layer, head = np.indices((n_layers, n_heads)).reshape(2, -1)
    random = np.random.default_rng(1)
    rows = slice(0, len(layer) if n_documents and mode == "full" else 0)
    columns: dict[str, Any] = {"layer": layer[rows], "head": head[rows], "role": (list(ROLES) * 99)[: len(layer)][rows]}
    columns |= {name: np.full(len(layer), n_documents)[rows] for name in ("n_documents", "n_even_documents")}
    columns |= {name: random.uniform(0, 0.4, len(layer))[rows] for name in (*MEASURES, "evenness")}
    columns["on_next"] = np.where(layer + head == 0, 0.9, 0.1)[rows]
    path = folder / "head_profiles.parquet"
    files.write_table(path, HEAD_PROFILES, columns, FACTS | {"mode": mode, "n_documents": n_documents})
    return Inputs.below(folder, DrawFigures(seed=1, figures=FiguresSettings(dpi=60)))


def texts_of(drawing: Drawing) -> list[str]:
    root = ET.fromstring(drawing.svg)  # noqa: S314 - just drawn
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def test_roles_are_written_into_the_map_head_by_head(tmp_path: Path) -> None:
    _, roles = draw_head_profiles(make_inputs(tmp_path, n_layers=3, n_heads=4))

    labels = [ROLE_LABELS[role] for role in (list(ROLES) * 2)[:12]]
    assert [text for text in texts_of(roles) if text in ROLE_LABELS.values()] == labels
    assert {"self (2)", "previous (2)", "next (2)", "[CLS] (1)", "delimiter (1)", "mixed (1)"} <= set(texts_of(roles))


def test_words_on_colours_have_contrast(tmp_path: Path) -> None:
    _, drawing = draw_head_profiles(make_inputs(tmp_path, n_layers=3, n_heads=3))

    def luminance(colour: str) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    assert drawing.figure is not None
    inks = {text.get_text(): str(text.get_color()) for text in drawing.figure.axes[0].texts}
    for role, colour in ROLE_COLOURS.items():
        dark, light = sorted((luminance(inks[ROLE_LABELS[role]]), luminance(colour)))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, role


def test_words_tell_the_finding(tmp_path: Path) -> None:
    measures, roles = draw_head_profiles(make_inputs(tmp_path, n_layers=2, n_heads=5))

    assert "Most on the next token: L0·H0 (0.9)." in measures.alt
    assert "1,234 documents" in measures.caption
    assert "2 self, 1 previous, 1 next, 1 [CLS], 1 [SEP], 1 punctuation, 1 delimiter, 1 broad, 1 mixed" in roles.alt
    assert "L0 self (1 of 5); L1 self (1 of 5)" in roles.alt
    assert "at least 50 %" in roles.caption
    assert "at least 80 %" in roles.caption


def test_every_measure_has_its_map_and_its_numbers(tmp_path: Path) -> None:
    inputs = make_inputs(tmp_path, n_layers=2, n_heads=3)
    measures, _ = draw_head_profiles(inputs)
    measures.save(tmp_path, {})

    titles = {"evenness, %", "entropy, nats", "distance, tokens", "on itself", "on the previous", "on the next"}
    titles |= {"on [CLS]", "on [SEP]", "on punctuation", "share of attention, % (square-root scale)"}
    assert titles <= set(texts_of(measures))
    with (tmp_path / "head_profiles-measures.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = files.read_table(inputs.head_profiles, HEAD_PROFILES).to_pylist()
    assert [float(row["on_cls"]) for row in rows] == [row["on_cls"] for row in table]


@pytest.mark.parametrize(("n_layers", "n_heads"), [(1, 1), (12, 12), (24, 20)])
def test_any_number_of_heads_keeps_half_a_page(n_layers: int, n_heads: int, tmp_path: Path) -> None:
    drawings = list(draw_head_profiles(make_inputs(tmp_path, n_layers=n_layers, n_heads=n_heads)))

    assert [drawing.width for drawing in drawings] == [210, 210]
    named = [text for text in texts_of(drawings[1]) if text in ROLE_LABELS.values()]
    assert len(named) == (n_layers * n_heads if n_heads <= 16 else 0)


@pytest.mark.parametrize(
    ("mode", "n_documents", "sentence"),
    [
        ("self_attention", 5, "No head profiles: they need attention.mode: full."),
        ("full", 0, "No head profiles: no document contains a text token."),
    ],
)
def test_without_profiles_they_say_why(
    mode: str, n_documents: int, sentence: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = make_inputs(tmp_path, n_layers=2, n_heads=2, n_documents=n_documents, mode=mode)
    for drawing in draw_head_profiles(inputs):
        assert texts_of(drawing) == [sentence]
        assert drawing.alt == drawing.caption == sentence
        assert not any(drawing.columns.values())
        assert f"figure {drawing.name} is empty: {sentence}" in caplog.text


def test_a_missing_table_names_its_stage(tmp_path: Path) -> None:
    inputs = replace(make_inputs(tmp_path, n_layers=1, n_heads=1), head_profiles=tmp_path / "nothing.parquet")

    with pytest.raises(ArtifactError, match="stage `profile_heads` writes it"):
        next(draw_head_profiles(inputs))
