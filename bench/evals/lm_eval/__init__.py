"""Tasks of lm-eval, run through our own passes: task files, groups, measures.

Contract: the scores are those of lm-eval on the same examples; no task executes code of a suite.
"""
