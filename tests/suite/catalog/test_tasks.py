"""A misspelt task must be caught before training, and no task that lm-eval has may be refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.suite.catalog import folder_files
from bench.suite.catalog.folder_files import files_below
from bench.suite.catalog.task_code import installed_metrics
from bench.suite.catalog.tasks import installed_task_file, installed_task_names, local_tasks, task_metrics


def test_common_tasks_groups_and_tags_of_lm_eval_are_known() -> None:
    names = installed_task_names()
    assert {"ifeval", "hellaswag", "arc_easy", "mmlu", "mmlu_anatomy", "truthfulqa_mc1", "gsm8k", "norquad"} <= names
    assert "hellaswagg" not in names


def test_a_task_is_found_by_its_file_and_its_metrics_are_read() -> None:
    path = installed_task_file("arc_easy")
    assert path is not None
    assert task_metrics(path) == ("acc", "acc_norm")
    assert installed_task_file("no_such_task") is None


def test_task_files_are_read_without_running_what_they_name(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("task: a\nprocess_results: !function evil.run\n")
    (tmp_path / "b.yaml").write_text("group: b\ntask: [a]\n")
    (tmp_path / "part.yaml").write_text("metric_list:\n  - metric: acc\n")
    (tmp_path / "c.yml").write_text("include: part.yaml\ntask: c\n")
    found = local_tasks(tmp_path)
    assert sorted(found) == ["a", "b", "c"]
    assert task_metrics(found["c"]) == ("acc",)
    assert task_metrics(found["a"]) is None


def test_an_include_that_leads_back_ends(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("task: a\ninclude: a.yaml\n")
    assert task_metrics(tmp_path / "a.yaml") is None


@pytest.mark.parametrize("text", ["- 1\n", "a: [", "a: b: c", "\x00", "&a [*a]", "task: !!python/name:os.system x"])
def test_a_malformed_file_is_an_input_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        local_tasks(tmp_path)
    assert caught.value.problems[0].reference == "eval.task-file"


def test_the_shipped_micro_tasks_are_found(root: Path) -> None:
    assert {"micro_qa", "micro_choice", "micro_instructions", "micro_cloze"} <= set(
        local_tasks(root / "suites/tasks/micro")
    )


def test_a_disk_is_no_folder_of_task_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`include = "/"` read every file of the machine; what is below a bound is read."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for number in range(4):
        (tmp_path / "deep" / "er" / f"{number}.txt").write_text("x")
    (tmp_path / "a.yaml").write_text("task: a\n")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    monkeypatch.setattr(folder_files, "MOST_FILES", 5)
    assert list(local_tasks(tmp_path)) == ["a"]
    monkeypatch.setattr(folder_files, "MOST_FILES", 4)
    with pytest.raises(InputError, match="holds more than 4 files"):
        local_tasks(tmp_path)


def test_a_folder_of_task_files_is_small(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"x" * 100)
    assert files_below(tmp_path, where="include", most_bytes=100) == [tmp_path / "a.bin"]
    with pytest.raises(InputError, match="GiB"):
        files_below(tmp_path, where="include", most_bytes=99)


def test_a_folder_that_vanishes_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        local_tasks(tmp_path / "gone")


def test_lm_evals_metrics_are_known_without_it() -> None:
    from lm_eval.api import metrics  # fills the registry
    from lm_eval.api.registry import metric_registry

    assert metrics is not None
    assert installed_metrics() == set(metric_registry)
