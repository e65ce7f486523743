"""A tiny classifier and a few texts, some in several windows, for tests of the stages of evidence."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tiny_extraction import TEXTS, write_card
from tiny_models import LABEL_NAMES, make_tiny_bert
from torch import Tensor
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from attviz_pipeline.analysis.documents import index_documents, write_index
from attviz_pipeline.artifacts import attention_schemas, corpus_schemas, files
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.attention.extract_attention import extract_attention
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.stages import ExtractAttention
from attviz_pipeline.tasks.multi_label import MultiLabel
from attviz_pipeline.tasks.single_label import SingleLabel
from attviz_pipeline.tasks.task import Task

Array = NDArray[np.float64]
LONG_TEXT = " ".join(["match", "goal", "team", "bank", "film", "."] * 20)
EVIDENCE_TEXTS = [*TEXTS[:4], LONG_TEXT, "Music in the film.", "The shares of the bank."]
LABELS = [0, 1, 0, 1, 1, None, 0]
SETS = [(0,), (1, 2), (), (0, 1), (2,), None, (0,)]
VALUES = [0.5, -1.0, 2.0, 0.0, 1.5, None, -0.5]
CLASSES = SingleLabel(LABEL_NAMES)
OF_LABELS = MultiLabel(("finance", "sport", "music"), (0.5, 0.4, 0.5))
SETTINGS = {"device": "cpu", "window_overlap": 8}


class EvidenceStudy:
    """A study up to its document index, in a folder."""

    def __init__(  # noqa: PLR0913 - keywords, each with a default
        self,
        folder: Path,
        *,
        texts: Sequence[str] = EVIDENCE_TEXTS,
        labels: Sequence[Any] = LABELS,
        task: Task[Any] = CLASSES,
        n_shards: int = 1,
        checkpoint: Path | None = None,
        **attention: object,
    ) -> None:
        self.folder = folder
        self.settings = AttentionSettings(**SETTINGS | attention)
        outputs = task.output_names
        self.task = task
        self.checkpoint = checkpoint or make_tiny_bert(folder / "checkpoint", label_names=outputs)
        self.card = write_card(folder / "model.json", **task.facts, output_to_label=list(range(len(outputs))))
        self.index = folder / "document_index.parquet"
        self.shards = [folder / f"shard-{shard}-of-{n_shards}.parquet" for shard in range(n_shards)]
        self.attention = [folder / f"attention-{shard}-of-{n_shards}.parquet" for shard in range(n_shards)]
        for number, (shard, output) in enumerate(zip(self.shards, self.attention, strict=True)):
            mine = range(number, len(texts), n_shards)
            ids = [f"d{row}" for row in mine]
            columns = {
                "position": mine,
                "id": ids,
                "source_id": ids,
                "split": ["test" for _ in mine],
                task.gold_column: [labels[row] for row in mine],
                "text": [texts[row] for row in mine],
                "block": list(mine),  # one text per block and batch, so that shards change no bit
            }
            files.write_table(
                shard, corpus_schemas.SHARD, columns, {"task": task.name, "label_names": list(task.label_names)}
            )
            stage = ExtractAttention(attention=self.settings)
            extract_attention(stage, shard, self.checkpoint, self.card, output)
        write_index(self.index, index_documents(self.attention), task)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The table `attention`, by position."""
        tables = [files.read_table(path, attention_schemas.ATTENTION).to_pylist() for path in self.attention]
        return sorted((row for table in tables for row in table), key=lambda row: row["position"])

    @cached_property
    def unchanged_model(self) -> PreTrainedModel:
        """The classifier, for tests that do not change it."""
        return self.model()

    def model(self) -> PreTrainedModel:
        loaded: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
            self.checkpoint, attn_implementation="eager"
        ).eval()
        return loaded

    def windows(self, text: str) -> list[list[int]]:
        """Token ids of the model inputs of a text, by the tokenizer itself."""
        tokenizer = AutoTokenizer.from_pretrained(self.checkpoint)
        found = tokenizer(text, truncation=True, max_length=64, stride=8, return_overflowing_tokens=True)
        return list(found["input_ids"])

    def log_probability(self, windows: Sequence[Sequence[int]], label: int) -> float:
        """The textbook way: each window alone, softmax, mean over windows, log."""
        return float(np.log(self.probabilities(windows)[label]))

    def probabilities(self, windows: Sequence[Sequence[int]]) -> Array:
        model = self.unchanged_model
        with torch.no_grad():
            outputs = [model(input_ids=torch.tensor([window])).logits[0].double().softmax(-1) for window in windows]
        return torch.stack(outputs).mean(dim=0).numpy()


def read(path: Path, schema: Schema) -> list[dict[str, Any]]:
    return files.read_table(path, schema).to_pylist()


def embeddings(model: PreTrainedModel, windows: Sequence[Sequence[int]]) -> list[Tensor]:
    return [
        model.get_input_embeddings()(torch.tensor([window])).detach().requires_grad_()  # type: ignore[misc]
        for window in windows
    ]
