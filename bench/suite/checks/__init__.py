"""Checks of a suite that need no library: names, data tables, model folders, task files, rows of choice evals.

Contract: all problems come at once, each with its key and a hint; headers and first rows are read, no weights.
"""
