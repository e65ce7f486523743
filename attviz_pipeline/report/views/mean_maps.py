"""Mean attention map of each head over all mapped documents, scaled to one length."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files, map_schemas
from attviz_pipeline.artifacts.log_code import ATTENTION_CODE
from attviz_pipeline.artifacts.rows import Row, iter_rows

CELLS = 20
N_PARTS = 4
_PARTS = ("first", "second", "third", "last")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MeanMapView:
    """A head's mean map: `codes` are packed, [query cell, key cell]; `rows` pool it to quarters of the text."""

    cells: int
    codes: str
    rows: list[tuple[str, list[float]]]
    n_documents: int
    low: float = ATTENTION_CODE.low
    high: float = ATTENTION_CODE.high


@dataclass(frozen=True)
class MeanMaps:
    """Means over documents, each with equal weight.

    Args:
        pictures: Share of attention that the queries of a cell give to the keys of a cell, [row, query cell, key cell];
            rows sum to 1, or less where an attention sink takes some.
        n_documents: Documents with maps; without any the pictures are empty.
    """

    pictures: Floats
    n_documents: int

    def codes(self) -> list[str]:
        """Each head's picture in the one-byte logarithmic code, in base64."""
        return [base64.b64encode(codes.tobytes()).decode("ascii") for codes in ATTENTION_CODE.encode(self.pictures)]

    def view(self, row: int) -> MeanMapView | None:
        """The map of a head; None where no document has maps."""
        if not self.n_documents:
            return None
        size = CELLS // N_PARTS
        parts = self.pictures[row].reshape(N_PARTS, size, N_PARTS, size).sum(axis=3).mean(axis=1)
        rows = list(zip(_PARTS, parts.tolist(), strict=True))
        return MeanMapView(CELLS, MeanMaps(self.pictures[row : row + 1], 1).codes()[0], rows, self.n_documents)


def read_mean_maps(maps: Path | None, n_rows: int) -> MeanMaps:
    """Average the pictures of all documents that have maps (schema MAPS).

    Args:
        maps: The maps; None where there are none.
        n_rows: Heads of all layers.

    Raises:
        ArtifactError: The file is missing or damaged.
    """
    total, count = np.zeros((n_rows, CELLS, CELLS)), 0
    for picture in _pictures(maps, n_rows) if maps else ():
        total += picture
        count += 1
    return MeanMaps(total / max(count, 1), count)


def _pictures(maps: Path, n_rows: int) -> Iterator[Floats]:
    """Yield the mean picture over the windows of each document, [row, query cell, key cell]."""
    size = files.read_facts(maps, map_schemas.MAPS)["thumbnail_size"]
    for _, windows in groupby(iter_rows(maps, map_schemas.MAPS), key=lambda row: row.scalar("position")):
        pictures = [_picture(row, size, n_rows) for row in windows]
        yield np.mean(pictures, axis=0)


def _picture(row: Row, size: int, n_rows: int) -> Floats:
    side = min(size, len(row.array("token_ids")))
    thumbnails = ATTENTION_CODE.decode(row.array("thumbnails")).reshape(n_rows, side, side)
    shares = _shares(side)
    picture: Floats = shares @ thumbnails @ shares.T * (CELLS / side)
    return picture


def _shares(side: int) -> Floats:
    """How much of each of `side` cells lies in each of `CELLS`, [new cell, cell]."""
    starts = np.arange(CELLS)[:, None] * (side / CELLS)
    cells = np.arange(side)
    shares: Floats = np.maximum(0, np.minimum(starts + side / CELLS, cells + 1) - np.maximum(starts, cells))
    return shares


def payload_of(mean_maps: MeanMaps) -> dict[str, Any]:
    """All pictures as the page of all heads reads them; empty without any."""
    return {"cells": CELLS, "codes": mean_maps.codes(), **ATTENTION_CODE.header()} if mean_maps.n_documents else {}
