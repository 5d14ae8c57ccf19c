"""What was run: inputs, subjects, and jobs that failed or never ran.

Contract: pure functions of the record; no score is read.
"""
