"""Token-to-token maps of other models that read the same documents, as far as there is room for them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from attviz_pipeline.artifacts import files, map_schemas
from attviz_pipeline.artifacts.map_scripts import MAP_COLUMNS, map_payload
from attviz_pipeline.artifacts.rows import Row, iter_rows
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.report import links
from attviz_pipeline.report.maps import WindowMap, columns_of, window_map, write_script

SAME_HEADS = ("n_layers", "n_heads")
SAME_SETTINGS = ("thumbnail_size", "entries_per_row")


@dataclass(frozen=True)
class ModelMaps:
    """Which maps of other models a site has.

    Attributes:
        names: Models whose maps can be compared with those of the study's own, in the order of the study. Numbers of
            models begin with 1.
        shown: Numbers of the models whose maps the site has, by position of the document.
        left_out: Numbers of the models whose maps there was no room for, by position of the document.
    """

    names: list[str] = field(default_factory=list)
    shown: dict[int, list[int]] = field(default_factory=dict)
    left_out: dict[int, list[int]] = field(default_factory=dict)


def write_model_maps(  # noqa: PLR0913 - what is there, what may be, and where
    maps: Mapping[str, Path],
    own: Path,
    windows: Mapping[int, Sequence[WindowMap]],
    planned: Collection[int],
    most_bytes: int,
    site: Path,
) -> ModelMaps:
    """Write the scripts of the maps of other models, document after document, as long as they fit.

    A model has maps here if it has the same layers and heads as the own one and reads the same tokens.

    Args:
        maps: Maps of each other model (schema MAPS), by name, in the order of the study.
        own: Maps of the own model.
        windows: Windows of the documents that have maps of the own model, by position, in the order in which these
            documents were chosen.
        planned: Positions of the documents for which maps of other models were extracted; none of the others has any.
        most_bytes: Size of all maps; the scripts of the own model are there already.
        site: Folder of the site.

    Raises:
        ArtifactError: A file is missing or damaged, or was made with other settings than those of the own model.
    """
    found = ModelMaps()
    room = most_bytes - sum(path.stat().st_size for path in (site / links.MAP_FOLDER).iterdir())
    scripts: dict[int, dict[int, list[Path]]] = {}
    for name, path in maps.items():
        number = len(found.names) + 1
        if written := _write_all(path, own, windows, number, site):
            found.names.append(name)
            scripts[number] = written
    for position in windows:
        for number, written in scripts.items():
            if position in written:
                n_bytes = sum(script.stat().st_size for script in written[position])
                if fits := n_bytes <= room:
                    room -= n_bytes
                else:
                    _delete(written[position])
                (found.shown if fits else found.left_out).setdefault(position, []).append(number)
            elif position not in planned:
                found.left_out.setdefault(position, []).append(number)
    return found


def _delete(scripts: Iterable[Path]) -> None:
    for script in scripts:
        script.unlink()


def _write_all(
    path: Path, own: Path, windows: Mapping[int, Sequence[WindowMap]], number: int, site: Path
) -> dict[int, list[Path]]:
    """Write the scripts of all maps of one model that can be compared, and return them by position."""
    facts, facts_of_own = (files.read_facts(one, map_schemas.MAPS) for one in (path, own))
    if any(facts[name] != facts_of_own[name] for name in SAME_HEADS):
        return {}
    if any(facts[name] != facts_of_own[name] for name in SAME_SETTINGS):
        raise ArtifactError(f"{path} was made with other settings than {own}.", remedy=files.REBUILD)
    written: dict[int, list[Path]] = {}
    for row, window in _alike(path, windows):
        address = links.model_map(window.position, window.number, number)
        content = map_payload(columns_of(row, MAP_COLUMNS), len(window.tokens), facts)
        write_script(site / address, content)
        written.setdefault(window.position, []).append(site / address)
    return written


def _alike(path: Path, windows: Mapping[int, Sequence[WindowMap]]) -> Iterator[tuple[Row, WindowMap]]:
    """Yield the rows of documents all of whose windows have the tokens that they have in the own model."""
    read: dict[int, list[WindowMap]] = {}
    for row in iter_rows(path, map_schemas.MAPS):
        read.setdefault(row.scalar("position"), []).append(window_map(row))
    same = {position for position, found in read.items() if position in windows and _same(found, windows[position])}
    for row in iter_rows(path, map_schemas.MAPS):
        if row.scalar("position") in same:
            yield row, window_map(row)


def _same(some: Sequence[WindowMap], others: Sequence[WindowMap]) -> bool:
    return len(some) == len(others) and all(one.is_of(other) for one, other in zip(some, others, strict=True))
