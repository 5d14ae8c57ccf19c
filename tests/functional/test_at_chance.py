"""A real base that knows nothing of the questions: every cell is at chance, and the report says so by itself."""

import csv
import json
from pathlib import Path

import yaml

from tests.fakes.process import bench

EXAMPLES = 120
SUITE = """
name = "stories"
question = "Does a base of 260 thousand parameters know science or common sense?"
seeds = [0]
run.probe_steps = 0

[model]
path = {model}
template = "dialogue"

[data.stories]
source = "rows.jsonl"

[recipe.full]
method = "full"
learning_rate = 1e-4
max_length = 128

[budget]
unit = "steps"
amount = 2

[arms]
data = ["stories"]
recipe = ["full"]

[[eval]]
name = "science"
kind = "lm_eval"
tasks = ["local_arc_easy"]
include = "tasks"
template = "none"

[[eval]]
name = "sense"
kind = "lm_eval"
tasks = ["local_hellaswag"]
include = "tasks"
template = "none"

[[eval]]
name = "truth"
kind = "lm_eval"
tasks = ["local_truthfulqa"]
include = "tasks"
template = "none"

[[eval]]
name = "sums"
kind = "lm_eval"
tasks = ["local_gsm8k"]
include = "tasks"
template = "none"

[[claim]]
says = "stories/full > base"
on = "science"
"""


CHOICE = {"output_type": "multiple_choice"}
METRIC = {"aggregation": "mean", "higher_is_better": True}
TASKS: dict[str, dict[str, object]] = {
    "arc_easy": {
        **CHOICE,
        "doc_to_text": "{{instruction}}\n",
        "doc_to_choice": ["answer1", "answer2", "answer3", "answer4"],
        "doc_to_target": "{{answer}}",
        "metric_list": [{"metric": "acc", **METRIC}],
    },
    "hellaswag": {
        **CHOICE,
        "doc_to_text": "{{ctx}}",
        "doc_to_choice": "endings",
        "doc_to_target": "label",
        "metric_list": [{"metric": "acc_norm", **METRIC}],  # as published
    },
    "truthfulqa": {
        **CHOICE,
        "doc_to_text": "Q: {{question}}\nA:",
        "doc_to_choice": "options",
        "doc_to_target": 0,
        "metric_list": [{"metric": "acc", **METRIC}],
    },
    "gsm8k": {
        "output_type": "generate_until",
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_target": "{{answer.split('#### ')[-1]}}",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 16},
        "metric_list": [{"metric": "exact_match", **METRIC}],
    },
}


def published(shared: Path) -> dict[str, list[dict[str, object]]]:
    """The questions as they were published: every so many of them, or the shortest, whose scores cost a third as much,
    where all have four options."""
    data = shared / "data"
    lines = (data / "hellaswag" / "hellaswag_val.jsonl").read_text(encoding="utf-8").splitlines()
    with (data / "truthfulqa" / "TruthfulQA.csv").open(encoding="utf-8-sig", newline="") as file:
        truths = [
            {"question": row["Question"], "options": [row["Best Answer"], *row["Incorrect Answers"].split("; ")]}
            for row in csv.DictReader(file)
        ]
    sums = (data / "gsm8k" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    science = json.loads((data / "arc" / "arc_easy_test.json").read_text(encoding="utf-8"))
    return {
        "arc_easy": sorted(science, key=lambda row: len(str(row)))[:EXAMPLES],
        "hellaswag": [json.loads(line) for line in sorted(lines, key=len)[:EXAMPLES]],
        "truthfulqa": truths[:: len(truths) // EXAMPLES][:EXAMPLES],
        "gsm8k": [json.loads(line) for line in sums[:20]],
    }


def tasks(shared: Path, folder: Path) -> None:
    """Local task files with their rows beside them."""
    folder.mkdir()
    for name, rows in published(shared).items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        fields = {
            "task": f"local_{name}",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}},
            "test_split": "test",
            **TASKS[name],
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")


def test_a_base_that_knows_nothing_comes_out_at_chance_and_the_report_says_so(shared_dir: Path, tmp_path: Path) -> None:
    """Numbers near 25% look like ability to whoever does not know how many choices there were."""
    tasks(shared_dir, tmp_path / "tasks")
    row = {"instruction": "Tell a story.", "output": "Once upon a time there was a cat. The cat was happy."}
    (tmp_path / "rows.jsonl").write_text((json.dumps(row) + "\n") * 20, encoding="utf-8")
    model = json.dumps(str(shared_dir / "models" / "stories260k"))
    (tmp_path / "stories.toml").write_text(SUITE.replace("{model}", model), encoding="utf-8")
    done = bench(tmp_path, "run", "stories.toml", "--quiet")
    assert done.returncode == 0, done.stderr
    shown = bench(tmp_path, "report", "stories", "--json")
    assert shown.returncode == 0, shown.stderr
    report = json.loads(shown.stdout)
    verdicts = {(found["arm"], found["measurand"]): found["name"] for found in report["sanity"] if found["arm"]}
    for arm in ("base", "stories/full"):
        assert {name: verdicts[arm, name] for name in ("science", "sense", "truth", "sums")} == {
            "science": "at chance", "sense": "at chance", "truth": "at chance", "sums": "nothing right",
        }  # fmt: skip
    chances = {result["measurand"]["name"]: result["measurand"]["chance"] for result in report["results"]}
    assert (chances["science"], chances["sense"], chances["sums"]) == (0.25, 0.25, 0.0)
    assert 0.2 < chances["truth"] < 0.25, "the questions have unequal numbers of options"
    for result in report["results"]:
        assert result["value"]["low"] <= result["measurand"]["chance"] <= result["value"]["high"]
    assert report["claims"][0]["verdict"]["outcome"] == "inconclusive", "two steps taught it no science"
    text = (tmp_path / "reports" / "stories" / "latest" / "report.md").read_text(encoding="utf-8")
    assert text.count("**at chance**") == 6
    assert text.count("**nothing right**") == 2
    assert "includes chance, 0.25" in text
    assert "at chance" in done.stdout
    assert {one["eval"] for one in report["contamination"]["checked"]} == {"science", "sense", "truth", "sums"}
