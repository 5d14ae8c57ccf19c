"""A real base that knows nothing of the questions: every cell is at chance, and the report says so by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

EXAMPLES = 250
SUITE = """
name = "stories"
question = "Does a base of 260 thousand parameters know science or common sense?"
seeds = [0]

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

[[claim]]
says = "stories/full > base"
on = "science"
"""


def tasks(shared: Path, folder: Path) -> None:
    """The published questions as local task files, every 9th or so of them."""
    arc = json.loads((shared / "data" / "arc" / "arc_easy_test.json").read_text(encoding="utf-8"))
    hella = (shared / "data" / "hellaswag" / "hellaswag_val.jsonl").read_text(encoding="utf-8").splitlines()
    picked = {
        "arc_easy": [json.dumps(row) for row in arc[:: max(1, len(arc) // EXAMPLES)][:EXAMPLES]],
        "hellaswag": hella[:: max(1, len(hella) // EXAMPLES)][:EXAMPLES],
    }
    keys = {
        "arc_easy": {
            "doc_to_text": "{{instruction}}\n",
            "doc_to_choice": ["answer1", "answer2", "answer3", "answer4"],
            "doc_to_target": "{{answer}}",
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        },
        "hellaswag": {
            "doc_to_text": "{{ctx}}",
            "doc_to_choice": "endings",
            "doc_to_target": "label",
            "metric_list": [{"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True}],  # as published
        },
    }
    folder.mkdir()
    for name, lines in picked.items():
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        fields = {
            "task": f"local_{name}",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}},
            "test_split": "test",
            "output_type": "multiple_choice",
            **keys[name],
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=folder,
        env={**os.environ, "BENCH_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


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
    verdicts = {
        (found["arm"], found["measurand"]): found["name"] for found in report["sanity"] if "chance" in found["name"]
    }
    for arm in ("base", "stories/full"):
        assert verdicts[arm, "science"] == "at chance"
        # HellaSwag's wrong endings were chosen to look likely: who only looks at words may fall below guessing.
        assert verdicts[arm, "sense"] in {"at chance", "below chance"}
    for result in report["results"]:
        assert result["chance"] == 0.25
        assert result["low"] <= result["chance"]
    assert report["claims"][0]["verdict"] == "inconclusive", "two steps taught it no science"
    text = (tmp_path / "reports" / "stories" / "latest" / "report.md").read_text(encoding="utf-8")
    assert text.count("**at chance**") + text.count("**below chance**") == 4
    assert "includes chance, 0.25" in text
    assert "at chance" in done.stdout
    assert {one["eval"] for one in report["contamination"]["checked"]} == {"science", "sense"}
