"""One making from its specification to its file of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.endpoint.completion import Completer
from bench.errors import InputError, Problem
from bench.making.answers import make_best_of, make_distil
from bench.making.context import Marking, Row, Work
from bench.making.instructions import make_instructions
from bench.making.journal import Journal
from bench.making.load import LoadedMake
from bench.making.prompt import load_prompt
from bench.making.revisions import make_augment, make_score
from bench.making.spec import Judge, MakeInstructions, MakeSpec, identity
from bench.making.summary import MakeSummary, Tally
from bench.making.tasks import Task

KINDS: dict[str, Callable[[Work[Any]], Iterator[Row]]] = {
    "instructions": make_instructions,
    "distil": make_distil,
    "best_of": make_best_of,
    "score": make_score,
    "augment": make_augment,
}
"""By `kind`."""


def make(
    loaded: LoadedMake,
    tasks: Sequence[Task],
    *,
    writer: Completer,
    judge: Completer | None,
    out: Path,
    notify: Callable[[Tally], None] = lambda tally: None,
) -> MakeSummary:
    """Makes rows and appends them to `out`, each as soon as it is there. `judge` marks where the specification asks for
    a judge; default: the writer.

    Raises `InputError` for tasks that do not fit and for a file of other rows, and what the completers raise; rows made
    until then stay.
    """
    spec = loaded.spec
    check_tasks(spec, tasks)
    with Journal(out, identity(spec)) as journal:
        work = _work(loaded, tasks, writer, judge, journal, notify)
        tally, wanted = work.tally, spec.size if isinstance(spec, MakeInstructions) else None
        tally.rows = len(journal.rows)
        try:
            for row in KINDS[spec.kind](work):
                _keep(row, journal, tally)
        finally:
            summary = tally.summary(kind=spec.kind, path=str(out), wanted=wanted)
            journal.write_note(summary.model_dump(mode="json", exclude={"path"}))
    return summary


def check_tasks(spec: MakeSpec, tasks: Sequence[Task]) -> None:
    """Raises `InputError` where the tasks do not fit the kind of making, with all that is wrong."""
    problems = []
    if spec.shape == "alpaca" and spec.kind != "score":
        long = next((task for task in tasks if not task.single), None)
        if long is not None:
            what = f"{long.origin} is a conversation or has a system prompt, which Alpaca's shape cannot hold"
            problems.append(Problem(reference="make.shape", what=what, where="shape", hint='shape = "messages"'))
    if isinstance(spec, MakeInstructions) and len(tasks) < spec.demonstrations:
        what = f"{spec.demonstrations} demonstrations are wanted, there are {len(tasks)} seed tasks"
        problems.append(
            Problem(reference="make.too-few-tasks", what=what, where="demonstrations", hint="give more seed tasks")
        )
    scorer = spec.scorer if spec.kind == "best_of" else None
    if scorer is not None and scorer.needs_reference:
        bare = next((task for task in tasks if task.answer is None), None)
        if bare is not None:
            what = f"{bare.origin} has no answer of its own, with which the scorer is to compare"
            problems.append(
                Problem(reference="make.no-reference", what=what, where="scorer", hint="take it out, or add the answer")
            )
    if problems:
        raise InputError(problems)


def _work(
    loaded: LoadedMake,
    tasks: Sequence[Task],
    writer: Completer,
    judge: Completer | None,
    journal: Journal,
    notify: Callable[[Tally], None],
) -> Work[MakeSpec]:
    spec, folder = loaded.spec, loaded.folder
    prompt = load_prompt(spec.kind, spec.prompt, folder)
    scorer = spec.scorer if spec.kind == "best_of" else None
    marking = None
    if isinstance(scorer, Judge):
        marking = Marking(
            judge=scorer, completer=judge or writer, prompt=load_prompt("judge", scorer.prompt, folder)
        )  # fmt: skip
    return Work(
        spec=spec,
        tasks=tasks,
        writer=writer,
        prompt=prompt,
        answering=prompt if spec.kind in {"distil", "best_of"} else load_prompt("distil", None, folder),
        marking=marking,
        known=journal.rows,
        notify=notify,
    )


def _keep(row: Row, journal: Journal, tally: Tally) -> None:
    if row.id in tally.seen:
        tally.left_out["duplicate"] += 1
        return
    tally.seen.add(row.id)
    if row.id not in journal.rows:
        journal.add(row.id, {**row.fields, "provenance": {"id": row.id, **row.provenance}})
        tally.added += 1
    tally.rows = len(journal.rows)
