"""Publishing: a rendered site is checked, then pushed to a branch that a web server shows."""

from attviz_pipeline.publish.publishing import publish

__all__ = ["publish"]
