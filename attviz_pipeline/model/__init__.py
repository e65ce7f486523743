"""The classifier: find and verify a copy, fine-tune or load it, score it, save it as a checkpoint."""
