"""The classifier: find and verify a copy, fine-tune or load it, score it, save it as a checkpoint."""

from attviz_pipeline.model.prepare import prepare_model

__all__ = ["prepare_model"]
