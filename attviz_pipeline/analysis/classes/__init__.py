"""Class-conditional attention: which heads and terms differ between classes, and between right and wrong answers."""
