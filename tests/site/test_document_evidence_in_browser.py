"""Evidence on a document's page, in Chromium: shading, bars of the token under the cursor, rows, and the index."""

from pathlib import Path

import numpy as np
import pytest
from site_visits import Visitor, row_at, until
from synthetic_evidence import N_SAMPLE, N_SMALL

from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.token_evidence import TokenEvidenceReader

pytestmark = pytest.mark.browser

MEASURED = 3


def test_tokens_are_shaded_by_sign_and_pointing_shows_each_class(
    inputs: SiteInputs, site: Path, visitor: Visitor
) -> None:
    row = row_at(inputs, MEASURED)
    assert inputs.evidence is not None
    evidence = TokenEvidenceReader(inputs.evidence).of(row)
    assert evidence is not None
    assert evidence.left_out is not None
    changes = evidence.left_out.changes[:, row.predicted]
    falling, rising = (int(evidence.left_out.places[place]) for place in (changes.argmin(), changes.argmax()))
    page = visitor(site).open(links.document(MEASURED))
    page.locator("#measure").select_option("without")
    until(page, "location.hash.includes('m=without')")

    def channels(token: int) -> list[int]:
        colour = page.locator(f"#text .tk[data-token='{token}']").evaluate("e => getComputedStyle(e).backgroundColor")
        return [int(part) for part in colour.removeprefix("rgba(").split(",")[:3]]

    assert channels(falling) == [0, 114, 178]
    assert channels(rising) == [213, 94, 0]
    page.locator(f"#text .tk[data-token='{falling}']").hover()
    until(page, f"document.querySelector('#inspector-place').textContent.startsWith('token {falling}')")
    numbers = page.locator(".inspector .class-changes td:last-child").all_inner_texts()
    assert numbers[0].replace("\u2212", "-") == f"{changes.min() * 100:.1f}"
    assert len(numbers) == len(row.probabilities)
    assert page.locator(".inspector .class-changes i").first.evaluate("e => e.style.background") == "rgb(213, 94, 0)"
    page.locator("#text .tk[data-token='0']").hover()
    until(page, "document.querySelector('.inspector .class-changes td:last-child').textContent === '\u2013'")


def test_rows_of_evidence_are_offered_where_it_was_measured(site: Path, visitor: Visitor) -> None:
    visit = visitor(site)
    page = visit.open(f"{links.document(MEASURED)}#rows=evidence&m=gradient&scores=1")
    assert page.locator("#rows").input_value() == "evidence"
    assert page.locator("#measure").input_value() == "gradient"
    assert "fall without the token" in page.locator("#measure").inner_text()
    assert "without" in page.locator("#sequence").get_attribute("aria-label")
    assert page.locator("#text .tk[data-score]").count() > 3
    page = visit.open(f"{links.document(N_SAMPLE + 1)}#rows=evidence&m=gradient")
    assert page.locator("#rows").input_value() == "layers"
    assert page.locator("#measure").input_value() == "mean"
    assert page.locator(".class-changes").count() == 0


def test_the_table_of_tokens_has_the_numbers(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, MEASURED)
    assert inputs.evidence is not None
    evidence = TokenEvidenceReader(inputs.evidence).of(row)
    assert evidence is not None
    assert evidence.gradient is not None
    page = visitor(site).open(links.document(MEASURED))
    page.locator("#token-list summary").click()
    page.wait_for_selector("#token-list tbody tr")
    titles = page.locator("#token-list thead th").all_inner_texts()
    assert titles[-2:] == ["Gradient x input", "Fall without the token"]
    cells = page.locator("#token-list tbody tr").nth(5).locator("td").all_inner_texts()
    assert float(cells[-2].replace("\u2212", "-")) == pytest.approx(evidence.gradient[5], rel=0.06, abs=1e-4)
    assert page.locator("#token-list tbody tr").first.locator("td").last.inner_text() == "\u2013"


def test_merged_words_have_no_evidence(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    words = {position: row_at(inputs, position).words for position in range(N_SMALL)}
    position = next(n for n, of in words.items() if np.any((of[1:] == of[:-1]) & (of[1:] >= 0)))
    page = visitor(site).open(f"{links.document(position)}#words=max&m=without&rows=evidence")
    assert page.locator("#measure").input_value() == "mean"
    assert page.locator("#measure option[value=without]").count() == 0
    assert page.locator(".class-changes").count() == 0


def test_the_index_filters_by_evidence(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.DOCUMENTS}#evidence=yes")
    assert page.locator("#filter-evidence").is_checked()
    assert page.locator("#matches").inner_text() == f"{N_SAMPLE} of 24"
    page.locator("#filter-evidence").uncheck()
    until(page, "document.querySelector('#matches').textContent === 'all 24'")
