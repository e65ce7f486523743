"""Evidence of a model of a compared study: invented changes without each head, and invented scores of tokens."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.artifacts.layout import EvidencePaths
from attviz_pipeline.artifacts.schema import Schema

Row = dict[str, Any]
FRACTIONS = [0.1, 0.5]
GATES = "the model has no known place where the outputs of heads meet"


def write_evidence_of(  # noqa: PLR0913 - each is a property that some test varies
    folder: Path,
    changes: NDArray[np.float64],
    differences: Mapping[str, float],
    *,
    documents_per_row: int = 1,
    first: int = 0,
    removal: str = "mask",
) -> None:
    """Write what `compare_models` reads of the evidence of one model.

    Args:
        folder: Its results.
        changes: Changes without each head, [document, head], all heads in one layer; no document if none is switched
            off.
        differences: How far the comprehensiveness of each score lies above that of random order; q is 0.01 beyond
            0.1 on either side, else 0.5.
        documents_per_row: Documents of one input row.
        first: Position of the first document.
        removal: mask, delete or hide.
    """
    paths, n_heads = EvidencePaths.below(folder / "evidence"), changes.shape[1]
    paths.gradients.parent.mkdir(parents=True)
    facts = {"n_layers": 1, "n_heads": n_heads, "gates": None if len(changes) else GATES, "label_names": ["a", "b"]}
    off = [
        {"position": first + number, "id": str(number), "source_id": f"s{number // documents_per_row}"}
        | {"changes": row.tolist()}
        for number, row in enumerate(changes)
    ]
    _write(paths.document_ablations, evidence_schemas.DOCUMENT_ABLATIONS, off, facts)
    means = np.abs(changes).mean(axis=0).tolist() if len(changes) else [None] * n_heads
    ranked = [{"head": head, "measured": mean} for head, mean in enumerate(means)]
    _write(paths.head_importance, evidence_schemas.HEAD_IMPORTANCE, ranked, facts)
    scores = [
        _score(score, measure, fraction, grouping, size)
        for grouping in ("all", "gold")
        for measure in ("comprehensiveness", "sufficiency", "tau")
        for fraction in (*FRACTIONS, None)
        for score, size in {**differences, "random": None}.items()
        if measure != "tau" or fraction is None
    ]
    _write(paths.faithfulness, evidence_schemas.FAITHFULNESS, scores, {"fractions": FRACTIONS, "removal": removal})


def _score(score: str, measure: str, fraction: float | None, grouping: str, size: float | None) -> Row:
    beside: Row = {}
    if size is not None:
        size = size if measure == "comprehensiveness" else -size
        beside = {"floor": 0.3, "difference": size}
        beside |= {"difference_low": size - 0.1, "difference_high": size + 0.1}
        beside |= {"difference_p": 0.01, "difference_q": 0.01 if abs(size) > 0.1 else 0.5}
    return {
        "score": score,
        "grouping": grouping,
        "measure": measure,
        "fraction": fraction,
        "n_documents": 20,
        "n_sources": 20,
        "mean": 0.3 + (size or 0),
        **beside,
    }


def _write(path: Path, schema: Schema, rows: Sequence[Row], facts: Row) -> None:
    simple = {"string": "", "list": []}
    empty = {
        field.name: None if field.nullable else simple.get(str(field.type).split("<", maxsplit=1)[0], 0)
        for field in schema.arrow
    }
    files.write_table(path, schema, {name: [row.get(name, empty[name]) for row in rows] for name in empty}, facts)
