"""A misspelt task must be caught before training, and no task that lm-eval has may be refused."""

import inspect
import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
import yaml

from bench.errors import InputError
from bench.suite.catalog import folder_files
from bench.suite.catalog import lm_eval_names as names
from bench.suite.catalog.folder_files import files_below
from bench.suite.catalog.lm_eval_names import installed_metrics
from bench.suite.catalog.tasks import (
    installed_task_file,
    installed_task_names,
    local_tasks,
    read_task_file,
    read_task_folder,
    task_metrics,
)


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
    (tmp_path / "c.yaml").write_text("include: part.yaml\ntask: c\n")
    found = local_tasks(tmp_path)
    assert sorted(found) == ["a", "b", "c"]
    assert task_metrics(found["c"]) == ("acc",)
    assert task_metrics(found["a"]) is None


@pytest.mark.parametrize(("name", "said"), [("b.yml", "end in .yaml only"), ("b.yaml", "defined in a.yaml already")])
def test_a_file_that_lm_eval_would_not_read_is_named(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "a.yaml").write_text("task: a\n")
    (tmp_path / name).write_text("task: a\n")
    with pytest.raises(InputError, match=said):
        local_tasks(tmp_path)


def test_a_tag_is_a_name_that_an_eval_can_ask_for(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("task: a\ntag: [easy, all]\n")
    (tmp_path / "b.yaml").write_text("task: b\ntag: all\n")
    read = read_task_folder(tmp_path)
    assert read.tags == {"easy": ("a",), "all": ("a", "b")}
    assert read.names == {"a", "b", "easy", "all"}


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


def test_lm_evals_other_names_are_known_without_it() -> None:
    from lm_eval import filters  # fills the registry
    from lm_eval.api.instance import OutputType
    from lm_eval.api.registry import aggregation_registry, filter_registry
    from lm_eval.api.samplers import SAMPLER_REGISTRY
    from lm_eval.config.group import AggMetricConfig, GroupConfig
    from lm_eval.config.task import FewshotConfig, TaskConfig

    assert filters is not None
    assert names.installed_filters() == set(filter_registry)
    assert names.installed_aggregations() == set(aggregation_registry)
    assert names.installed_samplers() == set(SAMPLER_REGISTRY)
    assert set(get_args(OutputType)) == names.OUTPUT_TYPES
    for known, table in {
        names.task_keys: TaskConfig,
        names.few_shot_keys: FewshotConfig,
        names.group_keys: GroupConfig,
        names.aggregate_keys: AggMetricConfig,
    }.items():
        assert known() == {field.name for field in fields(table)}


def test_the_metrics_that_lm_eval_computes_for_an_output_type_are_those_of_its_source() -> None:
    from lm_eval.api.task import ConfigurableTask

    source = inspect.getsource(ConfigurableTask.process_results)
    written = source.split('"generate_until":')[0]
    for part in written.split('self.OUTPUT_TYPE == "')[1:]:
        asked = set(re.findall(r'"(\w+)" in use_metric', part))
        assert names.OWN_FIGURES[part.partition('"')[0]] == asked


def test_a_task_file_is_parsed_again_only_once_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks of one suite ask for it a dozen times. What an asker changes is its own."""
    parsed, load, path = list[str](), yaml.load, tmp_path / "own.yaml"
    monkeypatch.setattr(yaml, "load", lambda text, **loader: parsed.append(text) or load(text, **loader))
    for text in ("task: own", "task: own\ninclude: gone.yaml", "task: ["):
        path.write_text(text)
        for _ in range(2):
            if text.endswith("["):
                with pytest.raises(InputError, match="not YAML"):
                    read_task_file(path)
            else:
                found = read_task_file(path)
                assert found == load(text, Loader=yaml.SafeLoader)
                found.clear()
    assert len(parsed) == 3
