"""The draft as the text of a suite file, each choice with its reason."""

import json
from collections.abc import Iterator, Sequence

from bench.draft.choose import STEP_ROWS, Choices, Goal, answer_tokens, metrics_for, targets, two_digits
from bench.draft.look import Looked, LookedBase, columns_line
from bench.draft.quiz import Quiz
from bench.run.display import duration
from bench.run.estimate.job_costs import rough_seconds

SEEDS = 3
_LONG_SECONDS = 3600.0
"""Trainings that take longer are a choice that the draft names."""

_QUESTIONS: dict[Goal, str] = {
    "tune": "Does training on {first} beat the base?",
    "data": "Which rows train better: {all}?",
    "method": "Does LoRA train as well as full fine-tuning on {first}?",
}


def suite_text(
    name: str, base: LookedBase, files: Sequence[Looked], choices: Choices, quizzes: Sequence[Quiz] = ()
) -> str:
    """The suite as TOML. quizzes: files of questions, each an eval of its own."""
    blocks = [
        _head(name, files, choices),
        f"[model]\n{base.table}\n{_template(base, files[0])}",
        *(_file(file) for file in files),
        *_control(choices),
        *(_recipe(recipe, rate, choices) for recipe, rate in zip(choices.recipes, choices.rates, strict=True)),
        f"{_budget(base, choices)}",
        f"[arms]\ndata = {json.dumps([*choices.data])}\nrecipe = {json.dumps([*choices.recipes])}",
        *_evals(files, choices),
        *(quiz.eval_table for quiz in quizzes),
        *_claims([*targets(files, choices.goal), *(quiz.spec.name for quiz in quizzes)], choices),
    ]
    return "\n\n".join(blocks) + "\n"


def _head(name: str, files: Sequence[Looked], choices: Choices) -> str:
    names = ", ".join(file.name for file in files)
    question = _QUESTIONS[choices.goal].format(first=files[0].name, all=names)
    return (
        "# Drafted by `bench init` from the files below. Read it, set the margin at the end, then: bench plan.\n"
        f"name = {json.dumps(name)}\nquestion = {json.dumps(question)}\n"
        f"seeds = {[*range(SEEDS)]} # trainings of each arm: fewer say less of how far seeds matter\n"
        f"control = {json.dumps(choices.control)} # beside the base, every arm is compared with it"
    )


def _budget(base: LookedBase, choices: Choices) -> str:
    """The budget, with the time of all trainings where it is no short one."""
    table = f'unit = "tokens"\namount = {choices.budget_tokens:_}'
    head = "[budget] # the same for every arm: 3 epochs of the smallest file"
    if (remark := long_training(base, choices)) is not None:
        head += "\n# " + remark.replace("; ", "\n# ", 1)
    return f"{head}\n{table}"


def long_training(base: LookedBase, choices: Choices) -> str | None:
    """How long all trainings take, and what takes an hour; `None` where they take no longer."""
    seconds = training_seconds(base, choices)
    if seconds is None or seconds < _LONG_SECONDS:
        return None
    short = two_digits(int(choices.budget_tokens * _LONG_SECONDS / seconds))
    return (
        f"all trainings take very roughly {duration(seconds)} here, without evals; "
        f"for a first look: amount = {short:_}, about an hour of training, or fewer seeds"
    )


def training_seconds(base: LookedBase, choices: Choices) -> float | None:
    """Rough seconds of all trainings of the draft on this machine; `None` where the base's size is not known."""
    if base.parameters is None:
        return None
    tokens = choices.budget_tokens * len(choices.data) * SEEDS
    return sum(
        rough_seconds(parameters=base.parameters, trained=base.parameters if recipe == "full" else 0, slots=tokens)
        for recipe in choices.recipes
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


def _control(choices: Choices) -> Iterator[str]:
    size, source = choices.control_size, json.dumps(f"data:{choices.control_of}")
    if size is None:
        return
    why = "a random draw of equal size, so that size alone decides nothing" if "size_of" in size else "half of the rows"
    yield f'[data.{choices.control}] # {why}\nsource = {source}\nselect = {{ by = "random", {size} }}'


def _recipe(recipe: str, rate: str, choices: Choices) -> str:
    lora = "\nlora = { r = 16, alpha = 32 }" if recipe == "lora" else ""
    return (
        f"[recipe.{recipe}]\nmethod = {json.dumps(recipe)}\n"
        f"learning_rate = {rate} # a start; a run can choose it from several, see docs/recipes.md\n"
        f"max_length = {choices.max_length} # holds 99% of the rows whole, or is the model's limit"
        f"{_batch(choices)}{lora}"
    )


def _batch(choices: Choices) -> str:
    """The lines that share long rows of a step out over several passes; none where one pass holds them."""
    passes = STEP_ROWS // choices.batch_rows
    if passes == 1:
        return ""
    why = f"# {passes} passes make a step of {STEP_ROWS} rows: memory follows the longest pass"
    return f"\nbatch_rows = {choices.batch_rows} {why}\naccumulation = {passes}"


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


def _claims(evals: Sequence[str], choices: Choices) -> list[str]:
    """The goal's claim on each target eval: on one file's rows alone, the arm that trains on that file is favoured."""
    return [
        f"[[claim]]\nsays = {json.dumps(choices.claim)}\non = {json.dumps(name)}\n"
        "margin = 0.0 # FILL IN before the first run: a difference on this eval that would not matter to you"
        for name in evals
    ]
