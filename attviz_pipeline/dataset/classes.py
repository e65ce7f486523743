"""The classes of a corpus, and the class of each label."""

import difflib
import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from attviz_pipeline.dataset.labels import spell
from attviz_pipeline.dataset.names import WHOLE_NUMBER, alike, look, quoted
from attviz_pipeline.errors import DatasetError, Problem

INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")

logger = logging.getLogger(__name__)


class Classes:
    """The classes of a corpus in order, and the mapping from labels to classes.

    Args:
        names: Names of the classes; a class index is an index into them.
        indices: Class index by label as written in the corpus, integers as strings.
        indexed: Name of the list that integer labels are indices into, for messages; empty if they are no indices.
    """

    def __init__(self, names: Sequence[str], indices: Mapping[str, int], *, indexed: str) -> None:
        self.names = tuple(names)
        self._indices = dict(indices)
        self._indexed = indexed
        self._by_look = {look(label): label for label in self._indices}

    def index(self, label: str | int) -> int | None:
        """Return the class index of a label, or None if it belongs to no class."""
        if isinstance(label, str) and label in self._indices:
            return self._indices[label]
        if isinstance(label, bool):
            return self._index_of_truth_value(truth=label)
        number = WHOLE_NUMBER.sub(r"\1", str(label))
        if self._indexed and INTEGER.fullmatch(number) and 0 <= int(number) < len(self.names):
            return int(number)
        return None if self._indexed else self._indices.get(number)

    def _index_of_truth_value(self, *, truth: bool) -> int | None:
        by_lower = {label.lower(): index for label, index in self._indices.items()}
        named = by_lower.get(spell(truth))
        return int(truth) if named is None and self._indexed and len(self.names) == 2 else named

    def fault(self, label: str | int) -> str:
        """Describe the problem of a label that belongs to no class."""
        if self._indexed and not isinstance(label, bool) and INTEGER.fullmatch(str(label)):
            unlabelled = "; -1 often marks a row without a label" if str(label) == "-1" else ""
            return f"{str(label)[:80]} is no index into {self._indexed} (0 to {len(self.names) - 1}){unlabelled}"
        valid, name = list(self._indices), spell(label)
        same = self._by_look.get(look(name))
        near = [same] if same is not None else difflib.get_close_matches(name[:200], valid, n=1, cutoff=0.5)
        hint = f"did you mean {quoted(near[0][:80])}?" if near else f"the labels are {_some(valid)}"
        return f"{quoted(name[:80])} is none of the classes' labels; {hint}"


def find_classes(
    given: list[str] | dict[str, str] | None, from_features: Sequence[str], labels: Iterable[str | int]
) -> Classes:
    """Determine the classes: from the configuration, else the dataset's features, else the sorted distinct labels.

    Args:
        given: `dataset.label_names`: a list, or a mapping from label to name.
        from_features: Class names of a `ClassLabel` column; empty for any other column.
        labels: All usable labels of the corpus.

    Raises:
        DatasetError: A name is empty or repeated, or there are fewer than two classes.
    """
    if isinstance(given, dict):
        names = list(dict.fromkeys(given.values()))
        classes = Classes(names, {label: names.index(name) for label, name in given.items()}, indexed="")
    else:
        names = list(given or from_features or distinct_names(labels))
        indexed = "`dataset.label_names`" if given else "the dataset's class names" if from_features else ""
        classes = Classes(names, {name: index for index, name in enumerate(names)}, indexed=indexed)
    _check_names(names, named=bool(given))
    return classes


def distinct_names(labels: Iterable[str | int]) -> list[str]:
    """Sort the distinct labels: as numbers if all are integers, else as strings."""
    names = sorted({spell(label) for label in labels})
    if all(INTEGER.fullmatch(name) for name in names):
        names.sort(key=int)
        _warn_of_missing_labels(names)
    return names


def _warn_of_missing_labels(names: Sequence[str]) -> None:
    if "-1" in names and set(names) >= {"0", "1", "2"}:
        logger.warning(
            "-1 is a class of its own; if it marks rows without a label, remove them, or leave it out of "
            "`dataset.label_names` and set `dataset.bad_rows: skip`"
        )


def _warn_of_alike(names: Sequence[str]) -> None:
    """Warn about classes with similar names, once for each kind of difference."""
    groups = alike(names)
    for way in dict.fromkeys(map(_difference, groups)):
        same = [name for group in groups if _difference(group) == way for name in group]
        logger.warning(
            "labels that differ by %s only are classes of their own: %s; to join them, map them to one name in "
            "`dataset.label_names`",
            way,
            _some(same),
        )


def _difference(names: Sequence[str]) -> str:
    if len({name.casefold() for name in names}) == 1:
        return "case"
    composed = {unicodedata.normalize("NFC", name) for name in names}
    return "Unicode form" if len(composed) == 1 else "blanks, invisible characters, decimals, case or Unicode form"


def _check_names(names: Sequence[str], *, named: bool) -> None:
    _warn_of_alike(names)
    problems = [Problem("dataset.label_names", f"names {name!r} twice") for name, n in Counter(names).items() if n > 1]
    problems += [Problem("dataset.label_names", "has an empty name") for name in names if not name.strip()]
    if problems:
        raise DatasetError("the classes cannot be named:", problems)
    if len(names) < 2:
        found = f"only one class, {names[0]!r}" if names else "no class"
        check = "check" if named else "check `dataset.label_column`, or name all classes in"
        raise DatasetError(f"the dataset has {found}: a classifier needs at least two; {check} `dataset.label_names`.")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(quoted(name[:80]) for name in names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"
