"""Run the whole workflow on more and more short documents; write scale.md: CPU time, memory and bytes.

    python benchmarks/scale.py --corpus hate-speech.tsv

Documents are made of two halves of the corpus's texts each, so that words and lengths are those of real comments. The
classifier has 6 layers of 12 heads as MiniLM has, but narrow layers and random weights: what is measured is everything
but the model.
"""

# ruff: noqa: INP001 - a folder of scripts

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import yaml
from checkpoints import make_checkpoint
from extraction import fill, machine_facts, read_segments
from pairing import HERE

ROOT = HERE.parent
SHAPE = "narrow"
DOCUMENTS_PER_SHARD = 12_500
NOTES = "costs.jsonl"
OF_RUNS = {"benchmarks", "logs"}
ANALYSIS = (
    *("aggregate_shard", "aggregate_dataset", "assess_predictions", "list_terms", "measure_shard"),
    *("describe_terms", "compare_classes", "compare_heads", "profile_heads", "group_documents"),
)


class Cost(NamedTuple):
    """What the jobs of one rule took.

    Attributes:
        seconds: From start to end, of all jobs added up.
        cpu_seconds: Of all jobs added up.
        peak_mb: Most resident memory of a job.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float


def run_workflow(folder: Path, texts: Sequence[str], n_documents: int) -> Path:
    """Run a study of so many documents, or what an earlier run left of it, and return its results."""
    place = folder / f"{n_documents}"
    if not (place / "study.yaml").exists():
        _prepare_study(place, folder / "checkpoint", texts, n_documents)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
    options = ["--configfile", "study.yaml", "--quiet", "all", "--rerun-incomplete"]
    # What is there goes on, also with code that changed since.
    options += ["--rerun-triggers", "mtime"]
    environment = os.environ | {"PYTHONPATH": str(HERE / "noting"), "ATTVIZ_COSTS": str(place / NOTES)}
    subprocess.run([*command, *options], cwd=place, env=environment, check=True)  # noqa: S603
    return place / "results" / "scale"


def _prepare_study(place: Path, checkpoint: Path, texts: Sequence[str], n_documents: int) -> None:
    place.mkdir(parents=True, exist_ok=True)
    _write_corpus(place / "corpus.csv", texts, n_documents)
    study = {
        "name": "scale",
        "dataset": {"source": "corpus.csv", "duplicate_texts": "keep"},
        "attention": {"mode": "full"},
        "documents": {"split": "all", "n_shards": -(-n_documents // DOCUMENTS_PER_SHARD)},
        "model": {"source": str(checkpoint), "mode": "load", "label_names": ["odd", "even"]},
        "resources": {"threads": 1},  # two shards at a time
    }
    (place / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")


def read_costs(notes: Path) -> dict[str, Cost]:
    """Add up the last call of each job by rule, in the order in which the first of them ended."""
    calls = [json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines()]
    found: dict[str, list[Cost]] = defaultdict(list)
    for arguments, cost in {tuple(arguments): cost for arguments, cost in calls}.items():
        found[arguments[2].replace("-", "_")].append(Cost(*cost))
    return {rule: _sum(costs) for rule, costs in found.items()}


def _sum(costs: Iterable[Cost]) -> Cost:
    seconds, cpu_seconds, peaks_mb = zip(*costs, strict=True)
    return Cost(sum(seconds), sum(cpu_seconds), max(peaks_mb))


def _write_corpus(path: Path, texts: Sequence[str], n_documents: int) -> None:
    words = [text.split() for text in texts if len(text.split()) > 1]
    chance = random.Random(13)  # noqa: S311 - no secret
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(n_documents):
            one, other = chance.choice(words), chance.choice(words)
            text = " ".join(one[: -(-len(one) // 2)] + other[len(other) // 2 :])
            writer.writerow([text, ("odd", "even")[number % 2]])


def _megabytes(results: Path) -> dict[str, float]:
    """Return what each folder of the results holds at the end, temporary files not included."""
    folders = [folder for folder in sorted(results.iterdir()) if folder.is_dir() and folder.name not in OF_RUNS]
    sizes = ([path.stat().st_size for path in folder.rglob("*") if path.is_file()] for folder in folders)
    return {folder.name: sum(found) / 1e6 for folder, found in zip(folders, sizes, strict=True)}


def _table_of_costs(costs: dict[int, dict[str, Cost]]) -> str:
    counts = sorted(costs)
    lines = _head("stage", counts, "CPU per document")
    rules = list(costs[counts[-1]])
    for name, parts in [(f"`{rule}`", [rule]) for rule in rules] + [
        ("**the analysis**", [rule for rule in rules if rule in ANALYSIS]),
        ("**everything**", rules),
    ]:
        found = [_sum(costs[n][rule] for rule in parts) for n in counts]
        cells = [f"{c.cpu_seconds:,.0f} s, {c.peak_mb:,.0f} MB" for c in found]
        lines.append(_line(name, cells, [c.cpu_seconds / n for c, n in zip(found, counts, strict=True)]))
    return "\n".join(lines)


def _table_of_sizes(sizes: dict[int, dict[str, float]]) -> str:
    counts = sorted(sizes)
    lines = _head("folder of the results", counts, "bytes per document")
    for name in sizes[counts[-1]]:
        found = [sizes[n][name] for n in counts]
        lines.append(
            _line(
                f"`{name}/`", [f"{mb:,.1f} MB" for mb in found], [mb / n for mb, n in zip(found, counts, strict=True)]
            )
        )
    return "\n".join(lines)


def _head(what: str, counts: Sequence[int], ratio: str) -> list[str]:
    names = [what, *(f"{n:,} documents" for n in counts), f"{ratio}, last / before"]
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]


def _line(name: str, cells: Sequence[str], per_document: Sequence[float]) -> str:
    before, last = (list(per_document) * 2)[-2:]
    return f"| {' | '.join([name, *cells])} | {last / before:.2f} |"


def measure(folder: Path, corpus: Path, counts: Sequence[int], readme: Path) -> None:
    """Run studies of so many documents in a folder, and write the page."""
    texts = read_segments(corpus)
    if not (folder / "checkpoint").exists():
        make_checkpoint(folder / "checkpoint", SHAPE, texts)
    costs, sizes = {}, {}
    for n_documents in counts:
        results = run_workflow(folder, texts, n_documents)
        costs[n_documents] = read_costs(folder / f"{n_documents}" / NOTES)
        sizes[n_documents] = _megabytes(results)
    command = f"python benchmarks/scale.py --corpus {corpus.name} --documents {' '.join(map(str, counts))}"
    fill(
        HERE / "scale.template.md",
        machine_facts(command) | {"COSTS": _table_of_costs(costs), "SIZES": _table_of_sizes(sizes)},
        readme,
    )


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="CSV with `text`, TSV with `text_a`")
    parser.add_argument("--documents", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--folder", type=Path, help="keep the studies here, and go on with what is there")
    parser.add_argument("--readme", type=Path, default=HERE / "scale.md", help="where the table goes")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        measure(folder.resolve(), options.corpus, options.documents, options.readme)


if __name__ == "__main__":
    main()
