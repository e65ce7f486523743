"""The classifier: find and verify its files, fine-tune or load it, evaluate it, and save a checkpoint."""
