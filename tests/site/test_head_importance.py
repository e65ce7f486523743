"""Importance of heads on the pages: what they show is what the tables of evidence hold, and nothing without them."""

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_page import Page, words
from scipy.stats import false_discovery_control
from site_rows import all_rows
from synthetic_evidence import NO_GATES, write_evidence
from synthetic_site import site_settings

from attviz_pipeline import formats
from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.views import head, heads
from attviz_pipeline.report.views.activity import HeadActivity
from attviz_pipeline.report.views.head_importance import (
    HEIGHT,
    MARGIN,
    WIDTH,
    HeadImportance,
    read_importance,
    scatters,
    table_columns,
)
from attviz_pipeline.report.views.heads_page import heads_page_view
from attviz_pipeline.report.views.study import StudyView, read_study_view

SECTIONS = ("Heads and the prediction", "The prediction without this head")


@pytest.fixture(scope="module")
def study(inputs: SiteInputs) -> StudyView:
    return read_study_view(site_settings().study, inputs)


@pytest.fixture(scope="module")
def importance(inputs: SiteInputs, study: StudyView) -> HeadImportance:
    found = read_importance(inputs.evidence, study)
    assert found is not None
    return found


def table(inputs: SiteInputs) -> list[dict[str, Any]]:
    assert inputs.evidence is not None
    return files.read_table(inputs.evidence.head_ablations, evidence_schemas.HEAD_ABLATIONS).to_pylist()


def test_changes_are_those_of_the_table(inputs: SiteInputs, importance: HeadImportance) -> None:
    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["layer"], row["head"], row["grouping"], row["group"]

    # Whole layers are shown for all documents only.
    rows = {place(row): row for row in table(inputs) if row["head"] is not None or row["grouping"] == "all"}
    shown = [*importance.heads, *importance.layers, *(view for views in importance.groups for view in views)]
    adjusted = {}
    for grouping, name in itertools.product(("gold", "correct"), ("change", "gold_change")):
        tested = [row for row in rows.values() if row["grouping"] == grouping and row["n_documents"] >= 5]
        tested = [row for row in tested if row[f"{name}_p"] is not None]
        q = false_discovery_control([row[f"{name}_p"] for row in tested])
        adjusted |= {(name, *place(row)): pytest.approx(value) for row, value in zip(tested, q, strict=True)}
    assert any(adjusted[name, *place(row)] != row[f"{name}_q"] for name, *key in adjusted for row in [rows[tuple(key)]])
    assert len(shown) == len(rows)
    for view in shown:
        row = rows[view.layer, view.head and view.head.head, view.grouping, view.group]
        means = {"change": view.change, "gold_change": view.gold_change, "accuracy_change": view.accuracy}
        for name, mean in means.items():
            low, high, q = (row[f"{name}{end}"] for end in ("_low", "_high", "_q"))
            # Groups of fewer than five documents are not tested; q of the others is over groups, too.
            wanted = (low, high, q) if view.grouping == "all" or view.n_documents >= 5 else (None, None, None)
            if view.grouping != "all" and name != "accuracy_change":
                wanted = (*wanted[:2], adjusted.get((name, *place(row))))
            assert (mean.value, mean.low, mean.high, mean.q) == (row[name], *wanted)
        assert view.n_flips == pytest.approx(row["flips"] * row["n_documents"])
        assert view.n_documents == row["n_documents"]
    assert {view.n_documents < 5 for views in importance.groups for view in views} == {True, False}


def test_groups_lead_to_their_pages(importance: HeadImportance, study: StudyView) -> None:
    pages = {(view.grouping, view.group): view.page for view in importance.groups[0]}
    assert pages["gold", study.label_names[1]] == links.class_page(1)
    assert pages["correct", "wrong"] == links.WRONG
    assert pages["correct", "right"] is None
    assert {view.page for view in importance.heads} == {None}


def test_heads_stand_in_the_order_of_need(importance: HeadImportance) -> None:
    changes = [view.change.value for view in importance.by_need()]
    assert len(changes) == 6
    assert changes == sorted(changes, key=lambda value: -math.inf if value is None else value)


def test_the_table_is_sorted_and_filtered_by_what_it_shows(importance: HeadImportance, study: StudyView) -> None:
    columns = table_columns(importance, study)
    shown = [*importance.by_need(), *importance.layers]

    assert [len(values) for values in columns.values()] == [len(shown)] * len(columns)
    for i, view in enumerate(shown):
        assert (columns["change"][i], columns["q"][i]) == (view.change.value, view.change.q)
        assert (columns["gold_change"][i], columns["gold_q"][i]) == (view.gold_change.value, view.gold_change.q)
        assert (columns["clear"][i], columns["flips"][i]) == (view.change.significant, view.n_flips)
        head = columns["head"][i]
        assert (None if head is None else study.head_of(head)) == view.head
        for name in ("measured", "gradient"):
            assert columns[name][i] == (None if head is None else importance.measures[name][head])
    gateless = table_columns(replace(importance, measures={}), study)
    assert {*gateless["measured"], *gateless["gradient"]} == {None}


def test_a_head_is_compared_with_all(inputs: SiteInputs, importance: HeadImportance) -> None:
    means = [one.mean for one in heads.read_heads(inputs.statistics.heads)]
    assert importance.measures["self_attention"] == pytest.approx(means)
    values = importance.measures["gradient"]
    for row, value in enumerate(values):
        found = importance.measure("gradient", row)
        assert found is not None
        assert (found.value, found.n_heads) == (value, 6)
        assert found.rank == 6 - sorted(values).index(value)
        assert found.median == pytest.approx(np.median(values))
    assert replace(importance, measures={}).measure("gradient", 0) is None


