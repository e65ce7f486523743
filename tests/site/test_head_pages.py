"""The pages of heads: what they say is what the statistics hold."""

import base64
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_page import Page, words
from site_rows import all_rows
from synthetic_maps import matrices
from synthetic_site import site_settings, write_site_inputs

from attviz_pipeline.artifacts import comparison_schemas, files, map_schemas, term_schemas
from attviz_pipeline.artifacts.log_code import ATTENTION_CODE
from attviz_pipeline.artifacts.profile_schemas import HEAD_PROFILES
from attviz_pipeline.formats import percent
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.views import head, heads
from attviz_pipeline.report.views.activity import HeadActivity
from attviz_pipeline.report.views.head import HeadPageView
from attviz_pipeline.report.views.mean_maps import read_mean_maps
from attviz_pipeline.report.views.profiles import read_profiles
from attviz_pipeline.report.views.study import StudyView, read_study_view

WIDEST_DIGIT = 8  # of 12 px, in any of the style sheet's fonts


@pytest.fixture(scope="module")
def study(inputs: SiteInputs) -> StudyView:
    return read_study_view(site_settings().study, inputs)


@pytest.fixture(scope="module")
def views(inputs: SiteInputs, study: StudyView) -> list[HeadPageView]:
    activity = HeadActivity(study.n_rows)
    for row in all_rows(inputs):
        activity.add(row, row.self_attention[:, ~row.special].mean(axis=1))
    evidence = head.read_evidence(heads.read_heads(inputs.statistics.heads), inputs, study)
    return list(head.iter_head_pages(evidence, inputs, study, activity))


def test_neighbours_are_the_pairs_of_the_table(inputs: SiteInputs, views: list[HeadPageView]) -> None:
    rows = files.read_table(inputs.comparison.head_pairs, comparison_schemas.HEAD_PAIRS).to_pylist()
    fuji = [row for row in rows if row["measure"] == "fuji" and (0, 1) in _ends(row)]
    best = max(fuji, key=lambda row: row["value"])
    nearest = views[1].neighbours[0].nearest[0]
    assert {(0, 1), (nearest.other.layer, nearest.other.head)} == set(_ends(best))
    assert (nearest.value, nearest.p, nearest.low) == (best["value"], best["p"], best["null_low"])
    distances = [pair.value for pair in views[1].neighbours[1].nearest]
    assert distances == sorted(distances)
    assert views[1].neighbours[1].furthest[0].value >= max(distances)


def _ends(row: dict[str, int]) -> list[tuple[int, int]]:
    return [(row[f"layer_{side}"], row[f"head_{side}"]) for side in ("a", "b")]


def test_a_role_is_named_with_its_reason(inputs: SiteInputs, views: list[HeadPageView]) -> None:
    profile = views[0].profile
    assert profile is not None
    assert (profile.role, profile.role_name) == ("next", "next token")
    assert (profile.value, profile.least_share) == (pytest.approx(0.8), 0.5)
    row = files.read_table(inputs.head_profiles, HEAD_PROFILES).to_pylist()[0]
    measures = {measure.name: measure for measure in profile.measures}
    assert measures["on_next"].mean == row["on_next"]
    assert measures["on_next"].place == pytest.approx(80)
    assert measures["on_next"].rank == 1
    assert (measures["entropy"].low, measures["entropy"].high) == (row["entropy_low"], row["entropy_high"])


def test_attention_to_delimiters_is_the_mean_of_each_layer(inputs: SiteInputs, site: Path) -> None:
    rows = files.read_table(inputs.head_profiles, HEAD_PROFILES).to_pylist()
    even = files.read_facts(inputs.head_profiles, HEAD_PROFILES)["even"]

    view = read_profiles(inputs.head_profiles).delimiters()

    for layer, shown in enumerate(view.layers):
        for name, share in shown.shares.items():
            assert share == pytest.approx(np.mean([row[name] for row in rows if row["layer"] == layer]))
    assert view.every is not None
    assert view.every.together == pytest.approx(np.mean([layer.together for layer in view.layers]))
    assert view.even is not None
    assert view.even.together == pytest.approx(sum(even.values()))
    # Facts are read in the order of their names, columns stand in that of the layers.
    assert list(view.even.shares) == list(view.every.shares)
    page = words(site / links.HEADS)
    assert (
        f"attention to [CLS], [SEP] and punctuation; even attention would give {percent(view.even.together)}." in page
    )
    assert f"layer 1{''.join(percent(share) for share in view.layers[1].shares.values())}" in page


