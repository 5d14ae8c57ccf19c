"""A small valid suite file on disk, as a user writes it, with rows, tasks and a folder that passes for a model."""

import json
from pathlib import Path

from tests.fakes.suites import fake_model

SUITE = """
name = "small"
question = "Does it work?"
seeds = [0]
control = "other"

[model]
path = "model"

[data.rows]
source = "rows.jsonl"
[data.other]
source = "data:rows"
select = { by = "random", size = 4 }

[recipe.full]
method = "full"
learning_rate = 1e-3
[recipe.lora]
method = "lora"
learning_rate = 1e-2
lora = { r = 2 }

[budget]
unit = "steps"
amount = 2

[arms]
data = ["rows", "other"]
recipe = ["full", "lora"]

[[eval]]
name = "questions"
kind = "lm_eval"
tasks = ["toy"]
include = "tasks"

[[eval]]
name = "heldout"
kind = "loss"
data = { source = "data:rows", select = { by = "holdout", size = 2 } }

[[claim]]
says = "rows/full >= other/full"
on = "questions"
margin = 0.02

[profile.long]
budget.amount = 20
"""

TASK = """
task: toy
dataset_path: json
dataset_kwargs:
  data_files:
    test: toy.jsonl
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: ["yes", "no"]
doc_to_target: answer
metric_list:
  - metric: acc
  - metric: acc_norm
"""


def write_rows(path: Path, count: int = 20) -> Path:
    """Alpaca rows as JSON Lines."""
    rows = ({"instruction": f"Count to {i}.", "input": "", "output": f"I count {i}."} for i in range(count))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_suite(folder: Path, text: str = SUITE, *, replace: dict[str, str] | None = None) -> Path:
    """`suite.toml` with all that it names beside it. The first of each key of `replace` in `text` is replaced."""
    for old, new in (replace or {}).items():
        assert old in text, f"the small suite has no {old!r}"
        text = text.replace(old, new, 1)
    fake_model(folder / "model")
    write_rows(folder / "rows.jsonl")
    (folder / "tasks").mkdir(exist_ok=True)
    (folder / "tasks" / "toy.yaml").write_text(TASK)
    (folder / "tasks" / "toy.jsonl").write_text('{"question": "Is it?", "answer": 0}\n')
    path = folder / "suite.toml"
    path.write_text(text, encoding="utf-8")
    return path
