"""Checks before any work: what the machine lacks, what trainings cannot do, what the user should know before.

Contract: problems are found all at once and raised as one `InputError`; a warning refuses nothing.
"""