def test_terms_have_the_intervals_of_the_table(inputs: SiteInputs, views: list[HeadPageView]) -> None:
    rows = files.read_table(inputs.terms.head_terms, term_schemas.HEAD_TERMS).to_pylist()
    mine = [row for row in rows if (row["layer"], row["head"]) == (1, 2)]
    shown = views[5].ranked.rows
    assert [term.term for term in shown] == [row["term"] for row in mine][: len(shown)]
    for term, row in zip(shown, mine, strict=False):
        logs = [row[f"shrunken_log_ratio{end}"] for end in ("", "_low", "_high")]
        assert [term.times, term.low, term.high] == pytest.approx(np.exp(logs))
    assert all(0 <= term.low_place <= term.place <= term.high_place <= 100 for term in shown)
    # The order of the table is that of the value that it shows.
    assert [term.times for term in shown] == sorted((term.times for term in shown), reverse=True)
    largest = max(mine, key=lambda row: (row["mean"], row["term"]))
    assert next(word for word in views[5].cloud if word.word == largest["term"]).size == 8
    assert {word.size for word in views[5].cloud} <= set(range(1, 9))


def test_effects_are_those_of_gold_classes_and_of_wrong_predictions(
    inputs: SiteInputs, views: list[HeadPageView]
) -> None:
    rows = files.read_table(inputs.terms.class_heads, term_schemas.CLASS_HEADS).to_pylist()
    mine = {(r["grouping"], r["group"]): r for r in rows if (r["layer"], r["head"]) == (0, 0) and r["q"] is not None}
    shown = {(effect.grouping, effect.group): effect for effect in views[0].effects}
    assert set(shown) == {key for key in mine if key[0] == "gold"} | {("correct", "wrong")}
    assert all((effect.effect, effect.q) == (mine[key]["effect"], mine[key]["q"]) for key, effect in shown.items())
    assert [effect.q for effect in views[0].effects] == sorted(effect.q for effect in views[0].effects)


def test_an_excerpt_surrounds_the_strongest_token(inputs: SiteInputs, views: list[HeadPageView]) -> None:
    rows = {row.position: row for row in all_rows(inputs)}
    for index, view in enumerate(views):
        document = view.documents[0]
        row = rows[document.number - 1]
        ordinary = np.where(row.special, -1, row.self_attention[index])
        token = int(ordinary.argmax())
        assert document.excerpt.at == row.text[row.starts[token] : row.ends[token]]
        assert document.excerpt.value == pytest.approx(float(ordinary.max()))
        around = document.excerpt.before.lstrip("…") + document.excerpt.at + document.excerpt.after.rstrip("…")
        assert around in row.text


def test_activity_does_not_depend_on_the_order(inputs: SiteInputs) -> None:
    random = np.random.default_rng(0)
    row = all_rows(inputs)[0]
    means = np.round(random.random((50, 6)), 1)
    tops = []
    for order in (range(50), reversed(range(50)), random.permutation(50).tolist()):
        activity = HeadActivity(6)
        for position in order:
            activity.add(replace(row, position=position), means[position])
        tops.append([activity.top(index) for index in range(6)])
    assert tops[0] == tops[1] == tops[2]
    best = max(range(50), key=lambda position: (means[position, 0], -position))
    assert tops[0][0][0].number == best + 1


def test_curves_are_of_the_heads_layer(inputs: SiteInputs, views: list[HeadPageView]) -> None:
    rows = files.read_table(inputs.terms.curves, term_schemas.CURVES).to_pylist()
    mine = sorted((r["first"], r["attention"]) for r in rows if r["axis"] == "position" and r["layer"] == 1)
    assert views[4].curve is not None
    assert views[4].curve.rows == mine
    # No label stands left of the first position that has a value: position 0 is that of [CLS].
    assert views[4].curve.x_ticks[0].label == "1"
    assert mine[0][0] == 1


def test_attention_by_distance_is_the_mean_over_documents_of_their_matrices(
    inputs: SiteInputs, views: list[HeadPageView]
) -> None:
    assert inputs.maps is not None
    rows = files.read_table(inputs.maps.maps, map_schemas.MAPS).to_pylist()
    found: dict[int, list[float]] = {}
    even: dict[int, list[float]] = {}
    for row in rows:
        n_tokens = len(row["tokens"])
        attention = matrices(row["position"], row["window"], n_tokens, 2, 3)["attention"][1, 2]
        kept = range(row["first_kept"], row["first_kept"] + row["n_kept"])
        text = [place for place in range(n_tokens) if not row["special"][place]]
        back = [attention[query, query - 1] for query in kept if query in text and query - 1 in text]
        found.setdefault(row["position"], []).extend(back)
        even.setdefault(row["position"], []).extend([1 / n_tokens] * len(back))
    offsets = views[5].offsets
    assert offsets is not None
    before = next(row for row in offsets.rows if row.words == "1 token before")
    assert before.mean == pytest.approx(np.mean([np.mean(values) for values in found.values()]), rel=1e-5)
    assert before.even == pytest.approx(np.mean([np.mean(values) for values in even.values()]))
    assert (before.n_documents, offsets.n_documents) == (3, 3)
    assert offsets.strongest.times_even == max(row.times_even for row in offsets.rows)
    assert {tick.label for tick in offsets.x_ticks} >= {"0", "1", "8"}
    places = [re.findall(r"[-\d.]+", path) for path in (offsets.head_path, offsets.all_path, offsets.even_path)]
    assert all(0 <= float(y) <= offsets.height for numbers in places for y in numbers[1::2])


