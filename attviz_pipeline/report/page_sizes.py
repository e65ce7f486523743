"""What documents take of a site, estimated from the table of documents before any page is written."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.aggregates import AGGREGATES
from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.report.views.document_evidence import bytes_of_evidence
from attviz_pipeline.report.views.document_shades import bytes_of_shades
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.report.views.token_details import BYTES_OF_ALL, BYTES_OF_OCCURRENCE

Rows = NDArray[np.int64] | Sequence[int]
BYTES_PER_VALUE = 1.25
"""Most that a coded value takes, deflated and in base64; measured are 1.1."""
BYTES_PER_MEASURE = 2.8
"""What an aggregate, or a measure that full mode adds, takes of a token: two bytes in base64."""
BYTES_PER_TOKEN = 6 + BYTES_PER_MEASURE * len(AGGREGATES)
"""Aggregates and offsets, and what the payload says of pieces, punctuation and tokens unlike the text."""
PAGE_BYTES = 5_360
"""A document's page without its text, classes and tokens, and its row of the index without its excerpt."""
BYTES_PER_CLASS = 110
INDEX_BYTES = 12_000_000
"""Most that the searchable index takes."""
BYTES_PER_INDEX_ROW = 60
"""What a row of the index takes besides its text and its id."""
SNIPPET_CHARACTERS = 160
FEWEST_CHARACTERS = 40
HEAD_PAGE_BYTES = 150_000
"""A head's page, measured 0.07 MB; the rest is for the pages that every site has, if there are enough heads."""
FIXED_BYTES = 750_000
"""Pages that every site has, and what document pages share; measured are 0.7 MB."""
CLASS_PAGE_BYTES = 45_000
SMALL_HEAD_PAGE_BYTES = 80_000
EXCERPT_CHARACTERS = 120
"""What the search of documents without a page covers of each text."""
OTHER_BYTES = 30
"""What a document without a page takes of the scripts of their search besides its excerpt and its id."""


@dataclass(frozen=True)
class DocumentSizes:
    """Sizes of some documents, [document] each, in bytes if nothing else is said.

    Args:
        n_tokens: Tokens, including special ones.
        text: The text.
        characters: The text, in characters.
        id: The id.
        excerpt: The first `EXCERPT_CHARACTERS` of the text.
    """

    n_tokens: NDArray[np.int64]
    text: NDArray[np.int64]
    characters: NDArray[np.int64]
    id: NDArray[np.int64]
    excerpt: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.n_tokens)

    def of(self, rows: Rows) -> "DocumentSizes":
        """Sizes of some of the documents."""
        wanted = np.asarray(rows, np.int64)
        return DocumentSizes(*(getattr(self, field.name)[wanted] for field in fields(self)))

    @property
    def searchable(self) -> int | None:
        """How many characters of each text the index can hold: all (None), or its beginning in a large corpus."""
        n_bytes = int(self.text.sum())
        room = INDEX_BYTES - BYTES_PER_INDEX_ROW * len(self) - int(self.id.sum())
        if n_bytes <= room:
            return None
        return min(
            SNIPPET_CHARACTERS, max(FEWEST_CHARACTERS, room * int(self.characters.sum()) // (n_bytes * len(self)))
        )

    @property
    def others(self) -> NDArray[np.float64]:
        """What each takes of the search of documents without a page, [document]."""
        # Some characters are escaped.
        return OTHER_BYTES + self.id + 1.1 * self.excerpt


def read_sizes(index: Path) -> DocumentSizes:
    """Read the sizes of all documents (schema DOCUMENT_INDEX), a row group at a time.

    Raises:
        ArtifactError: The table is missing or damaged.
    """
    found: list[list[NDArray[np.int64]]] = []
    for table in files.iter_tables(index, statistics_schemas.DOCUMENT_INDEX, ["id", "n_tokens", "text"]):
        excerpt = pc.utf8_slice_codeunits(table["text"], 0, EXCERPT_CHARACTERS)
        columns = (
            table["n_tokens"],
            pc.binary_length(table["text"]),
            pc.utf8_length(table["text"]),
            pc.binary_length(table["id"]),
            pc.binary_length(excerpt),
        )
        found.append([column.to_numpy().astype(np.int64) for column in columns])
    return DocumentSizes(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def heads_of(sizes: DocumentSizes, study: StudyView) -> NDArray[np.float64]:
    """What a page takes more if it has every head, not the means of layers, [document]."""
    return BYTES_PER_VALUE * sizes.n_tokens.astype(np.float64) * (study.n_rows - study.n_layers)


def smallest_site(sizes: DocumentSizes, study: StudyView, mapped: Rows = (), measured: Rows = ()) -> float:
    """Estimate what a site takes in which some documents have a page, which shows no more heads than it has to.

    Args:
        sizes: Sizes of the documents with a page.
        study: Facts of the study.
        mapped: Which of them have maps, and so every head.
        measured: Which of them have evidence.

    Returns:
        Bytes, without those of figures, scripts and maps, which are written before.
    """
    n_tokens, text = float(sizes.n_tokens.sum()), float(sizes.text.sum())
    occurrences = min(BYTES_OF_ALL, n_tokens * BYTES_OF_OCCURRENCE)
    # The text stands on the page, where some characters are escaped, and as far as there is room in the index.
    return (
        float(page_bytes(sizes, study).sum())
        + min(INDEX_BYTES, text)
        + occurrences
        + study.n_rows * HEAD_PAGE_BYTES
        + bytes_of_shades(study, len(sizes), n_tokens, text, sizes.searchable)
        + float(heads_of(sizes.of(mapped), study).sum())
        + bytes_of_evidence(sizes.n_tokens[np.asarray(measured, np.int64)].astype(np.float64), study.task)
    )


def fixed_parts(study: StudyView) -> float:
    """Estimate what the pages that are of no document take beyond `smallest_site`, where heads are few.

    Counted where documents lose their page: then a site fills its room.
    """
    counted = study.n_rows * HEAD_PAGE_BYTES
    taken = study.n_rows * SMALL_HEAD_PAGE_BYTES + FIXED_BYTES + CLASS_PAGE_BYTES * len(study.groups)
    return float(max(0, taken - counted))


def page_bytes(sizes: DocumentSizes, study: StudyView) -> NDArray[np.float64]:
    """What the smaller kind of page takes, with its row of the index but without its excerpt there, [document]."""
    per_token = BYTES_PER_TOKEN + BYTES_PER_MEASURE * len(study.token_measures) + BYTES_PER_VALUE * study.n_layers
    page = PAGE_BYTES + BYTES_PER_CLASS * len(study.label_names)
    return page + 1.1 * sizes.text + per_token * sizes.n_tokens
