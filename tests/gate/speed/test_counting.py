"""What the rounds of a benchmark are counted as: the timed steps alone, not what was planned around them."""

from pathlib import Path
from typing import Any

import pytest

from bench.emit import ExamplesDone, PassTotals, StepDone
from bench.evals.job import run_eval
from bench.gate.speed import counting
from bench.gate.speed.counting import counts_of, nothing_more
from bench.model.loading.load import load_skeleton
from bench.model.size.flops import flop_model
from bench.record.jobs.train_job import ProbeJob
from bench.train.planning.exact_counts import step_facts, training_facts
from bench.train.probe import run_probe
from tests.evals.jobs import generation_job
from tests.evals.test_loss import write_rows
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data


@pytest.fixture
def job(tmp_path: Path) -> Any:
    """Five rows twice, in passes of two, two passes to a step: the third step has one pass."""
    tiny_checkpoint(tmp_path / "base")
    rows = stored_data(tmp_path, make_rows(5))
    recipe = make_recipe(method="lora", batch_rows=2, accumulation=2)
    budget = {"unit": "epochs", "amount": 2}
    return make_job(resolved_model(tmp_path / "base"), rows, recipe=recipe, budget=budget)


def test_the_steps_of_a_training_add_up_to_it(job: Any) -> None:
    steps, whole = step_facts(job), training_facts(job)
    assert len(steps) == whole.steps
    for name in ("tokens", "supervised_tokens", "slots", "model_flops", "hardware_flops"):
        assert sum(getattr(step, name) for step in steps) == getattr(whole, name), name


def test_counts_so_far_are_of_the_steps_that_were_trained(job: Any, tmp_path: Path) -> None:
    events: list[Any] = []
    run_probe(ProbeJob(training=job, steps=2, digest="p"), tmp_path / "out", events.append)
    so_far, steps = counts_of(job), step_facts(job)
    assert so_far(events[0]) == steps[0].model_dump(exclude={"tokens"})
    assert so_far(events[1])["slots"] == steps[0].slots + steps[1].slots
    with pytest.raises(RuntimeError, match="were planned"):
        so_far(events[1].model_copy(update={"tokens": events[1].tokens + 1}))


def test_an_evals_operations_are_those_of_its_passes(tmp_path: Path) -> None:
    model = resolved_model(tiny_checkpoint(tmp_path / "base"))
    write_rows(tmp_path / "rows.jsonl", ["one", "two words", "three"])
    job = generation_job(model, tmp_path / "rows.jsonl", 3, decoding={"max_new_tokens": 4})
    events: list[Any] = []
    run_eval(job, tmp_path / "out", events.append)
    found = counts_of(job)(events[-1])
    work = events[-1].passes.work
    rates = flop_model(load_skeleton(model)).forward
    by_hand = (
        rates.position * work["positions"] + rates.pair * work["pairs"] + rates.head_position * work["head_positions"]
    )
    assert found == {"examples": 3, "slots": events[-1].passes.slots, "model_flops": by_hand}


def test_operations_that_are_unknown_for_one_step_are_unknown_from_there_on(
    job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sum of what is known would pass for the whole."""
    steps = step_facts(job)
    unknown = steps[1].model_copy(update={"model_flops": None})
    monkeypatch.setattr(counting, "step_facts", lambda job: (steps[0], unknown, steps[2]))
    so_far, tokens = counts_of(job), 0
    seen = []
    for number, step in enumerate(steps, 1):
        tokens += step.tokens
        seen.append(so_far(StepDone(step=number, steps=len(steps), tokens=tokens)))
    assert [counts["model_flops"] for counts in seen] == [steps[0].model_flops, None, None]
    assert seen[2]["slots"] == sum(step.slots for step in steps)


def test_an_eval_of_a_foreign_architecture_is_counted_without_operations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def foreign(model: object) -> None:
        raise RuntimeError("needs its weights")

    monkeypatch.setattr(counting, "flop_model", foreign)
    model = resolved_model(tiny_checkpoint(tmp_path / "base"))
    write_rows(tmp_path / "rows.jsonl", ["one"])
    so_far = counts_of(generation_job(model, tmp_path / "rows.jsonl", 1, decoding={"max_new_tokens": 4}))
    totals = PassTotals(tokens=9, slots=9, work={"positions": 9, "pairs": 81, "head_positions": 1})
    event = ExamplesDone(done=1, total=1, passes=totals)
    assert so_far(event) == {"examples": 1, "slots": 9, "model_flops": None}
    assert "needs its weights" in capfd.readouterr().err
    assert nothing_more(event) == {}
