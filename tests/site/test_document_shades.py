"""Shades of the texts on the page of all documents: where tokens are, how strong they are, and what they take."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from site_visits import row_at
from synthetic_evidence import N_SAMPLE, N_SMALL
from synthetic_site import HOSTILE_TEXTS, site_settings

from attviz_pipeline.aggregates import AGGREGATES
from attviz_pipeline.report import links, page_sizes
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.report.views.document_shades import (
    BASE,
    LEVELS,
    LONGEST,
    MOST_CHARACTERS,
    SIGNED_LEVELS,
    DocumentShades,
    bytes_of_shades,
    flattened,
    shades_of,
)
from attviz_pipeline.report.views.study import StudyView, read_study_view

NAMES = [*AGGREGATES, "range", "received", "rollout", "norm-weighted"]


@pytest.fixture(scope="module")
def study(inputs: SiteInputs) -> StudyView:
    return read_study_view(site_settings().study, inputs)


def shaded(row: DocumentRow, study: StudyView, searchable: int | None = None) -> list[str]:
    shades = DocumentShades(study, 24, 1000, searchable, evidence=False)
    shades.add(replace(row, position=0), None)
    return next(shades.iter_parts())["0"]


def numbers(codes: str) -> list[int]:
    return [ord(code) - BASE for code in codes]


def words_of(text: str, bounds: str) -> list[str]:
    """The tokens that bounds cut out of a text, whose offsets are UTF-16 units."""
    units, found, at = text.encode("utf-16-le"), [], 0
    for gap, length in np.reshape(numbers(bounds), (-1, 2)).tolist():
        found.append(units[2 * (at + gap) : 2 * (at + gap + length)].decode("utf-16-le"))
        at += gap + length
    return found


@pytest.mark.parametrize("text", [*HOSTILE_TEXTS, "", " \t", "  a \u2003 b\n", "\x1c\x85x\xa0", "😀\u3000😀"])
def test_places_on_one_line_are_those_of_the_same_characters(text: str) -> None:
    flat, places = flattened(text)
    units = flat.encode("utf-16-le")
    assert flat == " ".join(text.split())
    assert len(places) == len(text) + 1
    for i, character in enumerate(text):
        written = units[2 * places[i] : 2 * places[i + 1]].decode("utf-16-le")
        assert written == character if not character.isspace() else written in {"", " "}


def test_tokens_are_cut_out_of_the_text_and_special_ones_left_out(inputs: SiteInputs, study: StudyView) -> None:
    for position in range(24):
        row = row_at(inputs, position)
        text, bounds, *levels = shaded(row, study)
        shown = [t for t in range(len(row.tokens)) if not row.special[t] and row.ends[t] > row.starts[t]]
        assert text == ""
        assert words_of(flattened(row.text)[0], bounds) == [row.text[row.starts[t] : row.ends[t]] for t in shown]
        assert [len(one) for one in levels] == [len(shown)] * len(NAMES)


def test_overlapping_tokens_share_their_text(inputs: SiteInputs, study: StudyView) -> None:
    """Byte-level tokenizers spell one character with several tokens."""
    row = row_at(inputs, 0)
    starts, ends = np.array([0, 0, 0, 2], np.int32), np.array([0, 2, 2, 3], np.int32)
    special = np.array([True, False, False, False])
    made = replace(row, text="abc", tokens=["x"] * 4, starts=starts, ends=ends, special=special, measures={})
    made = replace(made, aggregates=np.ones((len(AGGREGATES), 4), np.float32))
    _, bounds, *_ = shaded(made, replace(study, token_measures=[]))
    assert words_of("abc", bounds) == ["ab", "c"]


def test_a_token_too_long_for_a_character_ends_the_shades(inputs: SiteInputs, study: StudyView) -> None:
    text = "a " + "w" * (LONGEST + 1) + " b"
    starts, ends = np.array([0, 2, len(text) - 1]), np.array([1, len(text) - 2, len(text)])
    row = replace(row_at(inputs, 0), text=text, tokens=list("abc"), starts=starts, ends=ends, measures={})
    row = replace(row, special=np.zeros(3, bool), aggregates=np.ones((len(AGGREGATES), 3), np.float32))
    _, bounds, *levels = shaded(row, replace(study, token_measures=[]))
    assert words_of(text, bounds) == ["a"]
    assert {len(one) for one in levels} == {1}


def test_shades_are_those_between_two_quantiles_of_the_ordinary_tokens(inputs: SiteInputs, study: StudyView) -> None:
    row = row_at(inputs, 2)
    mean = row.aggregates[0].astype(float)
    ordinary = np.sort(mean[~row.special])
    low, high = (ordinary[min(len(ordinary) - 1, int(share * len(ordinary)))] for share in (0.1, 0.985))
    expected = np.clip((mean - low) / (high - low), 0, 1)[~row.special & (row.ends > row.starts)]
    found = np.array(numbers(shaded(row, study)[2])) / LEVELS
    assert np.abs(found - expected).max() <= 0.51 / LEVELS
    assert found.min() == 0
    assert found.max() == 1


def test_a_long_text_of_a_large_corpus_brings_its_beginning(inputs: SiteInputs, study: StudyView) -> None:
    row = row_at(inputs, 1)
    longer = replace(row, text=row.text + " x" * MOST_CHARACTERS)
    text, bounds, *_ = shaded(longer, study, searchable=40)
    assert text == longer.text[:MOST_CHARACTERS]
    assert words_of(text, bounds) == words_of(row.text, shaded(row, study)[1])
    short, bounds, *_ = shaded(replace(row, text=row.text[:5] + "\U0001d518" * MOST_CHARACTERS), study, searchable=40)
    assert len(short) == MOST_CHARACTERS
    assert all(words_of(short, bounds))


def parts(site: Path) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for path in sorted((site / links.ASSETS).glob("shades-*.js")):
        call = path.read_text(encoding="utf-8").removeprefix('attviz.tableRows.add("shades",').removesuffix(");\n")
        found |= {int(position): row for position, row in json.loads(call).items()}
    return found


def test_the_site_has_the_shades_of_every_document(inputs: SiteInputs, site: Path, study: StudyView) -> None:
    rows = parts(site)
    assert sorted(rows) == list(range(24))
    scores = [one.name for one in shades_of(study, evidence=True)]
    assert scores == [*NAMES, "gradient", "without"]
    gradient, without = (2 + scores.index(name) for name in ("gradient", "without"))
    assert [bool(rows[position][gradient]) for position in range(24)] == [n < N_SAMPLE for n in range(24)]
    assert [bool(rows[position][without]) for position in range(24)] == [n < N_SMALL for n in range(24)]
    measured = numbers(rows[0][gradient])
    assert min(abs(level - SIGNED_LEVELS) for level in (min(measured), max(measured))) >= 0
    assert {min(measured), max(measured)} & {0, 2 * SIGNED_LEVELS}
    page = (site / links.DOCUMENTS).read_text(encoding="utf-8")
    assert f"Measured in {N_SAMPLE} of 24 documents; the other texts have no colour." in page
    assert row_at(inputs, 0).text[:5] not in "".join(rows[0])


def test_a_study_without_evidence_offers_none_of_its_scores(inputs: SiteInputs, tmp_path: Path) -> None:
    write_site(site_settings(), replace(inputs, evidence=None), tmp_path / "site")
    page = (tmp_path / "site" / links.DOCUMENTS).read_text(encoding="utf-8")
    assert 'value="range"' in page
    assert 'value="gradient"' not in page
    assert "data-of-shade" not in page
    assert {len(row) for row in parts(tmp_path / "site").values()} == {2 + len(NAMES)}


@pytest.mark.parametrize("searchable", [None, 40])
def test_the_room_counted_for_shades_suffices(inputs: SiteInputs, study: StudyView, searchable: int | None) -> None:
    rows = [row_at(inputs, position) for position in range(24)]
    rows = [replace(row, text=row.text + " y" * 300 * (row.position % 2)) for row in rows]
    n_tokens, n_bytes = sum(len(row.tokens) for row in rows), sum(len(row.text.encode()) for row in rows)
    unmeasured = replace(study, has_evidence=False)
    counted = bytes_of_shades(unmeasured, len(rows), n_tokens, n_bytes, searchable)
    shades = DocumentShades(unmeasured, len(rows), counted, searchable, evidence=False)
    for row in rows:
        shades.add(row, None)
    written = sum(len(json.dumps(part, ensure_ascii=False).encode()) for part in shades.iter_parts())
    assert written < counted < 2 * written


def test_room_for_shades_is_taken_from_the_heads(
    inputs: SiteInputs, study: StudyView, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = page_sizes.read_sizes(inputs.statistics.document_index)
    counted = bytes_of_shades(study, 24, float(sizes.n_tokens.sum()), float(sizes.text.sum()), None)
    whole = page_sizes.smallest_site(sizes, study)
    monkeypatch.setattr(page_sizes, "bytes_of_shades", lambda *_: 0.0)
    assert whole - page_sizes.smallest_site(sizes, study) == pytest.approx(counted) != 0
