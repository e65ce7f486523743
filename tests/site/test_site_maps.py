"""Token-to-token maps in the site: the scripts give back the artifact, and pages say who has maps."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from document_pages import filled_page, map_content, page_payload
from html_page import words
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from site_visits import row_at
from synthetic_maps import ENTRIES_PER_ROW, WITHOUT_VECTORS, matrices, scale, write_maps
from synthetic_site import MAPPED, site_settings

from attviz_pipeline.artifacts import files, map_schemas, packing, vector_code
from attviz_pipeline.artifacts.log_code import ATTENTION_CODE
from attviz_pipeline.artifacts.map_scripts import MOST_CODE_ERROR, vector_payloads
from attviz_pipeline.config.settings import RedactionSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import MapInputs, SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.stages import RenderSite

N_LAYERS, N_HEADS = 2, 3
WINDOWED = 7


def unplaned(text: str, dtype: str) -> NDArray[Any]:
    low, high = packing.unpack(text, np.dtype(np.uint8)).reshape(2, -1)
    return np.ascontiguousarray(np.stack([low, high], axis=1)).view(dtype).ravel()


def map_inputs(inputs: SiteInputs) -> MapInputs:
    assert inputs.maps is not None
    return inputs.maps


def rows_of(inputs: SiteInputs) -> list[dict[str, Any]]:
    return list(files.read_table(map_inputs(inputs).maps, map_schemas.MAPS).to_pylist())


def test_scripts_hold_what_the_artifact_holds(inputs: SiteInputs, site: Path) -> None:
    rows = rows_of(inputs)
    assert len(rows) > len(MAPPED)
    for row in rows:
        part = map_content(site, links.window_map(row["position"], row["window"]))
        n_tokens = len(row["tokens"])
        assert (part["rows"], part["tokens"], part["entries"]) == (N_LAYERS * N_HEADS, n_tokens, ENTRIES_PER_ROW)
        assert {key: part[key] for key in ("enc", "lo", "hi")} == ATTENTION_CODE.header()
        steps = packing.unpack(part["values"], np.dtype(np.uint8)).reshape(-1, ENTRIES_PER_ROW)
        assert np.array_equal(np.cumsum(steps, axis=1, dtype=np.uint8).ravel(), row["entry_values"])
        assert np.array_equal(packing.unpack(part["keys"], np.dtype(np.uint8)), row["entry_keys"])
        assert np.array_equal(packing.unpack(part["rest"], np.dtype(np.uint8)), row["rest"])
        pictures, codes = packing.unpack(part["thumbnails"], np.dtype(np.uint8)), np.array(row["thumbnails"])
        even = ATTENTION_CODE.decode(codes) <= 1 / part["cells"]
        assert 0.2 < even.mean() < 0.9
        assert np.array_equal(pictures, np.where(even, 0, codes))


def test_vectors_of_a_layer_make_its_matrices_within_the_error_that_is_said(inputs: SiteInputs, site: Path) -> None:
    n_tokens = len(rows_of(inputs)[0]["tokens"])
    exact = matrices(3, 0, n_tokens, N_LAYERS, N_HEADS)
    for layer in range(N_LAYERS):
        part = map_content(site, links.window_vectors(3, 0, layer))
        reach = (part["before"], part["after"])
        assert part["scale"] == pytest.approx(scale())
        assert reach == (n_tokens - 1, n_tokens - 1)
        assert 0 < part["error"] <= MOST_CODE_ERROR
        vectors = [decoded(part, name) for name in ("query", "key")]
        for found, name in zip(vectors, ("queries", "keys"), strict=True):
            largest = np.abs(exact[name][layer]).max(axis=-1, keepdims=True)
            assert (np.abs(found - exact[name][layer]) <= largest / 254 * 1.001).all()
        made = vector_code.attention_of(*vectors, part["scale"], reach)
        assert np.abs(made - exact["attention"][layer]).max() == pytest.approx(part["error"], rel=1e-3)


def decoded(part: dict[str, Any], name: str) -> NDArray[np.float64]:
    codes = packing.unpack(part[{"query": "queries", "key": "keys"}[name]], np.dtype(np.int8))
    scales = packing.unpack(part[f"{name}Scales"], np.dtype("<f4"))
    shape = (N_HEADS, part["tokens"])
    return vector_code.decode(codes.reshape(*shape, part["size"]), scales.reshape(shape))


@given(
    hnp.arrays(
        np.float16,
        st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 9)),
        elements=st.floats(-60000, 60000, width=16),
    )
)
def test_coded_vectors_are_off_by_at_most_half_a_step(vectors: NDArray[np.float16]) -> None:
    codes, scales = vector_code.encode(vectors)

    step = np.abs(vectors.astype(np.float64)).max(axis=-1, keepdims=True) / 127
    error = np.abs(vector_code.decode(codes, scales) - vectors.astype(np.float64))
    assert codes.min() >= -127
    assert (error <= step * 0.5 * (1 + 1e-4)).all()


def test_vectors_whose_codes_change_the_attention_stay_in_half_precision() -> None:
    # Large scores that hardly differ between keys: a step of a code changes the softmax altogether.
    random = np.random.default_rng(0)
    vectors = (random.normal(0, 1, (2, 1, 1, 1, 32)) * 6 + random.normal(0, 0.05, (2, 1, 1, 12, 32))).astype(np.float16)
    columns = {
        "queries": vectors[0].ravel(),
        "keys": vectors[1].ravel(),
        "scale": np.array([1.0], np.float32),
        "vectors_error": np.array([0.001], np.float32),
        "keys_before": np.array([11]),
        "keys_after": np.array([11]),
    }
    (part,) = vector_payloads(columns, 12, {"n_layers": 1, "n_heads": 1})
    assert "queryScales" not in part
    assert part["error"] == pytest.approx(0.001)
    assert np.array_equal(unplaned(part["queries"], "<f2"), columns["queries"])


def test_keys_of_long_windows_take_two_planes() -> None:
    keys = np.array([0, 1, 255, 256, 511, 65535], np.uint16)
    assert np.array_equal(unplaned(packing.pack_planes(keys), "<u2"), keys)


def test_a_window_says_where_its_tokens_stand_in_the_document(inputs: SiteInputs, site: Path) -> None:
    row = row_at(inputs, WINDOWED)
    headers = page_payload(site, WINDOWED)["maps"]
    windows = [found for found in rows_of(inputs) if found["position"] == WINDOWED]
    assert len(headers) == len(windows) == len(row.windows) > 1
    for header, window in zip(headers, windows, strict=True):
        for index, token in enumerate(window["tokens"]):
            if str(index) in header["special"]:
                assert header["special"][str(index)] == token
            else:
                assert row.tokens[header["first"] + index] == token


def test_a_document_without_vectors_has_no_scripts_for_them(site: Path) -> None:
    assert not page_payload(site, WITHOUT_VECTORS)["maps"][0]["vectors"]
    assert (site / links.window_map(WITHOUT_VECTORS, 0)).is_file()
    assert not list((site / links.MAP_FOLDER).glob(f"{WITHOUT_VECTORS:06d}-*-L*"))


def test_pages_say_which_documents_have_maps(site: Path) -> None:
    for position in range(24):
        page = filled_page(site, position)
        assert page.count('id="token-maps"') == 1
        assert ("3 of 24 documents have token-to-token maps" in page) == (position not in MAPPED)
        assert bool(page_payload(site, position)["maps"]) == (position in MAPPED)
    assert "attention of 3 documents; query and key vectors of 2" in (site / links.START).read_text(encoding="utf-8")


def test_pages_say_how_maps_are_added_and_which_documents_have_vectors(site: Path) -> None:
    command = "snakemake --configfile study.yaml --config 'maps={documents: [\"id\"]}'"
    for position in range(24):
        assert (command in filled_page(site, position)) == (position not in MAPPED)
    have_vectors = "2 of these 3, the first chosen, also have query and key vectors: "
    assert have_vectors in filled_page(site, 0)
    assert have_vectors in words(site / links.DOCUMENTS)
    shared = (site / links.FULL_SHARED).read_text(encoding="utf-8")
    assert '"withVectors":[3,7]' in shared
    assert 'id="filter-vectors"' in (site / links.DOCUMENTS).read_text(encoding="utf-8")


def test_a_study_without_maps_says_how_to_get_some(inputs: SiteInputs, tmp_path: Path) -> None:
    none = write_maps(tmp_path / "maps.parquet", inputs.attention, [])
    card = files.read_json(map_inputs(inputs).selection, map_schemas.MAP_SELECTION)
    files.write_json(tmp_path / "selection.json", map_schemas.MAP_SELECTION, {**card, "documents": []})
    changed = replace(inputs, maps=MapInputs(none, tmp_path / "selection.json"))
    write_site(site_settings(), changed, tmp_path / "site")
    page = filled_page(tmp_path / "site", 3)
    assert "maps.max_documents" in page
    assert list((tmp_path / "site" / links.MAP_FOLDER).iterdir()) == []


def test_maps_that_the_selection_does_not_name_are_refused(inputs: SiteInputs, tmp_path: Path) -> None:
    fewer = write_maps(tmp_path / "maps.parquet", inputs.attention, [3])
    with pytest.raises(ArtifactError, match="are of different documents"):
        write_site(site_settings(), replace(inputs, maps=replace(map_inputs(inputs), maps=fewer)), tmp_path / "site")


def test_maps_of_another_run_are_refused(inputs: SiteInputs, tmp_path: Path) -> None:
    rows = rows_of(inputs)
    rows[0]["tokens"][2] = "another"
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    facts = files.read_facts(map_inputs(inputs).maps, map_schemas.MAPS)
    files.write_table(tmp_path / "maps.parquet", map_schemas.MAPS, columns, facts)
    changed = replace(map_inputs(inputs), maps=tmp_path / "maps.parquet")
    with pytest.raises(ArtifactError, match=r"maps of document 'doc-0003' are of other tokens"):
        write_site(site_settings(), replace(inputs, maps=changed), tmp_path / "site")
    assert not (tmp_path / "site").exists()


def redacted_settings() -> RenderSite:
    settings = site_settings()
    section = RedactionSettings(mode="shape")
    return settings.model_copy(update={"study": settings.study.model_copy(update={"redaction": section})})


def test_maps_hold_words_so_a_redacted_site_refuses_them(inputs: SiteInputs, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"maps\.parquet holds words, which `redaction\.mode: shape`") as fault:
        write_site(redacted_settings(), inputs, tmp_path / "site")
    assert "--maps" in str(fault.value)
    assert not (tmp_path / "site").exists()


def test_a_redacted_site_has_no_maps_and_says_why(inputs: SiteInputs, tmp_path: Path) -> None:
    write_site(redacted_settings(), replace(inputs, maps=None), tmp_path / "site")
    page = filled_page(tmp_path / "site", 3)
    assert "Words are redacted" in page
    assert "would show them" in page
    assert "maps.max_documents" not in page
    assert page_payload(tmp_path / "site", 3)["maps"] == []
    assert not (tmp_path / "site" / links.MAP_FOLDER).exists()
    assert "filter-maps" not in (tmp_path / "site" / links.DOCUMENTS).read_text(encoding="utf-8")
