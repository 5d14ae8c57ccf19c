"""Estimates of a plan: counts, time, memory, disk space.

Contract: counts are exact, from the schedule that a training would follow; a time says where it comes from (earlier
jobs of the same kind, a short probe, or a rate); memory and disk are computed from shapes.
"""
