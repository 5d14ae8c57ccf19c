"""Kills a real run at random moments, over and over, and compares what comes out with a run that nobody disturbed.

Each round takes a fresh folder, starts `run_suite` on a small suite of the embedded world (one LoRA arm, two seeds, a
held-out loss), kills it one to three times (SIGKILL to the run, to one of its processes, to its whole group; SIGTERM;
SIGINT to the group, as Ctrl-C), and then lets it end. Checked at each kill: the orphans end by themselves, what is on
disk is whole, and the training that was under way is taken up at most one save interval earlier. Checked at each end:
losses, scores and weights are those of the undisturbed run, to the last bit.

    python -m benchmarks.kill_fuzz --points 50 --seed 0 --out /some/file.jsonl

The heavy libraries are imported once, here; runs and their fork servers are forks of this process, so that a point
costs seconds. Each run still has a fork server and children of its own, as it has when started from a shell.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

os.environ.update(
    OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE", GOMP_SPINCOUNT="0", HF_HUB_OFFLINE="1", TQDM_DISABLE="1",
    TOKENIZERS_PARALLELISM="false", HF_HUB_DISABLE_TELEMETRY="1",
)  # fmt: skip

import psutil  # after the environment: importing libraries read it

from bench.emit import Event, StepDone

INTERVAL = 4
"""Steps between saves."""
STEPS = 24
SUITE = f"""
name = "fuzz"
question = "Is anything lost?"
seeds = [0, 1]
model = {{ card = "micro" }}
budget = {{ unit = "steps", amount = {STEPS} }}
arms = {{ data = ["few"], recipe = ["lora"] }}
data.few = {{ source = "micro:curated", select = {{ by = "first", size = 64 }} }}
recipe.lora = {{ method = "lora", learning_rate = 5e-3, batch_rows = 4, lora = {{ r = 4, dropout = 0.1 }} }}
run = {{ workers = 2, probe_steps = 0, steps_between_saves = {INTERVAL} }}
[[eval]]
name = "heldout"
kind = "loss"
data = {{ source = "micro:heldout", select = {{ by = "first", size = 24 }} }}
"""
ORPHAN_SECONDS = 60.0
RUN_SECONDS = 900.0
Way = Callable[[psutil.Process, random.Random], list[int]]
"""Kills; the processes that were hit."""


def hit_run(run: psutil.Process, draw: random.Random) -> list[int]:
    """SIGKILL to the run alone."""
    run.kill()
    return [run.pid]


def hit_group(run: psutil.Process, draw: random.Random) -> list[int]:
    """SIGKILL to everything at once, as at a power cut."""
    os.killpg(run.pid, signal.SIGKILL)
    return [run.pid]


def hit_child(run: psutil.Process, draw: random.Random) -> list[int]:
    """SIGKILL to one process below the run: a job's child or the fork server."""
    below = family(run)
    if not below:
        return []
    victim = draw.choice(below)
    victim.kill()
    return [victim.pid]


def terminate(run: psutil.Process, draw: random.Random) -> list[int]:
    """SIGTERM to the run."""
    run.terminate()
    return [run.pid]


def interrupt(run: psutil.Process, draw: random.Random) -> list[int]:
    """SIGINT to the group, as a terminal sends for Ctrl-C."""
    os.killpg(run.pid, signal.SIGINT)
    return [run.pid]


WAYS: dict[str, Way] = {
    "kill run": hit_run, "kill group": hit_group, "kill child": hit_child, "terminate": terminate,
    "ctrl-c": interrupt,
}  # fmt: skip
CODES = {
    "kill run": {-9}, "kill group": {-9}, "kill child": {0, 2, 3}, "terminate": {130, -15}, "ctrl-c": {130, -2},
}  # fmt: skip
"""How the run may end after each. 2: it lost the child that checks the suite, and said so. -15 and -2: only in the
moment before it has its handlers."""


