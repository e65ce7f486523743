"""What the scripts of a token-to-token map hold: the columns of schema `maps`, packed for a page."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts import vector_code
from attviz_pipeline.artifacts.log_code import ATTENTION_CODE
from attviz_pipeline.artifacts.packing import pack, pack_planes

SMALL_KEYS = 256  # keys of windows up to so many tokens fit one byte
MOST_CODE_ERROR = 0.02
"""Vectors whose codes change an entry of the matrix by more than this stay in half precision."""

Arrays = Mapping[str, NDArray[Any]]
MAP_COLUMNS = ("thumbnails", "entry_keys", "entry_values", "rest")
VECTOR_COLUMNS = ("queries", "keys", "scale", "vectors_error", "keys_before", "keys_after")


def map_payload(columns: Arrays, n_tokens: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Pack the matrices of one window.

    Codes of a row fall from its strongest key on, so what is sent of each is the difference to the one before it
    (modulo 256): small numbers compress better. Cells of thumbnails up to even attention are sent as 0. The page leaves
    them blank, and they are two thirds of the bytes.

    Args:
        columns: `MAP_COLUMNS`, flat.
        n_tokens: Tokens of the window.
        facts: Facts of schema `maps`.
    """
    n_entries = min(facts["entries_per_row"], n_tokens)
    n_cells = min(facts["thumbnail_size"], n_tokens)
    keys = columns["entry_keys"]
    values = columns["entry_values"].reshape(-1, n_entries)
    steps = np.diff(values, axis=1, prepend=np.zeros((len(values), 1), np.uint8))
    return {
        "rows": facts["n_layers"] * facts["n_heads"],
        "tokens": n_tokens,
        "entries": n_entries,
        "cells": n_cells,
        **facts["code"],
        "thumbnails": pack(np.where(columns["thumbnails"] > even_code(n_cells), columns["thumbnails"], 0)),
        "keys": pack(keys.astype(np.uint8)) if n_tokens <= SMALL_KEYS else pack_planes(keys),
        "values": pack(steps),
        "rest": pack(columns["rest"]),
    }


def even_code(n_cells: int) -> int:
    """Return the largest code of a cell of a thumbnail that a page leaves blank: that of even attention or less."""
    codes = np.arange(256, dtype=np.uint8)
    return int(codes[ATTENTION_CODE.decode(codes) <= 1 / n_cells].max())


def vector_payloads(columns: Arrays, n_tokens: int, facts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Pack the query and key vectors of one window, layer by layer; nothing where there are none.

    They are coded in 8 bits if no entry of the layer's matrices then differs by more than `MOST_CODE_ERROR`.

    Args:
        columns: `VECTOR_COLUMNS`, flat.
        n_tokens: Tokens of the window.
        facts: Facts of schema `maps`.
    """
    if not len(columns["scale"]):
        return
    shape = (facts["n_layers"], facts["n_heads"], n_tokens, -1)
    queries, keys = (columns[name].reshape(shape) for name in ("queries", "keys"))
    for layer, scale in enumerate(columns["scale"].tolist()):
        reach = (int(columns["keys_before"][layer]), int(columns["keys_after"][layer]))
        yield {
            "tokens": n_tokens,
            "size": queries.shape[-1],
            **_packed_vectors(queries[layer], keys[layer], scale, reach, float(columns["vectors_error"][layer])),
            "scale": scale,
            "before": reach[0],
            "after": reach[1],
        }


def _packed_vectors(
    queries: NDArray[np.float16], keys: NDArray[np.float16], scale: float, reach: tuple[int, int], error: float
) -> dict[str, Any]:
    """Pack one layer. `error` is that of the vectors; what is sent says its own, which is larger where it is coded."""
    coded = [vector_code.encode(vectors) for vectors in (queries, keys)]
    exact = vector_code.attention_of(queries, keys, scale, reach)
    near_queries, near_keys = (vector_code.decode(*parts) for parts in coded)
    decoded = vector_code.attention_of(near_queries, near_keys, scale, reach)
    code_error = float(np.abs(decoded - exact).max())
    if not code_error <= MOST_CODE_ERROR:
        return {"queries": pack_planes(queries), "keys": pack_planes(keys), "error": error}
    (query_codes, query_scales), (key_codes, key_scales) = coded
    return {
        "queries": pack(query_codes),
        "keys": pack(key_codes),
        "queryScales": pack(query_scales.astype("<f4")),
        "keyScales": pack(key_scales.astype("<f4")),
        "error": error + code_error,
    }
