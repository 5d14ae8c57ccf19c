"""Distributions, and confidence curves from which an interval and a p-value both come.

Contract: pure; the one room that touches scipy.
"""
