"""A run that continues under another name: an input was unavailable, and a folder is named by its inputs' contents.

Contract: one run, one folder. The newest folder of the suite is taken over where inputs were unavailable and all that
was done then is part of this run too, so nothing is lost by it.
"""

from bench.errors import InputError
from bench.record.rundir import LATEST, RunDirectory, point_latest
from bench.run.plan.types import Plan
from bench.run.process.locks import folder_lock


def take_over(directory: RunDirectory, plan: Plan) -> str | None:
    """Give `directory` what the run has already under an earlier name; return that name, if there is one."""
    earlier = RunDirectory((directory.path.parent / LATEST).resolve())
    if directory.path.exists() or earlier.path.parent != directory.path.parent.resolve():
        return None
    if not _goes_on(earlier, plan):
        return None
    lock = folder_lock(earlier.path)
    if not lock.try_acquire():
        return None  # it is being filled
    with lock:
        earlier.path.rename(directory.path)
        point_latest(directory.path)
    return earlier.path.name


def _goes_on(earlier: RunDirectory, plan: Plan) -> bool:
    try:
        record = earlier.load()
    except InputError:
        return False
    then, now = record.resolved, plan.resolved
    away = any(job.failure is not None and job.failure.kind == "unavailable" for job in record.jobs)
    kept = {job.digest for job in record.jobs if job.status == "done"} <= {planned.digest for planned in plan.jobs}
    return away and kept and (then.suite, then.profile) == (now.suite, now.profile)
