"""A small study of invented attention, run through the stages that describe terms and compare classes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from synthetic_attention import write_attention_shards

from attviz_pipeline.analysis.classes.compare_classes import compare_classes
from attviz_pipeline.analysis.terms.describe_terms import describe_terms
from attviz_pipeline.analysis.terms.list_terms import list_terms
from attviz_pipeline.analysis.terms.measure_shard import measure_shard
from attviz_pipeline.artifacts import attention_schemas, files, term_schemas
from attviz_pipeline.artifacts.layout import MeasurePaths, TermPaths
from attviz_pipeline.config.settings import BootstrapSettings, ClassesSettings, InferenceSettings, TermsSettings
from attviz_pipeline.stages import CompareClasses, DescribeTerms, ListTerms, MeasureShard

N_LAYERS, N_HEADS = 2, 3
Documents = dict[str, list[Any]]


@dataclass(frozen=True)
class TermStudy:
    """Shards of attention, the settings, and where results lie."""

    folder: Path
    attention: list[Path]
    terms: TermsSettings
    inference: InferenceSettings = field(default_factory=InferenceSettings)

    @property
    def output(self) -> TermPaths:
        return TermPaths.below(self.folder / "statistics")

    @property
    def measures(self) -> list[MeasurePaths]:
        return [MeasurePaths.of(self.folder / "measures" / path.stem) for path in self.attention]

    def measure(self) -> "TermStudy":
        list_terms(ListTerms(terms=self.terms), self.attention, self.output.vocabulary)
        for path, measures in zip(self.attention, self.measures, strict=True):
            measure_shard(MeasureShard(terms=self.terms), path, self.output.vocabulary, measures)
        return self

    def describe(self, n_replicates: int = 100) -> "TermStudy":
        bootstrap = BootstrapSettings(n_replicates=n_replicates)
        settings = DescribeTerms(seed=13, inference=self.inference, bootstrap=bootstrap)
        describe_terms(settings, self.output.vocabulary, self.measures, self.output)
        return self

    def compare(self, **classes: float | str) -> "TermStudy":
        settings = ClassesSettings.model_validate({"n_permutations": 99, "length_strata": 3} | classes)
        stage = CompareClasses(seed=13, inference=self.inference, classes=settings)
        compare_classes(stage, self.output.vocabulary, self.measures, self.output)
        return self

    def rows(self, name: str) -> list[dict[str, Any]]:
        table = files.read_table(getattr(self.output, name), getattr(term_schemas, name.upper()))
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows

    def facts(self, name: str) -> dict[str, Any]:
        return files.read_facts(getattr(self.output, name), getattr(term_schemas, name.upper()))

    def documents(self) -> list[dict[str, Any]]:
        return sorted(
            (row for path in self.attention for row in files.read_table(path, attention_schemas.ATTENTION).to_pylist()),
            key=lambda row: int(row["position"]),
        )


def invented(folder: Path, n_documents: int = 40, n_shards: int = 1, **terms: object) -> TermStudy:
    """Return a study of invented news."""
    attention = write_attention_shards(
        folder, n_documents=n_documents, n_shards=n_shards, n_layers=N_LAYERS, n_heads=N_HEADS
    )
    return TermStudy(folder, attention, TermsSettings.model_validate({"min_document_frequency": 3} | terms))


def written(  # noqa: PLR0913 - each is a property of documents that some test varies
    folder: Path,
    documents: list[tuple[list[str], NDArray[np.float64]]],
    *,
    labels: list[int | None] | None = None,
    predictions: list[int] | None = None,
    sources: list[str] | None = None,
    n_classes: int = 2,
    label_names: tuple[str, ...] = (),
    **terms: object,
) -> TermStudy:
    """Return a study of given words and their self-attention, [head, word], in one layer; no special tokens."""
    labels = labels or [0] * len(documents)
    rows = []
    for position, (words, attention) in enumerate(documents):
        starts = np.cumsum([0, *(len(word) + 1 for word in words)]).tolist()
        rows.append(
            {
                "position": position,
                "id": f"doc-{position}",
                "source_id": sources[position] if sources else f"doc-{position}",
                "split": "test",
                "label": labels[position],
                "text": " ".join(words),
                "pair_start": None,
                "prediction": predictions[position] if predictions else labels[position],
                "probabilities": [1 / n_classes] * n_classes,
                "tokens": words,
                "token_ids": [sum(map(ord, word)) for word in words],
                "starts": starts[:-1],
                "ends": [start + len(word) for start, word in zip(starts, words, strict=False)],
                "special": [False] * len(words),
                "unknown": [False] * len(words),
                "punctuation": [not word.isalnum() for word in words],
                "words": list(range(len(words))),
                "segments": [0] * len(words),
                "windows": [
                    {"first_token": 0, "n_tokens": len(words), "n_model_tokens": len(words), "probabilities": [1.0]}
                ],
                "truncated": False,
                "self_attention": np.asarray(attention, np.float32).ravel(),
            }
        )
    columns = {name: [row.get(name) for row in rows] for name in attention_schemas.ATTENTION.arrow.names}
    n_heads = len(documents[0][1]) if documents else 1
    names = list(label_names) or [f"class {number}" for number in range(n_classes)]
    facts = {
        "n_layers": 1,
        "n_heads": n_heads,
        "task": "single_label",
        "label_names": names,
        "model": {},
        "offsets": True,
    }
    path = folder / "attention.parquet"
    files.write_table(path, attention_schemas.ATTENTION, columns, facts)
    return TermStudy(folder, [path], TermsSettings.model_validate({"min_document_frequency": 1} | terms))
