"""Names of the parts into which the documents of a study are divided, and the pattern that stands for all of them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

EVERY = re.compile(r"\*-of-(\d{5})")


def shard_names(n_shards: int) -> list[str]:
    """Return the names of all shards; they contain the number of shards, so that files of another never match."""
    return [f"{index:05d}-of-{n_shards:05d}" for index in range(n_shards)]


def every_shard(n_shards: int) -> str:
    """Return the pattern that stands for all shards in a path, because all their paths do not fit on one command."""
    return f"*-of-{n_shards:05d}"


def expand_shards(paths: Iterable[Path]) -> Iterator[Path]:
    """Replace each path with the pattern of `every_shard` in its name by the paths of the shards, there or not.

    Args:
        paths: Paths; those without the pattern stay as they are.
    """
    for path in paths:
        found = EVERY.search(path.name)
        if found is None:
            yield path
        else:
            yield from (path.with_name(path.name.replace(found[0], name)) for name in shard_names(int(found[1])))
