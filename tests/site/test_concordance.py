"""Where tokens and words occur: the sample is bounded, even, and the same for any order of documents."""

import json
from pathlib import Path

import numpy as np
import pytest
from site_rows import all_rows
from site_visits import Visitor, accessibility_faults, arrive
from synthetic_attention import PIECES
from synthetic_site import site_settings

from attviz_pipeline.artifacts import files, statistics_schemas, term_schemas
from attviz_pipeline.artifacts.log_code import ATTENTION_CODE
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.views import token_details, tokens
from attviz_pipeline.report.views.concordance import Concordance
from attviz_pipeline.report.views.study import StudyView, read_study_view


@pytest.fixture(scope="module")
def study(inputs: SiteInputs) -> StudyView:
    return read_study_view(site_settings().study, inputs)


def test_every_occurrence_is_kept_where_there_is_room(inputs: SiteInputs) -> None:
    found = Concordance({"the": 0, "##ies": 1}, {}, 1000, 13, lower=True)
    rows = all_rows(inputs)
    for row in rows:
        found.add(row)
    for item, token in enumerate(("the", "##ies")):
        places = [(row.position, i) for row in rows for i, name in enumerate(row.tokens) if name == token]
        shown = found.occurrences(item)
        assert sorted((o.position, o.token) for o in shown) == sorted(places)
        values = {(row.position, i): row.aggregates[0, i] for row in rows for i in range(len(row.tokens))}
        assert all(o.value == pytest.approx(float(values[o.position, o.token])) for o in shown)
        assert [o.value for o in shown] == sorted((o.value for o in shown), reverse=True)


def test_words_are_merged_from_their_pieces(inputs: SiteInputs) -> None:
    word, pieces = "manufacturers", PIECES["manufacturers"]
    found = Concordance({}, {word: 0}, 1000, 13, lower=True)
    rows = {row.position: row for row in all_rows(inputs)}
    for row in rows.values():
        found.add(row)
    shown = found.occurrences(0)
    assert len(shown) == sum(row.text.split().count(word) for row in rows.values()) > 0
    for occurrence in shown:
        row = rows[occurrence.position]
        assert tuple(row.tokens[occurrence.token : occurrence.token + len(pieces)]) == pieces
        assert occurrence.at == word
        around = occurrence.before.lstrip("…") + occurrence.at + occurrence.after.rstrip("…")
        assert around in row.text
        mean = row.aggregates[0, occurrence.token : occurrence.token + len(pieces)].mean()
        assert occurrence.value == pytest.approx(float(mean))


def test_the_sample_does_not_depend_on_the_order_but_on_the_seed(inputs: SiteInputs) -> None:
    samples = []
    for seed, order in ((13, 1), (13, -1), (14, 1)):
        found = Concordance({"the": 0}, {"the": 1}, 7, seed, lower=True)
        for row in all_rows(inputs)[::order]:
            found.add(row)
        samples.append([found.occurrences(0), found.occurrences(1)])
    assert samples[0] == samples[1] != samples[2]
    assert all(len(sample) == 7 for sample in samples[0])


def test_samples_are_even(inputs: SiteInputs) -> None:
    rows = all_rows(inputs)
    places = [(row.position, i) for row in rows for i, name in enumerate(row.tokens) if name == "the"]
    n_seeds, n_kept = 300, 5
    counts = dict.fromkeys(places, 0)
    for seed in range(n_seeds):
        found = Concordance({"the": 0}, {}, n_kept, seed, lower=True)
        for row in rows:
            found.add(row)
        for occurrence in found.occurrences(0):
            counts[occurrence.position, occurrence.token] += 1
    expected = n_seeds * n_kept / len(places)
    statistic = sum((count - expected) ** 2 / expected for count in counts.values())
    assert statistic < len(places) + 5 * np.sqrt(2 * len(places))


