"""Memory and time of a report on large evals: 10,000 examples × 20 subjects × 10 evals.

The run is made up: six arms with three seeds, one of which has a fourth, and their base, on evals of right or wrong
answers to questions of 20 words. `python -m benchmarks.report_size [EXAMPLES [EVALS]]`
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import psutil

from bench.record.record import EvaluationRecord, Record
from bench.record.results.evals.evaluation import Measure, ScoreRow
from bench.record.rundir import RECORD, scores_file
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from tests.fakes.records import make_run

EXAMPLES, EVALS = 10_000, 10
FOURTH_SEED = {"lima_1k/full": (3,)}
WORDS = ("river", "market", "north", "teacher", "opens", "before", "seven", "blue", "carries", "old", "where", "which")
WORDS_PER_QUESTION = 20
TICK_SECONDS = 0.1
LITTLE_SECONDS = 0.1
"""What Python's own helper process takes is not listed."""


def make_large_run(folder: Path, *, examples: int, evals: int) -> Path:
    """Write the record and the scores to `folder`."""
    small = make_run(folder, examples=2, more_seeds=FOURTH_SEED, claims=()).record
    choice = next(spec for spec in small.resolved.suite.eval if spec.name == "choice")
    assert isinstance(choice, LmEvalSpec), "the fake suite's"
    specs = tuple(choice.model_copy(update={"name": f"choice{n}", "tasks": (f"task{n}",)}) for n in range(evals))
    suite = small.resolved.suite.model_copy(update={"eval": specs, "more_examples": {}})
    first = [evaluation for evaluation in small.evaluations if evaluation.eval == "choice"]
    rng = np.random.default_rng(0)
    evaluations = tuple(
        one for spec in specs for one in _scored(folder, spec.name, spec.tasks[0], first, examples=examples, rng=rng)
    )
    resolved = small.resolved.model_copy(update={"suite": suite})
    record: Record = small.model_copy(update={"resolved": resolved, "evaluations": evaluations})
    (folder / RECORD).write_text(record.model_dump_json(), encoding="utf-8")
    return folder


def _scored(
    folder: Path, name: str, task: str, like: list[EvaluationRecord], *, examples: int, rng: np.random.Generator
) -> list[EvaluationRecord]:
    """All subjects on one eval, their scores written."""
    words = rng.integers(0, len(WORDS), (examples, WORDS_PER_QUESTION))
    questions = [" ".join(WORDS[word] for word in row) for row in words]
    hard, made = rng.random(examples), []
    for one in like:
        right = rng.random(examples) > 0.5 * hard + (0.3 if one.arm is None else 0.1)
        file = folder / scores_file(name, one.subject)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8") as lines:
            for number, (question, correct) in enumerate(zip(questions, right.tolist(), strict=True)):
                row = ScoreRow.model_construct(
                    task=task, id=str(number), metrics={"acc": float(correct), "acc_norm": float(correct)},
                    prompt=f"User: {question}\nAssistant:", question=question, target=question[:30],
                    output=question[:30] if correct else question[30:60], slices={}, spread={}, statistics={},
                )  # fmt: skip
                lines.write(json.dumps(row.model_dump(), ensure_ascii=False) + "\n")
        assert one.result is not None, "no eval of the fake run failed"
        measures = tuple(
            Measure(
                task=task, metric=metric, value=float(right.mean()), n=examples, missing=0, higher_is_better=True,
                binary=True, chance=0.25, headline=metric == "acc",
            )
            for metric in ("acc", "acc_norm")
        )  # fmt: skip
        made.append(
            one.model_copy(
                update={
                    "eval": name,
                    "job": one.job.model_copy(update={"id": f"eval:{name}:{one.subject}"}),
                    "scores": scores_file(name, one.subject),
                    "result": one.result.model_copy(update={"measures": measures, "versions": {}}),
                }
            )
        )
    return made


def main() -> None:
    """Print one line of the table."""
    examples, evals = (int(text) for text in (*sys.argv[1:], EXAMPLES, EVALS)[:2])
    if len(sys.argv) == 2:
        evals = EVALS
    with tempfile.TemporaryDirectory() as name:
        folder = make_large_run(Path(name) / "run", examples=examples, evals=evals)
        size = sum(file.stat().st_size for file in (folder / "scores").rglob("*.jsonl"))
        began, used, peak = time.perf_counter(), dict[int, float](), 0
        report = psutil.Popen([sys.executable, "-m", "bench", "report", str(folder)], stdout=subprocess.DEVNULL)
        while report.poll() is None:
            peak = max(peak, measure((report, *report.children(recursive=True)), used))
            time.sleep(TICK_SECONDS)
        clock = time.perf_counter() - began
        if report.returncode not in (0, 3):
            sys.exit(report.returncode)
        own = used.pop(report.pid)
        print("| examples | evals | scores, MB | processor s: report | its others, each | clock s | peak MiB |")
        print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        others = ", ".join(f"{seconds:.1f}" for seconds in used.values() if seconds > LITTLE_SECONDS) or "–"
        print(f"| {examples:,} | {evals} | {size / 1e6:,.0f} | {own:.1f} | {others} | {clock:.1f} | "
              f"{peak / 2**20:,.0f} |")  # fmt: skip


def measure(processes: Iterable[psutil.Process], used: dict[int, float]) -> int:
    """Bytes that the processes hold now, what several share divided among them; `used` gets the seconds of each."""
    held = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):  # it has ended
            times = process.cpu_times()
            used[process.pid] = times.user + times.system
            held += process.memory_full_info().pss
    return held


if __name__ == "__main__":
    main()
