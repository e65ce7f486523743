"""Files as AttViz's tools write them, and the stage `import_attention` run on them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from attviz_pipeline.artifacts import attention_schemas, corpus_schemas, files
from attviz_pipeline.config.settings import DatasetSettings, DocumentsSettings
from attviz_pipeline.dataset.imported.import_attention import ImportedFiles, import_attention
from attviz_pipeline.stages import ImportAttention

CLASSES = ("business", "sport")


def document(text: str = "w ##mc profits up", *, n_vectors: int = 3, seed: int = 0) -> dict[str, Any]:
    """A document as AttViz's generator writes it: strings for numbers."""
    random = np.random.default_rng([seed, len(text)])
    tokens = text.split()
    vectors = [
        {"name": index, "vectors": [str(float(value)) for value in random.random(len(tokens), np.float32)]}
        for index in range(n_vectors)
    ]
    activations = [{"value": str(value), "name": name} for name, value in zip(CLASSES, (0.75, 0.25), strict=True)]
    return {
        "text": text,
        "sets": [{"attention_vectors": vectors, "tokens": tokens}],
        "output_activations": activations,
    }


def vector(content: dict[str, Any], index: int) -> list[Any]:
    values: list[Any] = content["sets"][0]["attention_vectors"][index]["vectors"]
    return values


class Imported:
    """What the stage wrote."""

    def __init__(self, folder: Path, content: object, *, n_shards: int = 1, **settings: Any) -> None:  # noqa: ANN401
        source = folder / "explanations.json"
        if content is not None:
            source.write_text(json.dumps(content), encoding="utf-8")
        documents = DocumentsSettings(
            n_shards=n_shards, block_size=2, max_documents=settings.pop("max_documents", None)
        )
        given = {"source": str(source), **settings}
        wanted = ImportAttention(seed=13, dataset=DatasetSettings(format="attviz_json", **given), documents=documents)
        out = folder / f"out-{n_shards}"
        self.output = ImportedFiles(
            out / "ledger.parquet",
            out / "dataset.json",
            out / "model.json",
            out / "metrics.json",
            [out / f"attention-{shard}.parquet" for shard in range(n_shards)],
        )
        import_attention(wanted, *self.output)

    @property
    def rows(self) -> list[dict[str, Any]]:
        rows = files.concatenate(self.output.attention, attention_schemas.ATTENTION).to_pylist()
        return sorted(rows, key=lambda row: int(row["position"]))

    @property
    def ledger(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = files.read_table(self.output.ledger, corpus_schemas.LEDGER).to_pylist()
        return rows

    @property
    def facts(self) -> dict[str, Any]:
        return files.read_facts(self.output.attention[0], attention_schemas.ATTENTION)
