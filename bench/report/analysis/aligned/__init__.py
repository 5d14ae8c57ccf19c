"""Scores of all subjects lined up example by example, and the differences taken from them.

Contract: pure; a score that is missing stays visible as missing.
"""
