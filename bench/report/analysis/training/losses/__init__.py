"""Curves over the steps: loss, gradient norm and rate of each training, and losses as published logs have them.

Contract: pure functions of the record.
"""
