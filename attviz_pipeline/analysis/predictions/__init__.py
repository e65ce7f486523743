"""How good and how sure the classifier is, and whether its attention has to do with that."""
