"""Attention that others extracted: read from their files, checked, and written as this pipeline's own artefacts."""

from attviz_pipeline.dataset.imported.stage import ImportedFiles, import_attention

__all__ = ["ImportedFiles", "import_attention"]
