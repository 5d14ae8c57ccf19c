"""What jobs brought back, of each kind.

Contract: typed data that a child wrote; the parent never changes it.
"""
