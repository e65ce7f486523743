import gzip
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from html_page import Page
from hypothesis import given
from hypothesis import strategies as st
from synthetic_site import HOSTILE_IDS, HOSTILE_LABELS, HOSTILE_TEXTS, site_settings, write_site_inputs

from attviz_pipeline import formats, published
from attviz_pipeline.artifacts import (
    attention_schemas,
    corpus_schemas,
    files,
    model_schemas,
    output_schemas,
    packing,
    statistics_schemas,
)
from attviz_pipeline.artifacts.log_code import AGGREGATE_CODE, ATTENTION_CODE
from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.report import links, page_sizes, payload, render
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.rows import DocumentRow, iter_documents
from attviz_pipeline.report.sentences import parts
from attviz_pipeline.report.views import about, document, documents, figures, heads
from attviz_pipeline.report.views.document_groups import read_document_groups
from attviz_pipeline.report.views.histogram import histogram_view
from attviz_pipeline.report.views.scale import dataset_scale, median
from attviz_pipeline.report.views.study import read_study_view
from attviz_pipeline.stages import RenderSite

N_DOCUMENTS = 24


def pages(site: Path) -> Iterator[Path]:
    return iter(sorted(site.rglob("*.html")))


# Codec


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=50))
def test_attention_is_off_by_at_most_the_stated_error(values: list[float]) -> None:
    exact = np.array(values)
    shown = ATTENTION_CODE.decode(ATTENTION_CODE.encode(exact))
    assert ATTENTION_CODE.relative_error < 0.02757
    assert np.all(np.abs(shown - exact) <= ATTENTION_CODE.relative_error * exact * (1 + 1e-9))


@given(st.lists(st.floats(1e-12, 1e3), min_size=1, max_size=50))
def test_aggregates_are_off_by_at_most_the_stated_error(values: list[float]) -> None:
    exact = np.array(values)
    shown = AGGREGATE_CODE.decode(AGGREGATE_CODE.encode(exact))
    assert AGGREGATE_CODE.relative_error < 0.0003
    assert np.all(np.abs(shown - exact) <= AGGREGATE_CODE.relative_error * exact * (1 + 1e-9))


def test_values_out_of_range_go_to_the_nearest_end() -> None:
    codes = ATTENTION_CODE.encode(np.array([0, 1e-30, 9e-7, 1e-6, 1, 1.0001], np.float32))
    assert codes.tolist() == [0, 0, 0, 1, 255, 255]


