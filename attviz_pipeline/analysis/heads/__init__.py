"""Similarity between heads, and what each head attends to.

Similarity is measured by FUJI of token rankings and by Jensen-Shannon distance, with permutation tests, clusters and a
map. The functions are pure and work on arrays; the stages `compare_heads` and `profile_heads` apply them to artifacts.
"""
