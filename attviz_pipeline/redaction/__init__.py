"""Share-safe mode: a copy of the attention artefact in which shapes or tags stand for words."""

from attviz_pipeline.redaction.redact import redact_attention

__all__ = ["redact_attention"]
