"""lm-eval's private names: an upgrade that renames one must fail here, not lift the template sandbox in silence."""

import dataclasses
import inspect
import json
import re
from pathlib import Path

import lm_eval.evaluator
import lm_eval.utils
import pytest
from jinja2 import Environment, StrictUndefined
from jinja2.exceptions import SecurityError

from bench.errors import InputError
from bench.evals.lm_eval import lm_eval_private
from bench.evals.lm_eval.tasks.tasks import load_tasks
from tests.evals.jobs import write_choice

UNSAFE = "{{ ''.__class__.__mro__[1].__subclasses__() }}"


def test_entries_of_the_task_index_have_the_fields_that_are_read() -> None:
    fields = [field.name for field in dataclasses.fields(lm_eval_private.Entry)]
    assert fields == ["name", "kind", "yaml_path", "cfg", "tags"]
    assert {"TASK", "GROUP", "TAG"} <= {kind.name for kind in lm_eval_private.Kind}


def test_signatures_are_those_that_are_called() -> None:
    assert list(inspect.signature(lm_eval_private.TaskIndex.process_cfg).parameters) == ["cfg", "path", "index_"]
    load = inspect.signature(lm_eval_private.load_yaml).parameters
    assert [name for name in load if not name.startswith("_")] == ["path", "resolve_func", "recursive"]
    assert load["resolve_func"].default is load["recursive"].default is True


@pytest.mark.parametrize("name", ["add_env_info", "get_git_commit_hash", "hash_string"])
def test_reports_are_made_by_names_of_the_evaluator(name: str) -> None:
    source = inspect.getsource(lm_eval.evaluator)
    original = getattr(lm_eval.evaluator, name)
    assert f" {name}(" in source
    with lm_eval_private.without_reports():
        assert getattr(lm_eval.evaluator, name) is not original
        assert len(inspect.signature(getattr(lm_eval.evaluator, name)).parameters) == len(
            inspect.signature(original).parameters
        )
    assert getattr(lm_eval.evaluator, name) is original


def test_the_evaluator_writes_json_for_its_hashes_alone() -> None:
    """What replaces its `json` gives no text."""
    assert re.findall(r"(\S+)\s+json\.(\w+)", inspect.getsource(lm_eval.evaluator)) == [("hash_string(", "dumps")]
    with lm_eval_private.without_reports():
        assert lm_eval.evaluator.json.dumps({"a": object()}, indent=2) == ""
    assert lm_eval.evaluator.json is json


def test_readers_of_datasets_are_known_by_name() -> None:
    assert {"json", "csv", "parquet", "text", "arrow", "pandas"} <= lm_eval_private.PACKAGED_READERS


def test_lm_eval_renders_through_the_sandbox(tmp_path: Path) -> None:
    """Template text, filters and undefined fields as before, and no way out to Python."""
    lm_eval_private.sandbox_templates()
    assert isinstance(lm_eval.utils.env, lm_eval_private.Sandbox)
    assert isinstance(lm_eval.utils.env, Environment)
    assert lm_eval.utils.env.undefined is StrictUndefined
    assert lm_eval.utils.apply_template("{{ q | regex_replace('a', 'b') }}\n", {"q": "a"}) == "b\n"
    with pytest.raises(SecurityError):
        lm_eval.utils.apply_template(UNSAFE, {})


def test_a_tasks_own_prompt_is_rendered_by_the_sandbox(tmp_path: Path) -> None:
    """The task object's own method, by which every prompt of an eval comes."""
    write_choice(tmp_path, count=2)
    task = load_tasks(["choice"], tmp_path).tasks["choice"]
    document = task.eval_docs[0]
    assert document["question"] in task.doc_to_text(document)
    with pytest.raises(SecurityError):
        task.doc_to_text(document, doc_to_text=UNSAFE)


def test_a_task_file_cannot_reach_python_by_any_of_its_templates(tmp_path: Path) -> None:
    for key in ("doc_to_text", "doc_to_target", "doc_to_choice"):
        write_choice(tmp_path, count=2, **{key: UNSAFE})
        with pytest.raises(InputError, match="unsafe"):
            load_tasks(["choice"], tmp_path)
