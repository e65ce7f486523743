"""How the index of documents copes with 100,000 of them, in Chromium, as a table and as a list of shaded texts.

Bytes, time to use, frame of a keystroke, heap.

    python benchmarks/site_index.py --folder /somewhere --n-documents 100000

Texts are random words of the length of a tweet; the index is made by the code that makes every site's.
"""

# ruff: noqa: INP001, T201 - a script that prints

import argparse
import json
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from playwright.sync_api import sync_playwright

from attviz_pipeline.aggregates import AGGREGATES
from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.report import assets, links
from attviz_pipeline.report.page_sizes import read_sizes
from attviz_pipeline.report.render import Pages, templates_folder
from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.report.views import documents
from attviz_pipeline.report.views.document_groups import DocumentGroups, DocumentGroupView
from attviz_pipeline.report.views.document_shades import DocumentShades
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.tasks.single_label import SingleLabel

LABELS = ["neutral", "offensive", "hateful"]
FRAME = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
TYPED = """async (text) => {
  const field = document.getElementById("search");
  const start = performance.now();
  field.value = text;
  field.dispatchEvent(new Event("input"));
  const handled = performance.now() - start;
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return [handled, performance.now() - start];
}"""


def write_index(folder: Path, n_documents: int, n_words: int) -> tuple[Path, Path]:
    """Write a document index and confidences of invented documents."""
    random = np.random.default_rng(13)
    words = np.array(["".join(random.choice(list("etaoinshrdlu"), size)) for size in random.integers(2, 9, 5000)])
    texts = [
        " ".join(words[random.integers(0, 5000, random.integers(n_words // 2, 2 * n_words))])
        for _ in range(n_documents)
    ]
    probabilities = random.dirichlet(np.full(3, 0.4), n_documents)
    ids = [f"tweet-{n:06d}" for n in range(n_documents)]
    numbers = np.arange(n_documents)
    prediction = probabilities.argmax(axis=1)
    n_tokens = random.integers(10, 60, n_documents)
    columns: dict[str, Any] = {
        "position": numbers, "id": ids, "source_id": ids, "split": ["test"] * n_documents,
        "label": random.integers(0, 3, n_documents), "prediction": prediction, "probabilities": probabilities.tolist(),
        "n_tokens": n_tokens, "n_windows": np.ones(n_documents, int), "truncated": np.zeros(n_documents, bool),
        "mean": random.random(n_documents), "text": texts,
    }  # fmt: skip
    index, confidences = folder / "document_index.parquet", folder / "confidences.parquet"
    files.write_table(index, statistics_schemas.DOCUMENT_INDEX, columns, SingleLabel(tuple(LABELS)).facts)
    measured = {"position": numbers, "label": columns["label"], "prediction": prediction,
                "outcome": np.where(columns["label"] == prediction, "right", "wrong"),
                "confidence": probabilities.max(axis=1),
                "mean_entropy": random.random(n_documents), "n_tokens": n_tokens}  # fmt: skip
    files.write_table(confidences, statistics_schemas.CONFIDENCES, measured)
    return index, confidences


def write_page(folder: Path, index: Path, confidences: Path, n_documents: int) -> tuple[list[Path], list[Path]]:
    """Write the index page as a site has it; return the files of its rows and of its shades."""
    study = _study(n_documents)
    templates = templates_folder()
    assets.write_assets(templates, folder)
    scores = documents.DocumentScores(confidences, _groups(n_documents), n_documents)
    sizes = read_sizes(index)
    searchable = sizes.searchable
    marks = documents.Marks(mapped=())
    scripts = assets.write_rows(folder, "documents", documents.iter_chunks(index, study, searchable, marks, scores))
    shades = documents.shades_of_index(sizes, study, evidence=False)
    collect_shades(index, shades)
    parts = assets.write_rows(folder, "shades", shades.iter_parts())
    view = documents.documents_view(index, study, searchable, scripts, scores, None, shades=shades)
    Pages(templates, folder, study).write(links.DOCUMENTS, "documents.html", view)
    return [folder / script for script in scripts], [folder / part for part in parts]


def collect_shades(index: Path, shades: DocumentShades) -> None:
    """Invent the scores of all tokens; each word is a token."""
    random = np.random.default_rng(13)
    for table in files.iter_tables(index, statistics_schemas.DOCUMENT_INDEX, ["position", "text"]):
        for row in table.to_pylist():
            lengths = np.array([len(word) for word in row["text"].split(" ")])
            ends = np.cumsum(lengths + 1) - 1
            named = {"position": row["position"], "text": row["text"], "special": np.zeros(len(ends), bool)}
            document = SimpleNamespace(
                **named,
                starts=ends - lengths,
                ends=ends,
                aggregates=random.lognormal(size=(len(AGGREGATES), len(ends))),
                measures={},
            )
            shades.add(cast("DocumentRow", document), None)


def measure(page_address: str) -> dict[str, Any]:
    """Open the page, type, filter and sort; times in milliseconds, from the event to after the next frame."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium-headless-shell") or shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        start = time.perf_counter()
        page.goto(page_address)
        page.wait_for_selector("html[data-ready]", state="attached")
        page.evaluate(FRAME)
        usable = 1000 * (time.perf_counter() - start)
        page.wait_for_timeout(1500)
        typed = [page.evaluate(TYPED, text) for text in ("s", "st", "sto", "sto e", "tweet-0512", "", "nothing")]
        page.evaluate(TYPED, "")
        _changed(page, "view=texts")
        page.wait_for_timeout(500)
        shaded = [page.evaluate(TYPED, text) for text in ("s", "st", "sto", "sto e", "tweet-0512", "", "nothing")]
        page.evaluate(TYPED, "")
        page.evaluate("scrollTo(0, 1e6)")
        page.wait_for_timeout(500)
        page.locator(".as-texts .c-text span").first.wait_for()
        sorts = [_changed(page, f"sort=-{name}") for name in ("confidence", "margin", "length", "confidence")]
        session = page.context.new_cdp_session(page)
        session.send("HeapProfiler.collectGarbage")
        heap = session.send("Runtime.getHeapUsage")["usedSize"]
        browser.close()
    return {
        "usable_ms": round(usable),
        "keystroke_ms": [round(total, 1) for _, total in typed],
        "keystroke_in_shaded_texts_ms": [round(total, 1) for _, total in shaded],
        "sort_ms": [round(total, 1) for total in sorts],
        "heap_mb": round(heap / 1e6, 1),
    }


def _changed(page: Any, state: str) -> float:  # noqa: ANN401 - Playwright's page
    script = """async (state) => {
      const start = performance.now();
      location.hash = state;
      await new Promise((done) => addEventListener("hashchange", done, { once: true }));
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      return performance.now() - start;
    }"""
    return float(page.evaluate(script, state))


def _groups(n_documents: int) -> DocumentGroups:
    groups = [DocumentGroupView(number + 1, n_documents // 4, []) for number in range(4)]
    return DocumentGroups(
        groups=groups,
        outcome="found",
        n_documents=n_documents,
        silhouette=0.3,
        silhouette_by_chance=0.1,
        p=0.01,
        length_share=None,
        length_share_by_chance=None,
        of_document=np.arange(n_documents) % 4,
    )


def _study(n_documents: int) -> StudyView:
    settings = {"name": "index", "dataset": {"source": "tweets.csv"}, "model": {"source": "model"}}
    confusion = [[n_documents // 3, 0, 0], [0, n_documents // 3, 0], [0, 0, n_documents // 3]]
    summary = {
        "task": "single_label",
        "n_layers": 12,
        "n_heads": 12,
        "label_names": LABELS,
        "n_documents": n_documents,
        "n_labelled": n_documents,
        "confusion": confusion,
    }
    parts: dict[str, Any] = {
        name: {"source": "model"} for name in ("dataset", "model", "metrics", "provenance", "extraction", "map_reasons")
    } | {name: [] for name in ("vector_names", "layer_names", "token_measures", "corpus_paths")}
    return StudyView(settings=parse_study(settings, "benchmark"), summary=summary, **parts)


def main() -> None:
    """Write the index, measure it, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--n-documents", type=int, default=100_000)
    parser.add_argument(
        "--n-words", type=int, default=16, help="mean number of words of a text is about 1.25 times this"
    )
    parser.add_argument("--repeats", type=int, default=7, help="visits in a new browser; numbers are medians over them")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    index, confidences = write_index(options.folder, options.n_documents, options.n_words)
    written = write_page(options.folder, index, confidences, options.n_documents)
    rows, shades = ([script.stat().st_size for script in scripts] for scripts in written)
    address = (options.folder / links.DOCUMENTS).absolute().as_uri()
    runs = [measure(address) for _ in range(options.repeats)]
    found = {name: np.median([run[name] for run in runs], axis=0).round(1).tolist() for name in runs[0]}
    print(
        json.dumps(
            {
                "n_documents": options.n_documents,
                "megabytes": round(sum(rows) / 1e6, 2),
                "files": len(rows),
                "megabytes_of_shades": round(sum(shades) / 1e6, 2),
                "files_of_shades": len(shades),
                **found,
            }
        )
    )


if __name__ == "__main__":
    main()
