"""Why jobs of a plan are new: the inputs in which each differs from its nearest earlier job, where there is one.

Contract: reads `job.json` of the jobs under the home that an earlier run of the same suite and profile names; says
nothing of a job that has no such one of its name, for jobs of other suites may have the same names. What
the jobs themselves show is named (data, model, recipe, budget, eval, threads); where they agree, the versions of
libraries or this program's code changed.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.errors import InputError
from bench.record.files import JOB, MANIFEST
from bench.record.jobs.job import Job
from bench.record.rundir import RunDirectory
from bench.run.plan.types import Plan
from bench.spec import Spec

_CODE = "versions of libraries or the code of this program"
_DATA = ("data", "dev", "shots.data")
_MODEL_INPUTS = ("sha256", "remote_code", "context_length", "template_sha256", "end_of_turn", "thinking")
_CHOOSES = "keep_best.scored_by"
_NO_INPUT = {
    "digest", "steps_between_saves", "track", "log_every", "trust_task_code", "training_path", "tasks_path",
    "given.path", "eval.name", "eval.role", "arm", "subject", "replies", "asking.replies",
    "served.replies", "checks_batches", "measured", "shares", "planned_by",
}  # fmt: skip

JobFields = dict[str, Any]
"""A job by dotted key."""


class NewJobs(Spec):
    """Jobs that are new for one reason."""

    jobs: int
    reason: str
    """The inputs that changed, in one line."""


def why_new(plan: Plan, home: Path, runs: Iterable[RunDirectory]) -> tuple[NewJobs, ...]:
    """Reasons of the jobs to run, the most frequent first; jobs without an earlier one of their name are left out.

    runs: the suite's earlier ones.
    """
    new = {planned.job.id: planned.job for planned in plan.can_run}
    ran = {digest for run in runs for digest in _digests(run)} if new else set()
    if not ran:
        return ()
    earlier = _earlier(home, set(new), ran)
    reasons = Counter(_reason(job, earlier[name]) for name, job in new.items() if name in earlier)
    return tuple(NewJobs(jobs=count, reason=reason) for reason, count in reasons.most_common())


def _digests(run: RunDirectory) -> tuple[str, ...]:
    """Digests of the jobs of a run; none where its record cannot be read."""
    try:
        return tuple(job.digest for job in run.load().jobs)
    except InputError:
        return ()


def _earlier(home: Path, names: set[str], ran: set[str]) -> dict[str, list[JobFields]]:
    """Finished jobs of these names, of those that `ran`."""
    by_name: dict[str, list[JobFields]] = {}
    for manifest in (home / "jobs").glob(f"*/{MANIFEST}"):
        try:
            job = json.loads((manifest.parent / JOB).read_bytes())
            name = _name(job)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # torn, or of another version
        if name in names and job["digest"] in ran:
            by_name.setdefault(name, []).append(_fields(job))
    return by_name


def _name(job: Mapping[str, Any]) -> str:
    """The id of a stored job."""
    match job["kind"]:
        case "train":
            return f"train:{job['arm']}#{job['seed']}"
        case "eval":
            return f"eval:{job['eval']['name']}:{job['subject']}"
        case "answer":
            return f"answer:{job['asking']['eval']['name']}:{job['asking']['subject']}"
        case "trajectory":
            return f"trajectory:{job['scoring']['eval']['name']}:{job['scoring']['subject']}"
        case "probe":
            return f"probe:{job['training']['arm']}"
        case _:
            return f"sweep:{job['training']['arm']}={job['training']['recipe']['learning_rate']:g}"


def _reason(job: Job, earlier: list[JobFields]) -> str:
    """What differs from the earlier job that differs least."""
    fields = _fields(job.model_dump(mode="json"))
    return min((_differences(before, fields) for before in earlier), key=len) or _CODE


def _fields(job: Mapping[str, Any]) -> JobFields:
    """The job's inputs by dotted key; those of a training that it times, or an eval that it asks for, are its own."""
    inner: Mapping[str, Any] = next(
        (job[key] for key in ("training", "asking", "scoring") if isinstance(job.get(key), dict)), {}
    )
    flat = dict(_flat({**job, **inner}))
    return {key: value for key, value in flat.items() if not key.startswith(("training.", "asking.", "scoring."))}


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner


def _differences(before: JobFields, now: JobFields) -> str:
    """Every input that changed, as old and new value."""
    parts = [text for name in _DATA if (text := _data(before, now, name)) is not None]
    if any(before.get(f"model.{key}") != now.get(f"model.{key}") for key in _MODEL_INPUTS):
        parts.append(f"the base: {before.get('model.name')} → {now.get('model.name')}")
    if isinstance(now.get("training"), str) and before.get("training") != now["training"]:
        parts.append("its training is new")
    if any(before.get(key) != now.get(key) for key in ("judging.answers", "judging.reference")):
        parts.append("the answers to judge are new")
    if before.get(_CHOOSES) != now.get(_CHOOSES):
        parts.append("what chooses its kept step")
    for key in sorted({*before, *now}):
        if before.get(key) != now.get(key) and _is_input(key):
            parts.append(f"{key}: {_shown(before.get(key))} → {_shown(now.get(key))}")
    return "; ".join(parts)


def _is_input(key: str) -> bool:
    grouped = (
        "model.",
        "training",
        "candidates",
        "judging.",
        "eval.data.",
        "keep_best.",
        "scoring.",
        *(f"{name}." for name in _DATA),
    )
    return key not in _NO_INPUT and not key.startswith(grouped)


def _data(before: JobFields, now: JobFields, name: str) -> str | None:
    """How the rows changed, with the reasons for which rows were left out; `None` where they are the same."""
    if before.get(f"{name}.sha256") == now.get(f"{name}.sha256"):
        return None
    title = f"rows of {now.get(f'{name}.name', name)}"
    counts = [f"{_number(before.get(f'{name}.rows'))} → {_number(now.get(f'{name}.rows'))}"]
    dropped = f"{name}.dropped."
    for key in sorted(key for key in {*before, *now} if key.startswith(dropped)):
        if before.get(key, 0) != now.get(key, 0):
            reason = key.removeprefix(dropped)
            counts.append(f"{reason}: {_number(before.get(key, 0))} → {_number(now.get(key, 0))}")
    same_count = before.get(f"{name}.rows") == now.get(f"{name}.rows")
    return f"other {title} ({', '.join(counts[1:] if same_count and len(counts) > 1 else counts)})"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "none"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "unset" if value is None else json.dumps(value, ensure_ascii=False)
