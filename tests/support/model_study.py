"""A small corpus and a study of it, for the tests of `prepare_model`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
from tiny_models import LABEL_NAMES

from attviz_pipeline.artifacts import corpus_schemas, files, model_schemas
from attviz_pipeline.errors import ModelError
from attviz_pipeline.model.prepare_model import prepare_model
from attviz_pipeline.stages import PrepareModel

SPLITS = ("train", "train", "train", "validation", "test")
SENTENCES = {
    "business": ("the bank shares growth", "profit in the market", "bank profit growth", "market shares and bank"),
    "sport": ("the team played a match", "goal of the player", "coach and team", "a goal in the match"),
}


@dataclass(frozen=True)
class ModelStudy:
    """A corpus and the three outputs of the stage, below one folder."""

    folder: Path

    @property
    def documents(self) -> Path:
        return self.folder / "documents.parquet"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "results" / "checkpoint"

    @property
    def card(self) -> Path:
        return self.folder / "results" / "model.json"

    @property
    def metrics(self) -> Path:
        return self.folder / "results" / "metrics.json"

    @classmethod
    def make(cls, folder: Path) -> Self:
        study = cls(folder)
        study.write_documents()
        return study

    def write_documents(
        self, label_names: tuple[str, ...] = LABEL_NAMES, splits: tuple[str, ...] = SPLITS, n_rows: int = 40
    ) -> None:
        """Write rows whose class alternates; each class has its own words."""
        texts = [list(SENTENCES.values())[row % 2][row // 2 % 4] + " ." * (row % 3) for row in range(n_rows)]
        columns = {
            "id": [str(row) for row in range(n_rows)],
            "split": [splits[row // 2 % len(splits)] for row in range(n_rows)],
            "label": [row % 2 if label_names else None for row in range(n_rows)],
            "text": texts,
        }
        files.write_table(
            self.documents,
            corpus_schemas.DOCUMENTS,
            columns,
            {"task": "single_label", "label_names": list(label_names)},
        )

    def prepare(
        self,
        source: Path | str,
        *,
        training: dict[str, object] | None = None,
        seed: int = 13,
        **given: object,
    ) -> None:
        """Run the stage: what is given besides is a setting of the stage, or of section `model`."""
        of_stage = {name: given.pop(name) for name in PrepareModel.model_fields if name in given}
        settings = PrepareModel.model_validate(
            {
                "seed": seed,
                "model": {"source": str(source), "max_tokens": 64, **given},
                "training": {"learning_rate": 2e-3, "batch_size": 8, **(training or {})},
                **of_stage,
            }
        )
        prepare_model(settings, self.documents, self.checkpoint, self.card, self.metrics)

    def refusal(self, source: Path | str, **settings: Any) -> str:  # noqa: ANN401 - of the study, and of the model
        """Run the stage, expect it to refuse and to leave nothing behind, and return its message."""
        with pytest.raises(ModelError) as caught:
            self.prepare(source, **settings)
        results = self.folder / "results"
        assert not results.exists() or not list(results.iterdir())
        return str(caught.value)

    def read_card(self) -> dict[str, Any]:
        return files.read_json(self.card, model_schemas.MODEL)

    def read_metrics(self) -> dict[str, Any]:
        return files.read_json(self.metrics, model_schemas.METRICS)
