"""Sections about scores: by arm, seed, slice and number of rows, and where their noise comes from.

Contract: a score that is missing stays an empty cell with its reason, never 0; whether a difference is shown is read
off the comparison, never off its size.
"""
