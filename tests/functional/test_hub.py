"""A suite of hub ids: pinned and recorded; what the hub refuses is told before any work; a hub that fails, before a run
or while it is at work, costs what needs it, and nothing else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.record.record import Record
from bench.record.rundir import RunDirectory
from tests.fakes.hub import COMMIT, CONVERTED_COMMIT, FakeHub

SUITE = """
name = "away"
question = "What does a hub that is away cost?"
model = { repo = "org/base", template = "dialogue" }
budget = { unit = "steps", amount = 2 }
arms = { data = ["few", "far"], recipe = ["lora"] }
data.few = { source = "org/few", config = "small", split = "dev", select = { by = "first", size = 16 } }
data.far = { source = "org/far" }
recipe.lora = { method = "lora", learning_rate = 1e-3 }
run = { workers = 2, probe_steps = 0 }
[[eval]]
name = "here"
kind = "loss"
data = { source = "micro:heldout", select = { by = "first", size = 4 } }
[[eval]]
name = "there"
kind = "lm_eval"
tasks = ["colours"]
include = "tasks"
"""
TASK = """
task: colours
dataset_path: org/colours
output_type: multiple_choice
test_split: train
doc_to_text: "{{question}}"
doc_to_target: 0
doc_to_choice: ["red", "blue"]
metric_list: [{metric: acc}]
"""
ROWS = "".join(json.dumps({"question": f"What colour is thing {n}?"}) + "\n" for n in range(4)).encode()


PAIRS = "".join(json.dumps({"instruction": f"Do {n}.", "input": "", "output": f"Done {n}."}) + "\n" for n in range(8))


CARD = b"""---
configs:
- config_name: small
  data_files:
  - {split: train, path: small/train.jsonl}
  - {split: dev, path: small/dev.jsonl}
- config_name: large
  data_files: large.jsonl
