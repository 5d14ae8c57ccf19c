"""Jobs of a suite, by what each does, and what each waits for.

Contract: a job is built from the plan's context alone, with its digest; `entries.py` says which jobs there are.
"""
