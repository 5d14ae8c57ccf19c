"""Inputs from public bug reports and public files, by the commands that a user would type: each shows its right result.

Skipped where the inputs are not at hand; the mechanisms behind them have tests of their own.
"""

import runpy
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.process import bench

THOUGHT = "<|im_start|>assistant\n⟦<think>\none and one\n</think>\n\n2<|im_end|>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One command in the folder of a case."""

    case: str
    command: tuple[str, ...] = ("data", "show", "suite.toml", "d/full")
    overrides: tuple[str, ...] = ()
    makes_model: bool = False
    """Whether the case's script makes its base first."""
    code: int = 0
    shows: tuple[str, ...]
    never: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The name of its test."""
        return "-".join([self.case, *self.command[-2:], *self.overrides])


SHOW_ON = ("data", "show", "suite_on.toml", "d/full")
EMPTY_BLOCK = "<think>\n\n</think>"
TOOLS = "data.d.source=rows_tool_role.jsonl"
NOTHING = ("no row has anything to supervise", "arm d/full", "raise max_length")
PLAN, VALIDATE = ("plan", "suite.toml", "--quick"), ("validate", "suite.toml")
CASES = (
    Case(case="F01", shows=(THOUGHT,), never=(EMPTY_BLOCK,)),
    Case(
        case="F01", command=SHOW_ON, shows=(THOUGHT,), never=(EMPTY_BLOCK,)
    ),
    Case(case="F02", shows=(THOUGHT,), never=(EMPTY_BLOCK,)),
    Case(
        case="F02", command=SHOW_ON, shows=(THOUGHT,), never=(EMPTY_BLOCK,)
    ),
    Case(
        case="F02", overrides=("model.template=chatml",), code=2,
        shows=("leaves out the reasoning", 'reasoning = "inline"'),
    ),
    Case(
        case="F02", overrides=("model.template=chatml", "data.d.reasoning=inline"),
        shows=(THOUGHT, "2 rows: reasoning put into the answer's text"),
    ),
    Case(
        case="F03", shows=("⟦ second answer</s>⟧", "⟦ fourth</s>⟧", "1 label is false"),
        never=("⟦ first answer", "⟦ third"),
    ),
    Case(case="F04", code=2, shows=("leaves out a tool call of turn 2", "rows.jsonl:1", "leave_out"), never=("⟦",)),
    Case(
        case="F04", overrides=(TOOLS,), code=2, shows=("leaves out a tool call", "leave_out")
    ),
    Case(case="F05", shows=("User: Translate to English\nchat noir\nAssistant:⟦ black cat</s>⟧",)),
    Case(
        case="F05", overrides=("data.d.source=ico.jsonl",),
        shows=("User: Who wrote it?\nMoby-Dick is by Melville.\nAssistant:⟦ Melville</s>⟧",),
    ),
    Case(case="F06", shows=("⟦ Apple</s>⟧", "Name a colour\nAssistant:⟦ Blue</s>⟧"), never=("⟦ old answer",)),
    Case(case="F07", shows=("d/full: 2 rows", "folder/train.jsonl:1", "train1", "train2"), never=("test.jsonl",)),
    Case(case="F14", command=VALIDATE, makes_model=True, code=2, shows=("context_length",)),
    Case(
        case="F14", command=VALIDATE, overrides=("model.context_length=128",), makes_model=True, shows=("valid",)
    ),
    Case(case="F15", command=VALIDATE, makes_model=True, code=2, shows=("<|im_start|>", "embedding")),
    Case(case="F16", shows=("User: Name a fruit\nAssistant:⟦ Apple</s>⟧",)),
    Case(case="F17", shows=("⟦ 4</s>⟧", "⟦ 6.0</s>⟧")),
    Case(case="F18", code=2, shows=("valid JSON, but one object of objects, not a list",), never=("not JSON",)),
    Case(case="F19", code=2, shows=("column `images` cannot be honoured", "so in 2 rows"), never=("⟦",)),
    Case(
        case="F20", shows=("⟦C<|im_end|>", "⟦B<|im_end|>", "1 row: question without an answer at the end left out"),
        never=("⟦<|im_end|>",),
    ),
    Case(case="F21", shows=("d/full: 3 rows", "User: A\n\nB\nAssistant:⟦ C</s>⟧", "merged")),
    Case(case="F22", command=PLAN, code=2, shows=NOTHING),
    Case(
        case="F22", command=("run", "suite.toml", "--quiet"), code=2,
        shows=NOTHING,
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def cases(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the cases, where they can be written to, beside the models that they name."""
    if not (shared_dir / "cases").is_dir():
        pytest.skip("no cases at hand")
    root = tmp_path_factory.mktemp("public")
    shutil.copytree(shared_dir / "cases", root / "cases")
    (root / "models").symlink_to(shared_dir / "models", target_is_directory=True)
    return root / "cases"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_public_case_shows_its_right_result(cases: Path, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cases / case.case
    if case.makes_model and not (folder / "base").exists():
        monkeypatch.chdir(folder)
        runpy.run_path("make_model.py")
    overrides = [part for override in case.overrides for part in ("--set", override)]
    done = bench(folder, *case.command, *overrides, COLUMNS="400")
    printed = done.stdout + done.stderr
    assert done.returncode == case.code, printed
    assert [text for text in case.shows if text not in printed] == [], printed
    assert [text for text in case.never if text in printed] == [], printed
