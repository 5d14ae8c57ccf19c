"""Whether the names in a suite mean something.

Contract: pure: looks at the suite alone. An unknown name comes with the nearest known one.
"""
