"""Rows become the exact list of batches: loss mask, packing, schedule, padding.

Contract: data, budget, batch shape and seed decide every batch before the first step.
"""
