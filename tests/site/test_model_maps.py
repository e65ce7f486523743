"""Maps of other models in the site: which there are, how many fit, and what pages say of them."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from document_pages import map_content, page_payload
from synthetic_maps import write_maps
from synthetic_site import MAPPED, site_settings

from attviz_pipeline.artifacts import files, map_schemas
from attviz_pipeline.artifacts.map_scripts import MAP_COLUMNS, map_payload
from attviz_pipeline.artifacts.rows import iter_rows
from attviz_pipeline.config.settings import CompareSettings, MapsSettings, ModelKind
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.report import links
from attviz_pipeline.report import render_site as stage
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.maps import columns_of
from attviz_pipeline.report.maps import write_maps as write_own_maps
from attviz_pipeline.report.model_maps import write_model_maps
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.views.models import ModelView
from attviz_pipeline.stages import RenderSite


def settings_with(max_megabytes: float) -> RenderSite:
    settings = site_settings()
    maps = MapsSettings(max_megabytes=max_megabytes)
    return settings.model_copy(update={"study": settings.study.model_copy(update={"maps": maps})})


def changed_table(path: Path, target: Path, **facts: object) -> Path:
    table = files.read_table(path, map_schemas.MAPS)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    files.write_table(target, map_schemas.MAPS, columns, files.read_facts(path, map_schemas.MAPS) | facts)
    return target


def bytes_of(site: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in (site / links.MAP_FOLDER).glob(pattern))


def test_pages_name_the_models_whose_maps_they_can_load(site: Path) -> None:
    names = {position: page_payload(site, position)["mapModels"] for position in range(24)}
    assert {position for position, numbers in names.items() if numbers == [1, 2, 3]} == set(MAPPED)
    assert all(numbers == [] for position, numbers in names.items() if position not in MAPPED)
    assert page_payload(site, 3)["models"] == [
        {"name": "own", "title": "this model (seed 13)", "where": "in this model (seed 13)"},
        {"name": "pretrained", "title": "before fine-tuning", "where": "before fine-tuning"},
        {"name": "seed-14", "title": "seed 14", "where": "in seed 14"},
        {"name": "seed-15", "title": "seed 15", "where": "in seed 15"},
    ]
    for position in MAPPED:
        for number in (1, 2, 3):
            assert (site / links.model_map(position, 0, number)).is_file()
    assert not list((site / links.MAP_FOLDER).glob("*-M*-L*"))


def test_scripts_of_other_models_hold_what_their_artifact_holds(inputs: SiteInputs, site: Path) -> None:
    path = inputs.model_maps["seed-14"]
    facts = files.read_facts(path, map_schemas.MAPS)
    for row in iter_rows(path, map_schemas.MAPS):
        address = links.model_map(row.scalar("position"), row.scalar("window"), 2)
        columns = columns_of(row, MAP_COLUMNS)
        assert map_content(site, address) == map_payload(columns, len(row.array("token_ids")), facts)


def test_the_page_of_models_says_which_documents_have_their_maps(site: Path) -> None:
    page = (site / links.MODELS).read_text(encoding="utf-8")
    assert (
        'The pages of <a href="documents.html#maps=yes">3 documents with token-to-token maps</a> also have the '
        "maps of the models before fine-tuning, of seed 14 and of seed 15." in page
    )
    assert "left out" not in page.partition('id="maps"')[2].partition("</p>")[0]


def test_maps_of_other_models_fill_what_those_of_the_own_leave(
    inputs: SiteInputs, site: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = bytes_of(site, "??????-?.js") + bytes_of(site, "*-L*")
    budget = own + bytes_of(site, "000003-*-M*.js") + bytes_of(site, "000005-0-M01.js")
    with caplog.at_level(logging.WARNING):
        write_site(settings_with(budget / 1e6), inputs, tmp_path / "site")

    # Document after document, in the order in which they were chosen; of a document, model after model.
    shown = {position: page_payload(tmp_path / "site", position)["mapModels"] for position in MAPPED}
    assert shown == {3: [1, 2, 3], 5: [1], 7: []}
    assert bytes_of(tmp_path / "site", "*") <= budget
    assert not (tmp_path / "site" / links.model_map(7, 0, 2)).exists()
    page = (tmp_path / "site" / links.document(7)).read_text(encoding="utf-8")
    assert "This page has no maps of the models before fine-tuning, of seed 14 and of seed 15: <code>" in page
    assert f"<code>maps.max_megabytes</code> is {budget / 1e6:g}." in page
    models = (tmp_path / "site" / links.MODELS).read_text(encoding="utf-8")
    assert (
        "maps of the models before fine-tuning, of seed 14 and of seed 15. 5 maps of other models, of 2 documents, are "
        "left out: " in models
    )
    assert "maps of other models are left out of 2 document pages" in caplog.text


def test_documents_that_were_not_planned_have_no_maps_of_other_models(inputs: SiteInputs, tmp_path: Path) -> None:
    windows = write_own_maps(inputs.maps.maps, tmp_path) if inputs.maps else {}
    fewer = write_maps(tmp_path / "m.parquet", inputs.attention, [3], "seed-14")
    found = write_model_maps({"seed-14": fewer}, inputs.maps.maps, windows, {3, 5}, 10**9, tmp_path)  # type: ignore[union-attr]

    # Of 5 the model read other tokens; of 7 nothing was extracted.
    assert (found.shown, found.left_out) == ({3: [1]}, {7: [1]})


def test_without_room_only_the_own_model_has_maps(inputs: SiteInputs, tmp_path: Path) -> None:
    write_site(settings_with(0.001), inputs, tmp_path / "site")

    assert not list((tmp_path / "site" / links.MAP_FOLDER).glob("*-M*"))
    assert page_payload(tmp_path / "site", 3)["mapModels"] == []
    assert (tmp_path / "site" / links.window_map(3, 0)).is_file()
    models = (tmp_path / "site" / links.MODELS).read_text(encoding="utf-8")
    assert '<p id="maps">9 maps of other models, of 3 documents, are left out' in models


def test_a_site_that_compares_no_models_offers_none(inputs: SiteInputs, tmp_path: Path) -> None:
    write_site(site_settings(), replace(inputs, models=None, model_maps={}), tmp_path / "site")

    payload = page_payload(tmp_path / "site", 3)
    assert payload["mapModels"] == []
    assert "models" not in payload


def written(inputs: SiteInputs, folder: Path, maps: dict[str, Path]) -> tuple[list[str], dict[int, list[int]]]:
    assert inputs.maps is not None
    windows = write_own_maps(inputs.maps.maps, folder)
    found = write_model_maps(maps, inputs.maps.maps, windows, MAPPED, 10**9, folder)
    assert found.left_out == {}
    return found.names, found.shown


def test_models_of_another_layout_have_none(inputs: SiteInputs, tmp_path: Path) -> None:
    seed = inputs.model_maps["seed-14"]
    other = changed_table(seed, tmp_path / "other.parquet", n_heads=2, n_layers=3)

    assert written(inputs, tmp_path, {"other": other, "seed-14": seed}) == (
        ["seed-14"],
        {position: [1] for position in MAPPED},
    )


def test_documents_that_another_model_reads_otherwise_have_none(inputs: SiteInputs, tmp_path: Path) -> None:
    def other_word(row: dict[str, Any]) -> dict[str, Any]:
        last_window = row["position"] == 7 and row["window"] == 1
        return row | ({"tokens": [*row["tokens"][:2], "other", *row["tokens"][3:]]} if last_window else {})

    seed = inputs.model_maps["seed-14"]
    rows = [other_word(row) for row in files.read_table(seed, map_schemas.MAPS).to_pylist()]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    files.write_table(tmp_path / "m.parquet", map_schemas.MAPS, columns, files.read_facts(seed, map_schemas.MAPS))

    assert written(inputs, tmp_path, {"seed-14": tmp_path / "m.parquet"})[1] == {3: [1], 5: [1]}
    assert not list((tmp_path / links.MAP_FOLDER).glob("000007-*-M*"))


def test_maps_made_with_other_settings_are_refused(inputs: SiteInputs, tmp_path: Path) -> None:
    other = changed_table(inputs.model_maps["seed-14"], tmp_path / "m.parquet", thumbnail_size=8)

    with pytest.raises(ArtifactError, match="was made with other settings than"):
        written(inputs, tmp_path, {"seed-14": other})


def test_maps_of_more_documents_than_the_own_has_are_not_shown(inputs: SiteInputs, tmp_path: Path) -> None:
    more = write_maps(tmp_path / "m.parquet", inputs.attention, [3, 4], "seed-14")

    assert written(inputs, tmp_path, {"seed-14": more})[1] == {3: [1]}


def test_the_invented_models_differ(inputs: SiteInputs) -> None:
    tables = [
        files.read_table(path, map_schemas.MAPS)["entry_values"].to_pylist()[0] for path in inputs.model_maps.values()
    ]
    assert not np.array_equal(tables[0], tables[1])


@pytest.mark.parametrize(
    ("kind", "where"),
    [("pretrained", "before fine-tuning"), ("seed", "in seed 14"), ("epoch", "after epoch 2"), ("other", "in bert-b")],
)
def test_a_comparison_names_where_the_other_value_is(kind: ModelKind, where: str) -> None:
    others = {"source": "m", "has_own_layout": True, "score_name": "", "score": None, "effect_correlation": None}
    assert ModelView(name="bert-b", kind=kind, seed=14, epoch=2, **others).where == where  # type: ignore[arg-type]


@pytest.mark.parametrize("has_maps", [True, False])
def test_the_stage_finds_the_maps_of_each_model(
    *, has_maps: bool, inputs: SiteInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[SiteInputs] = []
    monkeypatch.setattr(stage, "write_site", lambda _settings, found, _site: given.append(found))
    study = site_settings().study
    study = study.model_copy(update={"compare": CompareSettings(pretrained=True, seeds=[14])})
    folders = [tmp_path, tmp_path / "models" / "pretrained", tmp_path / "models" / "seed-14"]
    assert inputs.maps is not None
    stage.render_site(
        RenderSite(study=study),
        *(inputs.dataset, inputs.model, inputs.metrics, tmp_path, inputs.figures, inputs.attention, inputs.aggregates),
        results=folders,
        site=tmp_path / "site",
        study=tmp_path / "study.json",
        maps=[inputs.maps.maps, inputs.maps.selection] if has_maps else None,
    )

    expected = {name: tmp_path / "models" / name / "maps" / "maps.parquet" for name in ("pretrained", "seed-14")}
    assert given[0].model_maps == (expected if has_maps else {})
