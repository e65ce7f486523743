"""Which heads attend alike, and what each of them attends to.

Alike: FUJI of their token rankings, Jensen-Shannon distance, permutation tests, clusters, a map. The functions are pure
and work on arrays; the stages `compare_heads` and `profile_heads` run them on the pipeline's artefacts.
"""

from attviz_pipeline.analysis.heads.clusters import Clusters, HeadMap, cluster_heads, map_heads
from attviz_pipeline.analysis.heads.compare import compare_heads
from attviz_pipeline.analysis.heads.divergence import jensen_shannon, token_distributions
from attviz_pipeline.analysis.heads.fuji import Fuji, area, fuji, list_lengths
from attviz_pipeline.analysis.heads.permutation import Comparison, compare_with_chance
from attviz_pipeline.analysis.heads.profiles import profile_heads
from attviz_pipeline.analysis.heads.roles import name_roles

__all__ = [
    "Clusters",
    "Comparison",
    "Fuji",
    "HeadMap",
    "area",
    "cluster_heads",
    "compare_heads",
    "compare_with_chance",
    "fuji",
    "jensen_shannon",
    "list_lengths",
    "map_heads",
    "name_roles",
    "profile_heads",
    "token_distributions",
]
