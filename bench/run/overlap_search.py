"""The examples of finished evals, looked for in stored rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.data.contamination import Question, Wanted, overlaps, row_text, wanted_of
from bench.data.store import load_turns
from bench.record.contamination import ContaminationRecord
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import ScoreRow
from bench.record.store import JobStore
from bench.suite.resolved import ResolvedData
from bench.suite.tables.conclusions.contamination import ContaminationOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """The examples of some evals, which several data sets are searched for."""

    rows: dict[str, list[ScoreRow]]
    """By eval."""
    wanted: Wanted


def examples_of(jobs: Iterable[EvalJob], store: JobStore, options: ContaminationOptions) -> Examples:
    """The examples of these jobs, which are done; no two are of one eval."""
    rows = {job.eval.name: store.scores(job) for job in jobs}
    asked = [_questions(of_eval) for of_eval in rows.values()]
    return Examples(rows=rows, wanted=wanted_of(asked, ngram=options.ngram, shortest=options.shortest))


def search(data: ResolvedData, examples: Examples, options: ContaminationOptions) -> Iterator[ContaminationRecord]:
    """The overlap of each eval with stored rows."""
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
