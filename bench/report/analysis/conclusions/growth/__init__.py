"""A run that grows until its claims are decided: what it should buy next, and what its purchases brought.

Contract: advice between two looks; no verdict depends on it.
"""
