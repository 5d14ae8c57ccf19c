"""From the record of a run to every number that a report says.

Contract: pure functions; `Comparison` holds all of it, and renderers do no arithmetic.
"""
