"""Checks of data tables and of the files that evals read: references, columns, choice rows, task files."""
