"""`bench weights` and `bench chat`: what is done with the trained subjects of a run."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import complete
from bench.cli.options import ReportsOption, RunArgument
from bench.cli.output import console
from bench.control_codes import visible

ArmArgument = Annotated[
    str,
    typer.Argument(help="An arm of the run, such as lima_1k/full.", show_default=False, autocompletion=complete.arms),
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Seed replicate; default: the first with weights.")]


def weights(
    run: RunArgument,
    arm: ArmArgument,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write; it must not exist.", show_default=False)],
    seed: SeedOption = None,
    step: Annotated[
        int | None,
        typer.Option("--step", min=1, help="A stored step of `evaluate_at`; default: what the evals scored."),
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Merge an adapter into the base's weights.")] = False,
    reports: ReportsOption = Path("reports"),
) -> None:
    """Write the trained weights of an arm with tokenizer and chat template, for transformers, vLLM or PEFT."""
    from bench.atomic import write_errors_as_problems
    from bench.places import home
    from bench.record.rundir import RunDirectory
    from bench.run.commands.weights import export_weights, find_trained

    trained = find_trained(RunDirectory.find(run, reports), arm, seed=seed, step=step, home=home())
    with write_errors_as_problems(str(out)):
        written = export_weights(trained, out, merge=merge, home=home())
    typer.echo(f"{written}: {trained.job.arm}, seed {trained.job.seed}")


def chat(
    run: RunArgument,
    arm: ArmArgument,
    *,
    seed: SeedOption = None,
    system: Annotated[str | None, typer.Option("--system", help="A system message for both.")] = None,
    max_new_tokens: Annotated[int, typer.Option("--max-new-tokens", min=1, help="Tokens of an answer, at most.")] = 256,
    temperature: Annotated[float, typer.Option("--temperature", min=0, help="0: greedy.")] = 0.0,
    reports: ReportsOption = Path("reports"),
) -> None:
    """Talk to the base and an arm side by side: a line is a message to both, `/reset` starts again. Works in a pipe."""
    from bench.places import home
    from bench.record.rundir import RunDirectory
    from bench.run.commands.chat import ChatOptions, open_chat
    from bench.run.commands.weights import find_trained

    trained = find_trained(RunDirectory.find(run, reports), arm, seed=seed, home=home())
    options = ChatOptions(system=system, max_new_tokens=max_new_tokens, temperature=temperature)
    with open_chat(trained, options, home=home()) as speakers:
        while (text := _message()) is not None:
            if text == "/reset":
                for speaker in speakers:
                    speaker.reset()
            elif text:
                _show([(speaker.name, speaker.answer(text)) for speaker in speakers])


def _message() -> str | None:
    """The next line; `None` at the end of the input."""
    if sys.stdin.isatty():
        sys.stderr.write("> ")
        sys.stderr.flush()
    line = sys.stdin.readline()
    return line.strip() if line else None


def _show(answers: list[tuple[str, str | None]]) -> None:
    """The answers side by side in a terminal, else one line each."""
    terminal = sys.stdout.isatty()
    texts = [
        (name, visible("(longer than the model's context)" if text is None else text, keep="\n" if terminal else ""))
        for name, text in answers
    ]
    if not terminal:
        for name, text in texts:
            typer.echo(f"{name}: {text}")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, expand=True)
    for name, _ in texts:
        table.add_column(Text(name), ratio=1, overflow="fold")
    table.add_row(*(Text(text) for _, text in texts))
    console().print(table)
