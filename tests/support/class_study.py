"""Studies whose documents change class, for simulations of what `compare_classes` finds."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from term_study import TermStudy

from attviz_pipeline.analysis.classes.compare_classes import COLUMNS
from attviz_pipeline.analysis.classes.comparison import Comparison, Study, compare
from attviz_pipeline.analysis.classes.families import Adjusted
from attviz_pipeline.analysis.classes.values import HeadValues, TermValues
from attviz_pipeline.analysis.quantities import LOG_RATIO, NORMALISED, to_fixed
from attviz_pipeline.analysis.terms.corpus import Documents, Pairs, iter_pairs
from attviz_pipeline.analysis.terms.list_terms import Vocabulary
from attviz_pipeline.config.settings import ClassesSettings
from attviz_pipeline.significance import SIGNIFICANT
from attviz_pipeline.stages import CompareClasses

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def read_study(study: TermStudy) -> Study:
    """Read what `compare_classes` reads."""
    documents = Documents.read([shard.document_heads for shard in study.measures], COLUMNS)
    paths = [shard.term_documents for shard in study.measures]
    n_terms = len(Vocabulary.read(study.output.vocabulary).terms)
    terms = TermValues.read(lambda: iter_pairs(paths, documents), n_terms, len(documents.row))
    return Study(documents, HeadValues.read(documents), terms)


def invented_study(  # noqa: PLR0913 - each is a property of documents that some test varies
    heads: Floats,
    labels: Integers,
    *,
    counts: Integers | None = None,
    attention: Floats | None = None,
    n_tokens: Integers | None = None,
    rows: Integers | None = None,
    n_classes: int = 2,
    n_blocks: int = 1,
) -> Study:
    """Return a study of given values.

    Args:
        heads: Mean ln(n a), [document, head].
        labels: Class, gold and predicted, [document].
        counts: Occurrences, [document, term]; left out, one term in every document.
        attention: Mean ln(n a) of a term in a document, [document, term]; left out, 0.
        n_tokens: Lengths, [document]; left out, all alike.
        rows: Input row, [document]; left out, each its own.
        n_classes: Number of classes.
        n_blocks: Number of blocks in which pairs of term and document are read.
    """
    n_documents = len(heads)
    counts = np.ones((n_documents, 1), np.int64) if counts is None else counts
    attention = np.zeros(counts.shape) if attention is None else attention
    lengths = np.full(n_documents, 10) if n_tokens is None else n_tokens
    table = pa.table(
        {
            "label": pa.array(labels.astype(np.int32)),
            "prediction": pa.array(labels.astype(np.int32)),
            "n_terms": pa.array(counts.sum(axis=1).astype(np.int32)),
            "n_tokens": pa.array(lengths.astype(np.int32)),
            "log_ratio": pa.array(heads.astype(np.float32).tolist(), pa.list_(pa.float32())),
        }
    )
    numbers = np.arange(n_documents) if rows is None else rows
    facts = {
        "n_layers": 1,
        "n_heads": heads.shape[1],
        "task": "single_label",
        "label_names": [f"class {n}" for n in range(n_classes)],
    }
    names = [str(n) for n in range(numbers.max() + 1)]
    documents = Documents(table, facts, numbers, names, np.arange(n_documents))
    document, term = np.nonzero(counts)
    count = counts[document, term]
    sums = {
        LOG_RATIO.name: attention[document, term] * count,
        NORMALISED.name: np.exp(attention[document, term]) * count,
    }
    fixed = {name: to_fixed(values) for name, values in sums.items()}
    blocks = [
        Pairs(term[some], document[some], count[some], {name: values[some] for name, values in fixed.items()})
        for some in (slice(block, None, n_blocks) for block in range(n_blocks))
    ]
    terms = TermValues.read(lambda: iter(blocks), counts.shape[1], n_documents)
    return Study(documents, HeadValues.read(documents), terms)


def with_classes(study: Study, labels: Integers, predictions: Integers) -> Study:
    """Give the documents other gold and predicted classes."""
    table = study.documents.table
    for name, numbers in (("label", labels), ("prediction", predictions)):
        place = table.column_names.index(name)
        table = table.set_column(place, table.schema.field(name), pa.array(numbers, table.schema.field(name).type))
    return replace(study, documents=replace(study.documents, table=table))


def with_labels(study: Study, gold: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> Study:
    """Give the documents labels, [document, label]."""
    names = [f"label {number}" for number in range(gold.shape[1])]
    columns = {
        name: pa.array([np.flatnonzero(row).tolist() for row in members], pa.list_(pa.int32()))
        for name, members in (("labels", gold), ("predictions", predicted))
    }
    return _of_task(study, columns, task="multi_label", label_names=names)


def with_values(study: Study, gold: Floats, predicted: Floats) -> Study:
    """Give the documents values, [document]; NaN is unknown."""
    columns = {
        name: pa.array(values, pa.float64(), mask=np.isnan(values))
        for name, values in (("value", gold), ("predicted_value", predicted))
    }
    return _of_task(study, columns, task="regression", label_names=[])


def _of_task(study: Study, columns: dict[str, pa.Array], **facts: object) -> Study:
    table = study.documents.table
    for name, values in columns.items():
        table = table.append_column(name, values)
    return replace(study, documents=replace(study.documents, table=table, facts=study.documents.facts | facts))


def compared(study: Study, seed: int = 13, **classes: object) -> tuple[list[Comparison], list[Adjusted]]:
    """Compare the classes of a study."""
    settings = CompareClasses(seed=seed, classes=ClassesSettings.model_validate(classes))
    comparisons, adjusted, _ = compare(settings, study)
    return comparisons, adjusted


def claims(adjusted: list[Adjusted]) -> int:
    """Return the number of tests that are called significant."""
    return sum(int((of.q < SIGNIFICANT).sum()) for of in adjusted)
