"""What a site claims where nothing is to be found: the default study with permuted labels, in each page's plain text.

    python benchmarks/shuffled_labels.py --folder /somewhere --seeds 1 2 3 [--sample 20]

Every study takes minutes. Labels are dealt out to the texts at random, so no text, head or word can belong to a gold
class. Prints how many tests of each table have q < 0.05. Writes the text of each page into FOLDER/seed-N/text: read it.
Predictions still follow from the texts, so differences between predicted classes can be real, and so can what does not
depend on labels: similar heads, words with much self-attention, heads that the prediction needs.
"""

# ruff: noqa: INP001, T201 - a script that prints

import argparse
import csv
import random
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

ROOT = Path(__file__).resolve().parents[1]
NAME = "shuffled"
SAMPLES = ("max_documents", "leave_one_out_documents", "ablation_documents", "cumulative_documents")
UNREAD = ("script", "style", "template", "svg")
INLINE = ("a", "abbr", "b", "bdi", "code", "em", "i", "kbd", "small", "span", "strong", "sub", "sup")


class PlainText(HTMLParser):
    """The text of a page that a reader sees, one line per block."""

    def __init__(self, page: Path) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._unread = 0
        self.feed(page.read_text(encoding="utf-8"))

    def __str__(self) -> str:
        lines = (" ".join(line.split()) for line in "".join(self._parts).split("\n"))
        return "\n".join(line for line in lines if line)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002, D102
        self._unread += tag in UNREAD
        self._parts.append(" | " if tag in ("td", "th", "dd") else "" if tag in INLINE else "\n")

    def handle_endtag(self, tag: str) -> None:  # noqa: D102
        self._unread -= tag in UNREAD
        self._parts.append("" if tag in (*INLINE, "td", "th", "dt") else "\n")

    def handle_data(self, data: str) -> None:  # noqa: D102
        if not self._unread:
            self._parts.append(data.replace("\n", " "))


def main() -> None:
    """Run each study, print its counts, write its texts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the studies go")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="one study each (default: 1 2 3)")
    parser.add_argument("--cores", default="all", help="cores of the workflow (default: all)")
    parser.add_argument("--sample", type=int, help="documents of each sample of the evidence; 0: no evidence")
    parser.add_argument("--classifier", type=Path, help="folder of a fine-tuned one, to save the training")
    options = parser.parse_args()
    for seed in options.seeds:
        folder = options.folder.resolve() / f"seed-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        results = run_study(folder, study_of(options, folder, seed), options.cores)
        print(f"## Seed {seed}\n\n{counts(results)}\n")
        write_texts(results / "site", folder / "text")


def study_of(options: argparse.Namespace, folder: Path, seed: int) -> Path:
    """Permute the labels of the bundled corpus, and write the default study of it, with evidence."""
    with (ROOT / "examples" / "news.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [row["label"] for row in rows]
    random.Random(seed).shuffle(labels)  # noqa: S311 - reproducible, no secret
    with (folder / "news.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"label": label} for row, label in zip(rows, labels, strict=True))
    study = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    study["name"] = NAME
    study["dataset"]["source"] = str(folder / "news.csv")
    sizes = {} if options.sample is None else dict.fromkeys(SAMPLES, options.sample)
    study["evidence"] = {"enabled": False} if options.sample == 0 else {"enabled": True, **sizes}
    if options.classifier:
        study["model"] = {"source": str(options.classifier.resolve()), "mode": "load", "max_tokens": 256}
        study.pop("training", None)
    (folder / "study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    return folder / "study.yaml"


def run_study(folder: Path, study: Path, cores: str) -> Path:
    """Run a study, and return its results."""
    run = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    subprocess.run([*run, "--cores", cores, "--configfile", study, "--quiet", "rules"], check=True)  # noqa: S603
    return folder / "results" / NAME


def counts(results: Path) -> str:
    """Return a table: how many q of each column of each table are below 0.05, and the smallest."""
    lines = ["| table | column | tests | q < 0.05 | smallest q |", "|---|---|---|---|---|"]
    for path in sorted([*results.glob("statistics/*.parquet"), *results.glob("evidence/*.parquet")]):
        for name in pq.read_schema(path).names:
            if name == "q" or name.endswith("_q"):
                values = pq.read_table(path, columns=[name])[name].drop_null()
                found = pc.sum(pc.less(values, 0.05)).as_py() or 0
                smallest = f"{pc.min(values).as_py():.2g}" if len(values) else "-"
                lines.append(f"| {path.relative_to(results)} | {name} | {len(values)} | {found} | {smallest} |")
    return "\n".join(lines)


def write_texts(site: Path, folder: Path) -> None:
    """Write each page's text."""
    for page in sorted(site.glob("**/*.html")):
        target = (folder / page.relative_to(site)).with_suffix(".txt")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"{PlainText(page)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
