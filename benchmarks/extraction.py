"""Measure the extraction engine against a plain forward pass and against AttViz's procedure; write README.md.

    python benchmarks/extraction.py --corpus bbc-news.csv hate-speech.tsv

Runs of two ways alternate on the same inputs, and the median of their ratios counts: what else the machine does
touches both. Peak memory is that of a process of its own. Weights are random: only shapes matter for time and memory.
"""

# ruff: noqa: INP001 - a folder of scripts

import argparse
import csv
import json
import logging
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch
import transformers
from forward import measure_forward, measure_peak, read_once
from pairing import HERE, Row, peak_mb
from passes import measure_passes
from sizes import FULL, QUICK
from stage import measure_bfloat16, measure_corpora, measure_growth, measure_stage, run_stage

from attviz_pipeline.artifacts import files

logger = logging.getLogger("benchmarks")


def read_segments(corpus: Path) -> list[str]:
    """Read `text` of a CSV file or `text_a` of a TSV file without quotes, paragraph by paragraph."""
    csv.field_size_limit(10_000_000)
    is_tsv = corpus.suffix == ".tsv"
    with corpus.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, dialect="excel-tab", quoting=csv.QUOTE_NONE) if is_tsv else csv.DictReader(file)
        texts = [row["text_a" if is_tsv else "text"] for row in rows]
    return [part.strip() for text in texts for part in re.split(r"\n\s*\n", text) if part.strip()]


def rows_of(readme: Path) -> list[Row]:
    """Read the table of an earlier run."""
    lines = [line for line in readme.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [Row(*line.strip("| ").split(" | ")) for line in lines[1:]]


def replaced(kept: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
    """Put new rows in the place of old ones of the same name; those without one come last."""
    new = {row.what: row for row in rows}
    return [new.pop(row.what, row) for row in kept] + list(new.values())


def write_readme(path: Path, rows: Sequence[Row], command: str) -> None:
    """Write the page with the table."""
    lines = [f"| {row.what} | {row.bar} | {row.measured} | {row.detail} |" for row in rows]
    table = "\n".join(["| what | bar | measured | detail |", "|---|---|---|---|", *lines])
    fill(HERE / "README.template.md", machine_facts(command) | {"TABLE": table}, path)


def fill(template: Path, facts: Mapping[str, str], page: Path) -> None:
    """Write a page from its template."""
    text = template.read_text(encoding="utf-8")
    for name, value in facts.items():
        text = text.replace(f"{{{name}}}", value)
    files.write_text(page, text)


def machine_facts(command: str) -> dict[str, str]:
    """Say what was run, on what and when."""
    return {
        "MACHINE": f"{_processor()}, {os.cpu_count()} cores, {_memory_gb():.0f} GB memory, no GPU",
        "VERSIONS": f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {transformers.__version__}, {torch.get_num_threads()} threads",
        "DATE": f"{datetime.now(UTC):%Y-%m-%d}",
        "COMMAND": command,
    }


def _processor() -> str:
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return names[0] if names else platform.processor()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def main() -> None:
    """Measure everything, or one thing alone for a parent process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    bundled = HERE.parent / "examples" / "news.csv"
    parser.add_argument("--corpus", type=Path, nargs="+", default=[bundled], help="CSV with `text`, TSV with `text_a`")
    parser.add_argument("--readme", type=Path, default=HERE / "README.md", help="where the table goes")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run?")
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=["forward", "peak", "stage", "passes", "bfloat16", "growth", "corpora"],
        help="measure these only, and keep the other rows of the table",
    )
    parser.add_argument("--alone", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        name, *arguments = options.alone
        found = {"read_once": read_once, "run_stage": run_stage}[name](*arguments)
        sys.stdout.write(json.dumps(found | {"peak_mb": peak_mb()}))
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("attviz_pipeline").setLevel(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()
    sizes = QUICK if options.quick else FULL
    corpora = {corpus.stem: read_segments(corpus) for corpus in options.corpus}
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "forward": lambda: measure_forward(sizes),
        "peak": lambda: measure_peak(sizes),
        "stage": lambda: measure_stage(sizes, next(iter(corpora.values()))),
        "passes": lambda: measure_passes(sizes, next(iter(corpora.values()))),
        "bfloat16": lambda: measure_bfloat16(sizes, next(iter(corpora.values()))),
        "growth": lambda: measure_growth(sizes),
        "corpora": lambda: measure_corpora(sizes, corpora),
    }
    rows = []
    for name in options.parts or parts:
        for row in parts[name]():
            logger.info(" | ".join(row))
            rows.append(row)
    names = " ".join(corpus.name for corpus in options.corpus)
    kept = rows_of(options.readme) if options.parts else []
    write_readme(options.readme, replaced(kept, rows), f"python benchmarks/extraction.py --corpus {names}")


if __name__ == "__main__":
    main()
