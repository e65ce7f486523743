"""Read the self-attention of transformer classifiers over whole datasets.

Library use: `from attviz_pipeline import report, open_results, fuji`; see docs/library.md. Each name is
imported on first use, so that parsing the workflow stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attviz_pipeline import aggregates as aggregates
    from attviz_pipeline.analysis.classes.log_odds import log_odds as log_odds
    from attviz_pipeline.analysis.heads.clusters import cluster_heads as cluster_heads
    from attviz_pipeline.analysis.heads.clusters import map_heads as map_heads
    from attviz_pipeline.analysis.heads.divergence import jensen_shannon as jensen_shannon
    from attviz_pipeline.analysis.heads.divergence import token_distributions as token_distributions
    from attviz_pipeline.analysis.heads.fuji import fuji as fuji
    from attviz_pipeline.analysis.heads.roles import name_roles as name_roles
    from attviz_pipeline.analysis.inference import benjamini_hochberg as benjamini_hochberg
    from attviz_pipeline.analysis.inference import hedges_g as hedges_g
    from attviz_pipeline.analysis.predictions.calibration import Bins as Bins
    from attviz_pipeline.analysis.predictions.calibration import (
        expected_calibration_error as expected_calibration_error,
    )
    from attviz_pipeline.analysis.shrinkage import shrink as shrink
    from attviz_pipeline.reporting import report as report
    from attviz_pipeline.results import Document as Document
    from attviz_pipeline.results import Results as Results
    from attviz_pipeline.results import open_results as open_results

__version__ = "0.2.0"

_HOMES = {
    "attviz_pipeline.analysis.classes.log_odds": ("log_odds",),
    "attviz_pipeline.analysis.heads.clusters": ("cluster_heads", "map_heads"),
    "attviz_pipeline.analysis.heads.divergence": ("jensen_shannon", "token_distributions"),
    "attviz_pipeline.analysis.heads.fuji": ("fuji",),
    "attviz_pipeline.analysis.heads.roles": ("name_roles",),
    "attviz_pipeline.analysis.inference": ("benjamini_hochberg", "hedges_g"),
    "attviz_pipeline.analysis.predictions.calibration": ("Bins", "expected_calibration_error"),
    "attviz_pipeline.analysis.shrinkage": ("shrink",),
    "attviz_pipeline.results": ("Document", "Results", "open_results"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted([*_HOME_OF, "aggregates", "report", "__version__"])  # noqa: PLE0605 - a list, though sorted


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as many types as names
    if name == "report":  # a package that is also a function
        return import_module("attviz_pipeline.report")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
