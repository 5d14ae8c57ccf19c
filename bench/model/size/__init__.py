"""Counts from the shape of a model alone: parameters, and floating-point operations."""
