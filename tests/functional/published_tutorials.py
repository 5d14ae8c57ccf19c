"""What the tutorials publish, rebuilt: the shape of their rows, ids and labels of a row, batches and rates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fakes.checkpoints import Architecture

ROWS = 50
IGNORED = -100

Example = tuple[list[int], list[int]]
"""Ids and labels of one row."""


def alpaca(number: int) -> dict[str, Any]:
    given = f"{number} white ducks" if number % 3 == 0 else ""
    said = f"There are {number} cows near it." + " They graze by the river." * (number % 5)
    return {"instruction": f"Count the cows near town {number}.", "input": given, "output": said}


def alpaca_with_gaps(number: int) -> dict[str, Any]:
    """Some of the published rows have no output, and of some the prompt alone is longer than the cut."""
    without = {"output": ""} if number % 17 == 5 else {"instruction": "cows " * 300} if number == 11 else {}
    return {**alpaca(number), **without}


def chat(number: int) -> dict[str, Any]:
    turns = [("user", "Hello!"), ("assistant", "Hi there."), ("user", f"And {number}?"), ("assistant", "A few sheep.")]
    if number % 4 == 0:
        turns = [("system", "Be brief."), *turns]
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def review(number: int) -> dict[str, Any]:
    return {"text": f"The film number {number} is about a baker who lives near the river.", "label": number % 2}


def two_rows(number: int) -> dict[str, Any]:
    return {"text": f"Human: What is {number}?\nAssistant: It is a number of sheep."}


def distilgpt2_example(tokenizer: Any, row: dict[str, Any]) -> Example:
    prompt = row["instruction"] + (": " + row["input"] if row["input"] else "")
    asked = tokenizer(prompt, add_special_tokens=False).input_ids
    said = tokenizer(row["output"], add_special_tokens=False).input_ids
    return (asked + said)[:256], ([IGNORED] * len(asked) + said)[:256]


def gpt2_example(tokenizer: Any, row: dict[str, Any]) -> Example:
    """Padded to 256 with the end token, which is masked wherever it is."""
    template = (
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
        "### Instruction:\n{instruction}\n\n### Response:\n{response}"
    )
    text = template.format(instruction=row["instruction"], response=row["output"])
    start = len(tokenizer(template.format(instruction=row["instruction"], response="")).input_ids)
    ids = tokenizer(text).input_ids[:256]
    ids = ids + [tokenizer.eos_token_id] * (256 - len(ids))
    labels = [IGNORED if at < start or token == tokenizer.eos_token_id else token for at, token in enumerate(ids)]
    return ids, labels


def smollm2_example(tokenizer: Any, row: dict[str, Any]) -> Example:
    names = {"system": "System", "user": "User", "assistant": "Assistant"}
    end = tokenizer.eos_token
    lines = [
        f"{names[turn['role']]}: {turn['content']}" + (f" {end}" if turn["role"] == "assistant" else "")
        for turn in row["messages"]
    ]
    ids = tokenizer("\n".join(lines), add_special_tokens=False).input_ids
    return ids, list(ids)


def text_example(tokenizer: Any, row: dict[str, Any]) -> Example:
    ids = [*tokenizer(row["text"]).input_ids, tokenizer.eos_token_id]
    return ids, list(ids)


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published procedure, and the arm that follows it."""

    architecture: Architecture
    data: str
    recipe: str
    row: Callable[[int], dict[str, Any]]
    example: Callable[[Any, dict[str, Any]], Example]
    batch: int
    accumulation: int
    rate: Callable[[int, int], float]
    """Of step (from 0) and all steps."""
    epochs: int = 1
    rows: int = ROWS
    held: int = 0
    """The last rows, which are evaluated."""
    batch_means: bool = False
    decay: float = 0.0
    lora: bool = False
    overrides: tuple[str, ...] = ()


def linear(peak: float) -> Callable[[int, int], float]:
    return lambda step, steps: peak * (steps - step) / steps


PUBLISHED = {
    "distilgpt2_alpaca": Published(
        architecture="gpt2", data="alpaca", recipe="published", row=alpaca_with_gaps, example=distilgpt2_example,
        batch=1, accumulation=10, rate=linear(5e-5),
        overrides=("recipe.published.accumulation=10", "run.log_every=2"),
    ),
    "gpt2_alpaca_cleaned": Published(
        architecture="gpt2", data="cleaned", recipe="published", row=alpaca_with_gaps, example=gpt2_example, batch=4,
        accumulation=4, rate=lambda step, steps: 2e-4 * step / 100, held=5, batch_means=True, decay=0.01,
        overrides=("data.cleaned.select.size=50", "run.log_every=1"),
        rows=60,
    ),
    "smollm2_chat": Published(
        architecture="llama", data="chat", recipe="published", row=chat, example=smollm2_example, batch=1,
        accumulation=8, rate=linear(8e-5), rows=60,
        overrides=("data.chat.select.size=50",
                   "recipe.published.max_length=256", "recipe.on_answers.max_length=256"),
    ),
    "dialogpt_lora": Published(
        architecture="gpt2", data="two_rows", recipe="lora", row=two_rows, example=text_example, batch=1,
        accumulation=1, rate=linear(5e-4), lora=True, rows=2, overrides=("recipe.lora.lora.dropout=0.0",),
    ),
    "opt_text": Published(
        architecture="opt", data="reviews", recipe="text", row=review, example=text_example, batch=8,
        accumulation=1, rate=linear(5e-5), epochs=3, overrides=("recipe.text.max_length=256",),
    ),
}  # fmt: skip
