"""Rank correlation of heads with the values of a regression: one map of every head."""

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pyarrow.compute as pc

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.figures import class_heads
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.significance import SIGNIFICANT
from attviz_pipeline.tasks.regression import Regression

KIND = "value_heads"
VALUES = {grouping: f"the {name}" for grouping, name in Regression.compared.items()}
log = logging.getLogger(__name__)


def draw_value_heads(inputs: Inputs) -> Iterator[Drawing]:
    """Draw one map per value: the gold value, the predicted value, and the absolute error.

    Raises:
        ArtifactError: The table of comparisons is unusable.
    """
    path = inputs.terms.class_heads
    facts, table = files.read_facts(path, term_schemas.CLASS_HEADS), files.read_table(path, term_schemas.CLASS_HEADS)
    for grouping, value in VALUES.items():
        if class_heads.is_unlabelled(facts, grouping):
            continue
        name = f"{KIND}-{grouping}"
        rows = table.filter(pc.equal(table["grouping"], grouping))
        if not rows.num_rows:
            reason = not_compared(value)
            log.warning("figure %s is empty: %s", name, reason)
            yield empty(reason, name=name, kind=KIND, dpi=inputs.settings.dpi, columns=table.column_names)
            continue
        maps = class_heads.maps_of(rows)
        yield finish(
            partial(class_heads.plot, maps, "Spearman's rho"),
            name=name,
            kind=KIND,
            caption=_caption(grouping, value, facts)
            + found_by_test(*class_heads.counts(rows, "q", class_heads.family_of(facts, grouping, "heads")), "of heads")
            + class_heads.limits_of_test(facts, grouping, "heads"),
            alt=class_heads.in_words(maps, "rho", ("is correlated with it", "are correlated with it")),
            columns=rows.to_pydict(),
            dpi=inputs.settings.dpi,
        )


def not_compared(value: str) -> str:
    """Say why nothing was correlated with a value."""
    return f"Not compared: {value}. Five documents with two different values or more are needed."


def found_by_test(n_found: int, n_tests: int, what: str) -> str:
    """Say how many of the tests of a value found a correlation."""
    if not n_found:
        return f" None of the {n_tests:,} correlations {what} is beyond chance."
    verb = "is" if n_found == 1 else "are"
    return f" {n_found:,} of the {n_tests:,} correlations {what} {verb} beyond chance."


def _caption(grouping: str, value: str, facts: Mapping[str, Any]) -> str:
    return (
        f"Rank correlation of heads with {value}: Spearman's rho of a document's mean log self-attention relative to "
        f"even attention with {value}, given the number of tokens. Documents are the units. Not shrunken, so the "
        f"largest are too large on average. Above 0: self-attention is higher where {value} is higher. Dots: "
        f"q < {SIGNIFICANT} (permutation test with up to "
        f"{class_heads.most_permutations(facts, grouping, 'heads'):,} permutations within {facts['length_strata']} "
        "strata of length; false discovery rate over the tests of heads and terms of all values)."
    )