def test_mean_maps_lay_documents_of_any_length_on_each_other(inputs: SiteInputs, views: list[HeadPageView]) -> None:
    assert inputs.maps is not None
    found: dict[int, list[Any]] = {}
    for row in files.read_table(inputs.maps.maps, map_schemas.MAPS).to_pylist():
        side = min(16, len(row["tokens"]))
        pictures = ATTENTION_CODE.decode(np.array(row["thumbnails"], np.uint8)).reshape(6, side, side)
        # Cut into as many slices as the other grid has cells, every cell of either holds whole slices.
        sliced = np.repeat(np.repeat(pictures, 20, axis=1), 20, axis=2) / 20
        pooled = sliced.reshape(6, 20, side, 20, side).mean(axis=2).sum(axis=3)
        found.setdefault(row["position"], []).append(pooled)
    expected = np.mean([np.mean(windows, axis=0) for windows in found.values()], axis=0)
    mean_maps = read_mean_maps(inputs.maps.maps, 6)
    np.testing.assert_allclose(mean_maps.pictures, expected, rtol=1e-9)
    np.testing.assert_allclose(mean_maps.pictures.sum(axis=2), 1, atol=0.03)
    shown = views[5].mean_map
    assert shown is not None
    codes = np.frombuffer(base64.b64decode(shown.codes), np.uint8).reshape(20, 20)
    np.testing.assert_allclose(ATTENTION_CODE.decode(codes), expected[5], rtol=0.028)
    quarters = np.array([values for _, values in shown.rows])
    np.testing.assert_allclose(quarters[0, 3], expected[5][:5, 15:].sum(axis=1).mean())
    assert read_mean_maps(None, 6).n_documents == 0


def test_the_labels_of_curves_have_room(site: Path) -> None:
    text = (site / links.head(1, 1)).read_text(encoding="utf-8")
    drawings = [drawing for drawing in re.findall(r"<svg viewBox=.*?</svg>", text, re.DOTALL) if "grid" in drawing]
    assert len(drawings) == 2
    for drawing in drawings:
        left = -float(re.search(r'viewBox="(-[\d.]+)', drawing)[1])  # type: ignore[index]
        for x, label in re.findall(r'<text x="(-[\d.]+)"[^>]*text-anchor="end">([^<]+)<', drawing):
            assert len(label) * WIDEST_DIGIT - float(x) <= left, label


def test_the_map_of_heads_names_groups_only_if_there_are_some(inputs: SiteInputs, site: Path) -> None:
    measures = files.read_facts(inputs.comparison.head_clusters, comparison_schemas.HEAD_CLUSTERS)["measures"]
    text = (site / links.HEADS).read_text(encoding="utf-8")
    sections = re.findall(r'<div class="likeness" data-measure="(\w+)">(.*?)</figure>\s*</div>', text, re.DOTALL)
    assert [measure for measure, _ in sections] == list(measures)
    for measure, section in sections:
        assert (", group 1" in section) == (measures[measure]["outcome"] == "found")
    found = any(of_one["outcome"] == "found" for of_one in measures.values())
    assert ("lines separate the groups" in text) == found


def test_without_maps_a_page_says_how_to_see_how_far_a_head_looks(inputs: SiteInputs, tmp_path: Path) -> None:
    write_site(site_settings(), replace(inputs, maps=None), tmp_path / "site")
    assert "set maps.max_documents or maps.documents" in _words(tmp_path / "site" / links.head(0, 0))


def _words(page: Path) -> str:
    return " ".join(Page(page).text.split())


def test_a_page_says_where_evidence_is_missing(tmp_path: Path) -> None:
    inputs = write_site_inputs(tmp_path / "inputs", n_documents=2, n_shards=1, full=False, n_layers=1, n_heads=1)
    write_site(site_settings(), inputs, tmp_path / "site")
    text = " ".join(Page(tmp_path / "site" / links.head(0, 0)).text.split())
    assert "It was not compared with others: there are too few heads, tokens or documents." in text
    assert "It was not compared between groups of documents" in text
    classes = " ".join(Page(tmp_path / "site" / links.CLASSES).text.split())
    assert "Classes were not compared: a comparison needs two documents that are in a class" in classes
    assert "not compared" in classes
    of_class = " ".join(Page(tmp_path / "site" / links.class_page(0)).text.split())
    assert "Not compared with other documents: 1 of 2 documents; two inside and two outside are needed." in of_class
    assert "What it attends to" not in text


def test_words_link_to_the_tokens_page(site: Path) -> None:
    page = Page(site / links.head(0, 0))
    assert any(address.startswith("../tokens.html#token=") for _, address in page.addresses)
    assert "Hedges" in page.text
    assert "Role:" in page.text
