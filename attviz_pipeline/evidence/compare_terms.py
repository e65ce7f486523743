"""The stage `compare_terms`: does the prediction depend on a word more than on random words of the same documents?"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.analysis.batches import TEXT_COLUMNS, text_batch
from attviz_pipeline.analysis.inference import benjamini_hochberg
from attviz_pipeline.analysis.shrinkage import shrink
from attviz_pipeline.analysis.terms.occurrences import SPELLING_COLUMNS, TermTokens
from attviz_pipeline.analysis.terms.support import CorpusSize
from attviz_pipeline.artifacts import attention_schemas, evidence_schemas, files
from attviz_pipeline.config.settings import TermsSettings
from attviz_pipeline.errors import ArtifactError, Problem
from attviz_pipeline.evidence.paired import mean_of
from attviz_pipeline.evidence.random_terms import MOST_DRAWS, DocumentTerms, RandomTerms
from attviz_pipeline.stages import CompareTerms
from attviz_pipeline.tasks.registry import task_of
from attviz_pipeline.tasks.task import Task
from attviz_pipeline.words import merge_by_word

Floats = NDArray[np.float64]
Row = dict[str, Any]


class Measured(NamedTuple):
    """What was measured at the tokens of one document."""

    row: Mapping[str, Any]
    """Its row of a table of evidence."""
    places: list[int]
    """Places of the measured tokens in the document, [measured]."""
    values: Floats
    """What was measured of the prediction at each of them, [measured]."""


def compare_terms(
    settings: CompareTerms, attention: Sequence[Path], gradients: Path, leave_one_out: Path, term_evidence: Path
) -> None:
    """Average over documents how far the prediction depends on each term, beside random terms.

    Args:
        settings: What a term is, in how many documents it must be, and the seed of random terms.
        attention: Artifacts `attention` of all shards, in share-safe mode without their words.
        gradients: Gradients of the sample (schema `gradients`).
        leave_one_out: Changes without each token (schema `leave_one_out`).
        term_evidence: Where to write (schema `term_evidence`).

    Raises:
        ArtifactError: An input is missing, damaged, or of other documents.
    """
    slopes, falls = read_gradients(gradients), read_falls(leave_one_out)
    task = task_of(files.read_facts(gradients, evidence_schemas.GRADIENTS))
    positions = sorted({document.row["position"] for document in (*slopes, *falls)})
    terms = read_terms(attention, positions, settings.terms)
    names = files.read_facts(attention[0], attention_schemas.ATTENTION)["label_names"]
    facts: Row = {
        "level": settings.terms.level,
        "label_names": names,
        "removal": files.read_facts(leave_one_out, evidence_schemas.LEAVE_ONE_OUT)["removal"],
        "n_draws": MOST_DRAWS,
        "seed": settings.seed,
        "measures": {},
    }
    rows: list[Row] = []
    for measure, path, measured in (("leave_one_out", leave_one_out, falls), ("gradient_x_input", gradients, slopes)):
        documents = [_document(document, task, terms, path) for document in measured]
        size = _size(measured, task)
        least = size.least_documents(settings.terms.min_document_frequency)
        facts["measures"][measure] = {
            "n_documents": len(documents),
            "n_predicted": [size.predicted[label] for label in range(len(names))],
            "min_document_frequency": least,
        }
        found = list(term_rows(documents, names, least, settings.seed))
        rows += [{"measure": measure, **row} for row in found]
    columns = {name: [row[name] for row in rows] for name in evidence_schemas.TERM_EVIDENCE.arrow.names}
    schema = evidence_schemas.TERM_EVIDENCE.of(task.name)
    files.write_table(term_evidence, schema, columns, facts | task.evidence_facts)


def read_gradients(path: Path) -> list[Measured]:
    """Read gradient x input of the prediction; documents without finite gradients are left out."""
    task = task_of(files.read_facts(path, evidence_schemas.GRADIENTS))
    columns = ["position", "id", "source_id", task.gold_column, task.predicted_column, "gradient_x_input"]
    rows = files.read_table(path, evidence_schemas.GRADIENTS, columns).to_pylist()
    known = [row for row in rows if row["gradient_x_input"] is not None]
    return [
        Measured(row, list(range(len(row["gradient_x_input"]))), np.asarray(row["gradient_x_input"], np.float64))
        for row in known
    ]


def read_falls(path: Path) -> list[Measured]:
    """Read how far the prediction falls without each token of text: its probability, or the predicted value."""
    task = task_of(files.read_facts(path, evidence_schemas.LEAVE_ONE_OUT))
    documents = []
    for row in files.read_table(path, evidence_schemas.LEAVE_ONE_OUT).to_pylist():
        whole = np.asarray(row[task.evidence.outputs], np.float64)
        changes = np.asarray(row["changes"], np.float64).reshape(-1, len(whole))
        documents.append(Measured(row, row["places"], task.falls(whole, changes, task.predicted(row))))
    return documents


class _Text(NamedTuple):
    """The terms of one document."""

    id: str
    groups: NDArray[np.int64]
    """Number of the occurrence that each token belongs to, from 0; negative for none, [token]."""
    terms: list[str]
    """[occurrence]."""
    special: NDArray[np.bool_]
    """[token]."""

    @property
    def measurable(self) -> list[list[int]]:
        """Places that a table can have values for: all tokens, or those of text."""
        return [list(range(len(self.special))), np.flatnonzero(~self.special).tolist()]


def read_terms(attention: Sequence[Path], positions: Sequence[int], settings: TermsSettings) -> dict[int, _Text]:
    """Read the terms of some documents, by position; special tokens are no terms here.

    Args:
        attention: Artifacts `attention` of all shards.
        positions: The documents.
        settings: What a term is.

    Raises:
        ArtifactError: A shard is missing or damaged.
    """
    wanted, found = pa.array(positions, pa.int64()), {}
    without_special = settings.model_copy(update={"special_tokens": False})
    columns = ["position", "id", *SPELLING_COLUMNS]
    for path in attention:
        for table in files.iter_tables(path, attention_schemas.ATTENTION, [*columns, *TEXT_COLUMNS]):
            rows = table.filter(pc.is_in(table["position"], value_set=wanted))
            for number in range(rows.num_rows):
                batch = text_batch(path, rows.slice(number, 1), columns)
                terms = TermTokens.of(path, batch, without_special)
                identity = batch.documents.select(["position", "id"]).to_pylist()[0]
                found[identity["position"]] = _Text(identity["id"], terms.groups, terms.terms, batch.special)
    return found


def _document(document: Measured, task: Task[Any], terms: Mapping[int, _Text], path: Path) -> DocumentTerms:
    """Sum what was measured over the tokens of each occurrence of a term; in regression, sums have no sign.

    Raises:
        ArtifactError: The document is in no shard, or has other tokens there.
    """
    row, places, values = document
    text = terms.get(row["position"])
    if text is None or text.id != row["id"] or places not in text.measurable:
        problem = Problem(repr(row["id"]), "has other tokens in the attention shards, or is in none")
        raise ArtifactError(f"{path} is of other documents:", [problem], files.REBUILD)
    of_tokens = np.zeros(len(text.groups))
    of_tokens[places] = values
    of_terms = task.dependence(merge_by_word(of_tokens, text.groups, "sum"))
    return DocumentTerms(row["source_id"], task.labels_in(task.predicted(row)), text.terms, of_terms)


def _size(documents: Sequence[Measured], task: Task[Any]) -> CorpusSize:
    golds = [task.gold(document.row) for document in documents]
    predictions = [task.predicted(document.row) for document in documents]
    return CorpusSize(
        len(documents),
        Counter(label for gold in golds if gold is not None for label in task.labels_in(gold)),
        Counter(label for prediction in predictions for label in task.labels_in(prediction)),
    )


def term_rows(documents: Sequence[DocumentTerms], label_names: Sequence[str], least: int, seed: int) -> Iterator[Row]:
    """Yield the rows of the table `term_evidence` for one measure.

    Args:
        documents: The measured documents.
        label_names: Names of the classes or labels.
        least: In how many documents of a group a term must be.
        seed: Of random terms.
    """
    groupings = {
        "all": [("", np.ones(len(documents), np.bool_))],
        "predicted": [
            (name, np.array([label in document.labels for document in documents], np.bool_))
            for label, name in enumerate(label_names)
        ],
    }
    random = RandomTerms(documents, seed)
    for grouping, groups in groupings.items():
        rows = [
            row
            for group, members in groups
            for row in _group_rows(random, members, least, {"grouping": grouping, "group": group})
        ]
        for row, q in zip(rows, benjamini_hochberg(np.array([row["p"] for row in rows], np.float64)), strict=True):
            yield row | {"q": float(q)}


def _group_rows(random: RandomTerms, members: NDArray[np.bool_], least: int, group: Row) -> list[Row]:
    """Describe the terms of one group of documents, the highest shrunken rank first."""
    rows, ranks = [], []
    for term, pairs in random.pairs.items():
        inside = pairs.within(members)
        if len(inside.document) < least:
            continue
        sources = [random.documents[document].source_id for document in inside.document]
        floors = random.floors[inside.document]
        mean, rank = mean_of(inside.means, sources), mean_of(inside.ranks, sources)
        ranks.append(inside.ranks)
        rows.append(
            {
                **group,
                "term": term,
                "count": int(inside.n_occurrences.sum()),
                "n_documents": len(inside.document),
                "n_sources": len(set(sources)),
                "mean": mean.value,
                "mean_low": mean.low,
                "mean_high": mean.high,
                "floor": float(floors.mean()),
                "rank": rank.value,
                "rank_low": rank.low,
                "rank_high": rank.high,
                "p": random.p(term, inside),
            }
        )
    sizes = np.array([len(values) for values in ranks], np.int64)
    shrunken = shrink(
        np.array([values.mean() for values in ranks], np.float64),
        np.array([values.var() / len(values) for values in ranks], np.float64),
        1 / sizes,
        sizes,
    )
    low, high = shrunken.interval()
    for row, *values in zip(rows, shrunken.means, low, high, strict=True):
        row |= {f"shrunken_rank{end}": float(value) for end, value in zip(("", "_low", "_high"), values, strict=True)}
    return sorted(rows, key=lambda row: (-row["shrunken_rank"], row["p"], row["term"]))
