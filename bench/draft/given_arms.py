"""A first suite for weights that were trained elsewhere: each is an arm, compared with the base and with each other."""

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.draft.choose import answer_tokens, metrics_for
from bench.draft.flags import told_by_flags
from bench.draft.look import Looked, LookedBase, look
from bench.draft.named_inputs import model_table, named_sources, relative
from bench.draft.quiz import quizzes_of, refuse_multiple_choice
from bench.draft.write import refuse_existing, save
from bench.errors import InputError, Problem
from bench.run.process.server import ChildServer
from bench.suite.peft_files import ADAPTER_CONFIG
from bench.suite.tables.models.endpoint import EndpointSpec

_EXAMPLES = 200
_EMBEDDED = 'card = "micro"'
"""The base whose tokenizer rows are looked at with, where a server hides its own."""
_PUBLISHED = (
    ('[[eval]] # its rows come from the hub\nname = "instructions"\nkind = "lm_eval"\ntasks = ["ifeval"]', False),
    (
        '[[eval]] # what tuning may forget; its rows come from the hub\nname = "knowledge"\nkind = "lm_eval"\n'
        'tasks = ["arc_easy"]\nmetric = "acc_norm"\ntemplate = "none"\nrole = "retention"',
        True,
    ),
)
"""Evals where there are no rows to ask about: published tasks, from the hub, and whether they score likelihoods."""


def draft_given(
    adapters: Sequence[str],
    weights: Sequence[str],
    *,
    endpoints: Sequence[str] = (),
    key_env: str | None = None,
    model: str | None,
    data: Sequence[str],
    template: str | None = None,
    context_length: int | None = None,
    out: Path,
    home: Path,
    server: ChildServer | None = None,
    tell: Callable[[str], None] = lambda doing: None,
) -> Path:
    """Write a suite that compares the folders (or hub ids) and served models to `out`, and return it.

    endpoints: each `MODEL@BASE_URL`. key_env: the variable that holds their key. model: the base; left out, the one
    that the first adapter names, else the first endpoint. data: rows that none of them was trained on.
    Raises `InputError` where `out` exists, where no base is known, and for what a run would refuse.
    """
    refuse_existing(out)
    folder = out.parent.resolve()
    served = served_tables(endpoints, key_env)
    if model is None and not adapters and served:
        table = f"endpoint = {served.pop(next(iter(served)))}"
    else:
        known: dict[str, Any] = {"template": template, "context_length": context_length}
        table = model_table(model, folder, **known) if model is not None else _named_base(adapters, folder, **known)
    sources = [*(("adapter", source) for source in adapters), *(("weights", source) for source in weights)]
    arms = {name: f"{form} = {json.dumps(source)}" for name, (form, source) in _named(sources, folder).items()}
    arms |= {name: f"endpoint = {spec}" for name, spec in served.items()}
    if not arms:
        what, hint = "one endpoint has nothing to be compared with", "name a second one, or a base: --model"
        raise InputError(Problem(reference="init.model", what=what, where="--endpoint", hint=hint))
    measured_by = _EMBEDDED if table.startswith("endpoint") else table
    look_at = functools.partial(look, measured_by, folder=folder, home=home, server=server)
    evals = _own_evals(named_sources(data, folder), folder, look_at, text_only=bool(endpoints), tell=tell)
    evals = evals or [published for published, by_likelihood in _PUBLISHED if not (endpoints and by_likelihood)]
    return save(given_text(out.stem, table, arms, evals), out)


def _own_evals(
    sources: Mapping[str, str],
    folder: Path,
    look_at: Callable[[dict[str, str]], tuple[LookedBase, list[Looked]]],
    *,
    text_only: bool,
    tell: Callable[[str], None],
) -> list[str]:
    """An eval for each source of rows, by name: answers are scored, a file of multiple choice is a quiz."""
    quizzes = {} if text_only else quizzes_of(sources, folder)
    evals = list[str]()
    if rows := {name: source for name, source in sources.items() if name not in quizzes}:
        tell("looking at the rows")
        with told_by_flags():
            base, looked = look_at(rows)
        refuse_multiple_choice(looked)
        evals = [_eval(file, base.context_length, text_only=text_only) for file in looked]
    return [*evals, *(quiz.eval_table for quiz in quizzes.values())]


