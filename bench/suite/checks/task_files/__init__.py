"""Task files of a suite, held against lm-eval's own names and against their rows, without lm-eval.

Contract: runs no code of a task file but its templates, in a sandbox; reads local JSON and CSV rows; finds all problems
of all files in one pass.
"""
