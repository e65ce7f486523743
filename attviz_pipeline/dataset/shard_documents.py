"""The stage `shard_documents`: select texts, cut them into segments, and divide them into shards."""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attviz_pipeline.artifacts import corpus_schemas
from attviz_pipeline.artifacts.files import TableWriter, iter_tables, read_facts, read_table
from attviz_pipeline.artifacts.schema import GOLD_NAMES
from attviz_pipeline.config.settings import DocumentsSettings
from attviz_pipeline.errors import DatasetError, Problem
from attviz_pipeline.stages import ShardDocuments
from attviz_pipeline.strata import apportion, seeded_rank
from attviz_pipeline.tasks.registry import task_of
from attviz_pipeline.tasks.task import Task

BLANK_LINE = re.compile(r"\n\s*\n")
LEAST_ROWS_PER_GROUP = 32
MOST_ROWS_PER_GROUP = 1000

logger = logging.getLogger(__name__)


def shard_documents(settings: ShardDocuments, documents: Path, shards: Sequence[Path]) -> None:
    """Select the documents to analyse and divide them into shards, one per extraction job.

    Documents of similar length share a block, and a batch never spans two blocks. Blocks are made before they are
    assigned to shards, so the results are the same for any number of shards.

    Args:
        settings: Seed and section `documents`.
        documents: Artifact `documents`, read.
        shards: Artifacts `shard`, written; block b goes to the shard with index b modulo their number.

    Raises:
        DatasetError: The split is empty, or the ids of segments clash.
    """
    task = task_of(read_facts(documents, corpus_schemas.DOCUMENTS))
    table, order = _analysed(settings, documents, task)
    n_blocks = -(-table.num_rows // settings.documents.block_size)
    if n_blocks < len(shards):
        logger.warning(
            "%d of %d shards %s empty, since there are fewer blocks of documents (%d) than shards: "
            "lower documents.n_shards or documents.block_size",
            len(shards) - n_blocks,
            len(shards),
            "is" if len(shards) - n_blocks == 1 else "are",
            n_blocks,
        )
    for index, path in enumerate(shards):
        with TableWriter(path, corpus_schemas.SHARD, task.facts) as writer:
            for group in _row_groups(order, index, len(shards), settings.documents.block_size):
                writer.write_table(table.take(group))


def cut_paragraphs(text: str, min_words: int) -> list[str]:
    """Cut a text at its blank lines.

    A paragraph of fewer than `min_words` words is joined to the next paragraph, the last one to the previous paragraph.
    The characters between joined paragraphs are kept.
    """
    edges = [0, *(edge for match in BLANK_LINE.finditer(text) for edge in match.span()), len(text)]
    spans: list[tuple[int, int]] = []
    start, n_words = 0, 0
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        start = start if n_words else begin
        n_words += len(text[begin:end].split())
        if n_words >= min_words:
            spans.append((start, end))
            n_words = 0
    if n_words or not spans:
        begin = spans.pop()[0] if spans else 0
        spans.append((begin, len(text)))
    return [text[begin:end].strip() for begin, end in spans]


def _analysed(settings: ShardDocuments, documents: Path, task: Task[Any]) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """Return the rows of all shards, with positions and blocks, and their order by block and position."""
    chosen = settings.documents
    split = _analysed_split(settings, documents)
    groups = [_cut(group, chosen) for group in _of_split(documents, split)]
    if not groups:
        raise _empty_split(documents, split)
    # Taking rows from a table in many pieces would join the pieces again each time.
    table = _sample(pa.concat_tables(groups).combine_chunks(), task, chosen.max_documents, settings.seed)
    del groups
    _check_ids(table, documents)
    position = np.arange(table.num_rows)
    by_length = np.lexsort((position, pc.utf8_length(table["text"]).to_numpy()))
    block = np.empty(table.num_rows, dtype=np.int64)
    block[by_length] = position // chosen.block_size
    columns = {"position": position, **dict(zip(table.column_names, table.columns, strict=True)), "block": block}
    return pa.table(columns).select(corpus_schemas.SHARD.arrow.names), np.lexsort((position, block))


def _analysed_split(settings: ShardDocuments, documents: Path) -> str:
    """Return the split that the study names, else `test`; of a loaded model without such rows, all."""
    if settings.documents.split is not None or settings.fine_tunes:
        return settings.documents.split or "test"
    return "test" if any(True for _ in _of_split(documents, "test")) else "all"


def _of_split(documents: Path, split: str) -> Iterator[pa.Table]:
    for group in iter_tables(documents, corpus_schemas.DOCUMENTS):
        rows = group if split == "all" else group.filter(pc.equal(group["split"], split))
        if rows.num_rows:
            yield rows


def _empty_split(documents: Path, split: str) -> DatasetError:
    counts = Counter(read_table(documents, corpus_schemas.DOCUMENTS, ["split"])["split"].to_pylist())
    there = ", ".join(f"{name} ({n:,})" for name, n in sorted(counts.items())) or "none"
    return DatasetError(
        f"no document to analyse: split {split} of {documents} is empty; splits with documents: {there}.",
        remedy="Choose one of them, or all, as `documents.split`.",
    )


def _cut(rows: pa.Table, settings: DocumentsSettings) -> pa.Table:
    """Make a document of each text, or of each of its segments."""
    source_ids = rows["id"].to_pylist()
    texts = [[text] for text in rows["text"].to_pylist()]
    ids = source_ids
    if settings.segments == "paragraph":
        _require_single_texts(rows)
        texts = [cut_paragraphs(text, settings.min_segment_words) for (text,) in texts]
        ids = [f"{given}#{n}" for given, cut in zip(source_ids, texts, strict=True) for n in range(1, len(cut) + 1)]
    origin = np.repeat(np.arange(rows.num_rows), [len(cut) for cut in texts])
    cut_rows = rows.select(["split", *GOLD_NAMES, "pair_start"]).take(origin)
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "source_id": pa.array([source_ids[i] for i in origin], pa.string()),
            "split": cut_rows["split"],
            **{name: cut_rows[name] for name in GOLD_NAMES},
            "text": pa.array([text for cut in texts for text in cut], pa.large_string()),
            "pair_start": cut_rows["pair_start"],
        }
    )


