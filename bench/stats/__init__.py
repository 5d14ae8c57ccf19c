"""Statistics on scores: paired differences, intervals, tests, claims, power.

Contract: pure and seeded; each function names its method's source.
"""