---
"""
DATA = {
    "README.md": CARD,
    "small/train.jsonl": PAIRS.encode() * 2,
    "small/dev.jsonl": PAIRS.encode() * 4,
    "large.jsonl": ROWS,
}
MICRO = Path(__file__).parents[2] / "models" / "micro"


def base() -> dict[str, bytes]:
    """The shipped small base as a model of the hub."""
    return {file.name: file.read_bytes() for file in MICRO.iterdir() if file.suffix in {".json", ".safetensors"}}


COMMANDS = """
import json, sys
from bench.cli.main import main
for line in sys.stdin:
    sys.argv = ["bench", *json.loads(line)]
    try:
        main()
    except SystemExit as end:
        print(f"exit code {end.code or 0}", file=sys.stderr, flush=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A fresh interpreter, which has read the hub's address, for several commands."""

    folder: Path
    hub: FakeHub
    process: subprocess.Popen[str]

    def bench(self, *words: str) -> tuple[int, str]:
        """Exit code and all that was said."""
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        said = ""
        for line in self.process.stdout:
            if line.startswith("exit code "):
                assert "Traceback" not in said
                return int(line.split()[-1]), said
            said += line
        raise AssertionError(said)

    def run(self) -> tuple[int, Record, str]:
        """Exit code, record and report of a run."""
        code, _ = self.bench("run", "suite.toml")
        run = RunDirectory.find("away", self.folder / "reports")
        return code, run.load(), (run.path / "report.md").read_text(encoding="utf-8")


def outside_hub() -> dict[str, str]:
    """The environment without what it says of the hub."""
    return {key: value for key, value in os.environ.items() if not key.startswith("HF_")}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("hub")
    repos = {"org/base": base(), "org/few": DATA, "org/far": {"README.md": b"", "data/train.jsonl": PAIRS.encode()}}
    repos |= {"org/colours": {"README.md": b"", "data/train.jsonl": ROWS}, "org/gated": DATA}
    with FakeHub(repos, busy={"org/far", "org/colours"}, gated=frozenset({"org/gated"})) as hub:
        places = {"BENCH_HOME": str(folder / "home"), "HF_HOME": str(folder / "hf"), "HF_ENDPOINT": hub.url}
        with subprocess.Popen(
            [sys.executable, "-c", COMMANDS],
            cwd=folder,
            env={**outside_hub(), **places, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            yield Shell(folder=folder, hub=hub, process=process)


def test_a_hub_that_fails_costs_what_needs_it_and_the_next_run_does_that_alone(shell: Shell) -> None:
    """Before the start: the rows of an arm, which are found to be away. Later: those of an eval's tasks. A nightly run
    of ten arms is not lost to one 503."""
    (shell.folder / "suite.toml").write_text(SUITE)
    (shell.folder / "tasks").mkdir()
    (shell.folder / "tasks" / "colours.yaml").write_text(TASK)
    code, record, report = shell.run()
    failed = {job.id: job.failure for job in record.jobs if job.failure is not None}
    assert code == 3
    refused = {"eval:there:base", "eval:there:few/lora#0"}
    away = {"train:far/lora#0", "eval:here:far/lora#0", "eval:there:far/lora#0"}
    assert set(failed) == refused | away
    for name in refused:
        assert failed[name].kind == "refused"
        assert "colours cannot be loaded" in failed[name].message
        assert "org/colours" in failed[name].message
        assert failed[name].message.split(":")[0] in report
    for name in away:
        assert failed[name].kind == "unavailable"
        assert "it answered 503" in failed[name].message
    assert "input unavailable" in report
    assert "it answered 503" in report
    assert record.resolved.model.revision == COMMIT
    assert record.resolved.data["few"].revision == COMMIT
    shell.hub.busy.clear()
    code, record, report = shell.run()
    assert code == 0
    assert record.all_done
    assert {job.id for job in record.jobs if not job.reused} == set(failed)
    assert "unavailable" not in report


WRONG = """
name = "wrong"
question = "Is all that the hub refuses told at once?"
model = { repo = "org/base", template = "dialogue", revision = "v9" }
budget = { unit = "steps", amount = 2 }
recipe.lora = { method = "lora", learning_rate = 1e-3 }
eval = [{ name = "here", kind = "loss", data = { source = "org/gated" } }]
arms = { data = ["few"], recipe = ["lora"] }
data.few = { source = "org/few", config = "huge" }
"""


def test_all_that_the_hub_refuses_is_told_with_a_hint_before_any_work(shell: Shell) -> None:
    (shell.folder / "wrong.toml").write_text(WRONG)
    code, said = shell.bench("run", "wrong.toml")
    assert code == 2
    for reference in ("revision", "config", "gated"):
        assert said.count(f"error[hub.{reference}]") == 1, said
    assert said.count("hint:") == 3
    assert not (shell.folder / "reports" / "wrong").exists()


ASK = """
import json, sys
from bench.errors import InputError
from bench.run.resolve.hub_models import snapshot
for repo, revision in json.loads(sys.argv[1]):
    try:
        print(json.dumps(["pinned", snapshot(repo, revision, patterns=["*.json", "*.safetensors"]).name]))
    except InputError as error:
        print(json.dumps([error.problems[0].reference, error.problems[0].hint]))
"""


def test_what_the_hub_says_to_a_model_id_is_told_apart(tmp_path: Path) -> None:
    """Some shipped cards' repositories have no safetensors on their main branch: a pickle is never loaded, and what the
    hub's bot converted is taken where it is of the newest weights."""
    pickled = {"config.json": b"{}", "pytorch_model.bin": b"pickle"}
    bots = {**pickled, "model.safetensors": b"weights"}
    asked = {
        ("org/base", None): COMMIT, ("org/base", "v9"): "hub.revision", ("org/none", None): "hub.unknown",
        ("org/gated", None): "hub.gated", ("org/closed", None): "hub.refused",
        ("org/bot", None): CONVERTED_COMMIT, ("org/stale", None): COMMIT, ("org/pickled", None): COMMIT,
    }  # fmt: skip
    repos = {repo: base() for repo in ("org/base", "org/gated", "org/closed")}
    repos |= {"org/bot": pickled, "org/stale": {**pickled, "pytorch_model.bin": b"newer"}, "org/pickled": pickled}
    refusing = {"gated": frozenset({"org/gated"}), "closed": frozenset({"org/closed"})}
    with FakeHub(repos, converted={"org/bot": bots, "org/stale": bots}, **refusing) as hub:
        done = subprocess.run(
            [sys.executable, "-c", ASK, json.dumps(list(asked))],
            cwd=Path(__file__).parents[2],
            env={**outside_hub(), "HF_HOME": str(tmp_path), "HF_ENDPOINT": hub.url},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [said if kind == "pinned" else kind for kind, said in told] == list(asked.values())
    assert all(said for _, said in told), "a commit or a hint"
    assert not any(request.endswith(".bin") and "/resolve/" in request for request in hub.requests)
