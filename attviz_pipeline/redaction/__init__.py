"""Share-safe mode: a copy of the attention artifact in which shapes or tags stand for words."""
