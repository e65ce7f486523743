"""The browsable static site: artefacts become page views, views become pages."""

from attviz_pipeline.report.inputs import MapInputs, SiteInputs
from attviz_pipeline.report.runs import render_runs
from attviz_pipeline.report.site import render_site

__all__ = ["MapInputs", "SiteInputs", "render_runs", "render_site"]
