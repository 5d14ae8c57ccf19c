"""Values and differences with their confidence curves: of means, corpus metrics, rates, costs.

Contract: pure and seeded; one method per kind of score, chosen in `inference`.
"""
