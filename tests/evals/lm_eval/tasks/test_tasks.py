"""Finding tasks, and refusing task files that would run code."""

import json
import time
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest
import yaml
from lm_eval.tasks import TaskManager

from bench.errors import InputError
from bench.evals.lm_eval.tasks.tasks import _complete, _manager, load_tasks
from bench.suite.resolved import UNREACHABLE
from tests.evals.jobs import metric, write_choice, write_qa, write_task


def add(path: Path, line: str) -> None:
    path.write_text(path.read_text() + line + "\n")


def test_groups_and_tags_give_their_tasks(tmp_path: Path) -> None:
    """A suite may name a group; its members are scored one by one."""
    write_choice(tmp_path, "one", count=3, tag="numbers")
    write_choice(tmp_path, "two", count=3, tag="numbers")
    write_choice(tmp_path, "three", count=3)
    group = {"group": "all", "task": ["three", {"group": "inner", "task": ["one"]}]}
    (tmp_path / "all.yaml").write_text(yaml.safe_dump(group))
    tasks = load_tasks(["all"], tmp_path).tasks
    assert set(tasks) == {"three", "one"}
    tasks = load_tasks(["numbers"], tmp_path).tasks
    assert set(tasks) == {"one", "two"}


def test_data_files_are_found_beside_the_task_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task folder must work from wherever `bench` is called, and nothing may be copied into a cache."""
    write_choice(tmp_path / "tasks" / "deep", count=5)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    tasks = load_tasks(["choice"], tmp_path / "tasks").tasks
    assert len(tasks["choice"].eval_docs) == 5
    assert not (tmp_path / "cache").exists()


def test_an_included_file_counts_as_part_of_the_task(tmp_path: Path) -> None:
    base = write_choice(tmp_path, "base", count=3)
    base.rename(tmp_path / "base.part")
    (tmp_path / "child.yaml").write_text("include: base.part\ntask: child\n")
    tasks = load_tasks(["child"], tmp_path).tasks
    assert set(tasks) == {"child"}
    add(tmp_path / "base.part", "process_docs: !function os.system")
    with pytest.raises(InputError, match=r"base.part refers to a Python function"):
        load_tasks(["child"], tmp_path)


def test_an_unknown_name_gets_the_nearest_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = TaskManager.__init__

    def without_the_seconds(self: TaskManager, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **{**options, "include_defaults": False})

    monkeypatch.setattr(TaskManager, "__init__", without_the_seconds)
    write_choice(tmp_path, "capitals", count=2)
    with pytest.raises(InputError) as caught:
        load_tasks(["capitls"], tmp_path)
    assert caught.value.problems[0].reference == "tasks.unknown"
    assert caught.value.problems[0].hint == "did you mean 'capitals'?"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("process_results: !function os.system", "refers to a Python function"),
        ("class: !function os.system", "refers to a Python function"),
        ("use_prompt: 'promptsource:*'", "has the key 'use_prompt'"),
        ("dataset_path: pandas", "reads rows with 'pandas'"),
        ("metric_list: [{metric: ./mine, aggregation: mean, higher_is_better: true}]", "uses the metric './mine'"),
        ("metric_list: [{metric: acc, hf_evaluate: true}]", "uses the metric 'acc'"),
    ],
)
def test_a_task_file_from_elsewhere_cannot_run_code(tmp_path: Path, change: str, said: str) -> None:
    """A suite someone was sent must not be able to run a program on their machine."""
    path = write_choice(tmp_path, count=2)
    config = yaml.safe_load(path.read_text())
    config.pop(change.partition(":")[0], None)
    path.write_text(yaml.safe_dump(config))
    add(path, change)
    with pytest.raises(InputError) as caught:
        load_tasks(["choice"], tmp_path)
    assert said in str(caught.value)
    assert caught.value.problems[0].where == str(path.resolve())


def test_only_the_files_that_are_used_are_judged(tmp_path: Path) -> None:
    """One file with code beside a harmless one does not forbid the harmless one."""
    write_choice(tmp_path, count=2)
    add(write_qa(tmp_path, count=2), "process_results: !function os.system")
    assert set(load_tasks(["choice"], tmp_path).tasks) == {"choice"}


def test_trusted_code_runs(tmp_path: Path) -> None:
    """Whoever asked for it on the command line gets it."""
    (tmp_path / "own.py").write_text("def text(doc):\n    return 'Q: ' + doc['question']\n")
    path = write_choice(tmp_path, count=2)
    config = {key: value for key, value in yaml.safe_load(path.read_text()).items() if key != "doc_to_text"}
    path.write_text(yaml.safe_dump(config))
    add(path, "doc_to_text: !function own.text")
    tasks = load_tasks(["choice"], tmp_path, trust_code=True).tasks
    task = tasks["choice"]
    assert task.doc_to_text(task.eval_docs[0]).startswith("Q: ")


def test_templates_cannot_reach_python(tmp_path: Path) -> None:
    """Jinja without a sandbox runs any program that a task file names."""
    write_choice(tmp_path, count=2, doc_to_text="{{ ''.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(InputError, match="unsafe"):
        load_tasks(["choice"], tmp_path)


def test_rows_that_cannot_be_had_are_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a hub, a hub task must say so at once, by the name of its rows, and not show a traceback: the hub's
    library asked five times more for each data set, and every eval of a plan waited half a minute."""
    paused: list[float] = []
    nobody = "http://127.0.0.1:9"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", nobody)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", nobody)
    for library in (huggingface_hub.constants, datasets.config):
        monkeypatch.setattr(library, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(time, "sleep", paused.append)
    path = write_choice(tmp_path, count=2)
    config = {**yaml.safe_load(path.read_text()), "dataset_path": "nobody/nothing", "dataset_kwargs": None}
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(InputError, match="choice cannot be loaded: nobody/nothing cannot be had") as caught:
        load_tasks(["choice"], tmp_path)
    [problem] = caught.value.problems
    assert problem.reference == UNREACHABLE
    assert "hub" in (problem.hint or "")
    assert not paused
    assert not huggingface_hub.constants.HF_HUB_OFFLINE, "the next data set may be asked for again"


def test_broken_rows_are_named(tmp_path: Path) -> None:
    write_choice(tmp_path, count=2)
    (tmp_path / "choice.jsonl").write_text('{"question": "a"}\n{"question"\n')
    with pytest.raises(InputError, match="row 2"):
        load_tasks(["choice"], tmp_path)
    (tmp_path / "choice.jsonl").write_text("")
    with pytest.raises(InputError, match="no rows"):
        load_tasks(["choice"], tmp_path)
    (tmp_path / "choice.jsonl").unlink()
    with pytest.raises(InputError, match="does not exist"):
        load_tasks(["choice"], tmp_path)


@pytest.mark.parametrize("name", ["arc_easy", "hellaswag", "gsm8k", "ifeval", "truthfulqa_mc2", "winogrande"])
@pytest.mark.usefixtures("no_whole_index")
def test_lm_evals_own_tasks_are_found_without_its_whole_index(name: str) -> None:
    manager = _manager([name], None)
    assert _complete([name], manager.task_index)


def test_own_tasks_win_over_lm_evals_of_the_same_name(tmp_path: Path) -> None:
    """A folder that the suite names is what the user means."""
    write_task(
        tmp_path,
        "hellaswag",
        [{"q": "a"}],
        output_type="generate_until",
        doc_to_text="{{q}}",
        doc_to_target="x",
        metric_list=[metric("exact_match")],
    )
    manager = _manager(["hellaswag", "arc_easy"], tmp_path)
    assert manager.task_index["hellaswag"].yaml_path == tmp_path / "hellaswag.yaml"
    assert "arc_easy" in manager.task_index


def test_lm_evals_own_task_takes_its_rows_from_a_folder(tmp_path: Path) -> None:
    """Without a hub a known benchmark must be its own task all the same: its prompts, metrics and few columns."""
    row = {"question": "Which is hot?", "choices": {"label": ["A", "B"], "text": ["fire", "ice"]}, "answerKey": "A"}
    (tmp_path / "arc_easy.jsonl").write_text(json.dumps(row) + "\n")
    task = load_tasks(["arc_easy"], None, rows=tmp_path).tasks["arc_easy"]
    assert list(task.eval_docs) == [row]
    assert task.doc_to_text(row) == "Question: Which is hot?\nAnswer:"
    assert {entry["metric"] for entry in task.config.metric_list} == {"acc", "acc_norm"}


def test_rows_that_a_folder_lacks_or_has_twice_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no arc_easy\.jsonl in the folder of rows"):
        load_tasks(["arc_easy"], None, rows=tmp_path)
    for suffix in ("json", "csv"):
        (tmp_path / f"arc_easy.{suffix}").write_text("[]")
    with pytest.raises(InputError, match="task arc_easy has rows in two files"):
        load_tasks(["arc_easy"], None, rows=tmp_path)
