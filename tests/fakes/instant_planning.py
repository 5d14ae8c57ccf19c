"""What the instant worker answers to questions before the jobs: counts, memory, checks, rehearsals, rows of a hub."""

from pathlib import Path

from bench.emit import Emit, StageDone
from bench.errors import InputError, Problem
from bench.record.results.training.facts import LargestPass, PlannedCounts, StepBytes
from bench.run.process.payloads import (
    CheckReply,
    CheckRequest,
    CountReply,
    CountRequest,
    FetchRequest,
    MemoryReply,
    MemoryRequest,
    RefusedTraining,
    RehearsalRequest,
    SoundReply,
    SoundRequest,
    StandInsReply,
    StandInsRequest,
    SubjectMemory,
)
from bench.suite.resolved import UNREACHABLE
from tests.fakes.orders import AWAY, CHECKED, COUNTED, ORDERS, REFUSED


def count(request: CountRequest, folder: Path, emit: Emit) -> CountReply:
    """Counts that follow from the budget's amount; each leaves a line in `COUNTED`."""
    counts, problems = list[PlannedCounts](), list[Problem]()
    for job in request.jobs:
        with (folder / COUNTED).open("a", encoding="utf-8") as file:
            file.write(f"{job.arm}\n")
        if job.recipe.learning_rate == ORDERS["break the count"]:
            raise RuntimeError("no count today")
        if job.recipe.learning_rate == ORDERS["teach nothing"]:
            problems.append(Problem(reference="fake.refused", what="nothing to learn", hint="do another"))
        tokens = int(job.budget.amount)
        counts.append(
            PlannedCounts(
                rows=8, steps=2, tokens=tokens, supervised_tokens=tokens // 2, slots=tokens * 2,
                truncated_rows=0, dropped_rows=0, parameters=1000, trainable_parameters=100,
                first_step=LargestPass(rows=4, width=tokens, supervised_tokens=tokens // 2),
                later_steps=LargestPass(rows=4, width=tokens, supervised_tokens=tokens // 2),
            )
        )  # fmt: skip
    if problems:
        raise InputError(problems)
    return CountReply(counts=tuple(counts))


def memory(request: MemoryRequest, folder: Path, emit: Emit) -> MemoryReply:
    """A thousand bytes for the libraries, four for each weight, and one for each position of the largest pass; a
    training that is to need numbers cannot be counted."""
    counted = [
        None
        if step.job.recipe.learning_rate == ORDERS["need numbers"]
        else StepBytes(held=4000, made=step.largest_pass.rows * step.largest_pass.width)
        for step in request.steps
    ]
    return MemoryReply(process_bytes=1000, steps=tuple(counted))


def stand_ins(request: StandInsRequest, folder: Path, emit: Emit) -> StandInsReply:
    """Each is loaded at once; nothing can stand in for what has weights of its own."""
    found = list[SubjectMemory | None]()
    for asked in request.subjects:
        if asked.job.given is not None:
            found.append(None)
            continue
        for stage in ("made", "loaded", "compared"):
            emit(StageDone(stage=stage))
        found.append(SubjectMemory(load_bytes=3000, resident_bytes=2000, comparison_bytes=4000))
    return StandInsReply(memory=tuple(found))


def check(request: CheckRequest, folder: Path, emit: Emit) -> CheckReply:
    """Every training can be done but those that are checked in vain, or that pack rows in vain; each leaves a line in
    `CHECKED`."""
    with (folder / CHECKED).open("a", encoding="utf-8") as file:
        file.writelines(f"{job.arm}\n" for job in request.jobs)
    if faulty := [job for job in request.jobs if job.recipe.learning_rate == ORDERS["check in vain"]]:
        raise InputError(
            Problem(reference="fake.refused", what="no such module", where=f"arm {job.arm}") for job in faulty
        )
    why = {"reference": "recipe.packing", "what": "rows see each other", "where": "recipe.full", "hint": "do not pack"}
    vain = [job for job in request.jobs if job.recipe.learning_rate == ORDERS["pack in vain"]]
    return CheckReply(refused=tuple(RefusedTraining(digest=job.digest, **why) for job in vain))


def sound(request: SoundRequest, folder: Path, emit: Emit) -> SoundReply:
    """Every part of a table is sound, but the last one of data called `odd`."""
    last = request.part == request.parts - 1
    return SoundReply(sound=tuple(not (last and job.arm.startswith("odd/")) for job in request.rows))


def rehearse(request: RehearsalRequest, folder: Path, emit: Emit) -> dict[str, str]:
    """Every eval can be scored, but one called `REFUSED`; the rows of one called `AWAY` are not there."""
    for job in request.jobs:
        if job.eval.name == REFUSED:
            raise InputError(Problem(reference="rehearsal.failed", what="no such field", where=f"eval {REFUSED!r}"))
    return {AWAY: f"eval {AWAY!r}: the hub is away"} if AWAY in {job.eval.name for job in request.jobs} else {}


def fetch(request: FetchRequest, folder: Path, emit: Emit) -> str:
    """Rows that the test put on the hub; without them the hub is away, or knows none of an `unknown` name."""
    file = folder / "hub" / f"{request.spec.source.replace('/', '--')}.jsonl"
    if not file.exists():
        what, where = f"the hub of {request.spec.source} is away", f"source = {request.spec.source!r}"
        reference = "hub.unknown" if "unknown" in where else UNREACHABLE
        raise InputError(Problem(reference=reference, what=what, where=where, hint="wait"))
    return str(file)
