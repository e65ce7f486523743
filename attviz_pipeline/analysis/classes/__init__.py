"""Class-conditional attention: which heads and terms differ between classes, and between right and wrong answers."""

from attviz_pipeline.analysis.classes.comparison import compare_classes

__all__ = ["compare_classes"]
