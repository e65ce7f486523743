"""Time a document's page of the site beside BertViz in Chromium and write benchmarks/peers.md.

All show the same invented attention of one document (the generator of the tests): the page of the document with all of
its views, among them all heads of a layer and a small map of every head, and BertViz's head view and model view, which
hold the same matrices in full. Pages are opened in turn, each in a browser context of its own. A page is ready when
what it shows is there and nothing has changed for a second; the time is that of the last change, painted. BertViz loads
three libraries from a network; here they come from node_modules, so that no network is in the times.

    pip install --no-deps --target .peers -r benchmarks/peers-requirements.txt
    PYTHONPATH=.peers python benchmarks/peers.py
"""

# ruff: noqa: INP001 - a folder of scripts

import argparse
import datetime as dt
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import synthetic_maps  # noqa: E402 - the tests' generator comes first
import torch  # noqa: E402 - needs the line above
from bertviz import head_view, model_view  # noqa: E402 - needs the line above
from playwright.sync_api import Browser, sync_playwright  # noqa: E402 - needs the line above
from synthetic_attention import NEWS_WORDS  # noqa: E402 - needs the line above
from synthetic_site import site_settings, write_site_inputs  # noqa: E402 - needs the line above

from attviz_pipeline.config.settings import MapsSettings  # noqa: E402 - needs the line above
from attviz_pipeline.report import links  # noqa: E402 - needs the line above
from attviz_pipeline.report.render_site import write_site  # noqa: E402 - needs the line above

N_HEADS = 12
SMALL, LARGE = (6, 100), (12, 128)  # layers, tokens
N_ROUNDS = 5
LIBRARIES = {
    "require.js": "node_modules/requirejs/require.js",
    "d3.js": "node_modules/d3/dist/d3.min.js",
    "jquery.js": "node_modules/jquery/dist/jquery.min.js",
}
ADDRESSES = {
    "https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.6/require.min.js": "require.js",
    "https://cdnjs.cloudflare.com/ajax/libs/d3/5.7.0/d3.min": "d3",
    "https://cdnjs.cloudflare.com/ajax/libs/jquery/2.0.0/jquery.min": "jquery",
}
SETTLED = """globalThis.settled = new Promise((resolve) => {
  let [painted, pending] = [0, false];
  new MutationObserver(() => {
    pending = true;
    requestAnimationFrame(() => setTimeout(() => { [painted, pending] = [performance.now(), false]; }));
  }).observe(document, { subtree: true, childList: true, attributes: true });
  const look = () => setTimeout(() => {
    const still = document.readyState === 'complete' && !pending && performance.now() - painted > 1000;
    if (still && DRAWN) resolve(painted); else look();
  }, 100);
  look();
});"""


class Kind(NamedTuple):
    """A page to open: its name, the limit of its time, its address, and the script of what is true once it is ready."""

    name: str
    limit: str
    url: str
    drawn: str


