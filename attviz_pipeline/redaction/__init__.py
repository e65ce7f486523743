"""Share-safe mode: a copy of the attention artefact in which shapes or tags stand for words."""
