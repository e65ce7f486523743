"""Token-to-token maps: the selection of documents, and the reduction of their attention matrices."""
