"""Checks that end in an exit code: exact counts, interleaved speed, quality of one run against another.

Contract: nothing here loads torch but `speed.step_server` and `speed.counting`, which run as processes of their own;
what else needs it runs in children of `bench.worker`.
"""
