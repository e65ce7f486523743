"""Take the screenshots of the documentation from a rendered site: make_screenshots.py SITE [--output FOLDER].

One PNG per kind of page, in Chromium, in the light theme, quantised to 256 colours. `make screenshots` runs it on the
default study. Set `ATTVIZ_CHROMIUM` to use another browser than the `chromium` on the path.
"""
# ruff: noqa: INP001 - a script beside its pictures

import argparse
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WIDTH = 1440
COLOURS = 256


def nothing(_: Page) -> None:
    """Take the page as it opens."""


def point_at_strongest_word(page: Page) -> None:
    """Hold the first token with a letter whose shade is the strongest, so that every view shows it."""
    tokens = page.locator("#text .tk:not(.special)")
    strongest = tokens.evaluate_all(
        "tokens => { const alpha = (t) => Number(getComputedStyle(t).backgroundColor.split(/[ ,)]+/)[3] ?? 1);"
        " const shade = tokens.map((t) => (/\\p{L}/u.test(t.textContent) ? alpha(t) : -1));"
        " return shade.reduce((best, value, i) => value > shade[best] ? i : best, 0); }"
    )
    tokens.nth(strongest).click()


def show_maps(page: Page) -> None:
    """Scroll to the token-to-token maps, which load when they come into view, and wait for them."""
    page.locator("#token-maps").scroll_into_view_if_needed()
    page.locator("#token-maps canvas, #token-maps svg").first.wait_for()
    page.locator("#token-maps").evaluate("section => window.scrollTo(0, section.offsetTop - 20)")
    page.wait_for_timeout(1000)


def wait_for_sides(page: Page) -> None:
    """Wait for both pages of a comparison."""
    for side in "ab":
        page.frame_locator(f"#side-{side}").locator("html[data-ready]").wait_for(state="attached")
    page.wait_for_timeout(1000)


class Shot(NamedTuple):
    """One screenshot: file name, address in the site, height in pixels, what to do before it is taken."""

    name: str
    address: str
    height: int
    prepare: Callable[[Page], None] = nothing


def shots_of(site: Path) -> list[Shot]:
    """List one screenshot per kind of page; the document is the first one that has a map, else the first one."""
    mapped = sorted((site / "maps").glob("*.js"))
    document = mapped[0].name.split("-")[0] if mapped else min((site / "documents").glob("*.html")).stem
    head = max((site / "heads").glob("*.html")).name
    maps = [Shot("maps", f"documents/{document}.html", 760, show_maps)] if mapped else []
    return [
        Shot("start", "index.html", 1290),
        Shot("documents", "documents.html", 900),
        Shot("document", f"documents/{document}.html", 1290, point_at_strongest_word),
        *maps,
        Shot("heads", "heads.html", 900),
        Shot("head", f"heads/{head}", 900),
        Shot("classes", "classes.html", 900),
        Shot("class", "classes/000.html", 900),
        Shot("tokens", "tokens.html", 900),
        Shot("figures", "figures.html", 900),
        Shot("compare", "compare.html", 900, wait_for_sides),
        Shot("methods", "methods.html", 900),
        Shot("about", "about.html", 900),
    ]


def quantised(png: bytes) -> bytes:
    """Reduce a picture to `COLOURS` colours; rare ones, such as those of pinned heads, are kept."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return content.getvalue()


def take(page: Page, site: Path, shot: Shot) -> bytes:
    """Open a page, wait until it has filled itself in, and return its picture."""
    page.set_viewport_size({"width": WIDTH, "height": shot.height})
    page.goto((site / shot.address).as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    page.wait_for_timeout(500)
    shot.prepare(page)
    return quantised(page.screenshot())


def main() -> None:
    """Take all screenshots and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, help="folder of a rendered site")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder of the pictures")
    options = parser.parse_args()
    site = options.site.resolve()
    options.output.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("ATTVIZ_CHROMIUM") or shutil.which("chromium"), args=ARGUMENTS
        )
        page = browser.new_context(color_scheme="light").new_page()
        for shot in shots_of(site):
            (options.output / f"{shot.name}.png").write_bytes(take(page, site, shot))
        browser.close()


if __name__ == "__main__":
    main()
