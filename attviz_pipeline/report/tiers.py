"""Which document pages hold every head, where a site of all heads would be too large."""

import logging
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.aggregates import AGGREGATES
from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.artifacts.schema import GOLD_NAMES, PREDICTED_NAMES
from attviz_pipeline.errors import ConfigError
from attviz_pipeline.report.views.document_evidence import bytes_of_evidence
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.report.views.token_details import BYTES_OF_ALL, BYTES_OF_OCCURRENCE
from attviz_pipeline.strata import length_thirds, round_robin, seeded_rank
from attviz_pipeline.tasks.task import Task

logger = logging.getLogger(__name__)

COLUMNS = ["id", "text", *GOLD_NAMES, *PREDICTED_NAMES, "probabilities", "n_tokens"]
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
HEAD_PAGE_BYTES = 150_000
LOW_CONFIDENCE_SHARE = 3


@dataclass(frozen=True)
class Tiers:
    """Positions of the documents whose pages hold every head; the others hold the means of layers."""

    full: frozenset[int]
    n_documents: int

    @property
    def n_full(self) -> int:
        """Number of pages that hold every head."""
        return len(self.full)


def choose_tiers(
    index: Path, study: StudyView, written: int, mapped: Collection[int] = (), measured: Collection[int] = ()
) -> Tiers:
    """Choose the documents whose pages hold every head, as many as `site.max_megabytes` has room for.

    Every document has a page. The values of all heads, which are nearly all of its bytes, go to those that have maps,
    which show every head; then to the documents whose prediction is not right, least confidence in the gold class
    first; a third of what then remains to those with the least confidence, or in regression the largest errors; the
    rest to a seeded sample in which every class (rarest label, quantile of the value) and length has its turn.

    Args:
        index: Table of documents (schema DOCUMENT_INDEX).
        study: Facts of the study.
        written: Bytes of the site that are taken already.
        mapped: Positions of the documents that have maps.
        measured: Positions of the documents that have evidence.

    Raises:
        ConfigError: Not even the smaller pages of all documents fit.
    """
    table = files.read_table(index, statistics_schemas.DOCUMENT_INDEX, COLUMNS)
    n_tokens = table["n_tokens"].to_numpy().astype(np.float64)
    extra = BYTES_PER_VALUE * n_tokens * (study.n_rows - study.n_layers)
    smallest = written + _smallest_site(table, n_tokens, study) + float(extra[list(mapped)].sum())
    smallest += bytes_of_evidence(n_tokens[list(measured)], study.task)
    budget = study.settings.site.max_megabytes * 1e6 - smallest
    if budget < 0:
        raise _too_small(study, smallest, table.num_rows)
    extra[list(mapped)] = 0  # counted already
    chosen = frozenset(mapped) | _fill(table, study.task, extra, budget, study.settings.seed)
    tiers = Tiers(chosen, table.num_rows)
    if tiers.n_full < tiers.n_documents:
        logger.warning(
            "%s of %s document pages hold every head, the others the means of each layer's heads: "
            "site.max_megabytes is %g",
            f"{tiers.n_full:,}",
            f"{tiers.n_documents:,}",
            study.settings.site.max_megabytes,
        )
    return tiers


def _smallest_site(table: pa.Table, n_tokens: NDArray[np.float64], study: StudyView) -> float:
    # The text stands on the page, where some characters are escaped, and as far as there is room in the index.
    text = float(pc.sum(pc.binary_length(table["text"])).as_py() or 0)
    per_token = BYTES_PER_TOKEN + BYTES_PER_MEASURE * len(study.token_measures) + BYTES_PER_VALUE * study.n_layers
    values = float(n_tokens.sum()) * per_token
    occurrences = min(BYTES_OF_ALL, float(n_tokens.sum()) * BYTES_OF_OCCURRENCE)
    page = PAGE_BYTES + BYTES_PER_CLASS * len(study.label_names)
    other = float(table.num_rows * page + study.n_rows * HEAD_PAGE_BYTES)
    return 1.1 * text + min(INDEX_BYTES, text) + values + occurrences + other


def _too_small(study: StudyView, smallest: float, n_documents: int) -> ConfigError:
    return ConfigError(
        f"site.max_megabytes is {study.settings.site.max_megabytes:g}, and pages for {n_documents:,} documents take "
        f"about {smallest / 1e6:,.1f} MB even where each holds the means of layers only (with maps, every head).",
        remedy=f"Set site.max_megabytes to {math.ceil(smallest / 1e6)} or more, or documents.max_documents or "
        "maps.max_documents to fewer.",
    )


def _fill(table: pa.Table, task: Task[Any], extra: NDArray[np.float64], budget: float, seed: int) -> set[int]:
    if extra.sum() <= budget:
        return set(range(table.num_rows))
    rows = table.select([*GOLD_NAMES, *PREDICTED_NAMES, "probabilities"]).to_pylist()
    golds, predicted = [task.gold(row) for row in rows], [task.predicted(row) for row in rows]
    wrong = [task.outcome(*pair) not in {None, "right"} for pair in zip(golds, predicted, strict=True)]
    fits = [task.fit(g, p, row["probabilities"]) for g, p, row in zip(golds, predicted, rows, strict=True)]
    worst_first = np.argsort(fits, kind="stable").tolist()
    # Without a gold value, a value that is predicted has neither an error nor a confidence.
    ordered = [row for row in worst_first if not wrong[row] and (task.has_confidence or golds[row] is not None)]
    chosen: set[int] = set()
    for candidates, one_in in (
        ([row for row in worst_first if wrong[row]], 1),
        (ordered, LOW_CONFIDENCE_SHARE),
        (_sample(table, task.strata(golds), seed), 1),
    ):
        for row in _fitting((row for row in candidates if row not in chosen), extra, budget / one_in):
            chosen.add(row)
            budget -= extra[row]
    return chosen


def _fitting(rows: Iterator[int], extra: NDArray[np.float64], budget: float) -> list[int]:
    found = []
    for row in rows:
        if extra[row] <= budget:
            found.append(row)
            budget -= extra[row]
    return found


def _sample(table: pa.Table, golds: Sequence[int], seed: int) -> Sequence[int]:
    ranks = [seeded_rank(seed, name.encode()) for name in table["id"].to_pylist()]
    strata = list(zip(golds, length_thirds(table["n_tokens"].to_numpy()), strict=True))
    return round_robin(range(table.num_rows), strata, ranks)
