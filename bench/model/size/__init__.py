"""Counts from the shape of a model alone: parameters, and floating-point operations.

Contract: no number is read off a weight: a model without weights, of the same shape, has the same counts.
"""
