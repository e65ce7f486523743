"""The browsable static site: artefacts become page views, views become pages."""

from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.site import render_site

__all__ = ["SiteInputs", "render_site"]
