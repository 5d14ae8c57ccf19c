"""Checks that end in an exit code: exact counts, interleaved speed, stored history, quality of one run against another.

Contract: this package's parent side is light. What needs torch runs in children: `bench.worker`, and
`bench.gate.speed.step_server`,
which only ever runs as a process of its own.
"""
