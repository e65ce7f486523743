"""The sample of documents for which evidence is computed."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.attention.windows import EncodedDocument, Window
from attviz_pipeline.strata import apportion, length_thirds, seeded_rank
from attviz_pipeline.tasks.task import UNLABELLED, Task

IDENTITY = ["position", "id", "source_id"]
LEAST_TOKENS = 2
"""A document of a single token of text has no ranking of tokens, and with some models nothing is left without it."""


@dataclass(frozen=True)
class SampledDocument:
    """A document of the sample.

    Attributes:
        row: Its row of the table `document_index`, with the text.
        encoded: Its tokens and windows.
        task: The task of the study.
    """

    row: Mapping[str, Any]
    encoded: EncodedDocument
    task: Task[Any]

    @property
    def windows(self) -> list[Window]:
        """Its model inputs."""
        return self.encoded.windows

    @property
    def text_tokens(self) -> NDArray[np.intp]:
        """Places of the tokens that are not special."""
        return np.flatnonzero(~np.asarray(self.encoded.special, dtype=bool))

    @property
    def identity(self) -> dict[str, Any]:
        """The columns that every table of evidence begins with."""
        return {name: self.row[name] for name in (*IDENTITY, self.task.gold_column, self.task.predicted_column)}

    @property
    def gold(self) -> Any:  # noqa: ANN401 - a value of any task
        """The gold value; None if it is unknown."""
        return self.task.gold(self.row)

    @property
    def predicted(self) -> Any:  # noqa: ANN401 - a value of any task
        """The prediction of the study."""
        return self.task.predicted(self.row)

    def token_places(self, window: int) -> NDArray[np.intp]:
        """Return the token of the document at each place of a window, -1 for special tokens that it does not keep.

        In the overlap of two windows, both contain a token that only one of them keeps.
        """
        chosen = self.windows[window]
        n_before = sum(one.stop - one.first for one in self.windows[:window])
        places = np.arange(chosen.n_tokens)
        kept = (chosen.first <= places) & (places < chosen.stop)
        special = np.asarray(chosen.special, dtype=bool)
        return np.where(special & ~kept, -1, n_before + places - chosen.first)


def is_too_short(document: SampledDocument) -> bool:
    """Whether a document has too few tokens of text to remove one or to rank them."""
    return len(document.text_tokens) < LEAST_TOKENS


def draw_sample(index: pa.Table, task: Task[Any], n_documents: int, seed: int) -> pa.Table:
    """Draw documents in proportion to the task's strata of gold values and, within each, thirds of length.

    Args:
        index: Rows of the table `document_index`.
        task: The task of the study.
        n_documents: Size of the sample; one that is larger than the corpus is the corpus.
        seed: The same seed gives the same sample.

    Returns:
        The sampled rows, by position.
    """
    n_documents = min(n_documents, index.num_rows)
    ranks = [seeded_rank(seed, name.encode()) for name in index["id"].to_pylist()]
    strata: dict[Hashable, list[int]] = {}
    lengths = length_thirds(index["n_tokens"].to_numpy()) if index.num_rows else []
    golds = [task.gold({task.gold_column: cell}) for cell in index[task.gold_column].to_pylist()]
    found = [None if stratum == UNLABELLED else stratum for stratum in task.strata(golds)]
    for row, stratum in enumerate(zip(found, lengths, strict=True)):
        strata.setdefault(stratum, []).append(row)
    ordered = sorted(strata.items(), key=lambda pair: str(pair[0]))
    counts = apportion(n_documents, [len(rows) for _, rows in ordered]) if n_documents else [0] * len(ordered)
    drawn = [sorted(rows, key=ranks.__getitem__)[:n] for (_, rows), n in zip(ordered, counts, strict=True)]
    return index.take(pa.array(sorted(chain.from_iterable(drawn)), pa.int64()))


def read_index(document_index: Path, task: Task[Any]) -> pa.Table:
    """Read all documents, with what a sample is drawn by, and what a model made of them.

    Args:
        document_index: Artifact `document_index`.
        task: The task of the study.

    Raises:
        ArtifactError: The file is missing or damaged.
    """
    columns = [*IDENTITY, task.gold_column, task.predicted_column, "n_tokens", "n_windows"]
    return files.read_table(document_index, statistics_schemas.DOCUMENT_INDEX, columns).combine_chunks()


def draw_samples(index: pa.Table, task: Task[Any], n_documents: Sequence[int], seed: int) -> pa.Table:
    """Draw a sample of all documents, a sample of this sample, and so on; return the last one.

    Args:
        index: Rows of the table `document_index`.
        task: The task of the study.
        n_documents: Sizes, the largest sample first.
        seed: As in `draw_sample`.
    """
    sample = index
    for number in n_documents:
        sample = draw_sample(sample, task, number, seed)
    return sample
