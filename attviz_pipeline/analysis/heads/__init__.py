"""Which heads attend alike, and what each of them attends to.

Alike: FUJI of their token rankings, Jensen-Shannon distance, permutation tests, clusters, a map. The functions are pure
and work on arrays; the stages `compare_heads` and `profile_heads` run them on the pipeline's artifacts.
"""
