"""Token-to-token maps: each window becomes a script that a document page loads when its reader gets there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files, map_schemas
from attviz_pipeline.artifacts.rows import Row, iter_rows
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.report import links, payload
from attviz_pipeline.report.rows import DocumentRow

SMALL_KEYS = 256  # keys of windows up to so many tokens fit one byte


@dataclass(frozen=True)
class WindowMap:
    """What a document's page says of the map of one window before loading it.

    Args:
        name: Under which its script hands the map over.
        tokens: Vocabulary entries of the whole window, [token].
        special: True for [CLS], [SEP] and the like, [token].
        first_kept: First token that the document keeps.
        n_kept: Tokens that the document keeps.
        vectors: Whether there are scripts with query and key vectors.
    """

    name: str
    tokens: list[str]
    special: NDArray[np.bool_]
    first_kept: int
    n_kept: int
    vectors: bool

    def header(self, row: DocumentRow, window: int) -> dict[str, Any]:
        """Describe the map to the page of its document.

        `first` is the place in the document of the window's token 0: a window's tokens follow each other in the
        document too, but for special tokens at its ends, which the document may leave out.

        Raises:
            ArtifactError: The document was read in another way.
        """
        first = row.windows[window]["first_token"]
        if row.tokens[first : first + self.n_kept] != self.tokens[self.first_kept : self.first_kept + self.n_kept]:
            raise _other_tokens(row)
        return {
            "name": self.name,
            "tokens": len(self.tokens),
            "first": first - self.first_kept,
            "kept": [self.first_kept, self.first_kept + self.n_kept],
            "special": {str(index): self.tokens[index] for index in np.flatnonzero(self.special)},
            "vectors": self.vectors,
        }


def window_headers(windows: Sequence[WindowMap], row: DocumentRow) -> list[dict[str, Any]]:
    """Describe all maps of one document to its page; empty for a document without maps.

    Raises:
        ArtifactError: The maps are not of this document's windows.
    """
    if windows and len(windows) != len(row.windows):
        raise _other_tokens(row)
    return [window.header(row, number) for number, window in enumerate(windows)]


def write_maps(maps: Path, site: Path) -> dict[int, list[WindowMap]]:
    """Write the scripts of all maps, one window at a time.

    Args:
        maps: Token-to-token maps (schema MAPS).
        site: Folder of the site.

    Returns:
        The windows of each document that has maps, by position.

    Raises:
        ArtifactError: The file is missing or damaged.
    """
    facts = files.read_facts(maps, map_schemas.MAPS)
    (site / links.MAP_FOLDER).mkdir()
    found: dict[int, list[WindowMap]] = {}
    for row in iter_rows(maps, map_schemas.MAPS):
        position, window = row.scalar("position"), row.scalar("window")
        n_tokens = len(row.array("token_ids"))
        name = f"{position:06d}-{window}"
        _write(site / links.window_map(position, window), name, map_payload(row, n_tokens, facts))
        vectors = vector_payloads(row, n_tokens, facts)
        for layer, content in enumerate(vectors):
            _write(site / links.window_vectors(position, window, layer), f"{name}-L{layer:02d}", content)
        found.setdefault(position, []).append(
            WindowMap(
                name=name,
                tokens=row.scalar("tokens"),
                special=row.array("special").astype(np.bool_),
                first_kept=row.scalar("first_kept"),
                n_kept=row.scalar("n_kept"),
                vectors=bool(vectors),
            )
        )
    return found


def map_payload(row: Row, n_tokens: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Pack the matrices of one window.

    Codes of a row fall from its strongest key on, so what is sent of each is the difference to the one before it
    (modulo 256): small numbers compress better.
    """
    n_rows = facts["n_layers"] * facts["n_heads"]
    n_entries = min(facts["entries_per_row"], n_tokens)
    keys = row.array("entry_keys")
    values = row.array("entry_values").reshape(-1, n_entries)
    steps = np.diff(values, axis=1, prepend=np.zeros((len(values), 1), np.uint8))
    return {
        "rows": n_rows,
        "tokens": n_tokens,
        "entries": n_entries,
        "cells": min(facts["thumbnail_size"], n_tokens),
        **facts["code"],
        "thumbnails": payload.pack(row.array("thumbnails")),
        "keys": payload.pack(keys.astype(np.uint8)) if n_tokens <= SMALL_KEYS else payload.pack_planes(keys),
        "values": payload.pack(steps),
        "rest": payload.pack(row.array("rest")),
    }


def vector_payloads(row: Row, n_tokens: int, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Pack the query and key vectors of one window, layer by layer; empty where there are none."""
    scale = row.array("scale")
    if not len(scale):
        return []
    shape = (facts["n_layers"], facts["n_heads"], n_tokens, -1)
    queries, keys = (row.array(name).reshape(shape) for name in ("queries", "keys"))
    reach = {name: row.array(name) for name in ("keys_before", "keys_after")}
    return [
        {
            "tokens": n_tokens,
            "size": queries.shape[-1],
            "queries": payload.pack_planes(queries[layer]),
            "keys": payload.pack_planes(keys[layer]),
            "scale": float(scale[layer]),
            "before": int(reach["keys_before"][layer]),
            "after": int(reach["keys_after"][layer]),
        }
        for layer in range(facts["n_layers"])
    ]


def _write(path: Path, name: str, content: Mapping[str, Any]) -> None:
    text = f"attviz.mapFiles.add({payload.script_json(name)},{payload.script_json(content)});\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def _other_tokens(row: DocumentRow) -> ArtifactError:
    return ArtifactError(
        f"the maps of document {row.id!r} are of other tokens than its self-attention.", remedy=files.REBUILD
    )
