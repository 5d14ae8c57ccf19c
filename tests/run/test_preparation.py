"""The end of a run is prepared while its last evals run, and not beside a training."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import TrainJob
from bench.run.preparation import Preparation
from tests.fakes.suites import diary, fake_suite, run_below


def jobs() -> list[Any]:
    """A training, and two subjects on each of two evals."""
    evals = [
        SimpleNamespace(digest=f"{name}{subject}", job=EvalJob.model_construct(eval=SimpleNamespace(name=name)))
        for subject in (1, 2)
        for name in ("qa", "held")
    ]
    return [SimpleNamespace(digest="training", job=TrainJob.model_construct()), *evals]


def test_it_begins_once_behind_the_last_training_and_a_score_of_each_eval() -> None:
    done = list[str]()
    preparation = Preparation(jobs(), [lambda: done.append("imported"), lambda: done.append("searched")])
    for digest in ("qa1", "qa2", "training"):
        preparation.job_ended(digest)
        preparation.finish()
        assert done == [], digest
    for digest in ("held1", "held2"):
        preparation.job_ended(digest)
        preparation.finish()
        assert done == ["imported", "searched"], digest


def test_a_step_that_fails_leaves_the_next_to_be_taken(capfd: Any) -> None:
    done = list[str]()
    preparation = Preparation(jobs()[:1], [lambda: 1 / 0, lambda: done.append("searched")])
    preparation.job_ended("training")
    preparation.finish()
    assert done == ["searched"]
    assert capfd.readouterr().err == ""


def test_a_run_prepares_in_a_thread_behind_its_trainings(tmp_path: Path) -> None:
    """Done by the run's own thread, its jobs would wait for it."""
    ended, threads = list[str](), list[threading.Thread]()

    def meanwhile() -> None:
        threads.append(threading.current_thread())
        ended.extend(line["id"] for line in diary(tmp_path / "home") if line["what"] == "end")

    run_below(tmp_path, fake_suite(tmp_path), meanwhile=meanwhile)
    trained = {line["id"] for line in diary(tmp_path / "home") if line["id"].startswith("train:")}
    assert trained
    assert trained <= set(ended)
    assert [thread is threading.main_thread() for thread in threads] == [False]


def test_nothing_is_prepared_beside_evals_that_have_the_machine_to_themselves(tmp_path: Path) -> None:
    """The speed of their answers would be one taken beside other work."""
    prepared = list[str]()
    run_below(tmp_path, fake_suite(tmp_path, run={"workers": 1}), meanwhile=lambda: prepared.append("imports"))
    assert prepared == []
