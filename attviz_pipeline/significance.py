"""The significance level of all tables, figures and pages, and how much it takes for an interval of macro F1."""

SIGNIFICANT = 0.05
"""Largest q of Benjamini and Hochberg (false discovery rate) at which a difference is called significant."""
FEWEST_ROWS_PER_CLASS = 50
"""Minimum number of input rows of every class for which the bootstrap interval of macro F1 has its coverage."""
FEWEST_MISTAKES = 5
"""Minimum number of input rows with a misclassified document, and with a correctly classified one, for the same."""
