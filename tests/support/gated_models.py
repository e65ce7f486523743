"""A model whose heads have gates, made without a checkpoint."""

from transformers import PreTrainedModel

from attviz_pipeline.attention.inputs import ModelInputs
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.evidence.classifier import GatedClassifier
from attviz_pipeline.model_inputs import pads_left


def gated(model: PreTrainedModel, **changes: int) -> GatedClassifier:
    card = {"n_layers": 2, "n_heads": 4, "output_to_label": [0, 1]} | changes
    inputs = ModelInputs(model.config.pad_token_id or 0, pads_left(model), typed=False)
    return GatedClassifier(model, inputs, card, AttentionSettings())
