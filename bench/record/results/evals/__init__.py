"""What an eval brought back: measures, a line for each example, verdicts, and what asking took.

Contract: a score that could not be had is `None` with a reason.
"""
