"""Statistics of terms: which there are, what each shard measures of them, and what that says about the dataset."""

from attviz_pipeline.analysis.terms.description import describe_terms
from attviz_pipeline.analysis.terms.measuring import measure_shard
from attviz_pipeline.analysis.terms.vocabulary import list_terms

__all__ = ["describe_terms", "list_terms", "measure_shard"]
