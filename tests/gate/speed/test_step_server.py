"""Stepping by command: every step of an eval is timed, however few batches a round of it has."""

import json
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bench.emit import ExamplesDone, PassTotals, StepDone
from bench.gate.speed import step_server
from bench.gate.speed.counting import nothing_more
from bench.gate.speed.step_server import Channel, Stepper, jobs_of
from bench.run.process.server import ChildServer


class FakeChannel(Channel):
    """Always says to go on; keeps the answers."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []

    def read(self) -> dict[str, Any]:
        return {"do": "step"}

    def _write(self, message: dict[str, object]) -> None:
        self.answers.append(json.loads(json.dumps(message)))


def rounds(stepper: Stepper, batches: list[list[int]]) -> None:
    """Each round: its beginning, then the tokens so far after each of its batches."""
    for tokens in batches:
        for total in (0, *tokens):
            stepper(ExamplesDone(done=1, total=9, passes=PassTotals(tokens=total, slots=total, work={})))
        stepper.again()


def test_an_eval_of_one_batch_is_measured_round_after_round() -> None:
    """Its only batch used to be left out as the one that holds the loading, so that the benchmark never ended."""
    channel = FakeChannel()
    rounds(Stepper(channel, nothing_more, announced=True), [[60]] * 4)
    assert [answer["type"] for answer in channel.answers] == ["begun", "stepped", "stepped", "stepped"]
    assert [answer["tokens"] for answer in channel.answers[1:]] == [60, 60, 60]


def test_the_batches_of_a_long_eval_are_all_measured_and_none_twice() -> None:
    channel = FakeChannel()
    rounds(Stepper(channel, nothing_more, announced=True), [[10, 30], [10, 30]])
    assert [answer["tokens"] for answer in channel.answers[1:]] == [20, 10, 20]


def test_a_training_has_no_such_beginning() -> None:
    channel = FakeChannel()
    stepper = Stepper(channel, nothing_more, announced=False)
    for step, total in enumerate((5, 12, 20), start=1):
        stepper(StepDone(step=step, steps=9, tokens=total, loss=9.0 - step, gradient_norm=2.0 * step))
    assert [answer["type"] for answer in channel.answers] == ["begun", "stepped", "stepped"]
    assert [answer["tokens"] for answer in channel.answers[1:]] == [7, 8]
    assert [(answer["loss"], answer["gradient_norm"]) for answer in channel.answers] == [(8, 2), (7, 4), (6, 6)]


def test_work_without_a_batch_is_refused_instead_of_repeated_for_ever() -> None:
    stepper = Stepper(FakeChannel(), nothing_more, announced=True)
    with pytest.raises(RuntimeError, match="without a batch"):
        rounds(stepper, [[]])


def test_rows_of_the_hub_are_fetched_in_forks_of_a_process_that_has_the_libraries(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of children would import them again, which takes longer than the steps."""

    def resolve(*_: object, server: ChildServer, **__: object) -> NoReturn:
        raise LookupError(server.method)

    monkeypatch.setattr(step_server, "resolve", resolve)
    suite = str(root / "suites" / "lima_vs_alpaca.toml")
    with pytest.raises(LookupError, match=r"^fork$"):
        jobs_of({"suite": suite, "profile": "micro", "overrides": [], "arm": None, "steps": 3, "home": str(tmp_path)})
