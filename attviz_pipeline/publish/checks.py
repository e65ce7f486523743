"""Checks of a site before it is published: completeness, size, and private information of the machine."""

import logging
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from attviz_pipeline.artifacts.checksums import folder_digests
from attviz_pipeline.errors import Problem, PublishError
from attviz_pipeline.progress import track
from attviz_pipeline.publish.addresses import Addresses, read_addresses
from attviz_pipeline.publish.corpus import document_of, texts_of_dataset
from attviz_pipeline.publish.private import Needle
from attviz_pipeline.publish.readable import readable

MEGABYTE = 1_000_000
SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*|\.nojekyll")
START = "index.html"
LEFT_BEHIND = ".snakemake_timestamp"  # written by Snakemake into output folders; never published
FEWER = "analyse fewer documents (documents.max_documents), or mail the folder instead"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """Limits of a host.

    Args:
        site_bytes: Maximum size of all studies of a branch.
        file_bytes: Maximum size of a file.
        warn_share: Share of `site_bytes` above which a warning is logged.

    Source: GitHub Docs, "GitHub Pages limits" (published sites up to 1 GB) and "About large files on GitHub" (100 MB).
    """

    site_bytes: int = 1000 * MEGABYTE
    file_bytes: int = 100 * MEGABYTE
    warn_share: float = 0.8


@dataclass(frozen=True)
class SiteFiles:
    """The regular files of a site, and the problems of other entries.

    Args:
        sizes: Size of each file in bytes, by its path relative to the site with slashes; sorted.
        problems: Links, sockets, and names that a web server or git could misinterpret.
    """

    sizes: dict[str, int]
    problems: list[Problem]

    @property
    def n_bytes(self) -> int:
        """Size of all files in bytes."""
        return sum(self.sizes.values())


def list_files(site: Path) -> SiteFiles:
    """List the files of a site without following links.

    Raises:
        PublishError: The folder contains no site.
    """
    if not (site / START).is_file():
        raise PublishError(f"{site} holds no site ({START} is missing): run the workflow first.")
    sizes: dict[str, int] = {}
    problems: list[Problem] = []
    for entry in _walk(site):
        if entry.name == LEFT_BEHIND:
            continue
        name = Path(entry.path).relative_to(site).as_posix()
        if entry.is_symlink() or not entry.is_file(follow_symlinks=False):
            problems.append(Problem(name, "is a link or no regular file: a published site holds plain files only"))
        elif not all(SAFE_NAME.fullmatch(part) for part in name.split("/")):
            problems.append(Problem(repr(name), "is no file name that this project writes"))
        else:
            sizes[name] = entry.stat(follow_symlinks=False).st_size
    return SiteFiles(dict(sorted(sizes.items())), problems)


def size_problems(sizes: SiteFiles, n_bytes_beside: int, limits: Limits) -> list[Problem]:
    """List files that are too large, and whether all published studies together are."""
    problems = []
    total = sizes.n_bytes + n_bytes_beside
    if total > limits.site_bytes:
        beside = f" ({_megabytes(n_bytes_beside)} of them other studies)" if n_bytes_beside else ""
        limit = _megabytes(limits.site_bytes)
        problems.append(Problem("all files", f"have {_megabytes(total)}{beside}; a site may have {limit}: {FEWER}"))
    return problems + [
        Problem(name, f"has {_megabytes(size)}; a file may have {_megabytes(limits.file_bytes)}: {FEWER}")
        for name, size in sizes.sizes.items()
        if size > limits.file_bytes
    ]


def content_problems(site: Path, names: Sequence[str], needles: Sequence[Needle]) -> list[Problem]:
    """List broken links, and files with content that must not be published.

    Text that looks like a path or name of this machine, but is part of the dataset's texts, labels or ids, is not a
    problem; one warning is logged.
    """
    found: list[_Found] = []
    pages: dict[str, Addresses] = {}
    for name in track(names, total=len(names), label="publish: checking", unit="files"):
        text = unicodedata.normalize("NFC", readable(site / name))
        lowered, document = text.casefold(), document_of(name, text)
        found += [_Found(name, document, spot, needle) for needle in needles for spot in needle.found(text, lowered)]
        if name.endswith(".html"):
            pages[name] = read_addresses(text)
    problems = [spot.problem() for spot in _not_of_dataset(site, names, found)]
    return problems + _broken_links(pages, set(names))


class _Found(NamedTuple):
    """A text that was found in a file, and the needle that matched it."""

    name: str
    document: str
    text: str
    needle: Needle

    def problem(self) -> Problem:
        """Return the problem with file, document, text and remedy."""
        return Problem(self.name, f"holds {self.text}{self.document}: {self.needle.what}")


def _not_of_dataset(site: Path, names: Sequence[str], found: Sequence[_Found]) -> list[_Found]:
    of_dataset = texts_of_dataset(site, names, {spot.text for spot in found if spot.needle.of_machine})
    excused = [spot for spot in found if spot.needle.of_machine and spot.text in of_dataset]
    if excused:
        first = next((spot for spot in excused if spot.document), excused[0])
        logger.warning(
            "%d files hold texts of the dataset that look like a path or name of this machine, for example %s in %s%s: "
            "to refuse them, set publish.forbidden",
            *(len({spot.name for spot in excused}), first.text, first.name, first.document),
        )
    return [spot for spot in found if not spot.needle.of_machine or spot.text not in of_dataset]


def changed_problems(site: Path, names: Sequence[str], digests: Mapping[str, str]) -> list[Problem]:
    """List folders whose content has changed since the site was rendered.

    Args:
        site: Folder of the site.
        names: Files of the site that have digests.
        digests: Digest of each folder of the rendered site, as returned by `folder_digests`.
    """
    found = folder_digests(site, names)
    what = (
        "does not hold what was rendered: a file is damaged, missing or new; delete the site and run the workflow again"
    )
    changed = [folder for folder in sorted({*found, *digests}) if found.get(folder) != digests.get(folder)]
    return [Problem("the site's own folder" if folder == "." else f"{folder}/", what) for folder in changed]


def _broken_links(pages: dict[str, Addresses], names: set[str]) -> list[Problem]:
    faults = (
        (name, target.fault(name, names, pages))
        for name, page in pages.items()
        for target in sorted(page.targets, key=lambda target: target.written)
    )
    return [Problem(name, fault) for name, fault in faults if fault]


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path))
            else:
                yield entry


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / MEGABYTE:,.1f} MB"
