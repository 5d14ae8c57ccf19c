"""Tasks of lm-eval: task files by name, their rows, the documents that are scored, groups of them.

Contract: no Python of a task file is executed.
"""
