"""From a suite to a finished run directory. For users `bench.run` is the function of that name (`bench.api`).

Contract: the parent imports no heavy library; jobs run in processes of their own; what was finished stays finished.
Each of these imports only those after it: `run` and `commands` (the whole; what other commands do), `execution` (jobs
to their end), `kept_record` (a finished one that stays), `scheduling` and `recording` (what happens to jobs, and its
record), `estimate` (time, memory, disk), `executors` (what runs a job, and where), `display` and `progress`, `checks`
(before any work), `plan` (jobs and digests), `resolve` (names to contents), `process` (children, locks, limits).
"""