def given_text(name: str, model: str, arms: dict[str, str], evals: Sequence[str]) -> str:
    """The suite as TOML. arms: the line that says where each is, by name."""
    names = [f"given/{arm}" for arm in arms]
    first_eval = next(line for line in evals[0].splitlines() if line.startswith("name = ")).partition(" = ")[2]
    sides = [f"{names[0]} > {names[1]}"] if len(names) == 2 else [f"{arm} > base" for arm in names]
    question = (
        "Which is better: " + ", ".join(arms) + "?" if len(arms) > 1 else f"Is {next(iter(arms))} better than its base?"
    )
    blocks = [
        f"# Drafted by `bench init`. What was trained elsewhere: see docs/arms.md.\nname = {json.dumps(name)}\n"
        f"question = {json.dumps(question)}",
        f"[model]\n{model}",
        *(f"[arms.given.{arm}]\n{line}" for arm, line in arms.items()),
        *evals,
        *(f"[[claim]]\nsays = {json.dumps(side)}\non = {first_eval}" for side in sides),
    ]
    return "\n\n".join(blocks) + "\n"


def served_tables(endpoints: Sequence[str], key_env: str | None) -> dict[str, str]:
    """The TOML of each served model, by a name made of the model's own. Raises `InputError` for what is no
    `MODEL@BASE_URL`, or no endpoint."""
    tables: dict[str, str] = {}
    for endpoint in endpoints:
        model, _, rest = endpoint.rpartition("@http")
        keys = {"base_url": f"http{rest}", "model": model, **({} if key_env is None else {"key_env": key_env})}
        try:
            spec = EndpointSpec.model_validate(keys)
        except ValidationError as error:
            why = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
            hint = "such as --endpoint my-model@http://localhost:8000/v1; a key: --key-env OPENAI_API_KEY"
            what = f"{endpoint!r} is no MODEL@BASE_URL: {why}"
            raise InputError(Problem(reference="init.endpoint", what=what, where="--endpoint", hint=hint)) from None
        name = re.sub(r"[^\w-]+", "_", spec.model.rpartition("/")[2]).strip("_") or "served"
        number = sum(other == name or other.startswith(f"{name}_") for other in tables)
        inline = ", ".join(f"{key} = {json.dumps(getattr(spec, key))}" for key in keys)
        tables[name if number == 0 else f"{name}_{number + 1}"] = f"{{ {inline} }}"
    return tables


def _eval(file: Looked, context_length: int, *, text_only: bool) -> str:
    size = min(_EXAMPLES, file.shown.rows)
    data = f'data = {{ source = {json.dumps(file.source)}, select = {{ by = "random", size = {size} }} }}'
    note = "rows that none of them was trained on, or this says nothing"
    if file.answers.text and text_only:
        what = (
            f"{file.source} holds plain text, which only its loss could be taken of: an endpoint gives no likelihoods"
        )
        hint = "give rows with a question: --data questions.jsonl"
        raise InputError(Problem(reference="init.data", what=what, where="--data", hint=hint))
    if file.answers.text:
        return f'[[eval]] # {note}\nname = {json.dumps(file.name)}\nkind = "loss"\nrole = "target"\n{data}'
    return (
        f'[[eval]] # {note}\nname = {json.dumps(file.name)}\nkind = "generation"\n{data}\n'
        f"metrics = {json.dumps([*metrics_for(file.answers)])}\n"
        f"decoding = {{ max_new_tokens = {answer_tokens(file.answers, context_length)} }}"
    )


def _named(sources: Sequence[tuple[str, str]], folder: Path) -> dict[str, tuple[str, str]]:
    """Form and folder by a name made of the end of the path, as much of it as tells them apart."""
    whole = [re.sub(r"[^\w/-]+", "_", source).strip("/_").split("/") for _, source in sources]
    parts = next(
        size for size in range(1, 99) if len({tuple(path[-size:]) for path in whole}) == len(whole) or size > 9
    )
    arms: dict[str, tuple[str, str]] = {}
    for (form, source), path in zip(sources, whole, strict=True):
        local = Path(source).expanduser()
        arms["_".join(path[-parts:]) or "given"] = (form, relative(local, folder) if local.exists() else source)
    return arms


def _named_base(adapters: Sequence[str], folder: Path, **known: Any) -> str:
    """The table of the first base that an adapter names and that is a card, a hub id or a folder of this machine."""
    elsewhere = list[str]()
    for adapter in adapters:
        try:
            config = json.loads((Path(adapter).expanduser() / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(config, dict) and isinstance(named := config.get("base_model_name_or_path"), str):
            try:
                return model_table(named, folder, **known)
            except InputError:
                elsewhere.append(f"{adapter} was trained on {named}, which is not on this machine")
    what = "; ".join(elsewhere) or "no adapter's configuration names a base"
    hint = "name the base: --model FOLDER, a card or a hub id"
    raise InputError(Problem(reference="init.model", what=what, where="--model", hint=hint))
