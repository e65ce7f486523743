"""The stage `compare_classes`: which heads and terms differ between groups of documents."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis.classes.groups import Grouping, Permutations, groupings
from attviz_pipeline.analysis.classes.log_odds import log_odds, rescaled
from attviz_pipeline.analysis.classes.permutation_test import Differences, PermutationTest, run_tests
from attviz_pipeline.analysis.classes.values import HeadValues, TermValues
from attviz_pipeline.analysis.inference import benjamini_hochberg
from attviz_pipeline.analysis.terms.corpus import Documents, iter_pairs
from attviz_pipeline.analysis.terms.list_terms import Vocabulary
from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.artifacts.layout import MeasurePaths, TermPaths
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.progress import track
from attviz_pipeline.significance import SIGNIFICANT
from attviz_pipeline.stages import CompareClasses

Columns = dict[str, Any]
COLUMNS = ("label", "prediction", "n_terms", "n_tokens", "log_ratio")
log = logging.getLogger(__name__)


def compare_classes(
    settings: CompareClasses, vocabulary: Path, measures: Sequence[MeasurePaths], statistics: TermPaths
) -> None:
    """Compare every group with all other documents: gold classes, predicted classes, correct and wrong predictions.

    Args:
        settings: Number of permutations, number of length strata, weight of the prior, and the seed.
        vocabulary: Artifact `vocabulary`, read.
        measures: Artifacts of `measure_shard`, all shards; `document_heads` and `term_documents` are read.
        statistics: Artifacts to write: `class_heads` and `class_terms`.

    Raises:
        ArtifactError: A file is unusable, or there is no document at all.
    """
    documents = Documents.read([shard.document_heads for shard in measures], COLUMNS)
    terms = Vocabulary.read(vocabulary).terms
    paths = [shard.term_documents for shard in measures]
    term_values = TermValues(lambda: iter_pairs(paths, documents), len(terms))
    heads, described, permuted = [], [], {}
    wanted: dict[str, dict[str, int]] = {"heads": {}, "terms": {}}
    every = groupings(documents)
    for index, grouping in enumerate(track(every, total=len(every), label="compare_classes", unit="groupings")):
        if not grouping.groups:
            log.warning("nothing to compare by %s: %s", grouping.name, "; ".join(grouping.left_out))
            continue
        permutations = Permutations.of(grouping, documents, settings.classes.length_strata, (settings.seed, index))
        permuted[grouping.name] = "rows" if permutations.of_rows else "documents"
        tests = [PermutationTest(values, grouping) for values in (HeadValues(documents), term_values)]
        of_heads, of_terms = run_tests(tests, permutations.arrangements(settings.classes.n_permutations))
        for what, differences in (("heads", of_heads), ("terms", of_terms)):
            n_permutations = _permutations_wanted(differences, grouping)
            if n_permutations > settings.classes.n_permutations:
                wanted[what][grouping.name] = n_permutations
        heads.append(_head_columns(grouping, of_heads, documents.facts["n_heads"]))
        described.append(_term_columns(grouping, of_terms, term_values, terms, settings.classes.prior_count))
    if "documents" in permuted.values():
        log.warning(
            "several documents come from one input row and differ in group: p and q of groupings permuted by "
            "document assume that they are independent, and are too small"
        )
    for what, groups in wanted.items():
        _log_few_permutations(what, groups)
    facts = _facts(settings, permuted, [reason for grouping in every for reason in grouping.left_out])
    _write(statistics.class_heads, term_schemas.CLASS_HEADS, heads, facts | {"permutations_wanted": wanted["heads"]})
    _write(
        statistics.class_terms, term_schemas.CLASS_TERMS, described, facts | {"permutations_wanted": wanted["terms"]}
    )


def _permutations_wanted(differences: Differences, grouping: Grouping) -> int:
    """Return the number of permutations with which q of a single difference can fall below 0.05."""
    n_tests = np.count_nonzero(~np.isnan(differences.p))
    # With two groups a difference appears in two rows with the same p.
    n_alone = n_tests / 2 if grouping.is_of_two else n_tests
    return math.ceil(2 * n_alone / SIGNIFICANT)


def _log_few_permutations(what: str, groups: dict[str, int]) -> None:
    # Not a warning: many differences together reach a small q with few permutations, and captions mention it, too.
    if groups:
        log.info(
            "few permutations: by %s, one of the %s alone cannot reach q < %g, however clearly it differs; to allow "
            "it, set classes.n_permutations to %d, which takes longer in proportion",
            ", ".join(groups),
            what,
            SIGNIFICANT,
            max(groups.values()),
        )


def _facts(settings: CompareClasses, permuted: dict[str, str], not_compared: list[str]) -> dict[str, Any]:
    n_permutations = settings.classes.n_permutations
    return {
        "n_permutations": n_permutations,
        "smallest_p": 2 / (n_permutations + 1),
        "length_strata": settings.classes.length_strata,
        "seed": settings.seed,
        "permuted": permuted,
        "not_compared": not_compared,
    }


def _head_columns(grouping: Grouping, differences: Differences, n_heads: int) -> Columns:
    n_rows, n_groups = differences.p.shape
    layer, head = np.divmod(np.tile(np.arange(n_rows), n_groups), n_heads)
    return {**_names(grouping, n_rows), "layer": layer, "head": head, **_tested(differences)}


def _term_columns(
    grouping: Grouping, differences: Differences, values: TermValues, terms: list[str], prior_count: float
) -> Columns:
    members = np.column_stack([grouping.members(grouping.number), grouping.known])
    counts, attention = values.counts(members)
    plain = log_odds(counts[:, :-1], counts[:, -1], prior_count)
    weighted = log_odds(*rescaled(attention[:, :-1], attention[:, -1], counts[:, -1].sum()), prior_count)
    columns = {
        **_names(grouping, len(terms)),
        "term": np.tile(np.array(terms, dtype=object), len(grouping.groups)),
        **_tested(differences),
        "log_odds": plain.ratio.T.reshape(-1),
        "log_odds_z": plain.z.T.reshape(-1),
        "attention_log_odds": weighted.ratio.T.reshape(-1),
        "attention_log_odds_z": weighted.z.T.reshape(-1),
    }
    group = np.repeat(np.arange(len(grouping.groups)), len(terms))
    order = np.lexsort((np.arange(len(group)), -columns["log_odds_z"], group))
    return {name: pa.array(values).take(pa.array(order)) for name, values in columns.items()}


def _names(grouping: Grouping, n_features: int) -> Columns:
    return {
        "grouping": np.full(n_features * len(grouping.groups), grouping.name, dtype=object),
        "group": np.repeat(np.array(grouping.groups, dtype=object), n_features),
    }


def _tested(differences: Differences) -> Columns:
    """Return the columns of the test, group by group."""
    columns = {name: values.T.reshape(-1) for name, values in vars(differences).items()}
    return {name: _nullable(values) for name, values in columns.items()} | {
        "q": _nullable(benjamini_hochberg(columns["p"]))
    }


def _nullable(values: NDArray[Any]) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _write(path: Path, schema: Schema, parts: list[Columns], facts: dict[str, Any]) -> None:
    with files.TableWriter(path, schema, facts) as writer:
        for columns in parts:
            writer.write(columns)
