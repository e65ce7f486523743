"""Which classes there are, and which of them a label means."""

import difflib
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from attviz_pipeline.errors import DatasetError, Problem

INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")

logger = logging.getLogger(__name__)


class Classes:
    """The classes of a corpus in order, and the way from a label to its class.

    Args:
        names: Names of the classes; a label index is an index into them.
        indices: Class index by label as it stands in the corpus, integers as strings.
        indexed: The list that an integer label is an index into, for messages; empty where it is no index.
    """

    def __init__(self, names: Sequence[str], indices: Mapping[str, int], *, indexed: str) -> None:
        self.names = tuple(names)
        self._indices = dict(indices)
        self._indexed = indexed

    def index(self, label: str | int) -> int | None:
        """Return the class that a label means, or None."""
        if isinstance(label, str) and label in self._indices:
            return self._indices[label]
        if self._indexed and INTEGER.fullmatch(str(label)) and 0 <= int(label) < len(self.names):
            return int(label)
        return None if self._indexed else self._indices.get(str(label))

    def fault(self, label: str | int) -> str:
        """Say what is wrong with a label that means no class."""
        if self._indexed and (isinstance(label, int) or INTEGER.fullmatch(label)):
            return f"{str(label)[:80]} is no index into {self._indexed} (0 to {len(self.names) - 1})"
        valid = list(self._indices)
        near = difflib.get_close_matches(str(label)[:200], valid, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"the labels are {_some(valid)}"
        return f"{str(label)[:80]!r} is none of the classes' labels; {hint}"


def find_classes(
    given: list[str] | dict[str, str] | None, from_features: Sequence[str], labels: Iterable[str | int]
) -> Classes:
    """Name the classes: as configured, as the dataset's features say, or by the distinct labels, sorted.

    Args:
        given: `dataset.label_names`: a list, or a mapping from label to name.
        from_features: Class names of a `ClassLabel` column; empty where there is none.
        labels: All usable labels of the corpus.

    Raises:
        DatasetError: A name is empty or given twice, or there is only one class.
    """
    if isinstance(given, dict):
        names = list(dict.fromkeys(given.values()))
        classes = Classes(names, {label: names.index(name) for label, name in given.items()}, indexed="")
    else:
        names = list(given or from_features or distinct_names(labels))
        indexed = "`dataset.label_names`" if given else "the dataset's class names" if from_features else ""
        classes = Classes(names, {name: index for index, name in enumerate(names)}, indexed=indexed)
    _check_names(names, "dataset.label_names" if given else "dataset.label_column")
    return classes


def distinct_names(labels: Iterable[str | int]) -> list[str]:
    """Sort the distinct labels: as numbers where all are integers, else as strings."""
    names = sorted({str(label) for label in labels})
    if all(INTEGER.fullmatch(name) for name in names):
        names.sort(key=int)
    lower = Counter(name.casefold() for name in names)
    if alike := [name for name in names if lower[name.casefold()] > 1]:
        logger.warning("labels that differ by case only are classes of their own: %s", _some(alike))
    return names


def _check_names(names: Sequence[str], origin: str) -> None:
    problems = [Problem("dataset.label_names", f"names {name!r} twice") for name, n in Counter(names).items() if n > 1]
    problems += [Problem("dataset.label_names", "has an empty name") for name in names if not name.strip()]
    if problems:
        raise DatasetError("the classes cannot be named:", problems)
    if len(names) < 2:
        found = f"only one class, {names[0]!r}" if names else "no class"
        raise DatasetError(f"the dataset has {found}: a classifier needs at least two; check `{origin}`.")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:80]) for name in names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"
