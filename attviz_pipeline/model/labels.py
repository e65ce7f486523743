"""The classes: what a model calls its outputs against what the dataset calls its labels."""

import logging
import re
from collections.abc import Sequence

from attviz_pipeline.errors import ModelError, Problem

logger = logging.getLogger(__name__)

GENERIC = re.compile(r"LABEL_\d+")


def match_outputs(own_names: Sequence[str], given_names: Sequence[str] | None, label_names: Sequence[str]) -> list[int]:
    """Map a trained model's outputs to the dataset's labels, by name.

    Args:
        own_names: Names in the model's config, [output].
        given_names: `model.label_names` of the configuration, [output]; takes precedence.
        label_names: The dataset's classes, [label].

    Returns:
        The label's index for every output, [output].

    Raises:
        ModelError: The two sets of names differ, or the model's names say nothing and none are given.
    """
    names = _name_outputs(own_names, given_names)
    if sorted(names) != sorted(label_names):
        raise _mismatch(names, label_names)
    return [label_names.index(name) for name in names]


def _name_outputs(own_names: Sequence[str], given_names: Sequence[str] | None) -> Sequence[str]:
    generic = all(GENERIC.fullmatch(name) for name in own_names)
    if given_names is None:
        if generic:
            raise ModelError(
                f"the model names its {len(own_names)} outputs only {', '.join(own_names)}.",
                remedy=f"Set model.label_names to the {len(own_names)} class names, in the order of the outputs.",
            )
        return own_names
    if len(given_names) != len(own_names):
        raise ModelError(
            f"model.label_names lists {len(given_names)} names, but the model has {len(own_names)} outputs "
            f"({', '.join(own_names)})."
        )
    if not generic and list(given_names) != list(own_names):
        logger.warning("model.label_names %s replace the model's own %s", list(given_names), list(own_names))
    return given_names


def _mismatch(names: Sequence[str], label_names: Sequence[str]) -> ModelError:
    by_case = {name.casefold(): name for name in names}
    near = {label: by_case.get(label.casefold()) for label in label_names if label not in names}
    case_only = {label: name for label, name in near.items() if name is not None}
    hints = [Problem(repr(label), f"the model writes it {name!r}") for label, name in case_only.items()]
    remedy = "Name them alike with dataset.label_names or model.label_names; or set model.mode: fine_tune."
    if set(label_names) < set(names):
        remedy = f"The dataset has no row of the others: set dataset.label_names to the model's classes, {list(names)}."
    lists = [Problem("model", repr(list(names))), Problem("dataset", repr(list(label_names)))]
    return ModelError(
        f"the model's {len(names)} classes are not the dataset's {len(label_names)}:",
        [*lists, *hints],
        remedy,
    )
