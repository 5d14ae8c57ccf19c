"""What runs must be what the file, the profile and the arguments say together, and be recorded so."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InputError, Problem
from bench.suite.load import find_suite, load_suite, suite_names, validate_all_profiles
from tests.fakes.suite_files import SUITE, write_suite

KEYS = (
    "model",
    "model.path",
    "data.rows",
    "data.rows.source",
    "data.other.select",
    "recipe.full",
    "arms",
    "arms.include",
    "eval",
    "eval.0",
    "eval.heldout.data",
    "eval.questions.include",
    "claim.0.says",
    "control",
    "seeds",
    "run.workers",
)


def refused(path: Path | str, profile: str | None = None, overrides: tuple[str, ...] = ()) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        load_suite(path, profile=profile, overrides=overrides)
    return list(caught.value.problems)


def test_profile_and_arguments_are_laid_on_in_that_order(tmp_path: Path) -> None:
    path = write_suite(tmp_path)
    assert load_suite(path).suite.budget.amount == 2
    assert load_suite(path, profile="long").suite.budget.amount == 20
    loaded = load_suite(path, profile="long", overrides=("budget.amount=7", 'budget.unit="epochs"'))
    assert (loaded.suite.budget.amount, loaded.suite.budget.unit) == (7, "epochs")
    assert (loaded.profile, loaded.overrides) == ("long", ("budget.amount=7", 'budget.unit="epochs"'))
    assert loaded.path == path.absolute()
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_default_profile_is_laid_on_where_none_is_named(tmp_path: Path) -> None:
    path = write_suite(tmp_path, replace={"seeds = [0]": 'seeds = [0]\ndefault_profile = "long"'})
    assert (load_suite(path).profile, load_suite(path).suite.budget.amount) == ("long", 20)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("seeds = [0]", 'seeds = [0]\ndefault_profile = "lon"', "default_profile"),
        ("seeds = [0]", "seeds = [0]\ndefault_profile = 3", "default_profile"),
        ("[profile.long]\nbudget.amount = 20", "[profile]\nlong = 3", "profile.long"),
        ("[profile.long]\nbudget.amount = 20", '[profile."a/b"]', 'profile."a/b"'),
    ],
)
def test_a_wrong_profile_table_is_refused(tmp_path: Path, old: str, new: str, where: str) -> None:
    assert [problem.where for problem in refused(write_suite(tmp_path, replace={old: new}))] == [where]


def test_an_unknown_profile_names_the_nearest(tmp_path: Path) -> None:
    (problem,) = refused(write_suite(tmp_path), profile="lonk")
    assert (problem.reference, problem.hint) == ("suite.unknown-profile", "did you mean 'long'?")


def test_a_problem_is_placed_where_its_key_was_written(tmp_path: Path) -> None:
    path = write_suite(tmp_path, replace={"budget.amount = 20": "budget.amount = 0"})
    assert [problem.where for problem in refused(path, "long")] == ["profile.long.budget.amount"]
    given = refused(path, None, ("budget.amount=-1", "recipe.full.lerning_rate=1", "bugdet.amount=1"))
    assert [problem.where for problem in given] == [
        "recipe.full.lerning_rate, by --set recipe.full.lerning_rate=1",
        "budget.amount, by --set budget.amount=-1",
        "bugdet, by --set bugdet.amount=1",
    ]


def test_all_profiles_are_validated_and_every_problem_is_told_once(tmp_path: Path) -> None:
    checked = validate_all_profiles(write_suite(tmp_path))
    assert {name: loaded.profile for name, loaded in checked.items()} == {"": None, "long": "long"}
    path = write_suite(
        tmp_path,
        replace={"amount = 20": "amount = 0\n[profile.x]\nseeds = []\n[profile.y]", 'path = "model"': 'path = "m"'},
    )
    with pytest.raises(InputError) as caught:
        validate_all_profiles(path)
    assert [problem.where for problem in caught.value.problems] == [
        "model.path",
        "profile.long.budget.amount",
        "profile.x.seeds",
    ]


def test_a_plain_suite_is_validated_only_where_it_can_be_run(tmp_path: Path) -> None:
    path = write_suite(tmp_path, replace={"[profile.long]\nbudget.amount = 20": ""})
    assert list(validate_all_profiles(path)) == [""]
    path = write_suite(
        tmp_path, replace={"seeds = [0]": 'default_profile = "long"\nseeds = []', "= 20": "= 20\nseeds = [1]"}
    )
    assert list(validate_all_profiles(path)) == ["long"]


def test_a_shipped_suite_is_found_by_name(root: Path) -> None:
    assert find_suite("lima_vs_alpaca") == root / "suites" / "lima_vs_alpaca.toml"
    assert "lima_vs_alpaca" in suite_names()


def test_an_empty_suite_is_told_all_that_it_needs_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text("")
    wanted = {"name", "question", "model", "data", "recipe", "budget", "arms"}
    assert {problem.where for problem in refused(tmp_path / "empty.toml")} == wanted
    (tmp_path / "suite.toml").write_text('name = "s"\n[models.one]\ncard = "micro"\n')
    assert {problem.where for problem in refused(tmp_path / "suite.toml")} == wanted - {"name", "model"}


@pytest.mark.parametrize("name", ["lima_vs_alpacca", "suites/lima_vs_alpacca.toml", "a\0b", "x" * 5000, ""])
def test_a_missing_suite_is_refused(name: str) -> None:
    (problem,) = refused(name)
    assert problem.reference == "suite.missing" if name else problem.reference.startswith("suite.")
    if "alpacca" in name:
        assert problem.hint == "did you mean 'lima_vs_alpaca'?"


VALUES = [
    "0",
    "-1",
    "inf",
    "nan",
    "true",
    "''",
    '"a/b"',
    '"../x"',
    '"data:other"',
    '"micro:x"',
    "[]",
    "{}",
    "[[]]",
    "1979-05-27",
    "9" * 30,
    '"\\u0000"',
    '"\\u001b[31m"',
    '"' + "x" * 300 + '"',
    "[{}]",
    '{ by = "random" }',
]


@given(st.data())
def test_any_spoilt_suite_is_loaded_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    """A crash here is a traceback, or worse a wrong run, in a user's terminal."""
    lines = SUITE.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        key = lines[at].partition(" = ")[0]
        spoilt = [f"{key} = {data.draw(st.sampled_from(VALUES))}", "", lines[at] * 2, lines[at][::2]]
        lines[at] = data.draw(st.sampled_from(spoilt))
    path = write_suite(tmp_path, "\n".join(lines))
    overrides = data.draw(
        st.lists(st.builds("{}={}".format, st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=2)
    )
    try:
        load_suite(path, profile=data.draw(st.sampled_from([None, "long"])), overrides=overrides)
    except InputError as error:
        told = error.problems
    else:
        return
    assert all(problem.what and problem.where and problem.hint for problem in told)


PATH_KEYS = (
    "arms.given.g = {{ adapter = {} }}",
    "arms.given.g = {{ adapter = 'a', seeds = [{}] }}",
    "arms.given.g = {{ weights = {} }}",
    "arms.given.g = {{ checkpoints = {} }}",
    "arms.given.g = {{ checkpoints = 'c-*', seeds = [{}] }}",
    "data.rows.source = {}",
    "eval.0 = {{ name = 'q', kind = 'lm_eval', tasks = ['toy'], include = {} }}",
    "eval.0 = {{ name = 'q', kind = 'lm_eval', tasks = ['arc_easy'], rows = {} }}",
    "eval.0 = {{ name = 'q', kind = 'choice', source = {} }}",
    "eval.0 = {{ name = 'q', kind = 'judge', data = 'rows', labels = {}, judge.local.card = 'micro' }}",
    "eval.0 = {{ name = 'q', kind = 'judge', data = 'rows', prompt = {}, judge.local.card = 'micro' }}",
    "eval.0 = {{ name = 'q', kind = 'judge', data = 'rows', judge.local.path = {} }}",
    "model = {{ path = {} }}",
    "model.template = {}",
    "recipe.full.command = {{ run = ['train'], files = [{}] }}",
    "recipe.full.deepspeed = {}",
)
LONG = "x" * 300
NO_PATHS = (f'"{LONG}"', '"~nosuchuser/x"', r'"a\u0000b"', f'"{"y/" * 2200}z"', f'"{LONG}/x.jinja"')


@pytest.mark.parametrize("no_path", NO_PATHS, ids=("long", "user", "nul", "deep", "long folder"))
@pytest.mark.parametrize("beside", [(), ("eval.1=0",), ("budget=0",)], ids=("alone", "eval", "budget"))
def test_what_can_be_no_path_is_refused_wherever_a_suite_names_one(
    tmp_path: Path, no_path: str, beside: tuple[str, ...]
) -> None:
    path = write_suite(tmp_path)
    for key in PATH_KEYS:
        assert all(problem.hint for problem in refused(path, overrides=(key.format(no_path), *beside))), key


def test_an_unknown_name_has_a_hint_where_there_is_none_to_name(tmp_path: Path) -> None:
    problems = refused(write_suite(tmp_path), overrides=("eval=[]", "data.other.select=0"))
    assert ("claim[0].on", "there is none to name") in {(problem.where, problem.hint) for problem in problems}


def test_loading_imports_nothing_heavy(root: Path) -> None:
    """A parent that imported torch would answer in seconds, not in a tenth of one."""
    heavy = ("torch", "transformers", "trl", "peft", "datasets", "lm_eval", "evaluate", "numpy")
    code = (
        "import sys; from bench.suite.listing import listing; listing('models'); listing('recipes');"
        f"sys.exit(', '.join({{*{heavy!r}}} & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
