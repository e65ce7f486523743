"""Token-to-token maps: each window becomes a script that a document page loads when its reader gets there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files, map_schemas
from attviz_pipeline.artifacts.map_scripts import MAP_COLUMNS, VECTOR_COLUMNS, map_payload, vector_payloads
from attviz_pipeline.artifacts.rows import Row, iter_rows
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.report import links, payload
from attviz_pipeline.report.rows import DocumentRow


@dataclass(frozen=True)
class WindowMap:
    """What a document's page says of the map of one window before loading it.

    Args:
        position: Position of its document.
        number: Number of the window in the document, from 0.
        tokens: Vocabulary entries of the whole window, [token].
        special: True for [CLS], [SEP] and the like, [token].
        first_kept: First token that the document keeps.
        n_kept: Tokens that the document keeps.
        vectors: Whether there are scripts with query and key vectors.
    """

    position: int
    number: int
    tokens: list[str]
    special: NDArray[np.bool_]
    first_kept: int
    n_kept: int
    vectors: bool

    @property
    def name(self) -> str:
        """Name under which its script hands the map over."""
        return Path(links.window_map(self.position, self.number)).stem

    def is_of(self, other: "WindowMap") -> bool:
        """Whether both are of the same tokens, perhaps in different models."""
        own, others = ((one.tokens, one.special.tolist(), one.first_kept, one.n_kept) for one in (self, other))
        return own == others

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
        window = window_map(row)
        n_tokens = len(window.tokens)
        address = links.window_map(window.position, window.number)
        write_script(site / address, map_payload(columns_of(row, MAP_COLUMNS), n_tokens, facts))
        vectors = vector_payloads(columns_of(row, VECTOR_COLUMNS), n_tokens, facts)
        for layer, content in enumerate(vectors):
            write_script(site / links.window_vectors(window.position, window.number, layer), content)
        found.setdefault(window.position, []).append(window)
    return found


def window_map(row: Row) -> WindowMap:
    """Read what a document's page says of the map of one window."""
    return WindowMap(
        position=row.scalar("position"),
        number=row.scalar("window"),
        tokens=row.scalar("tokens"),
        special=row.array("special").astype(np.bool_),
        first_kept=row.scalar("first_kept"),
        n_kept=row.scalar("n_kept"),
        vectors=len(row.array("scale")) > 0,
    )


def columns_of(row: Row, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return list columns of a row as arrays; a null is empty."""
    return {name: row.array(name) for name in names}


def write_script(path: Path, content: Mapping[str, Any]) -> None:
    """Write a script that hands its content over under the name of the file."""
    text = f"attviz.mapFiles.add({payload.script_json(path.stem)},{payload.script_json(content)});\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def _other_tokens(row: DocumentRow) -> ArtifactError:
    return ArtifactError(
        f"the maps of document {row.id!r} are of other tokens than its self-attention.", remedy=files.REBUILD
    )
