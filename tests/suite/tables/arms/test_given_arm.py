"""Arms that were trained elsewhere: what a suite says of them, and what it then needs no more."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError, Problem
from bench.suite.checks.check import check
from bench.suite.load import load_suite
from bench.suite.reading.checkpoints import with_checkpoints
from bench.suite.summary import summarise
from bench.suite.tables.suite import Suite

ADAPTERS = """
name = "two"
question = "Which?"
seeds = [3, 4]
[model]
card = "micro"
[arms.given.a]
adapter = "a"
seeds = ["one", "two", "three"]
[arms.given.b]
adapter = "b"
[[eval]]
name = "qa"
kind = "lm_eval"
tasks = ["hellaswag"]
"""


def adapter(folder: Path) -> None:
    """What the checks look at: PEFT's configuration and a whole safetensors file."""
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (folder / "adapter_model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of two adapters and nothing else."""
    for name in ("a/one", "a/two", "a/three", "b"):
        adapter(tmp_path / name)
    (tmp_path / "suite.toml").write_text(ADAPTERS)
    return tmp_path / "suite.toml"


def refused(path: Path) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        load_suite(path)
    return list(caught.value.problems)


def with_line(suite: Path, after: str, line: str) -> Path:
    suite.write_text(suite.read_text().replace(after, f"{after}\n{line}"))
    return suite


def test_two_adapter_folders_need_no_data_recipe_or_budget(suite: Path) -> None:
    loaded = load_suite(suite)
    arms = loaded.suite.expand()
    assert [arm.name for arm in arms] == ["given/a", "given/b"]
    assert [loaded.suite.seeds_of(arm.name) for arm in arms] == [(0, 1, 2), (0,)]
    assert not any(loaded.suite.trains(arm) for arm in arms)
    assert summarise(loaded)["says"] == "2 given arms, 1 eval, 0 claims"
    again = Suite.model_validate_json(loaded.suite.model_dump_json())
    assert again == loaded.suite


def test_beside_arms_that_are_trained_everything_is_needed_as_ever(suite: Path) -> None:
    text = suite.read_text().replace("[arms.given.a]", '[arms]\ndata = ["d"]\nrecipe = ["r"]\n[arms.given.a]')
    suite.write_text(text)
    assert {problem.where for problem in refused(suite)} == {"data", "recipe", "budget"}


@pytest.mark.parametrize(
    ("replace", "by", "what"),
    [
        ('adapter = "b"', "", 'give adapter = "FOLDER", weights = "FOLDER"'),
        ('adapter = "b"', 'adapter = "b"\nweights = "b"', "not both"),
        ('["one", "two", "three"]', '["one", "one"]', "names a folder twice"),
        ('adapter = "b"', 'adapter = "b"\ncheckpoints = "x"', "checkpoints"),
        ('adapter = "b"', 'adapter = "b"\nmodel = "other"', "there is no model 'other'"),
        ('adapter = "b"', 'adapter = "./nowhere"', "there is no folder"),
        ('adapter = "b"', 'weights = "b"', "holds an adapter (adapter_config.json), not a whole model"),
    ],
)
def test_what_is_wrong_with_a_given_arm_is_told_before_any_work(suite: Path, replace: str, by: str, what: str) -> None:
    suite.write_text(suite.read_text().replace(replace, by))
    assert any(what in problem.what for problem in refused(suite))


def test_a_pickled_adapter_is_refused_with_the_command_that_converts_it(suite: Path) -> None:
    weights = suite.parent / "b" / "adapter_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    (problem,) = refused(suite)
    assert problem.reference == "given.pickled"
    assert problem.hint is not None
    assert "weights_only=True" in problem.hint


def test_one_of_several_models_is_named(suite: Path) -> None:
    text = (
        suite.read_text()
        .replace("[model]", "[models.x]")
        .replace("[arms.given.a]", '[models.y]\ncard = "smollm2-135m"\n[arms.given.a]\nmodel = "x"')
    )
    suite.write_text(text)
    (problem,) = refused(suite)
    assert (problem.where, problem.what) == ("arms.given.b.model", "weights belong to one of the suite's models")


def test_a_control_is_an_arm_of_its_own_not_the_data_of_a_given_one(suite: Path) -> None:
    loaded = load_suite(with_line(suite, 'question = "Which?"', 'control = "given/b"'))
    arms: dict[str, Any] = {arm.name: arm for arm in loaded.suite.expand()}
    assert loaded.suite.control_of(arms["given/a"]) == "given/b"
    assert loaded.suite.control_of(arms["given/b"]) is None
    assert check(loaded.suite, suite.parent) == []


@pytest.mark.parametrize("on", ['on = "cost:seconds"\nmargin = 0.1', 'on = "qa"\nper = "tokens"\nmargin = 0.1'])
def test_a_training_made_elsewhere_has_no_cost_to_compare(suite: Path, on: str) -> None:
    with suite.open("a") as file:
        file.write(f'\n[[claim]]\nsays = "given/a > given/b"\n{on}\n')
    assert any("was not trained by this suite: it has no" in problem.what for problem in refused(suite))


CHECKPOINTS = ADAPTERS.replace('adapter = "a"', 'checkpoints = "a/checkpoint-*"')


def test_checkpoints_are_an_arm_for_each_step(suite: Path) -> None:
    for seed in ("one", "two", "three"):
        for step in (8, 16):
            adapter(suite.parent / "a" / seed / f"checkpoint-{step}")
    suite.write_text(CHECKPOINTS)
    loaded = load_suite(suite).suite
    assert [arm.name for arm in loaded.expand()] == ["given/a.8", "given/a.16", "given/b"]
    last = loaded.arms.given["a.16"]
    assert (last.trajectory, last.step, last.form) == ("a", 16, "adapter")
    assert last.sources == ("a/one/checkpoint-16", "a/two/checkpoint-16", "a/three/checkpoint-16")
    assert loaded.seeds_of("given/a.8") == (0, 1, 2)
    (suite.parent / "a" / "two" / "checkpoint-16" / "adapter_model.safetensors").unlink()
    assert any("arms.given.a.16" in (problem.where or "") for problem in refused(suite)), "each is checked as an arm"


def test_one_run_of_whole_models_is_a_trajectory_of_one_seed(suite: Path) -> None:
    folder = suite.parent / "a" / "one" / "checkpoint-4"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    suite.write_text(
        CHECKPOINTS.replace("a/checkpoint", "a/one/checkpoint").replace('seeds = ["one", "two", "three"]', "")
    )
    arm = with_checkpoints(Suite.model_validate(tomllib.loads(suite.read_text())), suite.parent).arms.given["a.4"]
    assert (arm.form, arm.sources, arm.seeds) == ("weights", ("a/one/checkpoint-4",), ())


def test_checkpoints_that_are_not_there_or_differ_by_seed_are_refused(suite: Path) -> None:
    suite.write_text(CHECKPOINTS)
    (problem,) = refused(suite)
    assert "is a checkpoint by that name" in problem.what
    adapter(suite.parent / "a" / "one" / "checkpoint-8")
    for seed in ("two", "three"):
        adapter(suite.parent / "a" / seed / "checkpoint-9")
    (problem,) = refused(suite)
    assert "checkpoints of different steps" in problem.what
