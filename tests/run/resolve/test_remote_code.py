"""A checkpoint that brings Python files runs none of them unless the command line says so, in every command."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import dynamic_module_utils

from bench.cli.main import app
from bench.errors import InputError
from bench.run.plan.plan import plan
from bench.run.process.server import ChildServer
from bench.run.resolve import models
from bench.run.resolve.suite import resolve
from bench.spec import Spec
from bench.suite.load import load_suite
from bench.suite.tables.models.model import ModelSpec
from bench.worker import kinds
from tests.fakes.own_code import edit, with_own_model, with_own_tokenizer
from tests.fakes.suite_files import write_rows

SUITE = """
name = "own"
question = "Does it run?"
model = { path = "model" }
data = { rows = { source = "rows.jsonl" } }
recipe = { full = { method = "full", learning_rate = 1e-3 } }
budget = { unit = "steps", amount = 2 }
arms = { data = ["rows"], recipe = ["full"] }
eval = [{ name = "held", kind = "loss", data = { source = "data:rows", select = { by = "holdout", size = 2 } } }]
"""
COMMANDS = {
    "plan": ("plan", "suite.toml"),
    "data show": ("data", "show", "suite.toml", "rows/full"),
    "models show": ("models", "show", "model"),
    "gate exact": ("gate", "exact", "suite.toml", "--baseline", "counts.json", "--update"),
}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    with_own_model(folder / "model")
    with_own_tokenizer(folder / "tokenizer")
    return folder


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where transformers copies such files to: for all tests one folder, which Python imports from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
        yield


@pytest.fixture
def place(tmp_path: Path, checkpoints: Path, modules: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite on the first checkpoint, in the current folder; children work in this process; marks are left here."""

    def call(self: ChildServer, kind: str, payload: Spec, *, folder: Path, **_: object) -> Any:
        return kinds.KINDS[kind].perform(payload.model_dump(mode="json"), folder, lambda event: None)

    monkeypatch.setattr(ChildServer, "call", call)
    monkeypatch.setattr(ChildServer, "warm", lambda self: None)
    (tmp_path / "marks").mkdir()
    monkeypatch.setenv("MARKS", str(tmp_path / "marks"))
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite.toml").write_text(SUITE)
    write_rows(tmp_path / "rows.jsonl")
    use(tmp_path, checkpoints / "model")
    return tmp_path


def use(place: Path, checkpoint: Path) -> None:
    (place / "model").unlink(missing_ok=True)
    (place / "model").symlink_to(checkpoint)


def ran(place: Path) -> set[str]:
    """Files that were executed since the last time this was asked."""
    marks = list((place / "marks").iterdir())
    for mark in marks:
        mark.unlink()
    return {mark.name for mark in marks}


def pinned(place: Path, *, trusted: bool) -> models.ResolvedModel:
    return models.resolve_model(
        ModelSpec(path="model"), base=place, home=place / "home", trust_remote_code=trusted, server=ChildServer()
    )


def refusal(place: Path, *, trusted: bool = False) -> str:
    with pytest.raises(InputError) as caught:
        pinned(place, trusted=trusted)
    (problem,) = caught.value.problems
    assert problem.reference == "model.remote-code"
    assert ran(place) == set()
    return f"{problem.what}; {problem.where}; {problem.hint}"


@pytest.mark.parametrize(
    ("checkpoint", "files"), [("model", "configuration_own.py, modeling_own.py"), ("tokenizer", "tokenization_own.py")]
)
def test_without_leave_it_is_refused_by_the_names_of_its_files_and_nothing_runs(
    place: Path, checkpoints: Path, checkpoint: str, files: str
) -> None:
    use(place, checkpoints / checkpoint)
    said = refusal(place)
    assert f"wants to run code of its own: {files}; " in said
    assert str(checkpoints / checkpoint) in said
    assert "--trust-remote-code" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_loads_a_model_refuses_it_and_has_the_flag(place: Path, command: str) -> None:
    with pytest.raises(InputError, match="modeling_own"):
        app(COMMANDS[command], standalone_mode=False)
    assert ran(place) == set()
    with contextlib.suppress(SystemExit):
        app([*COMMANDS[command], "--trust-remote-code"], standalone_mode=False)
    dynamic = {"configuration_own", "modeling_own"}
    assert ran(place) <= dynamic  # a module that this process has imported already leaves no second mark
    assert dynamic_loaded() >= dynamic


