"""Measure document pages of the site in Chromium and write benchmarks/site.md: bytes, first picture, pointing, pinning.

The heaviest page is measured, 12 layers of 12 heads by 512 tokens, and one of 128 tokens; bytes and the time of
rendering also of short texts, 6 layers of 12 heads by 26 tokens. Attention is invented (the generator of the tests),
since neither bytes nor time depend on what the numbers mean. Timings are medians; "4 x" is with the processor slowed
down fourfold by the browser.

    python benchmarks/site.py
"""

# ruff: noqa: INP001 - a folder of scripts

import argparse
import datetime as dt
import gzip
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from playwright.sync_api import Browser, sync_playwright  # noqa: E402 - the tests' generator comes first
from synthetic_attention import NEWS_WORDS  # noqa: E402 - needs the line above
from synthetic_site import site_settings, write_site_inputs  # noqa: E402 - needs the line above

from attviz_pipeline.report import links  # noqa: E402 - needs the line above
from attviz_pipeline.report.render import Pages, templates_folder  # noqa: E402 - needs the line above
from attviz_pipeline.report.render_site import write_site  # noqa: E402 - needs the line above
from attviz_pipeline.report.rows import iter_documents  # noqa: E402 - needs the line above
from attviz_pipeline.report.views.document import document_view  # noqa: E402 - needs the line above
from attviz_pipeline.report.views.study import read_study_view  # noqa: E402 - needs the line above

N_LAYERS = N_HEADS = 12
SIZES = (512, 128)
SHORT, SHORT_LAYERS, N_RENDERED, MANY = 26, 6, 300, 100_000
AFTER = ("document_views.js", "document_views.css", "page_controls.js")
ASKED_FOR = ("panels", "document_tables", "words", "exports", "document_exports", "maps")
N_LOADS, N_TOGGLES, N_ROUNDS = 7, 9, 7
SLOWDOWN = 4
MEGABYTE = 1e6

READY = """const painted = (resolve) => requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
globalThis.picture = new Promise((resolve) => {
  new PerformanceObserver((list) => {
    if (list.getEntriesByName('first picture').length) painted(resolve);
  }).observe({ type: 'mark', buffered: true });
});
globalThis.ready = new Promise((resolve) => {
  const heard = () => document.documentElement?.dataset.ready !== undefined && painted(resolve);
  new MutationObserver(heard).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-ready'] });
});"""
# Frames are not waited for: what a pointer sets off is measured as if it ran in its event.
HOVER = """() => { const times = [];
  const frame = globalThis.requestAnimationFrame;
  globalThis.requestAnimationFrame = (run) => run(performance.now());
  for (const token of document.querySelectorAll('#text .tk')) {
    const begin = performance.now();
    token.dispatchEvent(new PointerEvent('pointermove', { bubbles: true }));
    times.push(performance.now() - begin);
  }
  globalThis.requestAnimationFrame = frame;
  return times; }"""
TOGGLE = """(row) => new Promise((resolve) => {
  const begin = performance.now();
  document.querySelector(`#head-grid [data-row="${row}"]`).click();
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begin)));
})"""


