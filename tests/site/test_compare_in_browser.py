"""Two pages side by side in Chromium: they load, are linked, and the address keeps them."""

from pathlib import Path

import pytest
from site_visits import Visitor, arrive, row_at, until

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.formats import significant
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("way", ["file", "http"])
def test_two_documents_share_what_the_reader_chooses(way: str, site: Path, server: str, visitor: Visitor) -> None:
    page = visitor(site if way == "file" else server, viewport={"width": 1600, "height": 1000}).open(
        f"{links.COMPARE}#kind=documents&a=3&b=8"
    )
    left, right = (page.frame_locator(f"#side-{side}") for side in "ab")
    assert "Document 3 of 24" in left.locator(".pager").inner_text()
    assert "Document 8 of 24" in right.locator(".pager").inner_text()
    assert left.locator(".site-header").is_hidden()
    left.locator("html[data-ready]").wait_for(state="attached")
    right.locator("html[data-ready]").wait_for(state="attached")
    left.locator("#measure").select_option("max")
    right.locator("#measure").evaluate(
        "(field) => { if (field.value !== 'max') return new Promise((r) => setTimeout(r, 500)); }"
    )
    assert right.locator("#measure").input_value() == "max"
    left.locator("#text .tk").nth(4).click()
    until(page, "location.hash.includes('view=m%3Dmax')")
    assert page.url.endswith("#a=3&b=8&view=m%3Dmax")
    page.reload()
    for side in (left, right):
        side.locator("html[data-ready]").wait_for(state="attached")
        assert side.locator("#measure").input_value() == "max"


