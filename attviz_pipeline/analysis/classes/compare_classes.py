"""The stage `compare_classes`: which heads and terms differ between groups of documents, or go with a value."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis.classes.comparison import Comparison, Study, compare
from attviz_pipeline.analysis.classes.effects import detectable_effect
from attviz_pipeline.analysis.classes.families import Adjusted, Family
from attviz_pipeline.analysis.classes.groups import Grouping
from attviz_pipeline.analysis.classes.ranks import detectable_correlation
from attviz_pipeline.analysis.classes.values import HeadValues, TermValues
from attviz_pipeline.analysis.classes.winners import N_HALVES, find_winner
from attviz_pipeline.analysis.terms.corpus import Documents, Sample, pairs_of
from attviz_pipeline.analysis.terms.list_terms import Vocabulary
from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.artifacts.layout import MeasurePaths, TermPaths
from attviz_pipeline.artifacts.schema import GOLD_NAMES, PREDICTED_NAMES, Schema
from attviz_pipeline.significance import SIGNIFICANT
from attviz_pipeline.stages import CompareClasses

Floats = NDArray[np.float64]
Columns = dict[str, Any]
COLUMNS = (*GOLD_NAMES, *PREDICTED_NAMES, "n_terms", "n_tokens", "log_ratio")
log = logging.getLogger(__name__)


def compare_classes(
    settings: CompareClasses, vocabulary: Path, measures: Sequence[MeasurePaths], statistics: TermPaths
) -> None:
    """Compare documents by what is known and what is predicted, and by whether predictions are right.

    Classes and labels are groups, each compared with all other documents. A value, in regression, is correlated with
    the values of heads and terms, and so is the absolute error.

    Args:
        settings: Which documents, number of permutations, number of length strata, weight of the prior, and the seed.
        vocabulary: Artifact `vocabulary`, read.
        measures: Artifacts of `measure_shard`, all shards; `document_heads` and `term_documents` are read.
        statistics: Artifacts to write: `class_heads` and `class_terms`.

    Raises:
        ArtifactError: A file is unusable, or there is no document at all.
    """
    sample = Sample(settings.seed, settings.inference.max_documents)
    documents = Documents.read([shard.document_heads for shard in measures], COLUMNS, sample)
    described = Vocabulary.read(vocabulary)
    terms = described.terms
    paths = [shard.term_documents for shard in measures]
    study = Study(
        documents,
        HeadValues.read(documents),
        TermValues.read(pairs_of(paths, documents), len(terms), len(documents.row)),
    )
    compared, adjusted, left_out = compare(settings, study)
    if any(not comparison.permutations.of_rows for comparison in compared):
        log.warning(
            "several documents come from one input row and differ in group: p and q of groupings permuted by "
            "document assume that they are independent, and are too small"
        )
    facts = _facts(compared, adjusted) | {
        "length_strata": study.n_strata(settings.classes),
        "seed": settings.seed,
        "not_compared": left_out,
        **documents.counts(),
    }
    q = {(of.family.grouping, of.family.tests): of.q for of in adjusted}
    _log_few_permutations([of.family for of in adjusted])
    _write(
        statistics.class_heads,
        term_schemas.CLASS_HEADS,
        [_head_columns(comparison, q, documents.facts["n_heads"]) for comparison in compared],
        facts
        | {
            "winners": _winners(compared, study.heads, q, documents.facts["n_heads"]),
            "least_q": {comparison.grouping.name: _least_q(comparison, adjusted) for comparison in compared},
        },
    )
    _write(
        statistics.class_terms,
        term_schemas.CLASS_TERMS,
        [_term_columns(comparison, q, terms) for comparison in compared],
        facts | {"min_document_frequency": described.facts["min_document_frequency"]},
    )


def _log_few_permutations(families: list[Family]) -> None:
    # Not a warning: many differences together reach a small q with few permutations, and captions mention it, too.
    wanted = {f"{of.tests} by {of.grouping}": of.n_wanted for of in families if of.n_wanted is not None}
    if wanted:
        log.info(
            "few permutations: a single difference cannot reach q < %g, however clear it is, in tests of %s; to allow "
            "it, set classes.n_permutations to these numbers, which takes longer in proportion",
            SIGNIFICANT,
            ", ".join(f"{name} ({n:,} needed)" for name, n in wanted.items()),
        )


def _facts(compared: list[Comparison], adjusted: list[Adjusted]) -> dict[str, Any]:
    n_permutations = max((of.family.n_permutations for of in adjusted), default=0)
    return {
        "n_permutations": n_permutations,
        "smallest_p": 2 / (n_permutations + 1),
        "permuted": {
            comparison.grouping.name: "rows" if comparison.permutations.of_rows else "documents"
            for comparison in compared
        },
        "effects": {comparison.grouping.name: comparison.grouping.effect for comparison in compared},
        "families": [
            {
                "grouping": of.family.grouping,
                "tests": of.family.tests,
                "n_tests": of.family.n_tests,
                "simes_p": of.simes_p,
                "selected": of.selected,
                "n_permutations": of.family.n_permutations,
                "n_wanted": of.family.n_wanted,
                "floor_sets_q": of.floor_sets_q,
            }
            for of in adjusted
        ],
        "detectable_effect": {comparison.grouping.name: _detectable(comparison) for comparison in compared},
        "n_units": {comparison.grouping.name: _n_units(comparison) for comparison in compared},
    }


def _n_units(comparison: Comparison) -> dict[str, tuple[int, int]]:
    """Return the permuted units inside and outside of each group; of a value, all of them and 0."""
    inside, n = comparison.permutations.n_units
    if comparison.grouping.effect == "rho":
        return dict.fromkeys(comparison.grouping.groups, (n, 0))
    return {
        group: (n_inside, n - n_inside)
        for group, n_inside in zip(comparison.grouping.groups, inside.tolist(), strict=True)
    }


def _least_q(comparison: Comparison, adjusted: list[Adjusted]) -> dict[str, float]:
    """Return the q of a head of each group if no other arrangement were as extreme and no other test significant.

    Two-sided p is at least 2 / n for n arrangements. Of a single significant test, q is p times the number of tests of
    its family and the number of families. Values have no groups.
    """
    grouping = comparison.grouping
    if grouping.effect == "rho":
        return {}
    (heads,) = (of for of in adjusted if (of.family.grouping, of.family.tests) == (grouping.name, "heads"))
    n_tests = heads.family.n_tests * sum(of.simes_p is not None for of in adjusted)
    return {
        group: min(2 * n_tests / n, 1.0)
        for group, n in zip(grouping.groups, comparison.permutations.n_arrangements(), strict=True)
    }


def _detectable(comparison: Comparison) -> dict[str, float]:
    is_rho = comparison.grouping.effect == "rho"
    return {
        group: detectable_correlation(n_inside) if is_rho else detectable_effect(n_inside, n_outside)
        for group, (n_inside, n_outside) in _n_units(comparison).items()
    }


def _winners(
    compared: list[Comparison], heads: HeadValues, q: dict[tuple[str, str], Floats], n_heads: int
) -> list[dict[str, Any]]:
    """Return, per grouping with a significant head, the one with the largest effect and how often it is the largest."""
    found = []
    for comparison in compared:
        name = comparison.grouping.name
        winner = find_winner(
            heads,
            comparison.units,
            comparison.permutations,
            comparison.heads.shrunken_effect,
            q[name, "heads"] < SIGNIFICANT,
        )
        if winner:
            layer, head = divmod(winner.feature, n_heads)
            group = comparison.grouping.groups[winner.group]
            places = {"grouping": name, "group": group, "layer": layer, "head": head}
            found.append(places | {"n_halves": N_HALVES, "n_won": winner.n_won})
    return found


def _head_columns(comparison: Comparison, q: dict[tuple[str, str], Floats], n_heads: int) -> Columns:
    n_rows, n_groups = comparison.heads.effect.shape
    layer, head = np.divmod(np.tile(np.arange(n_rows), n_groups), n_heads)
    tested = {"p": comparison.family("heads").p, "q": q[comparison.grouping.name, "heads"]}
    return {
        **_names(comparison.grouping, n_rows),
        "layer": layer,
        "head": head,
        **_stacked(vars(comparison.heads) | tested),
    }


def _term_columns(comparison: Comparison, q: dict[tuple[str, str], Floats], terms: list[str]) -> Columns:
    grouping = comparison.grouping
    attention, use = comparison.family("attention"), comparison.family("use")
    tested = {
        "p": attention.p,
        "q": q[grouping.name, "attention"],
        "use_p": use.p,
        "use_q": q[grouping.name, "use"],
    }
    of_use = comparison.found.columns_of_use()
    columns = {
        **_names(grouping, len(terms)),
        "term": np.tile(np.array(terms, dtype=object), len(grouping.groups)),
        **_stacked(vars(comparison.terms) | tested | of_use),
    }
    group = np.repeat(np.arange(len(grouping.groups)), len(terms))
    largest_first = -of_use["use_rho" if grouping.effect == "rho" else "log_odds_z"].T.reshape(-1)
    order = np.lexsort((np.arange(len(group)), largest_first, group))
    return {name: pa.array(values).take(pa.array(order)) for name, values in columns.items()}


def _names(grouping: Grouping, n_features: int) -> Columns:
    return {
        "grouping": np.full(n_features * len(grouping.groups), grouping.name, dtype=object),
        "group": np.repeat(np.array(grouping.groups, dtype=object), n_features),
    }


def _stacked(columns: dict[str, NDArray[Any]]) -> dict[str, pa.Array]:
    """Return columns group by group, from [feature, group]."""
    return {name: _nullable(values.T.reshape(-1)) for name, values in columns.items()}


def _nullable(values: NDArray[Any]) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _write(path: Path, schema: Schema, parts: list[Columns], facts: dict[str, Any]) -> None:
    with files.TableWriter(path, schema, facts) as writer:
        for columns in parts:
            writer.write(columns)