class Steps:
    """A display that writes each training step to a file, so that it survives the run."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1, encoding="utf-8")

    def note(self, text: str) -> None:
        """Nothing."""

    def plan(self, plan: object) -> None:
        """Nothing."""

    def tick(self) -> None:
        """Nothing."""

    def started(self, job_id: str) -> None:
        """An attempt begins."""
        self._file.write(json.dumps({"job": job_id, "step": 0}) + "\n")

    def progress(self, job_id: str, event: Event) -> None:
        """A step of a training."""
        if isinstance(event, StepDone):
            self._file.write(json.dumps({"job": job_id, "step": event.step}) + "\n")

    def ended(self, job_id: str, failure: object, seconds: float | None, *, reused: bool, scores: object = ()) -> None:
        """Nothing."""


def family(run: psutil.Process) -> list[psutil.Process]:
    """Everything below the run; empty once it is gone."""
    try:
        return run.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def start(folder: Path) -> psutil.Process:
    """The run as a process of its own, in its own group."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        code = 70
        try:
            code = run(folder)
        except BaseException as error:  # a fork must not go on as its parent
            (folder / "crash.txt").write_text(f"{type(error).__name__}: {error}")
        finally:
            os._exit(code)
    return psutil.Process(pid)


def run(folder: Path) -> int:
    """`bench run` on the suite in `folder`; its exit code."""
    from bench.errors import BenchError
    from bench.run.run import run_suite
    from bench.suite.load import load_suite

    suite = folder / "fuzz.toml"
    suite.write_text(SUITE)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        made = run_suite(
            load_suite(suite),
            home=folder / "home",
            reports=folder / "reports",
            display=Steps(folder / "steps.jsonl"),
            command=("bench", "run", "fuzz.toml"),
        )
    except KeyboardInterrupt:
        return 130
    except BenchError as error:
        if error.exit_code == 2 and not error.problems[0].reference.startswith("worker."):
            raise
        return int(error.exit_code)
    return 0 if made.load().all_done else 3


def wait_for(run: psutil.Process, seconds: float) -> int | None:
    """Exit code (minus the signal), `None` if it still runs."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pid, status = os.waitpid(run.pid, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    return None


def outcome(folder: Path) -> dict[str, Any]:
    """What must not depend on kills: losses, scores, the hashes of weights."""
    from bench.record.rundir import RunDirectory
    from bench.record.store import JobStore

    directory, store = RunDirectory.find("fuzz", folder / "reports"), JobStore(home=folder / "home")
    record = directory.load()
    assert record.all_done, [job.failure for job in record.jobs]
    found: dict[str, Any] = {}
    for one in record.trainings:
        assert one.result is not None
        manifest = store.done(one.job.digest)
        assert manifest is not None
        found[one.job.id] = {
            "digest": one.job.digest,
            "steps": [step.model_dump(exclude={"seconds"}) for step in one.result.steps],
            "final": one.result.tail_loss,
            "weights": {name: file.sha256 for name, file in manifest.files.items() if name.startswith("weights/")},
        }
    for evaluation in record.evaluations:
        assert evaluation.result is not None
        measures = [measure.model_dump() for measure in evaluation.result.measures]
        scores = [row.model_dump() for row in directory.scores(evaluation)]
        found[evaluation.job.id] = {"measures": measures, "scores": scores}
    return found


def whole(folder: Path) -> None:
    """Whatever the moment, a file in its place is whole: records and manifests parse, no done job has a torn file."""
    from bench.record.rundir import RECORD, RunDirectory
    from bench.record.store import JobStore

    for path in (folder / "reports").glob(f"*/*/{RECORD}"):
        RunDirectory(path.parent).load()
    for path in (folder / "home" / "jobs").glob("*/manifest.json"):
        assert JobStore(home=folder / "home").done(path.parent.name) is not None, path


def attempts(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Of each attempt that went on from an earlier one: job, last step seen before, first step after."""
    last: dict[str, int] = {}
    fresh: set[str] = set()
    path = folder / "steps.jsonl"
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            said = json.loads(line)
        except ValueError:  # cut by a kill
            continue
        job, step = said["job"], said["step"]
        if step == 0:
            fresh.add(job)
            continue
        if job in fresh and job in last:
            yield job, last[job], step
        fresh.discard(job)
        last[job] = step