def _require_single_texts(rows: pa.Table) -> None:
    if rows["pair_start"].null_count < rows.num_rows:
        raise DatasetError(
            "pairs of texts cannot be cut into paragraphs: set documents.segments: none, or remove dataset.pair_column."
        )


def _sample(table: pa.Table, task: Task[Any], n_documents: int | None, seed: int) -> pa.Table:
    """Draw a seeded sample, stratified by gold value; the order is kept."""
    if n_documents is None or table.num_rows <= n_documents:
        return table
    strata: dict[int, list[tuple[bytes, int]]] = {}
    golds = [task.gold(row) for row in table.select(GOLD_NAMES).to_pylist()]
    for index, (stratum, name) in enumerate(zip(task.strata(golds), table["id"].to_pylist(), strict=True)):
        strata.setdefault(stratum, []).append((seeded_rank(seed, name.encode()), index))
    ordered = sorted(strata)
    counts = apportion(n_documents, [len(strata[stratum]) for stratum in ordered])
    drawn = [index for stratum, n in zip(ordered, counts, strict=True) for _, index in sorted(strata[stratum])[:n]]
    logger.info("%d of %d documents are analysed (documents.max_documents)", n_documents, table.num_rows)
    return table.take(sorted(drawn))


def _check_ids(table: pa.Table, documents: Path) -> None:
    clashes = [name for name, n in Counter(table["id"].to_pylist()).items() if n > 1]
    if clashes:
        problems = [Problem(f"id {name[:80]!r}", "belongs to more than one document") for name in clashes]
        raise DatasetError(f"ids of {documents} are not unique:", problems, "Choose another `dataset.id_column`.")


def _row_groups(
    order: npt.NDArray[np.int64], shard: int, n_shards: int, block_size: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the indices of one shard's rows, in row groups of whole blocks if these are not too large."""
    blocks_per_group = -(-LEAST_ROWS_PER_GROUP // block_size)
    n_blocks = -(-len(order) // block_size)
    mine = range(shard, n_blocks, n_shards)
    for first in range(0, len(mine), blocks_per_group):
        chosen = mine[first : first + blocks_per_group]
        group = np.concatenate([order[block * block_size : (block + 1) * block_size] for block in chosen])
        for start in range(0, len(group), MOST_ROWS_PER_GROUP):
            yield group[start : start + MOST_ROWS_PER_GROUP]
