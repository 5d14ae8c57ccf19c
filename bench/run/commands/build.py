"""`bench models build`: builds an embedded base again in a child process, and reports the result."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from bench.emit import Event, StepDone
from bench.errors import InputError, Problem, did_you_mean
from bench.places import home, shipped
from bench.run.display import duration
from bench.run.process.payloads import BuildRequest, BuiltBase
from bench.run.process.server import ChildServer

EMBEDDED = ("micro",)
"""Bases that this project builds itself."""


def build_embedded(
    name: str,
    *,
    out: Path | None = None,
    seed: int = 0,
    console: Console | None = None,
    server: ChildServer | None = None,
) -> str:
    """Build the base `name` into `out` (default: over the shipped one, card included); one line on the result.

    Raises `InputError` for an unknown name or a folder that cannot be written.
    """
    if name not in EMBEDDED:
        what = f"{name!r} is not a base that this project builds"
        raise InputError(Problem(reference="model.not-embedded", what=what, hint=did_you_mean(name, EMBEDDED)))
    folder = (out or shipped("models") / name).absolute()
    folder.mkdir(parents=True, exist_ok=True)  # fails now, not after minutes of training
    log = home() / "logs" / f"build-{name}.txt"
    console = console or Console(stderr=True)
    with console.status(f"building {name}: corpus and tokenizer") as status:

        def show(event: Event) -> None:
            if isinstance(event, StepDone):
                status.update(Text(_progress(name, event)))

        reply = (server or ChildServer()).call(
            "build", BuildRequest(out=str(folder), seed=seed), folder=folder.parent, log=log, on_event=show
        )
    built = BuiltBase.model_validate(reply)
    return (
        f"{folder}: {built.parameters:,} parameters, loss {built.loss} nats per token after "
        f"{built.tokens:,} tokens in {duration(built.seconds)}, sha256 {built.sha256[:16]}…"
    )


def _progress(name: str, event: StepDone) -> str:
    speed = f"{event.tokens_per_second:,.0f} tokens/s"
    return f"building {name}: step {event.step}/{event.steps}, loss {event.loss:.3f}, {speed}"
