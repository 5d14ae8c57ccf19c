"""Scores of a base or a tuned model, one file or sub-room per kind of eval.

Contract: `job.run_eval` gives every subject the same examples through the same code. A score that could not be had is
`None` with a reason, never 0 and never NaN.
"""
