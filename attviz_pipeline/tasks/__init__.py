"""The tasks of a text classifier: what a gold value, a prediction, an outcome and a score are, declared once.

Stages, views and exports ask the task of a study; none of them compares its name. To add a task, write its class here,
and its part of reading (`dataset/gold.py`), training (`model/scoring.py`), assessment and figures.
"""
