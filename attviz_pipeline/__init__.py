"""Read the self-attention of transformer classifiers over whole datasets."""

__version__ = "0.1.0"
