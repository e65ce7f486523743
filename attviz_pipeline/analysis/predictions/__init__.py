"""How good and how sure the classifier is, and whether its attention has to do with that."""

from attviz_pipeline.analysis.predictions.assess import assess_predictions

__all__ = ["assess_predictions"]
