"""`bench data make`: rows written by a model, from a make file to JSON Lines.

Contract: everything that can be known to be wrong is reported before the first request: the file, the rows to work on,
the key, the local model, the place to write. What was made stays, however the run ends; the same command resumes.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from bench.control_codes import visible
from bench.data.sources.files import kind_of
from bench.digest import digest_json
from bench.endpoint.cache import ReplyCache
from bench.endpoint.client import open_endpoint
from bench.endpoint.completion import Completer
from bench.endpoint.local_model import LocalCompleter, WriterRequest
from bench.errors import InputError, Problem, attempted
from bench.making.load import LoadedMake, load_make, models_of
from bench.making.make import check_tasks, make
from bench.making.summary import MakeSummary, MakingTally
from bench.making.tasks import Task, read_tasks
from bench.places import home
from bench.record.files import REPLIES
from bench.run.local_completer import LoadedModel
from bench.run.process.locks import FileLock
from bench.run.process.payloads import FetchRequest
from bench.run.process.server import ChildServer
from bench.run.resolve.models import resolve_model
from bench.suite.tables.models.model_source import ModelSource
from bench.units import plural

T = TypeVar("T")

_GENERATOR = "bench.evals.completions"
_LINE_SECONDS = 15.0


def make_data(
    spec_path: str,
    *,
    out: Path,
    overrides: tuple[str, ...] = (),
    trust_remote_code: bool = False,
    server: ChildServer | None = None,
) -> MakeSummary:
    """Make the rows that the file `spec_path` describes under `key=value` overrides, and append them to `out`.

    `trust_remote_code`: a local model may run code that it brings. Progress goes to standard
    error. Raises `InputError` for what is wrong with the input, and `IncompleteError` where the endpoint stopped
    answering; rows made until then stay in `out`.
    """
    loaded = load_make(spec_path, overrides)
    out = out.absolute()
    server = server or ChildServer()
    with _only_one(out), LoadedModel(server=server, logs=home() / "logs") as models:
        tasks, writer, judge = _prepare(loaded, models, trust_remote_code)
        with _progress(Console(stderr=True)) as notify:
            return make(loaded, tasks, writer=writer, judge=judge, out=out, notify=notify)


def describe_summary(summary: MakeSummary) -> list[str]:
    """Lines that end the command: rows, requests, failures, tokens, cost."""
    wanted = "" if summary.wanted is None else f" of {summary.wanted:,} wanted"
    lines = [f"{summary.path}: {plural(summary.rows, 'row')}{wanted}, {summary.added:,} of them new"]
    lines.append(f"requests: {summary.asked:,}, {summary.reused:,} answered from disk, {summary.failed:,} failed")
    if summary.left_out:
        lines.append("left out: " + ", ".join(f"{count:,} {reason}" for reason, count in summary.left_out.items()))
    if summary.failures:
        lines.append("failures: " + "; ".join(f"{count:,} × {visible(why)}" for why, count in summary.failures.items()))
    tokens = (summary.prompt_tokens, summary.completion_tokens)
    counted = [f"{count:,}" if count is not None else "unknown" for count in tokens]
    lines.append(f"tokens: {counted[0]} sent, {counted[1]} answered")
    if summary.cost is not None and summary.cost_now is not None:
        lines.append(f"cost: {summary.cost:.4f} {summary.currency}, {summary.cost_now:.4f} of it now")
    elif not summary.on_endpoint:
        lines.append("cost: none, on this machine" if summary.asked else "cost: none, nothing was asked")
    else:
        lines.append("cost: unknown (no price given, or tokens not counted)")
    if summary.failed:
        lines.append("not complete: the same command resumes from there")
    elif summary.short:
        lines.append(
            "not complete: max_requests is used up, and too few tasks were of use; raise it to resume from there"
        )
    return lines


def _prepare(
    loaded: LoadedMake, models: LoadedModel, trusted: bool
) -> tuple[tuple[Task, ...], Completer, Completer | None]:
    """Tasks, writer and judge, or everything that is wrong with any of them."""
    problems = list[Problem]()
    tasks = attempted(problems, lambda: _tasks(loaded, models.server))
    completers = {
        table: attempted(problems, partial(_completer, source, table, loaded, models, trusted))
        for table, source in models_of(loaded.spec).items()
    }
    if problems or tasks is None or (writer := completers["writer"]) is None:
        raise InputError(dict.fromkeys(problems))
    return tasks, writer, completers.get("scorer.model")


def _tasks(loaded: LoadedMake, server: ChildServer) -> tuple[Task, ...]:
    source, fetched = loaded.spec.tasks, None
    if source is None:
        return ()
    if kind_of(source.as_data(), loaded.folder) == "hub":
        request = FetchRequest(spec=source.as_data(), home=str(home()))
        log = home() / "logs" / "fetch.txt"
        fetched = Path(str(server.call("fetch", request, folder=home(), log=log)))
    tasks = read_tasks(source, base=loaded.folder, seed=loaded.spec.seed, fetched=fetched)
    check_tasks(loaded.spec, tasks)
    return tasks


def _completer(source: ModelSource, table: str, loaded: LoadedMake, models: LoadedModel, trusted: bool) -> Completer:
    cache = home() / REPLIES
    if source.endpoint is not None:
        return open_endpoint(source.endpoint, table=f"{table}.endpoint", cache=cache, seed=loaded.spec.seed)
    local, server = source.local, models.server
    assert local is not None, "validated"
    server.warm()
    model = resolve_model(local, base=loaded.folder, home=home(), trust_remote_code=trusted, server=server)
    wanted = WriterRequest(model=model, precision=local.precision, threads=local.threads)
    return LocalCompleter(
        model=model,
        precision=local.precision,
        cache=ReplyCache(folder=cache),
        generated_by=_GENERATOR,
        ask=partial(models.ask, wanted),
    )


@contextlib.contextmanager
def _only_one(out: Path) -> Iterator[None]:
    """Two runs must not write to one file."""
    lock = FileLock(home() / "locks" / f"make-{digest_json(str(out))[:16]}")
    if not lock.try_acquire():
        what, hint = f"another run is writing {out.name}", "wait for it, or choose another --out"
        raise InputError(Problem(reference="make.busy", what=what, where=str(out), hint=hint))
    try:
        yield
    finally:
        lock.release()


@dataclass(slots=True)
class _Lines:
    """A line now and then, where there is no terminal."""

    console: Console
    spoke: float = field(default_factory=time.monotonic)

    def __call__(self, tally: MakingTally) -> None:
        now = time.monotonic()
        if now - self.spoke >= _LINE_SECONDS:
            self.spoke = now
            self.console.print(Text(_status(tally)), soft_wrap=True)


@contextlib.contextmanager
def _progress(console: Console) -> Iterator[Callable[[MakingTally], None]]:
    if not console.is_terminal:
        yield _Lines(console)
        return
    with console.status("making rows") as status:
        yield lambda tally: status.update(Text(_status(tally)))


def _status(tally: MakingTally) -> str:
    now = tally.summary(kind="", path="", wanted=None)
    cost = "" if now.cost_now is None else f", {now.cost_now:.4f} {now.currency}"
    left_out = sum(now.left_out.values())
    return f"making rows: {now.rows:,} kept, {now.asked:,} asked, {now.failed:,} failed, {left_out:,} left out{cost}"
