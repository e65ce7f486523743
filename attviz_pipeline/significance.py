"""When a difference counts as more than chance: one level for tables, figures and pages."""

SIGNIFICANT = 0.05
"""Largest q of Benjamini and Hochberg (share of false discoveries) at which a difference is called significant."""
