"""Names of a model's outputs, and their mapping to the dataset's classes."""

import json
import logging
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from attviz_pipeline.errors import ModelError, Problem

logger = logging.getLogger(__name__)

GENERIC = re.compile(r"LABEL_\d+")
NAME_OUTPUTS = "Set model.label_names to the class names, in the order of the outputs."


def name_outputs(id2label: object, given_names: Sequence[str] | None) -> list[str]:
    """Return the names of a model's outputs, [output].

    Args:
        id2label: Name by index of each output, from the model's config.
        given_names: `model.label_names` of the configuration, [output]; takes precedence.

    Raises:
        ModelError: No names are given, and the config lacks outputs or has invalid names; all problems are listed.
    """
    problems = _name_problems(id2label)
    if given_names is None:
        if problems:
            raise ModelError("the model's config.json does not name its outputs:", problems, NAME_OUTPUTS)
        return _own_names(id2label)
    own_names = [] if problems else _own_names(id2label)
    if not are_generic(own_names) and list(given_names) != own_names:
        logger.warning("model.label_names %s replace the model's own %s", list(given_names), own_names)
    return list(given_names)


def match_outputs(names: Sequence[str], label_names: Sequence[str]) -> list[int]:
    """Map a trained model's outputs to the dataset's labels, by name.

    Args:
        names: Names of the model's outputs, [output].
        label_names: The dataset's classes, [label].

    Returns:
        The label's index for every output, [output].

    Raises:
        ModelError: The two sets of names differ.
    """
    if sorted(names) == sorted(label_names):
        return [label_names.index(name) for name in names]
    if are_generic(names):
        raise ModelError(f"the model names its {len(names)} outputs only {', '.join(names)}.", remedy=NAME_OUTPUTS)
    raise _mismatch(names, label_names)


def _name_problems(id2label: object) -> list[Problem]:
    if not isinstance(id2label, dict) or not id2label:
        return [Problem("id2label", "must map the index of each output to its name")]
    indices = [str(index) for index in range(len(id2label))]
    problems = [Problem(f"id2label {index}", "is missing") for index in indices if index not in id2label]
    for index, name in id2label.items():
        if index not in indices:
            problems.append(Problem(f"id2label {index[:80]}", "is no index of an output"))
        if not _as_text(name):
            problems.append(Problem(f"id2label {index[:80]}", f"{str(name)[:80]!r} cannot be a name"))
    repeated = [name for name, n in Counter(map(_as_text, id2label.values())).items() if name and n > 1]
    return problems + [Problem("id2label", f"names {name[:80]!r} more than once") for name in repeated]


def _own_names(id2label: Any) -> list[str]:  # noqa: ANN401 - of JSON, without problems
    return [_as_text(id2label[str(index)]) for index in range(len(id2label))]


def _as_text(name: object) -> str:
    """Return a name as text, numbers and truth values as in JSON; empty if it cannot be a name."""
    if isinstance(name, str):
        return name if name.strip() else ""
    return json.dumps(name) if isinstance(name, int | float) else ""


def are_generic(names: Sequence[str]) -> bool:
    """Whether outputs are only numbered, LABEL_0, LABEL_1, ..., so that their names say nothing."""
    return all(GENERIC.fullmatch(name) for name in names)


def _mismatch(names: Sequence[str], label_names: Sequence[str]) -> ModelError:
    by_case = {name.casefold(): name for name in names}
    near = {label: by_case.get(label.casefold()) for label in label_names if label not in names}
    case_only = {label: name for label, name in near.items() if name is not None}
    hints = [Problem(repr(label), f"the model writes it {name!r}") for label, name in case_only.items()]
    remedy = "Make the names equal with dataset.label_names or model.label_names; or set model.mode: fine_tune."
    if set(label_names) < set(names):
        remedy = f"The dataset has no rows of some classes: set dataset.label_names to the model's, {list(names)}."
    lists = [Problem("model", repr(list(names))), Problem("dataset", repr(list(label_names)))]
    return ModelError(
        f"the model's {len(names)} classes are not the dataset's {len(label_names)}:",
        [*lists, *hints],
        remedy,
    )
