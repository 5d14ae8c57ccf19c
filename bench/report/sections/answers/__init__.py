"""Sections about single answers: side by side, flips, judges, generation.

Contract: `None` where the run has no such answers; the text of a model or of a data set is text, never markup.
"""
