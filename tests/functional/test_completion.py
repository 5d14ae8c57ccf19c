"""TAB in a shell: names of suites, runs, arms, profiles and cards, and nothing where the line so far is faulty."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.main import app
from tests.fakes.records import make_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite file, a broken one, and a run of the flagship's shape."""
    folder = tmp_path_factory.mktemp("completion")
    (folder / "mine.toml").write_text('extends = "lima_vs_alpaca"\nname = "mine"\n', encoding="utf-8")
    (folder / "broken.toml").write_text("name = ", encoding="utf-8")
    make_run(folder / "reports" / "lima_vs_alpaca" / "micro-0", seeds=(0,), examples=2).write()
    return folder


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("bench val", ["validate"]),
        ("bench run mi", ["mine.toml"]),
        ("bench run lima", ["lima_vs_alpaca"]),
        ("bench run mine.toml --only rand", ["random_1k/full", "random_1k/lora"]),
        ("bench run mine.toml --profile real-", ["real-small"]),
        ("bench data show mine.toml alp", ["alpaca_52k/full", "alpaca_52k/lora"]),
        ("bench gate speed mine.toml --arm lima_1k/l", ["lima_1k/lora"]),
        ("bench report l", ["latest", "lima_vs_alpaca"]),
        ("bench report reports/l", ["reports/lima_vs_alpaca/micro-0"]),
        ("bench chat latest alpaca_52k/f", ["alpaca_52k/full"]),
        ("bench export latest --arm lima_1k/f", ["lima_1k/full"]),
        ("bench export latest --to pa", ["parquet"]),
        ("bench models show gp", ["gpt2"]),
        ("bench run broken.toml --only l", []),
        ("bench run --only l", []),
        ("bench chat no_such l", []),
    ],
)
def test_a_name_is_completed(folder: Path, monkeypatch: pytest.MonkeyPatch, line: str, offered: list[str]) -> None:
    monkeypatch.chdir(folder)
    words = {"_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = CliRunner().invoke(app, [], prog_name="bench", env=words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.output.split() == offered