def test_the_table_holds_words_that_are_no_entry(inputs: SiteInputs, study: StudyView) -> None:
    table = tokens.read_token_table(inputs, study)
    described = {row["term"]: row for row in files.read_table(inputs.terms.terms, term_schemas.TERMS).to_pylist()}
    entries = set(files.read_table(inputs.statistics.tokens, statistics_schemas.TOKENS)["token"].to_pylist())
    words = table.numbers(words=True)
    assert set(words) == set(described) - entries
    assert "manufacturers" in words
    rows = files.read_table(inputs.terms.head_terms, term_schemas.HEAD_TERMS).to_pylist()
    mine = {(r["layer"], r["head"]): r["mean"] for r in rows if r["term"] == "manufacturers"}
    means = table.means[words["manufacturers"]].reshape(study.n_layers, study.n_heads)
    assert all(means[key] == pytest.approx(mean) for key, mean in mine.items())
    falling = table.table["mean"].to_pylist()
    assert falling == sorted(falling, reverse=True)


def test_details_keep_to_their_bytes(inputs: SiteInputs, study: StudyView, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tokens.read_token_table(inputs, study)
    generous = token_details.plan_details(table, study)
    assert generous.n_occurrences == token_details.MOST_OCCURRENCES
    monkeypatch.setattr(token_details, "BYTES_OF_ALL", 20_000)
    plan = token_details.plan_details(table, study)
    assert 0 < len(plan.items) < len(generous.items)
    frequency = table.table["document_frequency"].to_pylist()
    left_out = set(generous.items) - set(plan.items)
    assert min(frequency[item] for item in plan.items) >= max(frequency[item] for item in left_out)
    found = token_details.concordance_of(table, plan, study)
    for row in all_rows(inputs):
        found.add(row)
    chunks = list(token_details.iter_details(table, plan, found, inputs.terms.class_terms, study))
    assert sum(len(json.dumps(chunk, ensure_ascii=False)) for chunk in chunks) < 25_000


def test_details_hold_means_of_every_head(inputs: SiteInputs, study: StudyView) -> None:
    table = tokens.read_token_table(inputs, study)
    plan = token_details.plan_details(table, study)
    found = token_details.concordance_of(table, plan, study)
    chunk = next(token_details.iter_details(table, plan, found, inputs.terms.class_terms, study))
    codes = np.frombuffer(bytes.fromhex(chunk["heads"][0]), np.uint8)
    assert np.allclose(ATTENTION_CODE.decode(codes), table.means[chunk["item"][0]], rtol=ATTENTION_CODE.relative_error)
    assert any(chunk["classes"])


@pytest.mark.browser
def test_a_token_shows_its_heads_classes_and_occurrences(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    visit = visitor(site)
    page = visit.open(links.TOKENS)
    page.locator("#search").fill("manufacturers")
    page.get_by_role("link", name="manufacturers").click()
    detail = page.locator("#token-detail")
    detail.locator(".concordance li").first.wait_for()
    assert "token=manufacturers" in page.url
    assert detail.locator(".head-table a").count() == 6
    assert detail.get_by_role("table").count() == 2
    n_occurrences = sum(row.text.split().count("manufacturers") for row in all_rows(inputs))
    assert detail.locator(".concordance li").count() == min(n_occurrences, token_details.MOST_OCCURRENCES)
    detail.locator(".concordance a").first.click()
    arrive(page, "**/documents/*.html#t=*")
    page.go_back()
    page.locator("#token-detail .concordance li").first.wait_for()
    page.get_by_role("button", name="Close").click()
    assert detail.is_hidden()
    assert "token=" not in page.url


@pytest.mark.browser
def test_a_token_that_does_not_exist_is_told(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.TOKENS}#token=no-such-token")
    assert "no such token" in page.locator("#token-detail").inner_text()


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_details_are_accessible_and_fit_a_phone(theme: str, site: Path, visitor: Visitor) -> None:
    page = visitor(site, color_scheme=theme, viewport={"width": 390, "height": 800}).open(f"{links.TOKENS}#token=the")
    page.locator("#token-detail .concordance li").first.wait_for()
    assert accessibility_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
def test_hostile_occurrences_stay_text(hostile_site: Path, visitor: Visitor) -> None:
    page = visitor(hostile_site).open(links.TOKENS)
    page.locator("#support").fill("1")
    page.locator("#token-table .row-link").first.click()
    page.locator("#token-detail .concordance li").first.wait_for()
    assert page.locator("main img[src='x']").count() == 0