def text_of(size: int, seed: int = 0) -> str:
    """A text of so many tokens, two of them special."""
    return " ".join(NEWS_WORDS[(7 * i + 13 * seed + i // 90) % 90] for i in range(size - 2))


def site_of(folder: Path) -> Path:
    """Render a site of one document of each size."""
    texts = [text_of(size) for size in SIZES]
    inputs = write_site_inputs(
        folder / "inputs", n_documents=len(SIZES), n_shards=1, n_layers=N_LAYERS, n_heads=N_HEADS, texts=texts
    )
    write_site(site_settings(), inputs, folder / "site")
    return folder / "site"


def code_bytes(site: Path, address: str) -> bytes:
    """Scripts and styles that a page names, without the markup that pages share."""
    page = site / address
    named = re.findall(r'(?:href|src)="([^"]*assets/[a-z_]+\.(?:css|js))"', page.read_text(encoding="utf-8"))
    return b"".join((page.parent / name).read_bytes() for name in sorted(set(named)) if "full" not in name)


def assets_bytes(site: Path, *names: str) -> bytes:
    """Some files of the site's assets."""
    return b"".join((site / links.ASSETS / name).read_bytes() for name in names)


def rows_of_pages(folder: Path, size: int, n_layers: int, *, lite: bool) -> list[tuple[str, str, str]]:
    """Bytes of document pages, and the processor time that one takes to render."""
    n_pages = N_RENDERED * SHORT // size
    texts = [text_of(size, seed) for seed in range(n_pages)]
    inputs = write_site_inputs(
        folder / "inputs", n_documents=n_pages, n_shards=1, n_layers=n_layers, n_heads=N_HEADS, texts=texts
    )
    study = read_study_view(site_settings().study, inputs)
    pages = Pages(templates_folder(), folder, study)
    sizes, payloads = [], []
    begin = time.process_time()
    for row in iter_documents(inputs.attention[0], inputs.aggregates[0]):
        pages.write(links.document(row.position), "document.html", document_view(row, study, lite=lite))
    seconds = (time.process_time() - begin) / n_pages
    for position in range(n_pages):
        sizes.append((folder / links.document(position)).stat().st_size)
        payloads.append(len(payload_bytes(folder, links.document(position))))
    page, rest = statistics.mean(sizes), statistics.mean(sizes) - statistics.mean(payloads)
    shape = f"{n_layers * N_HEADS} x {size}, {'means of layers' if lite else 'every head'}"
    short = size == SHORT
    return [
        (f"page, {shape}", "-", f"{page / 1000:.1f} kB"),
        (f"of it without payload, {shape}", "6 kB" if short else "-", f"{rest / 1000:.1f} kB"),
        *([(f"{MANY:,} such pages, {shape}", "900 MB", f"{MANY * page / MEGABYTE:.0f} MB")] if short else []),
        (f"rendering, {shape}", "200 / s" if size < max(SIZES) else "-", f"{1 / seconds:.0f} / s of one core"),
    ]


def payload_bytes(site: Path, address: str) -> bytes:
    """The numbers within a page."""
    found = re.search(r'id="payload">(.*)</script>', (site / address).read_text(encoding="utf-8"))
    return (found[1] if found else "").encode()


class Tab:
    """A page opened anew in a browser of its own settings."""

    def __init__(self, browser: Browser, url: str, slowdown: int) -> None:
        self.context = browser.new_context(viewport={"width": 1440, "height": 900})
        self.page = self.context.new_page()
        self.page.add_init_script(READY)
        self.context.new_cdp_session(self.page).send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
        self.page.goto(url)
        self.first_picture = float(self.page.evaluate("() => picture"))
        self.ready = float(self.page.evaluate("() => ready"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


def measure(browser: Browser, url: str, slowdown: int) -> dict[str, Any]:
    """Time a page: the first picture, pointing at every token, pinning heads."""
    loads, answers = [], []
    for _ in range(N_LOADS):
        with Tab(browser, url, slowdown) as tab:
            loads.append(tab.first_picture)
            answers.append(tab.ready)
    with Tab(browser, url, slowdown) as tab:
        tab.page.evaluate(HOVER)  # once to warm up
        hovers = [sorted(tab.page.evaluate(HOVER)) for _ in range(N_ROUNDS)]
        toggles = [float(tab.page.evaluate(TOGGLE, 5 + 7 * n)) for n in range(N_TOGGLES)]
        nodes = int(tab.page.evaluate("() => document.querySelectorAll('*').length"))
        memory = renderer_memory()
    return {
        "first picture": statistics.median(loads),
        "answers": statistics.median(answers),
        "hover p95": statistics.median(times[int(0.95 * len(times))] for times in hovers),
        "hover max": statistics.median(times[-1] for times in hovers),
        "toggle": statistics.median(toggles),
        "nodes": nodes,
        "memory": memory,
    }


def renderer_memory() -> float:
    """Resident memory of the largest renderer process, MB."""
    sizes = [0.0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"--type=renderer" in (process / "cmdline").read_bytes():
                pages = int((process / "statm").read_text(encoding="ascii").split()[1])
                sizes.append(pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE)
        except OSError:
            continue  # it ended meanwhile
    return max(sizes)


def blank_memory(browser: Browser) -> float:
    """Resident memory of the renderer of an empty page, MB."""
    context = browser.new_context()
    page = context.new_page()
    page.goto("about:blank")
    page.wait_for_timeout(300)
    found = renderer_memory()
    context.close()
    return found


def kilobytes(content: bytes) -> str:
    """Bytes as they are, and compressed as a web server does."""
    return f"{len(content) / 1000:.1f} kB, {len(gzip.compress(content)) / 1000:.1f} gz"


def rows_for(browser: Browser, site: Path, position: int, size: int, blank: float) -> list[tuple[str, str, str]]:
    """Measure one document page: what, limit, measured."""
    address = links.document(position)
    url = (site / address).as_uri()
    plain, slow = measure(browser, url, 1), measure(browser, url, SLOWDOWN)
    shape = f"{N_LAYERS * N_HEADS} x {size}"
    heaviest = size == max(SIZES)

    def limit(text: str) -> str:
        return text if heaviest else "-"

    return [
        (f"payload, {shape}", limit("105 kB, 78 gz"), kilobytes(payload_bytes(site, address))),
        (f"first picture, {shape}", limit("400 ms"), f"{plain['first picture']:.0f} ms"),
        (f"first picture, {shape}, {SLOWDOWN} x", limit("1,200 ms"), f"{slow['first picture']:.0f} ms"),
        (f"all views, and the page answers, {shape}", limit("400 ms"), f"{plain['answers']:.0f} ms"),
        (f"all views, and the page answers, {shape}, {SLOWDOWN} x", limit("1,200 ms"), f"{slow['answers']:.0f} ms"),
        (f"pointing, p95 / max, {shape}", "-", f"{plain['hover p95']:.1f} / {plain['hover max']:.1f} ms"),
        (
            f"pointing, p95 / max, {shape}, {SLOWDOWN} x",
            limit("4 / 16 ms"),
            f"{slow['hover p95']:.1f} / {slow['hover max']:.1f} ms",
        ),
        (f"pinning a head, all views, {shape}", limit("50 ms"), f"{plain['toggle']:.0f} ms"),
        (f"pinning a head, all views, {shape}, {SLOWDOWN} x", limit("100 ms"), f"{slow['toggle']:.0f} ms"),
        (f"elements, {shape}", limit("5,000"), f"{plain['nodes']:,}"),
        (f"renderer memory above a blank page, {shape}", limit("200 MB"), f"{plain['memory'] - blank:.0f} MB"),
    ]


def report(rows: list[tuple[str, str, str]], version: str) -> str:
    """Write the page of results."""
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    machine = f"{os.cpu_count()} cores, no GPU, pages opened from a file system at 1440 x 900"
    table = "\n".join(f"| {what} | {limit} | {measured} |" for what, limit, measured in rows)
    return f"""# What document pages cost

Measured by `python benchmarks/site.py`, which writes this page, in Chromium {version} with software rendering on
{machine}, on {today}.
Times are medians of {N_LOADS} loads, {N_TOGGLES} toggles and {N_ROUNDS} rounds of pointing; other work on the machine
moves them by a third. "4 x" is with the processor slowed down fourfold.

| what | limit | measured |
|---|---|---|
{table}

*First picture* is the time from the start of loading until the initially visible part is painted: prediction, text,
grid of heads, pinned heads and series. All other views and the controls load automatically after it; tables, words,
exports, maps and the list of keys load on demand. *Pointing* is the time to update every view after a pointer event.
Pages have three classes, ten strongest tokens and the measures of full mode. Rendering is measured in CPU time, from
the files of the analysis to the written page. The limit on rendering applies to texts of usual length, not to the
longest. More runs, also on a slower machine: [site_machines.md](site_machines.md).
"""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("site.md"))
    options = parser.parse_args()
    executable = os.environ.get("ATTVIZ_CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = site_of(Path(folder))
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        blank = blank_memory(browser)
        code, later = code_bytes(site, links.document(0)), assets_bytes(site, *AFTER)
        rows = [
            ("scripts and styles before the first picture", "60 kB, 20 gz", kilobytes(code)),
            ("markup and data that all pages share", "-", kilobytes(assets_bytes(site, "full.js"))),
            ("scripts and styles right after it", "-", kilobytes(later)),
        ]
        rows += [(f"when asked for: {name}", "-", kilobytes(assets_bytes(site, f"{name}.js"))) for name in ASKED_FOR]
        for size, n_layers in ((SHORT, SHORT_LAYERS), *((size, N_LAYERS) for size in reversed(SIZES))):
            for lite in (False, True):
                with tempfile.TemporaryDirectory() as pages:
                    rows += rows_of_pages(Path(pages), size, n_layers, lite=lite)
        for position, size in enumerate(SIZES):
            rows += rows_for(browser, site, position, size, blank)
        options.output.write_text(report(rows, browser.version), encoding="utf-8")
        browser.close()
    sys.stdout.write(options.output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
