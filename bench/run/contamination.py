"""The last step of a run: which examples of an eval are in which arm's training rows.

Contract: reads stored rows and one subject's scores, whose prompts are the same for all; keeps what it found under
`home/contamination/`, by the content of both, so that a repeated run reads neither.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.atomic import write_text
from bench.code_digest import own_code
from bench.data.contamination import Question, Wanted, overlaps, row_text, wanted_of
from bench.data.store import load_turns
from bench.digest import digest_json
from bench.record.contamination import ContaminationRecord
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import TrainJob
from bench.record.results.evals.evaluation import ScoreRow
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
    examples: dict[tuple[str, ...], _Examples] = {}
    for data in {case.data.sha256: case.data for case in cases if case.memo not in by_memo}.values():
        jobs = {case.memo: case.job for case in cases if case.data == data and case.memo not in by_memo}
        asked = tuple(job.digest for job in jobs.values())
        if asked not in examples:
            examples[asked] = _examples(jobs.values(), store, options)
        for memo, overlap in zip(jobs, _search(data, examples[asked], options), strict=True):
            write_text(memo, overlap.model_dump_json())
            by_memo[memo] = overlap
    return tuple(_named(by_memo[case.memo], case) for case in cases)


def _named(overlap: ContaminationRecord, case: _Pairing) -> ContaminationRecord:
    """What was found under the names of this run, which may not be those under which it was looked for."""
    spec = case.job.eval
    found = tuple((task_of(spec, task), id_) for task, id_ in overlap.found)
    return overlap.model_copy(update={"data": case.data.name, "eval": spec.name, "found": found})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Examples:
    """The examples of some evals, which several data sets are searched for."""

    rows: dict[str, list[ScoreRow]]
    """By eval."""
    wanted: Wanted


def _examples(jobs: Iterable[EvalJob], store: JobStore, options: ContaminationOptions) -> _Examples:
    rows = {job.eval.name: store.scores(job) for job in jobs}
    asked = [_questions(of_eval) for of_eval in rows.values()]
    return _Examples(rows=rows, wanted=wanted_of(asked, ngram=options.ngram, shortest=options.shortest))


def _search(data: ResolvedData, examples: _Examples, options: ContaminationOptions) -> Iterator[ContaminationRecord]:
    found = overlaps(examples.wanted, map(row_text, load_turns(data.path)))
    for (name, rows), overlap in zip(examples.rows.items(), found, strict=True):
        yield ContaminationRecord(
            data=data.name,
            eval=name,
            ngram=options.ngram,
            shortest=options.shortest,
            examples=len(rows),
            judged=overlap.judged,
            found=tuple((rows[index].task, rows[index].id) for index in overlap.found),
        )


def _questions(rows: Iterable[ScoreRow]) -> list[Question]:
    return [Question(task=row.task, prompt=row.prompt, target=row.target) for row in rows]


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
