"""A site that `report` writes from a tiny classifier in memory, and what the call must leave as it was."""

from pathlib import Path

from tiny_models import LABEL_NAMES, make_tiny_bert
from transformers import AutoModelForSequenceClassification, AutoTokenizer

TEXTS = [
    f"{subject} {verb} {thing} ."
    for subject in ("the bank", "a team", "the coach", "shares of the market", "a player")
    for verb in ("plays", "profited in", "played")
    for thing in ("the match", "a film", "the growth of the bank")
]
LABELS = [LABEL_NAMES["match" in text or "team" in text] for text in TEXTS]


def tiny_classifier(folder: Path) -> tuple[AutoModelForSequenceClassification, AutoTokenizer]:
    """Return a finished classifier of two classes and its tokenizer, loaded as a user would."""
    make_tiny_bert(folder)
    return AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
