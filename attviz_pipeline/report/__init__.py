"""The browsable static site: artifacts become page views, views become pages.

`attviz_pipeline.report(model, tokenizer, texts, labels)` is also a function, which runs all stages and writes a site:
the package is called as `attviz_pipeline.reporting.report`, because both have the same name.
"""

import sys
from importlib import import_module
from inspect import Signature, signature
from types import ModuleType
from typing import Any


class _Report(ModuleType):
    """This package, and the function of the same name. It is imported when it is called, so that imports stay light."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - those of the function
        """Run all stages, and write the site: see `attviz_pipeline.reporting.report`."""
        return import_module("attviz_pipeline.reporting").report(*arguments, **options)

    @property
    def __signature__(self) -> Signature:
        return signature(import_module("attviz_pipeline.reporting").report)


sys.modules[__name__].__class__ = _Report
