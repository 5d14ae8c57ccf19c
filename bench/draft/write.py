"""The draft as a suite file, each choice with its reason, and the command's own steps.

Contract: no file is replaced; what is written was loaded first, so that it validates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from bench.atomic import write_text
from bench.data.sources.row_faults import COLUMNS_HINT
from bench.draft.choose import Choices, Goal, answer_tokens, choose, metrics_for, targets
from bench.draft.look import Looked, LookedBase, columns_line, look
from bench.errors import InputError, Problem, did_you_mean
from bench.run.process.server import ChildServer
from bench.suite.catalog.card import card_names
from bench.suite.load import load_suite
from bench.suite.schema import suite_schema
from bench.suite.tables.data import HUB_ID, Columns

SCHEMA_FILE = "suite.schema.json"
_COLUMNS_FLAG = "name the columns: --columns prompt=…,completion=… (also input, system; or text=… alone)"
_BY_FLAG: dict[str, tuple[str | None, str]] = {
    "model.context-length": ("--model", "say how many tokens the model may see: --context-length 2048"),
    "template.no-embedding": ("--model", "use another template, such as --template dialogue"),
    "template.refused": (
        None,
        "name a template that prints them (--template NAME), or leave such rows out of the file",
    ),
    "data.missing-file": ("--data", "paths are relative to the current folder"),
}
"""Place (`None`: the problem's own) and hint of what a run would say of a suite's keys, by reference."""
_QUESTIONS: dict[Goal, str] = {
    "tune": "Does training on {first} beat the base?",
    "data": "Which rows train better: {all}?",
    "method": "Does LoRA train as well as full fine-tuning on {first}?",
}


def draft_suite(
    model: str,
    data: Sequence[str],
    goal: Goal,
    *,
    out: Path,
    home: Path,
    server: ChildServer | None = None,
    columns: Sequence[str] = (),
    template: str | None = None,
    context_length: int | None = None,
    tell: Callable[[str], None] = lambda doing: None,
) -> Path:
    """Look at the base and the files, write a suite for the goal to `out`, and return it.

    model: a card, a folder with config.json, or a hub id. data: files, hub ids or `micro:…`; local paths are relative
    to the current folder. columns: `prompt=COLUMN,completion=COLUMN` for each file in turn, or one for all. template,
    context_length: what the base's own files do not say, or say wrongly. Raises `InputError` where `out` exists, and
    for what a run would refuse.
    """
    refuse_existing(out)
    folder = out.parent.resolve()
    sources = named_sources(data, folder)
    named = named_columns(columns, [*sources])
    tell("looking at the base and the rows")
    table = model_table(model, folder, template=template, context_length=context_length)
    with told_by_flags():
        base, files = look(table, sources, folder=folder, home=home, server=server, columns=named)
    refuse_multiple_choice(files)
    return save(suite_text(out.stem, base, files, choose(base, files, goal)), out)


def refuse_multiple_choice(files: Sequence[Looked]) -> None:
    """Raises `InputError` for files whose questions have options that training rows do not show, unless the user names
    the columns of prompt and answer."""
    problems = []
    for file in files:
        if file.columns is not None or not (options := file.options):
            continue
        listed = options[0].strip().lower() in ("choices", "options")
        choices = json.dumps(options[0] if listed else [*options])
        what = (
            f"{file.source}: these are multiple-choice questions, and rows to train on leave out their options "
            f"({', '.join(options)})"
        )
        hint = (
            f'[[eval]] kind = "choice", source = {json.dumps(file.source)}, choices = {choices} asks them; '
            "--columns prompt=…,completion=… trains on question and answer alone"
        )
        problems.append(Problem(reference="init.multiple-choice", what=what, where="--data", hint=hint))
    if problems:
        raise InputError(problems)


@contextmanager
def told_by_flags() -> Iterator[None]:
    """Problems of a suite's keys, with the command's own flags in their place: there is no suite yet."""
    try:
        yield
    except InputError as error:
        raise InputError(_by_flag(problem) for problem in error.problems) from error


def _by_flag(problem: Problem) -> Problem:
    if problem.hint == COLUMNS_HINT:
        return replace(problem, hint=_COLUMNS_FLAG)
    where, hint = _BY_FLAG.get(problem.reference, (None, problem.hint))
    return replace(problem, where=where or problem.where, hint=hint)


def named_columns(columns: Sequence[str], names: Sequence[str]) -> dict[str, Columns]:
    """The columns of each file. Raises `InputError` for a text that names none, or more of them than files."""
    if len(columns) not in (0, 1, len(names)):
        what = f"--columns is given {len(columns)} times for {len(names)} files"
        raise InputError(
            Problem(reference="init.columns", what=what, where="--columns", hint="once, or once per --data")
        )
    return dict(
        zip(names, [_columns(text) for text in columns] * (len(names) if len(columns) == 1 else 1), strict=False)
    )


def _columns(text: str) -> Columns:
    pairs = dict(part.partition("=")[::2] for part in text.split(","))
    try:
        return Columns.model_validate({key.strip(): name.strip() for key, name in pairs.items()})
    except ValidationError as error:
        what = f"{text!r} names no columns: {error.errors()[0]['msg'].removeprefix('Value error, ')}"
        raise InputError(Problem(reference="init.columns", what=what, where="--columns", hint=_COLUMNS_FLAG)) from None


def refuse_existing(out: Path) -> None:
    """Raises `InputError` where `out` exists; makes its folder."""
    if out.exists():
        what, hint = "the file exists", "name another: --out FILE"
        raise InputError(Problem(reference="init.exists", what=what, where=str(out), hint=hint))
    out.parent.mkdir(parents=True, exist_ok=True)


def save(text: str, out: Path) -> Path:
    """Write the suite to `out`, and beside it the schema by which an editor completes its keys."""
    _check_text(text, out)
    schema = out.with_name(SCHEMA_FILE)
    if not schema.exists():
        write_text(schema, json.dumps(suite_schema(), ensure_ascii=False) + "\n")
    write_text(out, f"#:schema {SCHEMA_FILE}\n{text}")
    return out


def _check_text(text: str, out: Path) -> None:
    """Load the text as the file that it will be. Raises `InputError`: a fault of the draft, with its place."""
    trial = out.with_name(f".{out.name}.tmp")
    try:
        trial.write_text(text, encoding="utf-8")
        load_suite(trial)
    finally:
        trial.unlink(missing_ok=True)


def model_table(model: str, folder: Path, *, template: str | None = None, context_length: int | None = None) -> str:
    """The lines of `[model]`: the key that names it, and what the user knows of it."""
    said = [] if template is None else [f"template = {json.dumps(template)}"]
    said += [] if context_length is None else [f"context_length = {context_length}"]
    return "\n".join((_named_model(model, folder), *said))


def _named_model(model: str, folder: Path) -> str:
    path = Path(model).expanduser()
    if model in card_names():
        return f"card = {json.dumps(model)}"
    if path.is_dir():
        return f"path = {json.dumps(relative(path, folder))}"
    if model.count("/") == 1 and HUB_ID.fullmatch(model):
        return f"repo = {json.dumps(model)}"
    what, hint = f"{model!r} is no model card, no folder and no hub id", did_you_mean(model, card_names())
    if "/" in model or model.startswith((".", "~")):
        what, hint = (
            f"there is no folder {model}",
            "a folder is looked for from the current one; a hub id is OWNER/NAME",
        )
    raise InputError(Problem(reference="init.model", what=what, where="--model", hint=hint))


def named_sources(data: Sequence[str], folder: Path) -> dict[str, str]:
    """Sources by a name made from the file's."""
    sources: dict[str, str] = {}
    for source in data:
        path = Path(source).expanduser()
        stem = re.sub(r"\W+", "_", path.stem if path.exists() else source.rpartition("/")[2].rpartition(":")[2]).strip(
            "_"
        )
        name = stem.lower() or "rows"
        while name in sources:
            name += "_2"
        sources[name] = relative(path, folder) if path.exists() else source
    return sources


def relative(path: Path, folder: Path) -> str:
    """Path from the suite's folder to a file below that; of any other file, the absolute path."""
    whole = path.resolve()
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else str(whole)


def suite_text(name: str, base: LookedBase, files: Sequence[Looked], choices: Choices) -> str:
    """The suite as TOML."""
    blocks = [
        _head(name, files, choices),
        f"[model]\n{base.table}\n{_template(base, files[0])}",
        *(_file(file) for file in files),
        _control(choices),
        *(_recipe(recipe, rate, choices) for recipe, rate in zip(choices.recipes, choices.rates, strict=True)),
        "[budget] # the same for every arm: 3 epochs of the smallest file\n"
        f'unit = "tokens"\namount = {choices.budget_tokens:_}',
        f"[arms]\ndata = {json.dumps([*choices.data])}\nrecipe = {json.dumps([*choices.recipes])}",
        *_evals(files, choices),
        *_claims(files, choices),
    ]
    return "\n\n".join(blocks) + "\n"


def _head(name: str, files: Sequence[Looked], choices: Choices) -> str:
    names = ", ".join(file.name for file in files)
    question = _QUESTIONS[choices.goal].format(first=files[0].name, all=names)
    return (
        "# Drafted by `bench init` from the files below. Read it, set the margin at the end, then: bench plan.\n"
        f"name = {json.dumps(name)}\nquestion = {json.dumps(question)}\n"
        "seeds = [0, 1, 2] # trainings of each arm: fewer say less of how far seeds matter\n"
        f"control = {json.dumps(choices.control)} # beside the base, every arm is compared with it"
    )


def _template(base: LookedBase, first: Looked) -> str:
    if first.answers.text:
        return "# the rows are plain text: no template is used in training"
    if "\ntemplate = " in base.table:
        return "# template: as it was given"
    if first.shown.template_note is None:
        return f"# template: the model's own ({first.shown.template})"
    return f"template = {json.dumps(first.shown.template)} # the tokenizer has none of its own"


def _file(file: Looked) -> str:
    shown = file.shown
    dropped = "".join(f", {count:,} left out ({reason})" for reason, count in shown.dropped.items() if count)
    facts = f"{shown.rows:,} rows{dropped}; median {shown.median} tokens, longest {shown.longest}"
    repeated = f"; {shown.duplicates:,} repeat an earlier one" if shown.duplicates else ""
    unread = f"; not used: {', '.join(file.unread)}" if file.unread else ""
    source = f"source = {json.dumps(file.source)}{columns_line(file.columns)}"
    return f"[data.{file.name}] # {facts}{repeated}{unread}\n{source}"


def _control(choices: Choices) -> str:
    size, source = choices.control_size, json.dumps(f"data:{choices.control_of}")
    why = "a random draw of equal size, so that size alone decides nothing" if "size_of" in size else "half of the rows"
    return f'[data.{choices.control}] # {why}\nsource = {source}\nselect = {{ by = "random", {size} }}'


def _recipe(recipe: str, rate: str, choices: Choices) -> str:
    lora = "\nlora = { r = 16, alpha = 32 }" if recipe == "lora" else ""
    return (
        f"[recipe.{recipe}]\nmethod = {json.dumps(recipe)}\n"
        f"learning_rate = {rate} # a start; a run can choose it from several, see docs/recipes.md\n"
        f"max_length = {choices.max_length} # holds 99% of the rows whole, or is the model's limit{lora}"
    )


def _evals(files: Sequence[Looked], choices: Choices) -> list[str]:
    """The answers to held-out prompts of each file that is compared, and the loss on those of the first."""
    heldout = _held_out(files[0], choices)
    if files[0].answers.text:
        return [f'[[eval]]\nname = "heldout"\nkind = "loss"\nrole = "target"\n{heldout}']
    note = "a diagnostic: a lower loss is not a better answer"
    loss = f'[[eval]]\nname = "heldout" # {note}\nkind = "loss"\n{heldout}'
    return [*(_answers(name, file, choices) for name, file in targets(files, choices.goal).items()), loss]


def _answers(name: str, file: Looked, choices: Choices) -> str:
    form = '\nformat = { by = "json" } # nearly all answers are JSON' if file.answers.json else ""
    return (
        f'[[eval]]\nname = {json.dumps(name)}\nkind = "generation"\n{_held_out(file, choices)}\n'
        f"metrics = {json.dumps([*metrics_for(file.answers)])}{form}\n"
        f"decoding = {{ max_new_tokens = {answer_tokens(file.answers, choices.context_length)} }}"
    )


def _held_out(file: Looked, choices: Choices) -> str:
    select = f'select = {{ by = "holdout", size = {choices.held_out} }}'
    return f'data = {{ source = "data:{file.name}", {select} }} # no arm trains on these'


def _claims(files: Sequence[Looked], choices: Choices) -> list[str]:
    """The goal's claim on each target eval: on one file's rows alone, the arm that trains on that file is favoured."""
    return [
        f"[[claim]]\nsays = {json.dumps(choices.claim)}\non = {json.dumps(name)}\n"
        "margin = 0.0 # FILL IN before the first run: a difference on this eval that would not matter to you"
        for name in targets(files, choices.goal)
    ]
