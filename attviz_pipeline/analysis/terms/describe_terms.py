"""The stage `describe_terms`: statistics of terms and heads with intervals, from the sums of all shards."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from attviz_pipeline.analysis.quantities import LOG_RATIO
from attviz_pipeline.analysis.terms.class_rankings import ClassRankings
from attviz_pipeline.analysis.terms.corpus import Documents, Sample, pairs_of
from attviz_pipeline.analysis.terms.histograms import Curves, Distributions
from attviz_pipeline.analysis.terms.length_correction import Correction, TermMeans, unit_basis
from attviz_pipeline.analysis.terms.list_terms import Vocabulary
from attviz_pipeline.analysis.terms.replicates import replicate_terms
from attviz_pipeline.analysis.terms.sums import TermSums
from attviz_pipeline.analysis.terms.tables import write_head_intervals, write_head_terms, write_terms
from attviz_pipeline.artifacts.layout import MeasurePaths, TermPaths
from attviz_pipeline.stages import DescribeTerms
from attviz_pipeline.tasks.registry import task_of

log = logging.getLogger(__name__)


def describe_terms(
    settings: DescribeTerms, vocabulary: Path, measures: Sequence[MeasurePaths], statistics: TermPaths
) -> None:
    """Merge the artifacts of `measure_shard`; the results do not depend on the sharding of the documents.

    Args:
        settings: From which documents intervals are computed, number of bootstrap replicates, and their seed.
        vocabulary: Artifact `vocabulary`, read.
        measures: Artifacts of `measure_shard`, all shards, read.
        statistics: Artifacts to write.

    Raises:
        ArtifactError: A file is unusable, the shards do not belong together, or there is no document at all.
    """
    sample = Sample(settings.seed, settings.inference.max_documents)
    documents = Documents.read([shard.document_heads for shard in measures], sample=sample)
    terms, model = Vocabulary.read(vocabulary), documents.facts
    n_layers, n_heads = model["n_layers"], model["n_heads"]
    sums = TermSums(len(terms.terms), n_layers, n_heads)
    distributions, curves = Distributions(task_of(model), n_layers, n_heads), Curves(n_layers, n_heads)
    for shard in measures:
        sums.add_file(shard.term_sums)
        distributions.add_file(shard.distributions)
        curves.add_file(shard.curve_sums)
    if documents.has_segments:
        log.warning(
            "several documents come from one input row: intervals per term and head assume that they are independent, "
            "and are too narrow; intervals over all heads resample input rows and are not affected"
        )
    correction = _correction(documents, sums)
    n_replicates = settings.bootstrap.n_replicates
    pairs = pairs_of([shard.term_documents for shard in measures], documents)
    taken_off = correction.over_heads(documents.table["n_tokens"].to_numpy())
    replicates = replicate_terms(
        pairs,
        documents,
        taken_off,
        len(terms.terms),
        n_replicates,
        settings.seed,
    )
    facts = terms.facts | correction.facts() | documents.counts()
    facts |= {"n_replicates": n_replicates, "seed": settings.seed}
    write_terms(statistics.terms, terms, sums, correction, replicates, facts)
    rankings = ClassRankings.of(pairs(), documents, taken_off)
    rankings.write(statistics.class_rankings, terms, facts)
    write_head_terms(statistics.head_terms, terms, sums, correction, facts)
    write_head_intervals(statistics.head_intervals, documents)
    distributions.write(statistics.distributions)
    curves.write_curves(statistics.curves)


def _correction(documents: Documents, sums: TermSums) -> Correction:
    defined, log_ratio = documents.values("log_ratio")
    n_terms, n_tokens = (documents.table[name].to_numpy()[defined] for name in ("n_terms", "n_tokens"))
    return Correction.fit(
        TermMeans(n_terms.astype(np.int64), log_ratio, unit_basis(n_tokens)),
        TermMeans(sums.counts["count"], sums.means(LOG_RATIO), sums.mean_length()),
    )
