"""lm-eval's samples as this program's scores: rows of examples, and a measure for each metric.

Contract: a measure's value is what lm-eval's own aggregation gives over the examples that could be scored, so it equals
lm-eval's figure where none is missing.
"""
