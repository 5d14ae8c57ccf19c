"""Log-probabilities of texts that are given: choices, and held-out rows.

Contract: a token's log-probability is what a pass over its text alone would give, within rounding (1e-4 in fp32), by
whatever passes the model allows.
"""
