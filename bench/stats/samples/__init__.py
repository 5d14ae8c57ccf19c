"""Scores and sufficient statistics as arrays, and their resamples.

Contract: a missing score is visible in the arrays; what is drawn depends on the seed and the data alone.
"""
