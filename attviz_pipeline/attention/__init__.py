"""The extraction engine: text in, self-attention of every layer and head out; token-to-token maps of chosen texts."""
