"""The last step of a run: which examples of an eval are in which arm's training rows.

Contract: reads stored rows and one subject's scores, whose prompts are the same for all; keeps what it found under
`home/contamination/`, by the content of both, so that a repeated run reads neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.atomic import write_text
from bench.code_digest import own_code
from bench.digest import digest_json
from bench.record.contamination import ContaminationRecord
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import TrainJob
from bench.record.store import JobStore
from bench.record.task_names import task_of
from bench.run.plan.types import Plan
from bench.suite.resolved import ResolvedData
from bench.suite.tables.conclusions.contamination import ContaminationOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairing:
    """One data set against one eval. job: whose scores show the eval's prompts."""

    data: ResolvedData
    job: EvalJob
    memo: Path


def find_contamination(plan: Plan, *, store: JobStore, home: Path) -> tuple[ContaminationRecord, ...]:
    """Every data set that arms of `plan` learn from against every eval with a finished job."""
    options = plan.resolved.suite.contamination
    finished = _finished(plan, store)
    cases = [
        _Pairing(data=data, job=job, memo=_memo(data, job.digest, options, home))
        for data in _trained_on(plan)
        for job in finished
    ]
    by_memo = {case.memo: overlap for case in cases if (overlap := _recall(case)) is not None}
    if missing := [case for case in cases if case.memo not in by_memo]:
        by_memo |= _looked_for(missing, store, options)
    return tuple(_named(by_memo[case.memo], case) for case in cases)


def _looked_for(
    cases: Sequence[_Pairing], store: JobStore, options: ContaminationOptions
) -> dict[Path, ContaminationRecord]:
    """What is found now, each data set read once; it is kept."""
    from bench.run.overlap_search import Examples, examples_of, search  # numpy is imported where rows are searched

    examples: dict[tuple[str, ...], Examples] = {}
    found: dict[Path, ContaminationRecord] = {}
    for data in {case.data.sha256: case.data for case in cases}.values():
        jobs = {case.memo: case.job for case in cases if case.data == data}
        asked = tuple(job.digest for job in jobs.values())
        if asked not in examples:
            examples[asked] = examples_of(jobs.values(), store, options)
        for memo, overlap in zip(jobs, search(data, examples[asked], options), strict=True):
            write_text(memo, overlap.model_dump_json())
            found[memo] = overlap
    return found


def _named(overlap: ContaminationRecord, case: _Pairing) -> ContaminationRecord:
    """What was found under the names of this run, which may not be those under which it was looked for."""
    spec = case.job.eval
    found = tuple((task_of(spec, task), id_) for task, id_ in overlap.found)
    return overlap.model_copy(update={"data": case.data.name, "eval": spec.name, "found": found})


def _trained_on(plan: Plan) -> list[ResolvedData]:
    """What the arms that this run was asked for learn from, by training or from their context."""
    by_name: dict[str, ResolvedData] = {}
    for planned in plan.jobs:
        if not planned.selected or planned.stuck:
            continue
        match planned.job:
            case TrainJob(data=data):
                by_name[data.name] = data
            case EvalJob(shots=shots) if shots is not None:
                by_name[shots.data.name] = shots.data
            case _:
                pass
    return list(by_name.values())


def _finished(plan: Plan, store: JobStore) -> list[EvalJob]:
    """For each eval the first job of it that is done."""
    by_eval: dict[str, EvalJob] = {}
    for planned in plan.jobs:
        if isinstance(planned.job, EvalJob) and planned.job.eval.name not in by_eval and store.done(planned.digest):
            by_eval[planned.job.eval.name] = planned.job
    return list(by_eval.values())


def _memo(data: ResolvedData, digest: str, options: ContaminationOptions, home: Path) -> Path:
    code = own_code(home).digest("bench.data.contamination")
    key = digest_json({"data": data.sha256, "eval": digest, "options": options.model_dump(mode="json"), "code": code})
    return home / "contamination" / f"{key}.json"


def _recall(case: _Pairing) -> ContaminationRecord | None:
    return ContaminationRecord.kept_in(case.memo)
