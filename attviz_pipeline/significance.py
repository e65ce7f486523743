"""The significance level of all tables, figures and pages."""

SIGNIFICANT = 0.05
"""Largest q of Benjamini and Hochberg (false discovery rate) at which a difference is called significant."""
