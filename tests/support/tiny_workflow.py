"""A small study under a real Snakemake."""

import csv
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml
from warm_python import PROGRAM_NAMED, warm_python

ROOT = Path(__file__).resolve().parents[2]


def read_examples() -> list[dict[str, str]]:
    """Return as many rows of the bundled corpus as a quick study needs, the same number of each class."""
    with (ROOT / "examples" / "news.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))[:270]


SMALL_EVIDENCE = {
    "enabled": True,
    "max_documents": 8,
    "leave_one_out_documents": 2,
    "ablation_documents": 4,
    "cumulative_documents": 4,
    "random_rankings": 1,
}


def write_study(folder: Path, *, evidence: Mapping[str, object] | None = None, **documents: object) -> Path:
    """Write a study of the bundled corpus and a tiny untrained BERT; without `evidence`, none is measured."""
    from tiny_models import SPECIAL_TOKENS, make_tiny_bert  # noqa: PLC0415 - seconds, in every process of the tests

    rows = read_examples()
    with (folder / "news ünïcode.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "text", "label"])
        writer.writeheader()
        writer.writerows(rows)
    words = sorted({word.strip('.,"').lower() for row in rows for word in row["text"].split()} - set(SPECIAL_TOKENS))
    make_tiny_bert(folder / "bert", vocabulary=[word for word in words if word.isalpha()], with_head=False)
    study = {
        "name": "tiny",
        "dataset": {"source": "news ünïcode.csv", "id_column": "id"},
        "documents": {"split": "test"} | documents,
        "model": {"source": "bert", "max_tokens": 96},
        "training": {"epochs": 1, "batch_size": 32},
        "attention": {"window_overlap": 16},
        "evidence": dict(evidence or {}),
        "resources": {"threads": 1},
        "figures": {"n_cloud_words": 10, "dpi": 50},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    return folder / "study.yaml"


def command(folder: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    return [*snakemake, "--cores", "2", "--configfile", str(folder / "study.yaml"), *arguments], environment


def snakemake(folder: Path, *arguments: str, expect: int = 0) -> str:
    arguments, environment = command(folder, *arguments)
    program = warm_python()
    environment |= {PROGRAM_NAMED: str(program), "BASH_ENV": str(program.with_name("bash_env"))}
    finished = subprocess.run(
        arguments, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=1800
    )
    assert finished.returncode == expect, finished.stdout + finished.stderr
    return finished.stdout + finished.stderr


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def planned(listing: str) -> set[str]:
    """Rules that a dry run would execute."""
    lines = listing.partition("Job stats:")[2].partition("total")[0].splitlines()[3:]
    return {line.split()[0] for line in lines if line.strip()} - {"all"}
