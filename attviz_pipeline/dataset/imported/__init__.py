"""Attention that others extracted: read from their files, checked, and written as this pipeline's own artifacts."""
