"""Ready workflows: what each step runs is a command of this program, and works on a finished run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from bench.cli.main import app
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


def test_the_report_step_of_both_forges_writes_the_comment(tmp_path: Path) -> None:
    """Run as the shell of a runner runs it, on a run that is complete and on one that is not."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    github = next(step["run"] for step in action["runs"]["steps"] if step["name"] == "Report")
    gitlab = yaml.safe_load((ROOT / "docs/workflows/gitlab-ci.yml").read_text(encoding="utf-8"))
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    command = bin_folder / "bench"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bench "$@"\n')
    command.chmod(0o755)
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    for name, failed, script in (
        ("whole", None, github),
        ("broken", "alpaca_52k/lora#1", gitlab["sft-bench"]["after_script"][0]),
    ):
        folder = tmp_path / name
        make_run(folder / "reports" / "lima_vs_alpaca" / "micro-0", examples=20, failed_training=failed).write()
        subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script], cwd=folder, env=env, check=True)  # noqa: S607
        assert "## Answer" in (folder / "sft-bench.md").read_text(encoding="utf-8")
    assert "## Answer" in (tmp_path / "summary.md").read_text(encoding="utf-8")
