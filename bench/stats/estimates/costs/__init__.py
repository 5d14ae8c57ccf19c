"""Ratios of costs, and of quality per cost, with their intervals.

Contract: as the room: pure and seeded, on a logarithmic scale.
"""
