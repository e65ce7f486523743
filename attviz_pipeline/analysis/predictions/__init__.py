"""Scores and calibration of the classifier, and correlation of its confidence with attention."""
