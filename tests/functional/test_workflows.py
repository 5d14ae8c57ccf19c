"""Ready workflows: what each step runs is a command of this program, and works on a finished run."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from bench.cli.main import app
from tests.fakes import forked_python
from tests.fakes.records import make_run

ROOT = Path(__file__).resolve().parents[2]
FILES = [ROOT / "action.yml", *sorted((ROOT / "docs" / "workflows").glob("*.yml"))]


def scripts(node: Any) -> list[str]:
    """Every shell script of a workflow, wherever it is."""
    if isinstance(node, list):
        return [script for entry in node for script in scripts(entry)]
    if not isinstance(node, dict):
        return []
    own = [node["run"]] if isinstance(node.get("run"), str) else []
    own += [line for key in ("script", "after_script") for line in node.get(key, ())]
    return own + [script for value in node.values() for script in scripts(value)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_command_and_option_of_a_workflow_exists(file: Path) -> None:
    """A renamed option would break other people's pull requests, not ours."""
    found = scripts(yaml.safe_load(file.read_text(encoding="utf-8")))
    assert found
    for line in (line for script in found for line in script.splitlines()):
        for command in re.findall(r"\bbench ((?:gate )?[a-z]+)[^|&>]*", line):
            text = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"}, color=False).stdout
            options = re.findall(r"(?<!\S)--[a-z-]+", line.partition(f"bench {command}")[2].partition(">")[0])
            assert not [option for option in options if option not in re.sub(r"\x1b\[[0-9;]*m", "", text)], line


def test_set_up_takes_three_steps_at_most() -> None:
    jobs = yaml.safe_load((ROOT / "docs/workflows/pull-request.yml").read_text(encoding="utf-8"))["jobs"]
    assert len(jobs["report"]["steps"]) <= 3


SHIMS = {
    "bench": """exec python -c 'import runpy; runpy.run_module("bench", run_name="__main__")' "$@\"""",
    "gh": 'cp "$5" "$HOME/commented.md" && echo "$@" >> "$HOME/asked"',
    "curl": 'for last; do :; done; cp sft-bench.md "$HOME/commented.md" && echo "$last" >> "$HOME/asked"',
}
"""What a runner has beside the shell: this program, as a fork, and the forges' clients, which here keep what they would
send."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runner's machine: programs, variables, and a folder with a run that is complete and one that lacks a job."""
    programs = tmp_path / "bin"
    programs.mkdir()
    forked_python.write(programs / "python", ROOT)
    for name, script in SHIMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    variables = {
        "HOME": str(tmp_path), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "PULL_REQUEST": "https://forge/pull/7",
        "AGAINST": "kept", "GITLAB_TOKEN": "t", "CI_API_V4_URL": "https://forge/api", "CI_PROJECT_ID": "1",
        "CI_MERGE_REQUEST_IID": "7",
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for name, failed in (("whole", None), ("broken", "alpaca_52k/lora#0")):
        folder = tmp_path / name
        run = make_run(
            folder / "reports" / "lima_vs_alpaca" / "micro-0", seeds=(0,), examples=8, failed_training=failed
        )
        shutil.copytree(run.write(), folder / "kept")
    return tmp_path


def shell(script: str, folder: Path) -> int:
    """As a runner's shell."""
    return subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script], cwd=folder, check=False).returncode  # noqa: S607


def test_each_step_of_the_action_does_its_work(home: Path) -> None:
    """After `bench run`: the report in the summary and in the pull request, and the gate against the kept run."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    first, *steps = action["runs"]["steps"]
    assert first["run"] == 'bench run "$SUITE" --quiet'
    assert [shell(step["run"], home / "whole") for step in steps] == [0, 0, 0]
    assert "## Answer" in (home / "summary.md").read_text(encoding="utf-8")
    assert "## Answer" in (home / "commented.md").read_text(encoding="utf-8")
    assert "https://forge/pull/7" in (home / "asked").read_text()


def test_the_template_of_the_other_forge_comments_on_a_run_that_is_incomplete(home: Path) -> None:
    job = yaml.safe_load((ROOT / "docs/workflows/gitlab-ci.yml").read_text(encoding="utf-8"))["sft-bench"]
    assert job["script"][-1] == 'bench run "$SUITE" --quiet'
    assert [shell(line, home / "broken") for line in job["after_script"]] == [0, 0]
    assert "INCOMPLETE" in (home / "commented.md").read_text(encoding="utf-8")
    assert "https://forge/api/projects/1/merge_requests/7/notes" in (home / "asked").read_text()
