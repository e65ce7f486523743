"""Share-safe mode: a copy of the attention artifact in which words are replaced by shapes or tags."""