def text_of(n_tokens: int) -> str:
    """A text of so many tokens, two of them special."""
    return " ".join(NEWS_WORDS[(7 * i + i // 90) % 90] for i in range(n_tokens - 2))


def page_of(folder: Path, shape: tuple[int, int]) -> str:
    """Render a site of one document with maps, and return the address of its page with all heads of a layer."""
    n_layers, n_tokens = shape
    defaults = MapsSettings()
    synthetic_maps.ENTRIES_PER_ROW = defaults.entries_per_row
    synthetic_maps.THUMBNAIL_SIZE = defaults.thumbnail_size
    inputs = write_site_inputs(
        folder / "inputs",
        n_documents=1,
        n_shards=1,
        n_layers=n_layers,
        n_heads=N_HEADS,
        texts=[text_of(n_tokens)],
        map_reasons={0: "sample"},
    )
    write_site(site_settings(), inputs, folder / "site")
    return (folder / "site" / links.document(0)).as_uri() + "#map=3.0&mapheads=layer"


def peer_pages(folder: Path, shape: tuple[int, int]) -> list[str]:
    """Write BertViz's head view and model view of the same attention, with its libraries beside them."""
    n_layers, n_tokens = shape
    attention = synthetic_maps.matrices(0, 0, n_tokens, n_layers, N_HEADS)["attention"]
    tensors = [torch.tensor(layer[None], dtype=torch.float32) for layer in attention]
    tokens = ["[CLS]", *text_of(n_tokens).split(), "[SEP]"]
    for name, path in LIBRARIES.items():
        shutil.copyfile(ROOT / path, folder / name)
    addresses = []
    for view in (head_view, model_view):
        html = view(tensors, tokens, html_action="return").data
        for remote, local in ADDRESSES.items():
            html = html.replace(remote, local)
        path = folder / f"{view.__name__}.html"
        path.write_text(f"<!doctype html><meta charset=utf-8>{html}", encoding="utf-8")
        addresses.append(path.as_uri())
    return addresses


def open_once(browser: Browser, kind: Kind) -> tuple[float, int]:
    """Open a page; return seconds until it is ready, and the bytes of the files that it loaded."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(SETTLED.replace("DRAWN", kind.drawn))
    loaded: set[Path] = set()
    page.on("request", lambda request: loaded.add(Path(unquote(urlsplit(request.url).path))))
    page.goto(kind.url)
    seconds = float(page.evaluate("() => settled")) / 1000
    context.close()
    return seconds, sum(path.stat().st_size for path in loaded if path.is_file())


def measure(browser: Browser, kinds: Sequence[Kind], n_rounds: int) -> dict[str, tuple[list[float], int]]:
    """Open all pages in turn, round after round."""
    found: dict[str, tuple[list[float], int]] = {kind.name: ([], 0) for kind in kinds}
    for _ in range(n_rounds):
        for kind in kinds:
            seconds, n_bytes = open_once(browser, kind)
            found[kind.name] = ([*found[kind.name][0], seconds], n_bytes)
    return found


def report(kinds: Sequence[Kind], found: dict[str, Any], browser_version: str) -> str:
    """Write the page of results; the first kind is the one that the others are compared with."""
    own = statistics.median(found[kinds[0].name][0])
    rows = []
    for kind in kinds:
        times, n_bytes = found[kind.name]
        middle = statistics.median(times)
        spread = f"{min(times):.2f} to {max(times):.2f}"
        rows.append(
            f"| {kind.name} | {kind.limit} | {middle:.2f} s | {spread} | {middle / own:.1f} | {n_bytes / 1e6:.2f} MB |"
        )
    table = "\n".join(rows)
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    machine = f"{os.cpu_count()} cores, no GPU, pages opened from a file system at 1440 x 900"
    return f"""# Beside BertViz

Measured by `python benchmarks/peers.py`, which writes this page, on {today}: this site and BertViz {version("bertviz")}
(with d3 5.7.0, RequireJS 2.3.6, and jQuery 2.1.0 where it names 2.0.0), in Chromium {browser_version} with
software rendering on {machine}. Each page is opened {len(found[kinds[0].name][0])} times, in turn with the others.
The load average of the last five minutes was {os.getloadavg()[1]:.1f}; on a busy machine, times are longer.

| page | limit | ready, median | range | times the first | loaded |
|---|---|---|---|---|---|
{table}

*Ready* is the time from the start of loading to the last change of the page, painted. The page of this site then shows
all of its views: text, grid, plots, a small map of every head, and the lines of all heads of a layer. It stores the 16
strongest keys of each query and the sum of the others; BertViz stores every weight. It draws the weights from 5 % on,
and says so; BertViz draws every weight. Attention is invented.
"""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("peers.md"))
    parser.add_argument("--rounds", type=int, default=N_ROUNDS)
    options = parser.parse_args()
    executable = os.environ.get("ATTVIZ_CHROMIUM") or shutil.which("chromium")
    arguments = ["--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place)
        (folder / "peers").mkdir()
        heads, model = peer_pages(folder / "peers", SMALL)
        maps = "document.querySelector('#token-maps').dataset.drawn === ''"
        small, large = (f"{n_layers * N_HEADS} heads x {n_tokens} tokens" for n_layers, n_tokens in (SMALL, LARGE))
        lines = "document.querySelectorAll('line, path').length > 1000"
        kinds = [
            Kind(f"this site, {small}", "-", page_of(folder / "small", SMALL), maps),
            Kind(f"BertViz, head view, {small}", "-", heads, lines),
            Kind(f"BertViz, model view, {small}", "-", model, lines),
            Kind(f"this site, {large}", "0.6 s, 1.5 MB", page_of(folder / "large", LARGE), maps),
        ]
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        found = measure(browser, kinds, options.rounds)
        options.output.write_text(report(kinds, found, browser.version), encoding="utf-8")
        browser.close()
    sys.stdout.write(options.output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