@given(st.integers(1, 12), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_packed_attention_is_restored_from_the_medians(n_rows: int, n_tokens: int, seed: int) -> None:
    attention = np.random.default_rng(seed).random((n_rows, n_tokens)).astype(np.float32) ** 8
    codes, medians = payload.encode_attention(attention)
    differences = packing.unpack(codes, np.dtype(np.uint8)).reshape(n_rows, n_tokens)
    restored = differences + packing.unpack(medians, np.dtype(np.uint8))[:, None]
    assert np.array_equal(restored, ATTENTION_CODE.encode(attention))


@given(st.text(max_size=40), st.data())
def test_offsets_count_utf16_units(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    found = payload.utf16_offsets(text, np.array([offset], np.int32))
    assert found.tolist() == [len(text[:offset].encode("utf-16-le")) // 2]


def test_offsets_survive_gaps_of_any_sign() -> None:
    starts, ends = np.array([0, 0, 5, 0], np.int32), np.array([0, 4, 8, 0], np.int32)
    pairs = packing.unpack(payload.encode_offsets(starts, ends), np.dtype("<i4")).reshape(-1, 2)
    assert pairs.tolist() == [[0, 0], [0, 4], [1, 3], [-8, 0]]


@given(st.dictionaries(st.text(), st.text()))
def test_embedded_json_cannot_leave_its_element(content: dict[str, str]) -> None:
    text = str(payload.script_json({**content, "x": "</script><!--\u2028\u2029"}))
    assert not set(text) & set("<\u2028\u2029")
    assert json.loads(text)["x"] == "</script><!--\u2028\u2029"


@given(st.text())
def test_a_literal_text_is_read_back_unchanged(text: str) -> None:
    literal = str(formats.literal(text))
    assert "\r" not in literal
    assert "<" not in literal


def test_numbers_are_written_as_the_scripts_write_them() -> None:
    written = [formats.significant(value) for value in (0, 0.0214, 3.4e-6, 0.5, 1, 12.34, 0.996, 9.96, 9.99e-4)]
    assert written == ["0", "0.021", "3.4e−6", "0.50", "1.0", "12", "1.0", "10", "0.0010"]
    shares = [formats.percent(share) for share in (1, 0.62, 0.9999, 0.0001, 0.996, 0)]
    assert shares == ["100 %", "62 %", "> 99.9 %", "< 0.1 %", "99.6 %", "0 %"]
    assert [formats.signed(value) for value in (1.2, -0.034, -0.001, 0)] == [
        "+1.20",
        "−0.03",
        "0.00",
        "0.00",
    ]
    assert [formats.significant(value) for value in (-0.31, 3.4e-6)] == ["−0.31", "3.4e−6"]
    assert [formats.percent(0.8524), formats.percent(0.8524, 1)] == ["85 %", "85.2 %"]
    assert [formats.plural(n, "entry", "entries") for n in (1, 2000)] == ["1 entry", "2,000 entries"]


# The site as a whole


def test_every_page_is_there(site: Path) -> None:
    kinds = [*(page.address for page in links.PAGES), links.WRONG, *(links.class_page(n) for n in range(3))]
    expected = {*kinds, *(links.document(p) for p in range(N_DOCUMENTS))}
    expected |= {links.head(layer, head) for layer in range(2) for head in range(3)}
    assert {page.relative_to(site).as_posix() for page in pages(site)} == expected


@pytest.mark.parametrize("kind", ["site", "hostile_site"])
def test_every_address_resolves_inside_the_site(kind: str, request: pytest.FixtureRequest) -> None:
    site = request.getfixturevalue(kind)
    parsed = {page: Page(page) for page in pages(site)}
    for page, content in parsed.items():
        for name, address in content.addresses:
            if address == "data:,":
                continue
            parts = urlsplit(address)
            assert not parts.scheme, f"{page}: {name}={address}"
            assert not parts.netloc, f"{page}: {name}={address}"
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.is_file(), f"{page}: {name}={address}"
            assert target.is_relative_to(site.resolve())
            if parts.fragment and "=" not in parts.fragment:
                assert parts.fragment in parsed.get(target, Page(target)).ids, f"{page}: {name}={address}"


def test_calibration_leads_to_its_figure(inputs: SiteInputs, site: Path) -> None:
    leads = {address for _, address in Page(site / links.START).addresses}
    assert f"{links.FIGURES}#reliability" in leads
    listed = figures.read_figures(inputs.figures)
    assert figures.address_of("reliability", [each for each in listed if each.kind != "reliability"]) is None


def rebuilt(content: dict[str, Any], row: DocumentRow) -> list[str]:
    """The tokens as a page's scripts spell them."""
    marked = set(content.get("pieces", content.get("continues", [])))

    def spelled(index: int, start: int, end: int) -> str:
        behind_space = content.get("spaced") and " " in row.text[max(start - 1, 0) : start + 1]
        text = row.text[start:end].strip(" ")
        sign = "##" if index in marked else "␣" if behind_space else ""
        return sign + (text.lower() if content.get("lowered") else text)

    tokens = [spelled(index, *span) for index, span in enumerate(zip(row.starts, row.ends, strict=True))]
    others = content["named"] | content.get("spelled", {})
    return [others.get(str(index), token) for index, token in enumerate(tokens)]


CHANGES = [
    str,
    lambda token: f"␣{token.removeprefix('##')}",
    lambda token: token if token.startswith("##") else f"␣{token}",
    str.lower,
    str.upper,
    str.swapcase,
    *(f"{mark}{{}}".format for mark in ("##", "###", "\u0120", "\u2581")),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_page_knows_every_token_of_the_model(change: Callable[[str], str], inputs: SiteInputs) -> None:
    study = read_study_view(site_settings().study, inputs)
    for row in iter_documents(inputs.attention[0], inputs.aggregates[0]):
        for step in (1, 2, 3):
            tokens = [change(token) if i % step == 0 else token for i, token in enumerate(row.tokens)]
            content = document.document_view(replace(row, tokens=tokens), study).payload
            assert rebuilt(content, row) == tokens


@pytest.mark.parametrize("kind", ["site", "hostile_site"])
def test_pages_carry_no_inline_code_or_style(kind: str, request: pytest.FixtureRequest) -> None:
    site = request.getfixturevalue(kind)
    for page in pages(site):
        content = Page(page)
        for attributes, text in content.scripts:
            is_data = attributes.get("type") == "application/json"
            assert is_data or ("src" in attributes and not text), f"{page}: {text[:80]}"
        for tag, name, _ in content.attributes:
            assert name != "style", f"{page}: <{tag}>"
            assert not name.startswith("on"), f"{page}: <{tag} {name}>"
        assert "Content-Security-Policy" in page.read_text(encoding="utf-8")


def test_style_and_scripts_name_no_other_place(site: Path) -> None:
    for path in [*(site / "assets").glob("*.css"), *(site / "assets").glob("*.js")]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "the name of SVG")
        assert "http:" not in text
        assert "https:" not in text
        assert "@import" not in text


def loaded_code(page: Path) -> bytes:
    """Style sheets and scripts that a page names, without the rows of tables and the markup that pages share."""
    named = {address for _, address in Page(page).addresses if re.search(r"assets/[a-z_]+\.(css|js)$", address)}
    named -= {f"../{links.FULL_SHARED}", f"../{links.LITE_SHARED}"}
    return b"".join((page.parent / address).read_bytes() for address in sorted(named))


@pytest.mark.parametrize("which", ["site", "sensitive_site"])
def test_style_and_scripts_of_each_page_keep_to_their_budget(which: str, request: pytest.FixtureRequest) -> None:
    site = request.getfixturevalue(which)
    assert (b"data-heard" in loaded_code(site / links.START)) == (which == "sensitive_site")
    for page in pages(site):
        code = loaded_code(page)
        assert 10_000 < len(code) < 60_000, f"{page.name} loads {len(code)} bytes of style and scripts"
        assert len(gzip.compress(code)) < 20_000, page.name


def test_markup_that_document_pages_share_is_small(site: Path) -> None:
    for address in (links.FULL_SHARED, links.LITE_SHARED, "assets/panels.js"):
        assert 3_000 < (site / address).stat().st_size < 9_800, address


def test_parts_that_load_later_are_no_larger_than_a_page(site: Path) -> None:
    for name in ("document_views.js", "maps.js", "exports.js", "document_exports.js"):
        code = (site / "assets" / name).read_bytes()
        assert 3_000 < len(code) < 60_000, name
        assert len(gzip.compress(code)) < 20_000, name


def test_scripts_may_stand_within_a_page(site: Path) -> None:
    """A page that exports itself as one file holds them between tags."""
    for path in (site / "assets").glob("*.js"):
        text = path.read_text(encoding="utf-8").lower()
        assert not {"</script", "<!--", "<script"} & set(re.findall(r"</?!?\W*\w+|<!--", text)), path.name


def test_a_page_loads_no_views_of_another_kind(site: Path) -> None:
    assert b"documentPage" not in loaded_code(site / links.DOCUMENTS)
    assert b"documentTable" not in loaded_code(site / links.document(7))
    assert b"pages.add(" not in loaded_code(site / links.METHODS)


def test_rendering_twice_gives_the_same_bytes(inputs: SiteInputs, site: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "stale.html").write_text("an older site")
    write_site(site_settings(title="News & views"), inputs, tmp_path / "site")
    first = {path.relative_to(site): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    again = {p.relative_to(tmp_path / "site"): p.read_bytes() for p in (tmp_path / "site").rglob("*") if p.is_file()}
    assert first == again


def test_the_number_of_shards_changes_no_byte(tmp_path: Path) -> None:
    sites = []
    for n_shards in (1, 9):
        inputs = write_site_inputs(tmp_path / str(n_shards), n_documents=N_DOCUMENTS, n_shards=n_shards)
        write_site(site_settings(), inputs, tmp_path / f"site-{n_shards}")
        folder = tmp_path / f"site-{n_shards}"
        sites.append({p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    assert sites[0] == sites[1]


def test_hostile_texts_ids_and_labels_are_only_text(hostile_site: Path) -> None:
    for position, text in enumerate(HOSTILE_TEXTS):
        content = Page(hostile_site / links.document(position))
        assert text in content.text.replace("\r\n", "\r\n")
        assert HOSTILE_IDS[position % len(HOSTILE_IDS)] in content.text
        assert HOSTILE_LABELS[0] in content.text
        assert not any(name == "onerror" for _, name, _ in content.attributes)


def test_no_file_is_named_after_an_id(hostile_site: Path) -> None:
    names = {path.name for path in (hostile_site / "documents").iterdir()}
    assert names == {f"{position:06d}.html" for position in range(len(HOSTILE_TEXTS))}


def test_rows_for_scripts_are_calls_with_safe_json(hostile_site: Path) -> None:
    text = (hostile_site / "assets" / "documents-000.js").read_text(encoding="utf-8")
    assert not set(text) & set("<\u2028\u2029")
    call, _, rest = text.partition("(")
    assert call == "attviz.tableRows.add"
    name, content = json.loads(f"[{rest.rstrip().removesuffix(');')}]")
    assert name == "documents"
    assert len(content["id"]) == len(HOSTILE_TEXTS)


def test_a_document_page_reads_without_scripts(inputs: SiteInputs, site: Path) -> None:
    row = next(iter_documents(inputs.attention[0], inputs.aggregates[0]))
    content = Page(site / links.document(row.position))
    assert row.text in content.text
    assert f"id {row.id}" in content.text
    for word in ("Predicted", "gold", "Top tokens"):
        assert word in content.text


def test_a_sensitive_study_says_so_on_every_page(inputs: SiteInputs, tmp_path: Path) -> None:
    write_site(site_settings(sensitive=True), inputs, tmp_path / "site")
    for page in pages(tmp_path / "site"):
        assert "data-sensitive" in page.read_text(encoding="utf-8")
        assert "consent" in Page(page).ids


# Views


def test_a_document_view_states_the_artifact(inputs: SiteInputs) -> None:
    study = read_study_view(site_settings().study, inputs)
    for row in iter_documents(inputs.attention[0], inputs.aggregates[0]):
        view = document.document_view(row, study)
        assert f"with {formats.percent(max(row.probabilities))}" in view.prediction.heading
        assert view.outcome == ("right" if row.gold == row.predicted else "wrong")
        ordered = sorted(row.probabilities, reverse=True)
        assert f"is second, {(ordered[0] - ordered[1]) * 100:.1f} percentage points lower" in view.prediction.finding
        assert [p.probability for p in view.prediction.probabilities] == ordered
        means = np.where(row.special, -1, row.aggregates[0])
        assert view.strongest[0].index == means.argmax()
        assert view.strongest[0].aggregates["max"] == pytest.approx(row.self_attention[:, means.argmax()].max())
        head = study.head_of(int(row.self_attention[:, ~row.special].mean(axis=1, dtype=float).argmax()))
        assert f"mean here is {parts.head_link(head, study, '../')}" in view.strongest_of_all
        windows = {window["n_model_tokens"] for window in row.windows}
        even = f"even attention: {formats.significant(1 / max(windows), 3)}"
        assert (even in view.strongest_of_all) == (len(windows) == 1)
        # What most pages say they leave to what all share.
        assert view.payload.get("windows", [0]) == [window["first_token"] for window in row.windows]


def test_tokens_that_differ_from_the_text_are_named(inputs: SiteInputs) -> None:
    study = read_study_view(site_settings().study, inputs)
    row = next(iter_documents(inputs.attention[0], inputs.aggregates[0]))
    tokens = list(row.tokens)
    tokens[1] = "[UNK]"
    named = document.document_view(replace(row, tokens=tokens), study).payload["named"]
    assert named == {"0": "[CLS]", "1": "[UNK]", str(len(tokens) - 1): "[SEP]"}


def test_unknown_tokens_are_told_and_out_of_the_rankings(tmp_path: Path) -> None:
    inputs = write_site_inputs(tmp_path / "in", n_documents=12, unknown="the")
    write_site(site_settings(), inputs, tmp_path / "site")
    n_unknown = files.read_json(inputs.statistics.summary, statistics_schemas.SUMMARY)["n_unknown_tokens"]

    for page in ("index.html", "about.html"):
        assert f"{n_unknown} tokens of text" in (tmp_path / "site" / page).read_text(encoding="utf-8")
    for page in ("index.html", "tokens.html"):
        assert "[UNK]" not in (tmp_path / "site" / page).read_text(encoding="utf-8")
    study = read_study_view(site_settings().study, inputs)
    rows = [row for pair in zip(inputs.attention, inputs.aggregates, strict=True) for row in iter_documents(*pair)]
    assert not any(
        token.token == "[UNK]"  # noqa: S105 - no password
        for row in rows
        for token in document._strongest(row, study.n_heads)
    )
    assert "[UNK]" in document._named_tokens(next(row for row in rows if row.unknown.any())).values()


def test_a_site_without_unknown_tokens_does_not_speak_of_them(site: Path) -> None:
    assert not any("unknown-tokens" in page.read_text(encoding="utf-8") for page in pages(site))


def test_a_token_that_says_what_the_text_says_is_not_named(inputs: SiteInputs) -> None:
    row = next(iter_documents(inputs.attention[0], inputs.aggregates[0]))
    assert row.tokens[1] == row.text[: len(row.tokens[1])]
    spaced = replace(row, tokens=[row.tokens[0], f"␣{row.tokens[1]}", *row.tokens[2:]])

    assert document._named_tokens(spaced) == document._named_tokens(row)


def test_a_histogram_counts_every_token() -> None:
    counts = np.zeros(81, np.int64)
    counts[[0, 40, 80]] = [1, 2, 1]
    view = histogram_view(counts, counts * 3, 0.5)
    assert sum(row[1] for row in view.rows) == pytest.approx(1)
    assert [row[1] for row in view.rows] == [row[2] for row in view.rows]
    assert view.head_path.startswith("M0 ")


def test_the_colour_scale_covers_most_of_the_study(inputs: SiteInputs) -> None:
    low, high = heads.value_range(heads.read_heads(inputs.statistics.heads))
    values = []
    for attention, aggregates in zip(inputs.attention, inputs.aggregates, strict=True):
        for row in iter_documents(attention, aggregates):
            values.append(row.self_attention[:, ~row.special].ravel())  # noqa: PERF401 - clearer than a double loop
    pooled = np.concatenate(values)
    assert np.mean((pooled >= low) & (pooled <= high)) > 0.93


def test_the_usual_self_attention_of_a_head_is_its_median(inputs: SiteInputs) -> None:
    usual = dataset_scale(heads.read_heads(inputs.statistics.heads)).medians
    values = [
        row.self_attention[:, ~row.special]
        for shards in zip(inputs.attention, inputs.aggregates, strict=True)
        for row in iter_documents(*shards)
    ]
    exact = np.median(np.concatenate(values, axis=1), axis=1)
    assert np.all(np.abs(np.log(usual / exact)) < np.log(10) / 20)
    assert median([0] * 81) == 0.0


def document_scores(inputs: SiteInputs, n_documents: int = N_DOCUMENTS) -> documents.DocumentScores:
    groups = read_document_groups(inputs.document_groups, read_study_view(site_settings().study, inputs))
    return documents.DocumentScores(inputs.assessment.confidences, groups, n_documents)


def test_groups_of_other_documents_are_refused(inputs: SiteInputs) -> None:
    study = read_study_view(site_settings().study, inputs)
    other = replace(study, summary={**study.summary, "n_documents": N_DOCUMENTS - 1})
    with pytest.raises(ArtifactError, match="is of other documents"):
        read_document_groups(inputs.document_groups, other)


def test_the_index_is_cut_into_pieces_that_hold_every_row(inputs: SiteInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "CHUNK_CHARACTERS", 500)
    monkeypatch.setattr(documents, "ROWS_PER_PIECE", 3)
    scores = document_scores(inputs)
    study = read_study_view(site_settings().study, inputs)
    chunks = list(documents.iter_chunks(inputs.statistics.document_index, study, 20, documents.Marks({3}), scores))
    assert len(chunks) > 1
    ids = [name for chunk in chunks for name in chunk["id"]]
    assert ids == [f"doc-{n:04d}" for n in range(N_DOCUMENTS)]
    assert [chunk["first"] for chunk in chunks] == [ids.index(chunk["id"][0]) for chunk in chunks]
    assert all(len(text) <= 20 for chunk in chunks for text in chunk["text"])
    assert [name for chunk in chunks for name, flag in zip(chunk["id"], chunk["maps"], strict=True) if flag] == [
        "doc-0003"
    ]


def test_the_index_keeps_to_its_bytes(inputs: SiteInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = page_sizes.read_sizes(inputs.statistics.document_index)
    assert sizes.searchable is None
    room = N_DOCUMENTS * (page_sizes.BYTES_PER_INDEX_ROW + len("doc-0000") + 70)
    monkeypatch.setattr(page_sizes, "INDEX_BYTES", room)
    assert sizes.searchable == 70
    monkeypatch.setattr(page_sizes, "INDEX_BYTES", 10)
    assert sizes.searchable == page_sizes.FEWEST_CHARACTERS
    assert sizes.of([0]).searchable == page_sizes.FEWEST_CHARACTERS
    monkeypatch.setattr(page_sizes, "INDEX_BYTES", room // 4)
    assert sizes.of([0]).searchable is None


def test_the_index_sorts_by_scores_of_the_artifacts(inputs: SiteInputs) -> None:
    scores = document_scores(inputs)
    assert scores.names() == ["entropy"]
    rows = [row for pair in zip(inputs.attention, inputs.aggregates, strict=True) for row in iter_documents(*pair)]
    for row in rows:
        scores.add(row)
    columns = scores.columns(np.arange(N_DOCUMENTS))
    for row in rows:
        entropy = row.aggregates[1, ~row.special].mean(dtype=float)
        assert columns["entropy"][row.position] == pytest.approx(entropy, rel=0.01)
        assert columns["special"][row.position] == pytest.approx(row.on_special, rel=0.01)
    profiles = files.read_table(inputs.attention[0], attention_schemas.ATTENTION).to_pylist()[0]["profile"]
    expected = np.mean(profiles["on_cls"]) + np.mean(profiles["on_sep"])
    assert rows[0].on_special == pytest.approx(expected, rel=1e-6)


def test_scores_of_other_documents_are_refused(inputs: SiteInputs) -> None:
    with pytest.raises(ArtifactError, match="is of other documents"):
        document_scores(inputs, N_DOCUMENTS + 1)


def test_the_ledger_shows_what_was_left_out_or_cut(inputs: SiteInputs) -> None:
    ledger = about.remarkable_rows(inputs.statistics.ledger, read_study_view(site_settings().study, inputs))
    assert {"empty", "duplicate"} <= set(ledger["status"])
    assert not {"shown", "not_analysed"} & set(ledger["status"])


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/x/reviews.tsv", "reviews.tsv"),
        ("~/models/bert/", "bert"),
        ("../secret/reviews.tsv", "reviews.tsv"),
        ("corpora/../../x.csv", "x.csv"),
        (r"C:\Users\x\reviews.tsv", "reviews.tsv"),
        ("corpora/reviews.tsv", "corpora/reviews.tsv"),
        ("owner/name", "owner/name"),
        ("/", "/"),
    ],
)
def test_a_path_is_published_without_foreign_folders(path: str, shown: str) -> None:
    assert published.published(path) == shown


def test_no_page_names_a_folder_of_the_machine(inputs: SiteInputs, tmp_path: Path) -> None:
    source, model = "/home/private-person/reviews.tsv", "~/private-person/bert"
    study = site_settings().study.model_dump(exclude_unset=True)
    study |= {"dataset": {"files": {"train": source, "test": "../private-person/t.tsv"}}, "model": {"source": model}}
    card = {
        "source": source,
        "revision": None,
        "label_names": ["a"],
        "files": [{"path": source, "sha256": "0", "n_rows": 9}],
    }
    files.write_json(tmp_path / "dataset.json", corpus_schemas.DATASET, card)
    files.write_json(tmp_path / "model.json", model_schemas.MODEL, {"source": model, "revision": None})
    ledger = files.read_table(inputs.statistics.ledger, corpus_schemas.LEDGER).to_pydict()
    ledger["file"] = [source] * len(ledger["id"])
    ledger["detail"] = [f"repeats the text of {source} row 3"] * len(ledger["id"])
    statistics = replace(inputs.statistics, ledger=tmp_path / "ledger.parquet")
    files.write_table(statistics.ledger, corpus_schemas.LEDGER, ledger)
    cards = {"dataset": tmp_path / "dataset.json", "model": tmp_path / "model.json"}
    settings = RenderSite(study=parse_study(study, "test"))
    write_site(settings, replace(inputs, statistics=statistics, **cards), tmp_path / "site")
    texts = [
        path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*") if path.suffix in {".html", ".js"}
    ]
    assert not any("private-person" in text for text in texts)
    about_page = Page(tmp_path / "site" / links.ABOUT).text
    assert "repeats the text of reviews.tsv row 3" in about_page
    assert "source: bert" in about_page


def test_about_page_names_every_device_and_precision_of_the_shards(tmp_path: Path) -> None:
    inputs = write_site_inputs(tmp_path / "inputs", n_documents=4)
    for path, device in zip(inputs.attention, ("cuda: Tesla T4", "cpu"), strict=True):
        table = files.read_table(path, attention_schemas.ATTENTION)
        facts = files.read_facts(path, attention_schemas.ATTENTION) | {"device": device, "precision": "float32"}
        files.write_table(path, attention_schemas.ATTENTION, table.to_pydict(), facts)
    write_site(site_settings(), inputs, tmp_path / "site")

    about_page = "".join(Page(tmp_path / "site" / links.ABOUT).text.split())
    assert "Extraction:2factsdevicecpu,cuda:TeslaT4precisionfloat32" in about_page


def test_pages_say_what_self_attention_is(site: Path) -> None:
    assert "Self-attention in each of 6 heads" in Page(site / links.START).text
    about_page = Page(site / links.ABOUT).text
    assert "Rankings by the mean contain it; rankings relative to even attention do not." in about_page
    assert "“Every token as a table” on a document page, which uses the rounded values" in about_page


def test_about_page_says_where_texts_are_pieces(site: Path, inputs: SiteInputs, tmp_path: Path) -> None:
    sentence = "The tokenizer of this model does not report the characters of each token."
    assert sentence not in Page(site / links.ABOUT).text
    card = files.read_json(inputs.model, model_schemas.MODEL)
    files.write_json(tmp_path / "model.json", model_schemas.MODEL, card | {"offsets": False})
    write_site(site_settings(), replace(inputs, model=tmp_path / "model.json"), tmp_path / "site")
    assert sentence in Page(tmp_path / "site" / links.ABOUT).text


# Faults


def test_aggregates_of_other_documents_are_refused(inputs: SiteInputs, tmp_path: Path) -> None:
    swapped = replace(inputs, aggregates=list(reversed(inputs.aggregates)))
    with pytest.raises(ArtifactError, match="different documents"):
        write_site(site_settings(), swapped, tmp_path / "site")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_shard_is_noticed(inputs: SiteInputs, tmp_path: Path) -> None:
    fewer = replace(inputs, attention=inputs.attention[:1], aggregates=inputs.aggregates[:1])
    with pytest.raises(ArtifactError, match=r"hold \d+ documents, the summary counts 24"):
        write_site(site_settings(), fewer, tmp_path / "site")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../secret.svg", "missing.svg"])
def test_a_figure_outside_its_folder_or_missing_is_refused(name: str, inputs: SiteInputs, tmp_path: Path) -> None:
    figures = tmp_path / "figures"
    shutil.copytree(inputs.figures, figures)
    (tmp_path / "secret.svg").write_text("<svg/>")
    content = files.read_json(figures / "figures.json", output_schemas.FIGURES)
    content["figures"][0]["svg"] = name
    files.write_json(figures / "figures.json", output_schemas.FIGURES, content)
    with pytest.raises(ArtifactError, match="is no file of"):
        write_site(site_settings(), replace(inputs, figures=figures), tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_damaged_shard_leaves_the_old_site(inputs: SiteInputs, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("the old site")
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(inputs.attention[0].read_bytes()[:2000])
    with pytest.raises(ArtifactError, match="damaged or truncated"):
        write_site(site_settings(), replace(inputs, attention=[damaged, *inputs.attention[1:]]), site)
    assert (site / "index.html").read_text() == "the old site"


def test_templates_of_an_installed_package_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "PACKAGE", tmp_path / "attviz_pipeline")
    with pytest.raises(ArtifactError, match="templates are missing: install attviz-pipeline again"):
        render.templates_folder()
    for folder in (tmp_path / "templates", tmp_path / "attviz_pipeline" / "_templates"):
        folder.mkdir(parents=True)
        (folder / "base.html").touch()
        assert render.templates_folder() == folder