def point(folder: Path, way: str, seconds: float, draw: random.Random) -> dict[str, Any]:
    """One kill after `seconds`, and what must hold at once. Raises `AssertionError`."""
    process = start(folder)
    code = wait_for(process, seconds)
    if code is not None:
        assert code == 0, (code, crash(folder))
        return {"way": way, "after": seconds, "ended": "before the kill"}
    below = family(process)
    hit = WAYS[way](process, draw)
    code = wait_for(process, RUN_SECONDS)
    if code == 0 and way != "kill child":  # it was through when the signal came
        return {"way": way, "after": seconds, "ended": "before the kill"}
    assert not hit or code in CODES[way], (way, code, crash(folder))
    _, alive = psutil.wait_procs(below, timeout=ORPHAN_SECONDS)
    alive = [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert not alive, f"orphans: {alive}"
    whole(folder)
    return {"way": way, "after": seconds, "ended": code}


def crash(folder: Path) -> str:
    """What a run that should not have raised said."""
    path = folder / "crash.txt"
    return path.read_text() if path.exists() else ""


def complete(folder: Path) -> float:
    """The run that must end well; its seconds."""
    began = time.monotonic()
    code = wait_for(start(folder), RUN_SECONDS)
    assert code == 0, f"the next run ended with {code}: {crash(folder)}"
    return time.monotonic() - began


def step_seconds(folder: Path) -> float:
    """Median over the training steps of a complete run."""
    from bench.record.rundir import RunDirectory

    trainings = RunDirectory.find("fuzz", folder / "reports").load().trainings
    return statistics.median(step.seconds for one in trainings if one.result for step in one.result.steps)


def rounds(points: int, draw: random.Random, report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """All points; what they came to. Raises `AssertionError` at the first that loses anything."""
    ways, kinds, again = sorted(WAYS), Counter[str](), list[int]()
    with tempfile.TemporaryDirectory(prefix="kill-fuzz-") as place:
        folder = Path(place) / "reference"
        folder.mkdir()
        lasts = complete(folder)
        expected, done, number = outcome(folder), 0, 0
        a_step = step_seconds(folder)
        report({"reference": round(lasts, 2), "step_seconds": round(a_step, 4)})
        while done < points:
            number += 1
            folder = Path(place) / f"round-{number}"
            folder.mkdir()
            for _ in range(min(draw.randint(1, 3), points - done)):
                way = ways[done % len(ways)]
                said = point(folder, way, draw.uniform(0.0, 0.7 * lasts), draw)
                if said["ended"] != "before the kill":  # that is no point: draw another
                    done += 1
                    kinds[way] += 1
                report({"round": number, "point": done, **said})
            seconds = complete(folder)
            repeated = [last - first + 1 for _, last, first in attempts(folder)]
            assert all(steps <= INTERVAL for steps in repeated), f"steps repeated: {repeated}"
            assert outcome(folder) == expected, "the results differ from those of an undisturbed run"
            report({"round": number, "completed_in": round(seconds, 2), "steps_repeated": repeated})
            again += repeated
    return {
        "points": done,
        "kinds": dict(kinds),
        "lost": 0,
        "trainings_taken_up": len(again),
        "steps_repeated": sum(again),
        "seconds_repeated": round(a_step * sum(again), 2),
    }


def fork_servers_from_here() -> None:
    """Fork servers become forks of the process that asks for one, which has their imports already."""
    from multiprocessing import util

    spawn = util.spawnv_passfds

    def fork(path: Any, arguments: Iterable[Any], handles: Iterable[int]) -> int:
        command = list(arguments)[-1]
        if "forkserver" not in command:
            return spawn(path, arguments, handles)
        kept = {0, 1, 2, *handles}
        pid = os.fork()
        if pid == 0:
            for handle in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
                if handle not in kept:
                    with contextlib.suppress(OSError):
                        os.close(handle)
            try:
                exec(command, {})  # noqa: S102  # what the library would have given to a fresh interpreter
            finally:
                os._exit(0)
        return pid

    util.spawnv_passfds = fork


def main() -> None:
    """Run the fuzz; exit code 1 at the first loss."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="lines of JSON are appended here too")
    chosen = parser.parse_args()
    import bench.worker.kinds  # noqa: F401  # once for all runs

    fork_servers_from_here()

    def report(said: dict[str, Any]) -> None:
        line = json.dumps(said)
        print(line, flush=True)
        if chosen.out is not None:
            with chosen.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    try:
        report({"seed": chosen.seed, **rounds(chosen.points, random.Random(chosen.seed), report)})
    except AssertionError as error:
        report({"failed": str(error)})
        sys.exit(1)


if __name__ == "__main__":
    main()