def dynamic_loaded() -> set[str]:
    import sys

    return {name.rpartition(".")[2] for name in sys.modules if name.startswith("transformers_modules.")}


def test_its_code_is_an_input_like_its_weights(place: Path, checkpoints: Path, tmp_path: Path) -> None:
    def digests() -> set[str]:
        loaded = load_suite("suite.toml", trust_remote_code=True)
        home = place / "home"
        return {one.digest for one in plan(resolve(loaded, home=home, server=ChildServer()), home=home).jobs}

    before = digests()
    own = with_own_model(tmp_path / "own")
    use(place, own)
    assert digests() == before
    with (own / "modeling_own.py").open("a") as file:
        file.write("# edited\n")
    assert not digests() & before


def test_leave_changes_nothing_for_a_model_that_needs_no_code(place: Path, tmp_path: Path) -> None:
    """Many checkpoints still carry the files of the time before transformers had their architecture."""
    own = with_own_model(tmp_path / "own")
    edit(
        own / "config.json",
        model_type="llama",
        architectures=["LlamaForCausalLM"],
        auto_map={"AutoConfig": "configuration_own.LlamaConfig", "AutoModelForCausalLM": "x.LlamaForCausalLM"},
    )
    use(place, own)
    plain, trusted = pinned(place, trusted=False), pinned(place, trusted=True)
    assert plain == trusted
    assert plain.remote_code is None
    assert ran(place) == set()


def test_a_class_of_its_own_under_a_known_type_is_not_replaced_in_silence(place: Path, tmp_path: Path) -> None:
    own = with_own_model(tmp_path / "own")
    edit(own / "config.json", model_type="llama", auto_map={"AutoModelForCausalLM": "modeling_own.OwnForCausalLM"})
    use(place, own)
    assert "modeling_own.py" in refusal(place)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"auto_map": {"AutoConfig": "some/repo--configuration_own.OwnConfig"}}, "configuration_own.py of some/repo"),
        ({"auto_map": {"AutoConfig": "missing.OwnConfig"}}, "names code that is missing: missing.py"),
        ({"auto_map": {"AutoConfig": "../outside.OwnConfig"}}, "names code that is missing"),
    ],
)
def test_code_that_nothing_pins_is_refused_even_with_leave(
    place: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    own = with_own_model(tmp_path / "own")
    edit(own / "config.json", **changes)
    (tmp_path / "outside.py").write_text("raise SystemExit")
    use(place, own)
    assert said in refusal(place, trusted=True)


def test_code_that_fails_is_told_before_any_work(place: Path, tmp_path: Path) -> None:
    own = with_own_model(tmp_path / "own")
    (own / "configuration_own.py").write_text("raise RuntimeError('a bad [bold]day[/]')")
    use(place, own)
    assert "the model's own code fails: RuntimeError: a bad [bold]day[/]" in refusal(place, trusted=True)


def test_a_hub_model_is_downloaded_without_its_code_until_that_may_run(
    place: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def snapshot(repo: str, revision: str | None, *, patterns: tuple[str, ...], **_: object) -> Path:
        asked.append(tuple(one for one in patterns if one.endswith(".py")))
        return checkpoints / "model"

    monkeypatch.setattr(models, "snapshot", snapshot)
    spec = ModelSpec(repo="some/model")
    with pytest.raises(InputError, match="some/model wants to run code"):
        models.resolve_model(spec, base=place, home=place / "home", server=ChildServer())
    assert asked == [()]
    found = models.resolve_model(spec, base=place, home=place / "home", trust_remote_code=True, server=ChildServer())
    assert asked == [(), (), ("*.py",)]
    assert found.remote_code is not None


def test_an_adapter_in_the_folder_is_refused(place: Path, tmp_path: Path) -> None:
    """Its configuration names a base, whose weights would be loaded in place of those that were hashed."""
    own = with_own_model(tmp_path / "own")
    (own / "adapter_config.json").write_text("{}")
    use(place, own)
    with pytest.raises(InputError, match="would load weights from elsewhere"):
        pinned(place, trusted=False)
