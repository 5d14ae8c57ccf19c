"""One page over many runs: suites, models and arms, the history of each suite, and what may be compared with what.

Contract: from the runs' folders alone; every number is the one of that run's report or of `bench compare`.
"""
