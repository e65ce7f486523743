"""Comparison of models that read the same documents: the study's own, the one before fine-tuning, other seeds."""
