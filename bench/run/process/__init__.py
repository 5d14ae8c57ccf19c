"""Child processes: the forkserver, a child's life and end, ranks, locks, limits, environment.

Contract: a child that dies fails its job alone, with its reason; no child outlives the run.
"""
