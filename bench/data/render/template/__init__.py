"""A model's chat template: turns to text, where its question and its answer are, and what it does not print.

Contract: templates run in a sandbox; one that cannot print a row is refused with a hint.
"""
