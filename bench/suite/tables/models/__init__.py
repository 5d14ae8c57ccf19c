"""Models of a suite: the base, who writes or judges, servers, precision.

Contract: no secret is in a table; a key is named, and read when it is used.
"""
