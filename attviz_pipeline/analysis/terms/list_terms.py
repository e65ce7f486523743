"""The stage `list_terms`, and the numbering of terms that later stages use."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.terms.occurrences import iter_occurrences
from attviz_pipeline.analysis.terms.support import CorpusSize
from attviz_pipeline.artifacts import attention_schemas, files, term_schemas
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.progress import track
from attviz_pipeline.stages import ListTerms
from attviz_pipeline.tasks.registry import task_of

ROWS_PER_GROUP = 65_536
UNSUPPORTED = -1
log = logging.getLogger(__name__)


def list_terms(settings: ListTerms, attention: Sequence[Path], vocabulary: Path) -> None:
    """Count the terms of all documents, and mark those that occur in enough documents as supported.

    Args:
        settings: The definition of a term, and the minimum document frequency.
        attention: Artifacts `attention` of all shards, read.
        vocabulary: Artifact `vocabulary`, written.

    Raises:
        ArtifactError: A shard is unusable.
    """
    counts, frequencies, special = Counter[str](), Counter[str](), set[str]()
    corpus = CorpusSize()
    for path in track(attention, total=len(attention), label="list_terms", unit="shards"):
        task = task_of(files.read_facts(path, attention_schemas.ATTENTION))
        for found in iter_occurrences(path, settings.terms):
            corpus.add(found.documents, task)
            counts.update(found.terms)
            frequencies.update(term for term, _ in set(zip(found.terms, found.document.tolist(), strict=True)))
            special.update(term for term, flag in zip(found.terms, found.special.tolist(), strict=True) if flag)
    terms = sorted(counts, key=lambda term: (-frequencies[term], term))
    least = corpus.least_documents(settings.terms.min_document_frequency)
    n_supported = sum(frequencies[term] >= least for term in terms)
    if not n_supported:
        log.warning("no term occurs in %d documents (terms.min_document_frequency): no term can be described", least)
    facts = {
        "level": settings.terms.level,
        "n_supported": n_supported,
        "min_document_frequency": least,
        "n_documents": corpus.n_documents,
        "smallest_class": corpus.smallest_class,
    }
    with files.TableWriter(vocabulary, term_schemas.VOCABULARY, facts) as writer:
        for start in range(0, len(terms), ROWS_PER_GROUP):
            some = terms[start : start + ROWS_PER_GROUP]
            columns = {"term": some, "special": [term in special for term in some]}
            columns |= {"count": [counts[t] for t in some], "document_frequency": [frequencies[t] for t in some]}
            writer.write(columns)


@dataclass(frozen=True)
class Vocabulary:
    """The supported terms, by number.

    Attributes:
        terms: [term].
        special: [term].
        facts: Metadata of the artifact `vocabulary`.
    """

    terms: list[str]
    special: NDArray[np.bool_]
    facts: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the artifact `vocabulary`.

        Raises:
            ArtifactError: The file is unusable.
        """
        facts = files.read_facts(path, term_schemas.VOCABULARY)
        table = files.read_table(path, term_schemas.VOCABULARY, ["term", "special"])
        n_supported = facts.get("n_supported")
        if type(n_supported) is not int or not 0 <= n_supported <= table.num_rows:
            raise ArtifactError(f"{path} does not say how many of its terms are supported.", remedy=files.REBUILD)
        supported = table.slice(0, n_supported)
        return cls(supported["term"].to_pylist(), supported["special"].to_numpy(), facts)

    def numbering(self) -> dict[str, int]:
        """Return the number of each supported term."""
        return {term: number for number, term in enumerate(self.terms)}
