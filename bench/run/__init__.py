"""From a suite to a finished run directory.

Contract: the parent imports no heavy library; jobs run in child processes; what was finished stays finished. Each of
these imports only those after it: `run` (the whole), `executor` and `recorder` (what happens to jobs, and its record),
`estimate` (time, memory, disk), `display` and `progress`, `checks` (before any work), `plan` (jobs and digests),
`resolve` (names to contents), `process` (children, locks, limits).
"""
