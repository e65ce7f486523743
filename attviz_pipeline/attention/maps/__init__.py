"""Token-to-token maps: which documents get them, and what is kept of their attention matrices."""
