"""What a first suite holds, chosen from the base, the files and the user's goal.

Contract: pure. Sizes follow from the rows: lengths from their tokens, the budget from the smallest file, the hold-out
from the number of rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Literal

from bench.draft.look import Answers, Looked, LookedBase

Goal = Literal["tune", "data", "method"]
"""`tune`: does training on these rows beat the base? `data`: which file trains better? `method`: LoRA or full?"""

_SHORT_WORDS = 6
_LARGE_PARAMETERS = 1_000_000_000
_EPOCHS = 3
STEP_ROWS = 16
"""Rows of an optimiser step: the default of recipes."""
_PASS = 8192
"""Positions of a forward pass at most: the logits of one take 1.6 GB for a vocabulary of 49,152 in fp32."""
_HELD_OUT = (20, 200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Everything that the draft says beside the user's words."""

    goal: Goal
    recipes: tuple[str, ...]
    """`full`, `lora`."""
    rates: tuple[str, ...]
    """Learning rate of each recipe, as written."""
    data: tuple[str, ...]
    """Arms' data, the control among them."""
    control: str
    """Name of the random subset that has the size of another file, or half of the only one; of the second file where
    all are of one size."""
    control_of: str
    """The file that the subset is drawn from."""
    control_size: str | None
    """Size of the subset, as a key of `select`; `None` where the control is a file."""
    max_length: int
    batch_rows: int
    """Rows of one forward pass, so many that a pass of the longest ones has `_PASS` positions; 16 rows a step."""
    budget_tokens: int
    held_out: int
    """Rows of a file that no arm trains on."""
    context_length: int
    """Context length of the base."""
    claim: str


def choose(base: LookedBase, files: Sequence[Looked], goal: Goal) -> Choices:
    """The choices for at least one file."""
    first, last = files[0], max(files, key=lambda file: file.shown.rows)
    small = min(files, key=lambda file: file.shown.rows)
    recipes = _recipes(base, goal)
    alone = len(files) == 1
    alike = not alone and last.shown.rows == small.shown.rows
    control = f"{first.name}_half" if alone else files[1].name if alike else f"{last.name}_{small.shown.rows}"
    longest = max(file.length_of(0.99) for file in files)
    max_length = min(base.context_length, _round_up(longest))
    rows = small.shown.rows
    held_out = min(_HELD_OUT[1], max(_HELD_OUT[0], rows // 10), max(1, rows // 2))
    half = max(1, (first.shown.rows - held_out) // 2)
    return Choices(
        goal=goal,
        recipes=recipes,
        rates=tuple(_rate(recipe, base) for recipe in recipes),
        data=tuple(dict.fromkeys((*(file.name for file in files), control))),
        control=control,
        control_of=first.name if alone else last.name,
        control_size=f"size = {half}" if alone else None if alike else f'size_of = "{small.name}"',
        max_length=max_length,
        batch_rows=max(1, min(STEP_ROWS, 1 << (max(1, _PASS // max_length).bit_length() - 1))),
        budget_tokens=two_digits(_EPOCHS * min(file.tokens for file in files)),
        held_out=held_out,
        context_length=base.context_length,
        claim=_claim(goal, files, control, recipes),
    )


def _recipes(base: LookedBase, goal: Goal) -> tuple[str, ...]:
    """LoRA alone for a large base, whose full fine-tuning takes several times its size in memory."""
    if goal == "method":
        return ("full", "lora")
    return ("lora",) if (base.parameters or 0) >= _LARGE_PARAMETERS else ("full",)


def _rate(recipe: str, base: LookedBase) -> str:
    """Small models take larger rates."""
    small = (base.parameters or _LARGE_PARAMETERS) < 20_000_000
    return {("full", True): "5e-4", ("lora", True): "5e-3", ("full", False): "1e-5", ("lora", False): "2e-4"}[
        recipe, small
    ]


def targets(files: Sequence[Looked], goal: Goal) -> dict[str, Looked]:
    """The evals that decide, by name, with the file whose held-out rows it has: each file where files are compared."""
    if files[0].answers.text:
        return {"heldout": files[0]}
    if goal != "data" or len(files) == 1:
        return {"answers": files[0]}
    return {f"answers_{file.name}": file for file in files if not file.answers.text}


def answer_tokens(answers: Answers, context_length: int) -> int:
    """Longest answer to ask for, within half of the context: twice the median answer, and nearly every one where its
    end decides, as that of a number or of JSON."""
    words = answers.long_words if answers.numbers or answers.json else 2 * answers.words
    return min(context_length // 2, _round_up(round(words * answers.tokens_per_word) + 8))


def metrics_for(answers: Answers) -> tuple[str, ...]:
    """Metrics that fit the answers: numbers, a few words, or more."""
    if answers.numbers:
        return ("numeric",)
    if answers.words <= _SHORT_WORDS:
        return ("exact_match", "token_f1")
    return ("rouge",)


def _claim(goal: Goal, files: Sequence[Looked], control: str, recipes: Sequence[str]) -> str:
    arm = f"{files[0].name}/{recipes[-1]}"
    if goal == "method":
        return f"{files[0].name}/lora >= {files[0].name}/full"
    if goal == "data" and len(files) > 1:
        small = min(files, key=lambda file: file.shown.rows)
        return f"{small.name}/{recipes[-1]} > {control}/{recipes[-1]}"
    return f"{arm} > {control}/{recipes[-1]}" if goal == "data" else f"{arm} > base"


def _round_up(tokens: int) -> int:
    """The next power of two, at least 16."""
    size = 16
    while size < tokens:
        size *= 2
    return size


def two_digits(count: int) -> int:
    digits = max(0, floor(log10(max(1, count))) - 1)
    return max(1, round(count, -digits))
