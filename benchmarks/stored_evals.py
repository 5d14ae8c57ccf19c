"""Evals of a home's runs once more, in one process: processor time of each, and whether its scores are those stored.

    python -m benchmarks.stored_evals HOME

HOME is the home of runs on this machine (`BENCH_HOME`), whose trainings are still there. Nothing is written into it.
Subjects follow one another as in a worker of `bench run`, the base first; the import of the libraries is not counted.
The home's runs are of this checkout: task files from elsewhere are not trusted.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import bench.worker.kinds  # noqa: F401  # as in a worker, what is imported is out of the collector's sight
from bench.evals.job import run_eval
from bench.evals.subject.loader import SubjectLoader
from bench.record.files import SCORES
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.job import job_adapter


def stored_evals(home: Path) -> dict[str, list[tuple[EvalJob, Path]]]:
    """Eval jobs with their folders by subject, the base first."""
    found = defaultdict[str, list[tuple[EvalJob, Path]]](list)
    for file in sorted((home / "jobs").glob("*/job.json")):
        job = job_adapter.validate_json(file.read_bytes())
        if isinstance(job, EvalJob) and job.weights is not None:
            found[job.subject].append((job, file.parent))
    return dict(sorted(found.items(), key=lambda item: (item[0] != "base", item[0])))


def main() -> None:
    """Score and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("home", type=Path)
    home: Path = parser.parse_args().home
    loader, total, apart = SubjectLoader(), 0.0, 0
    print("| subject | eval: processor s |\n|---|---|")
    for subject, jobs in stored_evals(home).items():
        spent = []
        for job, folder in sorted(jobs, key=lambda item: item[0].eval.name):
            with tempfile.TemporaryDirectory() as out:
                began = time.process_time()
                run_eval(job, Path(out), lambda _: None, partial=Path(out) / "partial", loader=loader)
                seconds = time.process_time() - began
                apart += (Path(out) / SCORES).read_bytes() != (folder / SCORES).read_bytes()
            spent.append(f"{job.eval.name} {seconds:.2f}")
            total += seconds
        print(f"| {subject} | {', '.join(spent)} |", flush=True)
    print(f"\n{total:.1f} s of processor time; the scores of {apart} evals are not the stored ones.")


if __name__ == "__main__":
    main()
