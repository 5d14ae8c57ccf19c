"""Checks of data tables and of the files that evals read: references, columns, choice rows.

Contract: of training data the first rows are read, of choice evals every row; no hub is asked.
"""
