"""The stage `measure_shard`: the term statistics of one attention shard."""

from pathlib import Path

from attviz_pipeline.analysis.batches import head_counts
from attviz_pipeline.analysis.terms.document_heads import document_heads
from attviz_pipeline.analysis.terms.document_terms import DocumentTerms
from attviz_pipeline.analysis.terms.histograms import Curves, Distributions
from attviz_pipeline.analysis.terms.list_terms import Vocabulary
from attviz_pipeline.analysis.terms.occurrences import iter_occurrences
from attviz_pipeline.analysis.terms.sums import TermSums
from attviz_pipeline.artifacts import attention_schemas, files, term_schemas
from attviz_pipeline.artifacts.layout import MeasurePaths
from attviz_pipeline.progress import Progress
from attviz_pipeline.stages import MeasureShard
from attviz_pipeline.tasks.registry import task_of


def measure_shard(settings: MeasureShard, attention: Path, vocabulary: Path, measures: MeasurePaths) -> None:
    """Compute the term statistics of one shard, in one pass and in memory bounded by the supported terms.

    Args:
        settings: The definition of a term, as in `list_terms`.
        attention: Artifact `attention`, read.
        vocabulary: Artifact `vocabulary` of all shards, read.
        measures: Artifacts to write.

    Raises:
        ArtifactError: A file is unusable, or contains self-attention outside 0..1.
    """
    facts = files.read_facts(attention, attention_schemas.ATTENTION)
    n_layers, n_heads = head_counts(facts, attention)
    terms = Vocabulary.read(vocabulary)
    numbering = terms.numbering()
    task = task_of(facts)
    sums = TermSums(len(terms.terms), n_layers, n_heads)
    distributions, curves = Distributions(task, n_layers, n_heads), Curves(n_layers, n_heads)
    kept = {"n_layers": n_layers, "n_heads": n_heads, **task.facts}
    n_documents = files.count_rows(attention, attention_schemas.ATTENTION)
    with (
        files.TableWriter(measures.term_documents, term_schemas.TERM_DOCUMENTS) as pair_writer,
        files.TableWriter(measures.document_heads, term_schemas.DOCUMENT_HEADS, kept) as document_writer,
        Progress(total=n_documents, label="measure_shard", unit="documents") as progress,
    ):
        for found in iter_occurrences(attention, settings.terms):
            pairs = DocumentTerms.of(found, numbering)
            sums.add(pairs)
            distributions.add(found)
            curves.add(found)
            pair_writer.write_table(pairs.to_table(found.documents["position"].to_numpy()))
            document_writer.write_table(document_heads(found))
            progress.advance(found.documents.num_rows)
    sums.write(measures.term_sums)
    distributions.write(measures.distributions)
    curves.write_sums(measures.curve_sums)
