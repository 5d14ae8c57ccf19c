"""Which job runs when, on an executor, and how each ends.

Contract: a failed job harms only its dependants; a result counts once it is committed.
"""