def test_words_on_one_side_are_words_on_the_other(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    rows = {position: row_at(inputs, position) for position in range(24)}
    a, b = [position for position, row in rows.items() if (row.words[1:] == row.words[:-1]).any()][:2]
    page = visitor(site).open(f"{links.COMPARE}#kind=documents&a={a + 1}&b={b + 1}")
    sides = [page.frame_locator(f"#side-{side}") for side in "ab"]
    for side in sides:
        side.locator("html[data-ready]").wait_for(state="attached")
    for way, by_words in (("max", True), ("", False)):
        sides[0].locator("#words").select_option(way)
        for side, position in zip(sides, (a, b), strict=True):
            words = rows[position].words
            n = len(words) - by_words * sum(words[1:] == words[:-1])
            shown = f"#text:not(:has([data-token='{n}'])) [data-token='{n - 1}']"
            side.locator(shown).wait_for(state="attached")
            side.locator("html[data-ready]").wait_for(state="attached")
            assert side.locator("#words").input_value() == way


def test_a_link_followed_within_a_frame_is_kept(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.COMPARE}#kind=documents&a=3&b=8")
    page.frame_locator("#side-b").get_by_role("link", name="Next").click()
    until(page, "location.hash.includes('b=9')")
    assert page.locator("#b-documents").input_value() == "9"
    assert "Document 3 of 24" in page.frame_locator("#side-a").locator(".pager").inner_text()


def test_a_document_leads_to_its_comparison(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(4)}#h=1.2")
    page.get_by_role("link", name="compare").click()
    arrive(page, "**/compare.html#a=5&kind=documents")
    assert "Document 5 of 24" in page.frame_locator("#side-a").locator(".pager").inner_text()


def test_heads_and_classes_are_chosen_swapped_and_kept_in_the_link(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.head(0, 1)}")
    page.get_by_role("link", name="compare").click()
    arrive(page, "**/compare.html#a=0.1*kind=heads*")
    assert "Layer 0, head 1" in page.frame_locator("#side-a").locator("h1").inner_text()
    page.locator("#b-heads").select_option("1.2")
    assert (
        "Layer 1, head 2" in page.frame_locator("#side-b").get_by_role("heading", name="Layer 1, head 2").inner_text()
    )
    page.get_by_role("button", name="Swap").click()
    until(page, "location.hash === '#a=1.2&b=0.1&kind=heads'")
    page.locator("#kind").select_option("classes")
    page.frame_locator("#side-b").get_by_role("heading", name="sport", exact=True).wait_for()


def test_two_heads_differ_by_their_numbers(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.COMPARE}#kind=heads&a=0.1&b=1.2")
    place = page.locator("#difference-views")
    place.locator("svg.scatter").wait_for()
    heads = {
        (row["layer"], row["head"]): row
        for row in files.read_table(inputs.statistics.heads, statistics_schemas.HEADS).to_pylist()
    }
    row = place.locator("tbody tr", has_text="mean self-attention").first.inner_text().split()
    assert row[-4:-2] == [significant(heads[0, 1]["mean"], 3), significant(heads[1, 2]["mean"], 3)]
    assert row[-1] == significant(heads[0, 1]["mean"] / heads[1, 2]["mean"])
    means = {
        (row["layer"], row["head"], row["token"]): row["mean"]
        for row in files.read_table(inputs.statistics.head_tokens, statistics_schemas.HEAD_TOKENS).to_pylist()
    }
    place.locator("summary").click()
    word, left, right = place.locator("details tbody tr").first.inner_text().split("\t")
    assert float(left) == pytest.approx(means[0, 1, word.strip()], rel=0.01)
    assert float(right) == pytest.approx(means[1, 2, word.strip()], rel=0.01)
    assert place.locator("svg.scatter circle").count() == place.locator("details tbody tr").count()


def test_pointing_at_a_dot_names_it(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.COMPARE}#kind=heads&a=0.1&b=1.2")
    dot = page.locator("svg.scatter circle").first
    dot.wait_for()
    dot.hover(force=True)
    sentence = page.locator(".point-at").inner_text()
    assert " in L0·H1, " in sentence
    first = page.locator(".cloud-view .pair-tables tbody th").first.inner_text()
    assert sentence.startswith(first)


def test_two_documents_differ_by_what_their_pages_tell(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.COMPARE}#kind=documents&a=4&b=9")
    place = page.locator("#difference-views")
    place.locator("svg.scatter").first.wait_for()
    left, right = (row_at(inputs, position) for position in (3, 8))
    assert place.locator("tbody tr", has_text="tokens").first.inner_text().split()[-3:-1] == [
        str(len(row.tokens)) for row in (left, right)
    ]
    place.locator(".cloud-view summary").first.click()
    rows = [
        text.split("\t") for text in place.locator(".cloud-view").first.locator("details tbody tr").all_inner_texts()
    ]
    means = left.self_attention[:, ~left.special].mean(axis=1)
    for name, value, _ in rows:
        layer, head = (int(part[1:]) for part in name.strip().split("·"))
        assert float(value) == pytest.approx(float(means[layer * 3 + head]), rel=0.03)
    page.locator("#b-documents").fill("10")
    page.locator("#b-documents").blur()
    place.get_by_text("Document 10 →", exact=False).or_(place.get_by_text("↑ Document 10")).first.wait_for()


def test_a_page_of_another_site_hears_nothing_of_a_framed_document(server: str, visitor: Visitor) -> None:
    visit = visitor(server)
    heard = """([address, patience]) => new Promise((sentence) => {
      const frame = document.createElement("iframe");
      addEventListener("message", ({ data, source }) => {
        if (source === frame.contentWindow && data.attvizPage) sentence(data.attvizPage);
      });
      frame.addEventListener("load", () => setTimeout(() => sentence("nothing"), patience));
      frame.src = address;
      document.body.append(frame);
    })"""
    visit.page.goto("about:blank")
    assert visit.page.evaluate(heard, [server + links.document(3), 2000]) == "nothing"
    visit.faults.clear()  # that the message has no hearer is logged
    page = visit.open(links.COMPARE)
    assert page.evaluate(heard, [server + links.document(3), 30_000]) == server + links.document(3)


def test_two_classes_differ_and_the_difference_folds_away(site: Path, visitor: Visitor) -> None:
    visit = visitor(site)
    page = visit.open(f"{links.COMPARE}#kind=classes&a=0&b=1")
    page.locator("#difference-views tbody tr", has_text="F1").wait_for()
    assert page.locator("#difference-views h3").all_inner_texts() == ["Words", "Heads"]
    tables = page.locator("#difference-views .pair-tables table")
    assert tables.locator("thead th", has_text="q < 0.05").count() == tables.count() > 0
    page.locator("#difference > summary").click()
    until(page, "location.hash.includes('difference=closed')")
    page.reload()
    until(page, "document.documentElement.dataset.ready !== undefined")
    assert page.locator("#difference-views").is_hidden()
    page = visit.open(f"{links.COMPARE}#kind=classes&a=1&b=1&x=1")
    page.get_by_text("Both sides show the same").wait_for()


def test_what_a_link_makes_up_is_not_loaded(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.COMPARE}#kind=documents&a=../../x&b=999")
    assert [page.locator(f"#{side}-documents").input_value() for side in "ab"] == ["1", "2"]
    for kind in ("nothing", "constructor"):
        page = visitor(site).open(f"{links.COMPARE}#kind={kind}")
        assert page.locator("#kind").input_value() == "documents"
