"""A suite laid over another must mean what one file with both would: keys, profiles, paths, and what is recorded."""

from pathlib import Path

import pytest

from bench.errors import InputError, Problem
from bench.suite.load import load_suite, read_suite_file
from tests.fakes.suite_files import write_suite


def over(folder: Path, text: str, *, name: str = "over.toml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path) -> Problem:
    with pytest.raises(InputError) as caught:
        load_suite(path)
    (problem,) = caught.value.problems
    return problem


def test_only_what_differs_is_given(tmp_path: Path) -> None:
    write_suite(tmp_path)
    path = over(tmp_path, 'extends = "suite.toml"\nname = "mine"\nseeds = [7]\nrecipe.full.learning_rate = 5e-4\n')
    mine, theirs = load_suite(path).suite, load_suite(tmp_path / "suite.toml").suite
    assert (mine.name, mine.seeds, mine.recipe["full"].learning_rate) == ("mine", (7,), 5e-4)
    assert mine.recipe["lora"] == theirs.recipe["lora"]
    assert (mine.eval, mine.claim, mine.question) == (theirs.eval, theirs.claim, theirs.question)


def test_profiles_are_laid_over_profiles_and_added(tmp_path: Path) -> None:
    write_suite(tmp_path)
    path = over(tmp_path, 'extends = "suite.toml"\n[profile.long]\nseeds = [3]\n[profile.short]\nbudget.amount = 1\n')
    long = load_suite(path, profile="long").suite
    assert (long.seeds, long.budget.amount) == ((3,), 20)
    assert load_suite(path, profile="short").suite.budget.amount == 1


def test_paths_in_the_extended_file_mean_its_own_folder(tmp_path: Path) -> None:
    write_suite(tmp_path / "theirs")
    path = over(tmp_path / "mine", 'extends = "../theirs/suite.toml"\n[profile.p]\ndata.other.source = "own.jsonl"\n')
    (tmp_path / "mine" / "own.jsonl").write_text('{"instruction": "q", "output": "a"}\n' * 9)
    suite = load_suite(path).suite
    assert suite.data["rows"].source == str(tmp_path / "theirs" / "rows.jsonl")
    assert suite.model.path == str(tmp_path / "theirs" / "model")
    assert load_suite(path, profile="p").suite.data["other"].source == "own.jsonl"


def test_a_deepspeed_file_lies_beside_the_suite_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the extending suite trains with another configuration, or with none."""
    recipe = 'method = "full"\nlearning_rate = 1e-3'
    write_suite(tmp_path / "theirs", replace={recipe: recipe + '\ndeepspeed = "zero.json"'})
    path = over(
        tmp_path / "mine", 'extends = "../theirs/suite.toml"\n[profile.p]\nrecipe.lora.deepspeed = "zero.json"\n'
    )
    (tmp_path / "here").mkdir()
    for stage, folder in enumerate(("theirs", "mine", "here")):
        (tmp_path / folder / "zero.json").write_text(f'{{"zero_optimization": {{"stage": {stage}}}}}')
    suite = load_suite(path, profile="p").suite
    assert suite.recipe["full"].deepspeed == {"zero_optimization": {"stage": 0}}
    assert suite.recipe["lora"].deepspeed == {"zero_optimization": {"stage": 1}}
    monkeypatch.chdir(tmp_path / "here")
    suite = load_suite(path, overrides=("recipe.full.deepspeed=zero.json",)).suite
    assert suite.recipe["full"].deepspeed == {"zero_optimization": {"stage": 2}}
    (tmp_path / "theirs" / "zero.json").unlink()
    assert refused(path).reference == "recipe.deepspeed"


def test_a_shipped_suite_is_extended_by_its_name(tmp_path: Path) -> None:
    suite = load_suite(over(tmp_path, 'extends = "lima_vs_alpaca"\nname = "mine"\n')).suite
    assert suite.name == "mine"
    assert len(suite.expand()) == 6


def test_another_model_takes_the_place_of_the_extended_ones(tmp_path: Path) -> None:
    write_suite(tmp_path)
    text = 'extends = "suite.toml"\n[models.a]\npath = "model"\n[models.b]\ncard = "micro"\n'
    suite = load_suite(over(tmp_path, text), overrides=["claim=[]"]).suite
    assert suite.model is None
    assert [arm.name for arm in suite.expand()][:2] == ["rows/full@a", "rows/full@b"]


def test_extending_goes_on_over_several_files(tmp_path: Path) -> None:
    write_suite(tmp_path)
    over(tmp_path, 'extends = "suite.toml"\nseeds = [1]\nbudget.amount = 3\n', name="middle.toml")
    suite = load_suite(over(tmp_path, 'extends = "middle.toml"\nseeds = [2]\n')).suite
    assert (suite.seeds, suite.budget.amount) == ((2,), 3)


def test_a_change_of_the_extended_file_is_seen_in_what_is_recorded(tmp_path: Path) -> None:
    base = write_suite(tmp_path)
    path = over(tmp_path, 'extends = "suite.toml"\n')
    before = read_suite_file(path).sha256
    base.write_text(base.read_text() + "\n# a comment\n")
    assert read_suite_file(path).sha256 != before


@pytest.mark.parametrize("last", ["over.toml", "middle.toml"])
def test_a_circle_is_told_with_its_files(tmp_path: Path, last: str) -> None:
    over(tmp_path, f'extends = "{last}"\n', name="middle.toml")
    problem = refused(over(tmp_path, 'extends = "middle.toml"\n'))
    assert problem.reference == "suite.extends"
    assert "middle.toml" in problem.what
    assert "circle" in problem.what


def test_a_missing_file_is_told_where_it_was_asked_for(tmp_path: Path) -> None:
    problem = refused(over(tmp_path, 'extends = "lima_vs_alpacca"\n'))
    assert problem.reference == "suite.extends"
    assert problem.where == "extends, in over.toml"
    assert "did you mean 'lima_vs_alpaca'?" in (problem.hint or "")


@pytest.mark.parametrize("value", ["3", '""', "[1]"])
def test_only_a_name_can_be_extended(tmp_path: Path, value: str) -> None:
    assert refused(over(tmp_path, f"extends = {value}\n")).where == "extends"
