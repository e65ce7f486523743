"""Small corpora of every task, and a study of each from its rows to its attention with a tiny model."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiny_models import make_tiny_bert

from attviz_pipeline.artifacts import attention_schemas, corpus_schemas, files, model_schemas
from attviz_pipeline.attention.extract_attention import extract_attention
from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.config.study import Study
from attviz_pipeline.dataset.prepare_dataset import prepare_dataset
from attviz_pipeline.dataset.shard_documents import shard_documents
from attviz_pipeline.model.prepare_model import prepare_model
from attviz_pipeline.stages import ExtractAttention, PrepareDataset, PrepareModel, ShardDocuments, slice_for

TOPICS = {
    "finance": ("the bank and the market", "shares of the bank", "profit growth", "a market of shares"),
    "music": ("music of the film", "the music played", "a film and a play", "the play in music"),
    "sport": ("the coach of the team", "a goal in the match", "player of the match", "the team played"),
}
SETS: tuple[list[str], ...] = ([], ["finance"], ["sport"], ["music"], ["finance", "sport"], ["music", "sport"])


def rows_of_sets(n_rows: int = 60) -> list[dict[str, Any]]:
    """Rows whose words say their labels; one in six has none."""
    rows = []
    for row in range(n_rows):
        labels = SETS[row % len(SETS)]
        parts = [TOPICS[label][row // len(SETS) % 4] for label in labels] or ["in a"]
        rows.append({"text": " , ".join(parts) + " the" * (row // len(SETS)), "label": labels})
    return rows


def rows_of_values(n_rows: int = 60) -> list[dict[str, Any]]:
    """Rows whose value is, nearly, how often they say `goal`."""
    return [
        {"text": "the goal " * (row % 6) + "of the team " * (row // 6 + 1), "label": row % 6 + row / 1000}
        for row in range(n_rows)
    ]


def write_json_lines(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    """Write rows with lists as they are."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    """Write rows of plain values."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


@dataclass(frozen=True)
class TaskStudy:
    """The stages from rows to attention, each run when asked for, below one folder."""

    folder: Path
    study: Study

    @classmethod
    def of(cls, folder: Path, dataset: dict[str, Any], **changes: Any) -> "TaskStudy":  # noqa: ANN401 - settings
        """Make a study with a tiny encoder, or with the sections in `changes`."""
        encoder = folder / "encoder"
        if not encoder.exists():
            make_tiny_bert(encoder, with_head=False)
        content: dict[str, Any] = {
            "name": "tasks",
            "dataset": dataset,
            "model": {"source": str(encoder), "max_tokens": 64},
            "training": {"epochs": 3, "learning_rate": 5e-3, "batch_size": 8},
            "attention": {"device": "cpu", "window_overlap": 8},
        }
        content |= {
            key: content.get(key, {}) | value if isinstance(value, dict) else value for key, value in changes.items()
        }
        return cls(folder, parse_study(content, "test"))

    def path(self, name: str) -> Path:
        """Return where an artifact lies."""
        return self.folder / "results" / name

    def prepare(self) -> list[dict[str, Any]]:
        """Run `prepare_dataset` and return the documents."""
        (self.folder / "results").mkdir(exist_ok=True)
        outputs = [self.path(name) for name in ("documents.parquet", "ledger.parquet", "dataset.json")]
        prepare_dataset(slice_for(self.study, PrepareDataset), *outputs)
        rows: list[dict[str, Any]] = files.read_table(outputs[0], corpus_schemas.DOCUMENTS).to_pylist()
        return rows

    def model(self) -> dict[str, Any]:
        """Run `prepare_model` and return the scores."""
        outputs = [self.path(name) for name in ("checkpoint", "model.json", "metrics.json")]
        prepare_model(slice_for(self.study, PrepareModel), self.path("documents.parquet"), *outputs)
        return files.read_json(outputs[2], model_schemas.METRICS)

    def extract(self) -> list[dict[str, Any]]:
        """Run `shard_documents` and `extract_attention`, and return the rows by position."""
        shard, attention = self.path("shard.parquet"), self.path("attention.parquet")
        shard_documents(slice_for(self.study, ShardDocuments), self.path("documents.parquet"), [shard])
        stage = slice_for(self.study, ExtractAttention)
        extract_attention(stage, shard, self.path("checkpoint"), self.path("model.json"), attention)
        rows = files.read_table(attention, attention_schemas.ATTENTION).to_pylist()
        return sorted(rows, key=lambda row: row["position"])

    def facts(self) -> dict[str, Any]:
        """Return the facts of the attention."""
        return files.read_facts(self.path("attention.parquet"), attention_schemas.ATTENTION)