def test_heads_can_be_coloured_by_importance(inputs: SiteInputs, importance: HeadImportance, study: StudyView) -> None:
    evidence = head.read_evidence(heads.read_heads(inputs.statistics.heads), inputs, study)
    metrics = {metric.name: metric for metric in evidence.metrics}
    falls = [-row["change"] for row in table(inputs) if row["grouping"] == "all" and row["head"] is not None]
    assert metrics["ablation_fall"].values == pytest.approx(falls)
    assert metrics["ablation_fall"].diverging
    assert metrics["ablation_fall"].group == "without the head, in 16 documents"
    assert metrics["measured_importance"].values == importance.measures["measured"]
    assert metrics["gradient_importance"].values == importance.measures["gradient"]
    assert [view.correlation.measures for view in heads_page_view(evidence, study).scatters] == [
        ("measured", "gradient"),
        ("measured", "self_attention"),
    ]


def test_points_lie_where_their_values_are(importance: HeadImportance, study: StudyView) -> None:
    scatter = scatters(importance, study)[0]
    assert scatter.logarithmic == (True, True)
    values = {"x": importance.measures["gradient"], "y": importance.measures["measured"]}
    lengths = {"x": WIDTH - 2 * MARGIN, "y": -(HEIGHT - 2 * MARGIN)}
    for axis, of_axis in values.items():
        logs = np.log(of_axis)
        places = np.array([getattr(point, axis) for point in scatter.points])
        assert places - places[logs.argmin()] == pytest.approx(
            lengths[axis] * (logs - logs.min()) / (logs.max() - logs.min()), abs=0.11
        )
    for tick in scatter.y_ticks:
        low = np.log(values["y"]).min()
        share = (math.log(float(tick.label)) - low) / (np.log(values["y"]).max() - low)
        assert tick.at == pytest.approx(HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN), abs=0.11)
    named = {point.row for point in scatter.points if point.named}
    assert named == set(np.argsort(values["y"])[-3:].tolist())


def test_axes_are_linear_where_a_value_is_zero(importance: HeadImportance, study: StudyView) -> None:
    zero = replace(importance, measures={**importance.measures, "gradient": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]})
    scatter = scatters(zero, study)[0]
    assert scatter.logarithmic == (False, True)
    assert [point.x for point in scatter.points] == pytest.approx(np.linspace(MARGIN, WIDTH - MARGIN, 6), abs=0.06)
    assert [tick.label for tick in scatter.x_ticks] == ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]
    alike = replace(importance, measures={**importance.measures, "gradient": [0.2] * 6})
    assert {point.x for point in scatters(alike, study)[0].points} == {WIDTH / 2}


def test_pages_say_what_the_tables_hold(site: Path, inputs: SiteInputs) -> None:
    sentence = words(site / links.HEADS)
    assert (
        "In 16 of 24 documents, the fine-tuned synthetic/bert was also run without each head, one at a time" in sentence
    )
    assert "Spearman's rank correlation of measured importance (16 documents) and gradient importance" in sentence
    of_first = words(site / links.head(0, 0))
    row = next(row for row in table(inputs) if (row["layer"], row["head"], row["grouping"]) == (0, 0, "all"))
    assert f"the log probability of the predicted class changes by {formats.signed(row['change'])} nats" in of_first
    assert "Without it, the predicted class is less probable." in of_first


@pytest.fixture(scope="module")
def without(inputs: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("without") / "site"
    write_site(site_settings(), replace(inputs, evidence=None), folder)
    return folder


def test_without_evidence_nothing_is_said_of_it(without: Path) -> None:
    for page in (links.HEADS, links.head(0, 0)):
        assert not any(title in words(without / page) for title in SECTIONS)
    parsed = Page(without / links.HEADS)
    assert "importance" not in parsed.ids
    payload = next(json.loads(text) for attributes, text in parsed.scripts if attributes.get("id") == "heads-payload")
    assert not {"ablation_fall", "measured_importance", "gradient_importance"} & {m["name"] for m in payload["metrics"]}
    assert all("diverging" not in metric for metric in payload["metrics"])


def test_heads_without_gates_have_a_reason(inputs: SiteInputs, study: StudyView, tmp_path: Path) -> None:
    gateless = write_evidence(tmp_path / "evidence", inputs.attention, gates=NO_GATES)
    found = read_importance(gateless, study)
    assert found is not None
    assert (found.gates, found.heads, found.layers) == (NO_GATES, [], [])
    assert found.measures.keys() == {"self_attention"}
    assert scatters(found, study) == []
    write_site(site_settings(), replace(inputs, evidence=gateless), tmp_path / "site")
    for page, title in zip((links.HEADS, links.head(0, 0)), SECTIONS, strict=True):
        sentence = words(tmp_path / "site" / page)
        assert f"{title} No head was switched off: {NO_GATES}." in sentence
        assert "probability of" not in sentence.partition(title)[2].partition("Mean attention map")[0]


def test_each_page_is_of_its_head(inputs: SiteInputs, study: StudyView) -> None:
    activity = HeadActivity(study.n_rows)
    for row in all_rows(inputs):
        activity.add(row, row.self_attention[:, ~row.special].mean(axis=1))
    evidence = head.read_evidence(heads.read_heads(inputs.statistics.heads), inputs, study)
    views = list(head.iter_head_pages(evidence, inputs, study, activity))
    for view in views:
        assert view.without is not None
        assert view.without.change is not None
        assert view.without.change.head == study.head_of(view.row)
        assert {group.head for group in view.without.groups} == {study.head_of(view.row)}
