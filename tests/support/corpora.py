"""Small corpora in files, and the stage `prepare_dataset` run on them."""

import csv
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from attviz_pipeline.artifacts import corpus_schemas
from attviz_pipeline.artifacts.files import read_json, read_table
from attviz_pipeline.config.settings import DatasetSettings
from attviz_pipeline.dataset.prepare_dataset import prepare_dataset
from attviz_pipeline.errors import DatasetError
from attviz_pipeline.stages import PrepareDataset


class Outputs(NamedTuple):
    documents: list[dict[str, Any]]
    ledger: list[dict[str, Any]]
    card: dict[str, Any]


def prepare(folder: Path, *, seed: int = 13, **dataset: object) -> Outputs:
    """Run the stage and read what it wrote."""
    out = folder / "out"
    targets = (out / "documents.parquet", out / "ledger.parquet", out / "dataset.json")
    prepare_dataset(PrepareDataset(seed=seed, dataset=DatasetSettings(**dataset)), *targets)
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in targets), (
        "something is left over"
    )
    return Outputs(
        read_table(targets[0], corpus_schemas.DOCUMENTS).to_pylist(),
        read_table(targets[1], corpus_schemas.LEDGER).to_pylist(),
        read_json(targets[2], corpus_schemas.DATASET),
    )


def refuse(folder: Path, **dataset: object) -> str:
    """Run the stage on what it must refuse; return the message, once it is sure that nothing was written."""
    with pytest.raises(DatasetError) as refusal:
        prepare(folder, **dataset)
    assert not (folder / "out").exists() or not list((folder / "out").iterdir())
    return str(refusal.value)


def attviz_example() -> Path:
    """Return AttViz's published example; the test is skipped where it is missing."""
    path = Path(__file__).resolve().parents[3] / "shared" / "data" / "attviz" / "example_bbc_explanations.json"
    if not path.is_file():
        pytest.skip(f"AttViz's published example is not at {path}")
    return path


def rows_of(n: int, labels: tuple[str, ...] = ("sport", "tech")) -> list[dict[str, str]]:
    return [{"text": f"text number {i}", "label": labels[i % len(labels)]} for i in range(n)]


def write_csv(path: Path, rows: list[dict[str, Any]], **layout: str) -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), **layout)
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def write_json_lines(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def write_text(path: Path, text: str) -> str:
    path.write_bytes(text.encode("utf-8"))
    return str(path)
