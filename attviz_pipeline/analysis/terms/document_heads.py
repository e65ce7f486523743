"""The table `document_heads`: one value per document, head and quantity."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis import quantities
from attviz_pipeline.analysis.lists import ragged_column
from attviz_pipeline.analysis.terms.occurrences import Occurrences
from attviz_pipeline.artifacts.schema import GOLD_NAMES, PREDICTED_NAMES

COPIED = ["position", "id", "source_id", "split", *GOLD_NAMES, *PREDICTED_NAMES, "probabilities"]


def document_heads(found: Occurrences) -> pa.Table:
    """Average the terms of each document, [document], as columns of the artifact `document_heads`."""
    n_terms = np.bincount(found.document, minlength=found.documents.num_rows)
    occupied = np.flatnonzero(n_terms)
    first = np.searchsorted(found.document, occupied, side="left")
    columns = {name: found.documents[name] for name in COPIED}
    columns["n_terms"] = pa.array(n_terms.astype(np.int32))
    columns["n_tokens"] = pa.array(found.n_document_tokens.astype(np.int32))
    for name in (quantities.ATTENTION.name, quantities.LOG_RATIO.name):
        columns[name] = _lists(_means(getattr(found, name), first, n_terms[occupied]), occupied, len(n_terms))
    even = quantities.evenness(found.attention, first) if len(first) else found.attention
    columns["evenness"] = _lists(even, occupied, len(n_terms))
    return pa.table(columns)


def _means(values: NDArray[np.float64], first: NDArray[np.intp], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.add.reduceat(values, first, axis=0) / counts[:, None] if len(first) else values


def _lists(values: NDArray[np.float64], documents: NDArray[np.intp], n_documents: int) -> pa.Array:
    """Return one list per document, empty if it has no value."""
    defined = ~np.isnan(values).any(axis=1)
    lengths = np.zeros(n_documents, np.int64)
    lengths[documents[defined]] = values.shape[1]
    return ragged_column(values[defined].astype(np.float32).reshape(-1), lengths)
