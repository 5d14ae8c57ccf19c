"""One making from its specification to its file of rows."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.endpoint.completion import Completer
from bench.errors import InputError, Problem
from bench.making.answers import make_best_of, make_distil
from bench.making.context import MadeRow, MakingContext, Marking
from bench.making.instructions import make_instructions
from bench.making.journal import Journal
from bench.making.load import LoadedMake
from bench.making.prompt import load_prompt
from bench.making.revisions import make_augment, make_score
from bench.making.spec import MakeInstructions, MakeSpec, identity
from bench.making.summary import MakeSummary, MakingTally
from bench.making.tasks import Task
from bench.suite.catalog.prompt import Prompt

KINDS: dict[str, Callable[[MakingContext[Any]], Iterator[MadeRow]]] = {
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
    notify: Callable[[MakingTally], None] = lambda tally: None,
) -> MakeSummary:
    """Makes rows and appends them to `out`, each as soon as it is there. `judge` marks where the specification asks for
    a judge; default: the writer.

    Raises `InputError` for tasks that do not fit and for a file of other rows, and what the completers raise; rows made
    until then stay.
    """
    spec = loaded.spec
    check_tasks(spec, tasks)
    with Journal(out, identity(spec)) as journal:
        making = MakingContext(
            spec=spec,
            tasks=tasks,
            writer=writer,
            prompt=load_prompt(spec.kind, spec.prompt, loaded.folder),
            answering=_answering(loaded),
            marking=_marking(loaded, judge or writer),
            rows_by_id=journal.rows,
            notify=notify,
        )
        tally, wanted = making.tally, spec.size if isinstance(spec, MakeInstructions) else None
        tally.rows = len(journal.rows)
        try:
            for row in KINDS[spec.kind](making):
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
    if isinstance(spec, MakeInstructions) and spec.tasks is not None and len(tasks) < spec.demonstrations:
        what = f"{spec.demonstrations} demonstrations are asked for, there are {len(tasks)} seed tasks"
        problems.append(
            Problem(reference="make.too-few-tasks", what=what, where="demonstrations", hint="give more seed tasks")
        )
    if spec.compares:
        bare = next((task for task in tasks if task.answer is None), None)
        if bare is not None:
            what = f"{bare.origin} has no answer for the scorer to compare with"
            problems.append(
                Problem(
                    reference="make.no-reference", what=what, where="scorer", hint="add the answer, or remove the row"
                )
            )
    if problems:
        raise InputError(problems)


def _answering(loaded: LoadedMake) -> Prompt:
    """The prompt with which the writer answers a question: the specification's own where its kind asks for answers."""
    answers = loaded.spec.kind in {"distil", "best_of"}
    return load_prompt("distil", loaded.spec.prompt if answers else None, loaded.folder)


def _marking(loaded: LoadedMake, judge: Completer) -> Marking | None:
    """The judge that marks answers, for best of K by a judge."""
    scorer = loaded.spec.judge
    if scorer is None:
        return None
    return Marking(judge=scorer, completer=judge, prompt=load_prompt("judge", scorer.prompt, loaded.folder))


def _keep(row: MadeRow, journal: Journal, tally: MakingTally) -> None:
    if row.id in tally.seen:
        tally.left_out["duplicate"] += 1
        return
    tally.seen.add(row.id)
    if row.id not in journal.rows:
        journal.add(row.id, {**row.fields, "provenance": {"id": row.id, **row.provenance}})
        tally.added += 1
    tally.rows = len(journal.rows)
