"""The extraction: self-attention of every layer and head, and token-to-token maps of selected documents."""
