"""The quality gate: a recipe that got worse must not pass, and noise must not fail."""

import dataclasses
from datetime import date
from typing import Any

import pytest
from rich.console import Console

from bench.errors import ExitCode
from bench.gate.quality import QualityComparison, compare_quality
from bench.gate.show import print_quality
from bench.report.as_json import to_json
from bench.suite.tables.conclusions.gate import GatePolicy
from tests.fakes.records import FakeRun, make_run

ARM = "lima_1k/full"
REPLICATES = 500
TODAY = date(2026, 6, 1)


@pytest.fixture(scope="module")
def stored() -> FakeRun:
    """The run that was kept."""
    return of_few_evals()


def of_few_evals(examples: int = 400, **planted: Any) -> FakeRun:
    """A run with a claim on each of two evals, and a diagnostic one."""
    return make_run(examples=examples, **planted).only("qa", "choice", "heldout")


def spoiled(run: FakeRun, eval_name: str, arm: str, share: int = 2) -> FakeRun:
    """The same run, where `arm` now fails every `share`-th example of an eval."""
    scores = {
        key: [
            row.model_copy(update={"metrics": dict.fromkeys(row.metrics, 0.0)}) if index % share == 0 else row
            for index, row in enumerate(rows)
        ]
        if key[0] == eval_name and key[1].startswith(arm)
        else rows
        for key, rows in run.rows.items()
    }
    return run.changed(rows=scores)


def gated(run: FakeRun, policy: dict[str, object]) -> FakeRun:
    """The same run of a suite with a `[gate]`."""
    return run.with_suite(gate=GatePolicy.model_validate(policy))


def compared(run: FakeRun, against: FakeRun, **options: object) -> QualityComparison:
    return compare_quality(run, against, today=TODAY, replicates=REPLICATES, **options)  # type: ignore[arg-type]


def last_line(found: QualityComparison, capsys: pytest.CaptureFixture[str]) -> str:
    print_quality(found, Console(width=300))
    return capsys.readouterr().out.strip().splitlines()[-1]


def test_the_same_run_is_go(stored: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    found = compared(stored, stored)
    assert {change.answer for change in found.changes} == {"go"}
    assert (found.answer, found.exit_code, found.unresolved) == ("go", ExitCode.OK, 0)
    assert {change.arm for change in found.changes} >= {"base", ARM}
    assert "heldout" not in {change.eval for change in found.changes}, "a diagnostic blocks nothing"
    assert last_line(found, capsys).startswith("go: ")


def test_an_arm_that_got_worse_is_no_go_and_named(stored: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    found = compared(spoiled(stored, "qa", ARM), stored)
    worse = [(change.arm, change.eval) for change in found.changes if change.answer == "no-go"]
    assert worse == [(ARM, "qa")]
    assert found.exit_code == ExitCode.GATE_FAILED
    assert last_line(found, capsys).startswith("no-go: 1 score got worse by more than accepted")


def test_answers_about_a_single_training_say_so(stored: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    """They hold of what was trained, and would be taken for answers about the recipe."""
    once = of_few_evals(20, seeds=(0,))
    for run, said in ((once, True), (stored, False)):
        print_quality(compared(run, run), Console(width=300))
        assert ("trained once: these answers are about that training" in capsys.readouterr().out) is said


def test_a_loss_within_the_margin_of_its_eval_is_go(stored: FakeRun) -> None:
    """Absolute or relative, of the suite or of the eval alone."""
    worse = spoiled(stored, "qa", ARM)
    for policy in (
        {"margin": 0.7},
        {"eval": {"qa": {"margin": 0.7}}},
        {"margin": 0.0, "eval": {"qa": {"relative": 0.99}}},
    ):
        found = compared(gated(worse, policy), stored)
        (change,) = [c for c in found.changes if (c.arm, c.eval) == (ARM, "qa")]
        assert change.answer == "go", policy
    assert compared(worse, stored, margin=0.7).changes[0].margin == 0.7
    (change,) = [c for c in compared(gated(worse, {"relative": 0.1}), stored).changes if (c.arm, c.eval) == (ARM, "qa")]
    assert change.before is not None
    assert change.margin == pytest.approx(0.1 * change.before)
    assert change.answer == "no-go"


def test_an_advisory_eval_decides_nothing(stored: FakeRun) -> None:
    found = compared(
        gated(spoiled(stored, "choice", "alpaca_52k/full"), {"eval": {"choice": {"tier": "advisory"}}}), stored
    )
    (change,) = [c for c in found.changes if c.answer == "no-go"]
    assert (change.tier, change.decides) == ("advisory", False)
    assert (found.answer, found.exit_code) == ("go", ExitCode.OK)


def test_a_diagnostic_is_checked_where_the_policy_names_it(stored: FakeRun) -> None:
    found = compared(gated(stored, {"eval": {"heldout": {"tier": "advisory"}}}), stored)
    assert "heldout" in {change.eval for change in found.changes}


def test_a_waiver_accepts_a_loss_until_its_last_day(stored: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    worse = spoiled(stored, "choice", ARM, share=1)
    policy = {"waiver": [{"eval": "choice", "arm": ARM, "until": TODAY, "reason": "new tokenizer"}]}
    waived = compared(gated(worse, policy), stored)
    assert (waived.answer, waived.exit_code, waived.expired) == ("go", ExitCode.OK, ())
    print_quality(waived, Console(width=300))
    assert "waived until 2026-06-01: lima_1k/full on choice: new tokenizer" in capsys.readouterr().out
    late = compare_quality(gated(worse, policy), stored, today=date(2026, 6, 2), replicates=REPLICATES)
    assert (late.answer, late.exit_code) == ("no-go", ExitCode.GATE_FAILED)
    assert [waiver.reason for waiver in late.expired] == ["new tokenizer"]
    other = {"waiver": [{"eval": "choice", "arm": "alpaca_52k/lora", "until": TODAY, "reason": "another arm"}]}
    assert compared(gated(worse, other), stored).answer == "no-go"


def test_a_waived_claim_may_fall() -> None:
    stored = make_run(examples=400).only("instructions")
    says = stored.record.resolved.suite.claim[0].says
    worse = spoiled(stored, "instructions", ARM, share=1)
    evals = {"instructions": {"tier": "advisory"}}
    fallen = compared(gated(worse, {"eval": evals}), stored)
    assert [claim.says for claim in fallen.claims if claim.failed] == [says]
    assert fallen.answer == "no-go"
    waiver = {"claim": says, "until": TODAY, "reason": "accepted"}
    assert compared(gated(worse, {"eval": evals, "waiver": [waiver]}), stored).answer == "go"


def test_another_training_leaves_cells_open_and_says_how_many(
    stored: FakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    """Silence about what could not be seen was the fault: a check that can see nothing never fails."""
    other = of_few_evals(seed=1)
    found = compared(other, stored, fail_on="unresolved")
    assert found.answer == "inconclusive"
    assert found.exit_code == ExitCode.GATE_FAILED
    assert dataclasses.replace(found, fail_on="no-go").exit_code == ExitCode.OK
    assert 0 < found.unresolved == sum(change.answer == "inconclusive" for change in found.changes)
    assert f"{found.unresolved} of {len(found.changes)} cells unresolved" in last_line(found, capsys)
    drops = [change.smallest_drop for change in found.changes if change.answer == "inconclusive"]
    assert all(drop is not None and drop > 0 for drop in drops)


def test_what_is_missing_is_never_green(stored: FakeRun) -> None:
    gone = of_few_evals(failed_training=f"{ARM}#1")
    found = compared(gone, stored)
    assert found.exit_code == ExitCode.INCOMPLETE
    assert found.answer == "inconclusive"


def test_other_examples_are_not_compared(stored: FakeRun) -> None:
    found = compared(of_few_evals(60), stored)
    assert {change.why for change in found.changes if change.eval == "qa"} == {
        "the eval's examples differ: 400 stored, 60 in this run, 60 in both"
    }
    assert found.exit_code != ExitCode.OK


def test_one_eval_that_cannot_be_compared_makes_the_check_incomplete(stored: FakeRun) -> None:
    """Both runs are complete by themselves; the stored one has an example fewer of one eval."""
    fewer = {key: rows[:-1] if key[0] == "qa" else rows for key, rows in stored.rows.items()}
    found = compared(stored, stored.changed(rows=fewer))
    assert {change.answer for change in found.changes if change.eval == "qa"} == {"inconclusive"}
    assert {change.answer for change in found.changes if change.eval != "qa"} == {"go"}
    assert found.exit_code == ExitCode.INCOMPLETE


def test_a_claim_that_falls_fails(stored: FakeRun) -> None:
    """`lima_1k/full >= alpaca_52k/full` holds in the stored run; now the left side has lost."""
    found = compared(spoiled(stored, "qa", ARM, share=1), stored)
    assert [claim for claim in found.claims if claim.failed]
    assert all(claim.after == "refuted" and claim.before != "refuted" for claim in found.claims if claim.failed)


def test_trainings_are_paired_by_seed(stored: FakeRun) -> None:
    """Seeds far apart, each of them a little worse than before: pairing sees the loss, independent seeds do not."""
    spread = make_run(examples=400, seed_spread=0.4).only("qa")
    rows = {
        key: [
            row.model_copy(update={"metrics": dict.fromkeys(row.metrics, 0.0)}) if i % 8 == 0 else row
            for i, row in enumerate(entries)
        ]
        if key[0] == "qa" and key[1].startswith(ARM)
        else entries
        for key, entries in spread.rows.items()
    }
    worse = spread.changed(rows=rows)
    (paired,) = [c for c in compared(worse, spread).changes if (c.arm, c.eval) == (ARM, "qa")]
    assert paired.paired_seeds
    trainings = tuple(t.model_copy(update={"seed": t.seed + 7}) for t in spread.record.trainings)
    evaluations = tuple(
        e if e.seed is None else e.model_copy(update={"seed": e.seed + 7, "subject": f"{e.arm}#{e.seed + 7}"})
        for e in spread.record.evaluations
    )
    moved = {
        (name, subject if "#" not in subject else f"{subject.partition('#')[0]}#{int(subject[-1]) + 7}"): entries
        for (name, subject), entries in spread.rows.items()
    }
    others = spread.with_suite(seeds=(7, 8, 9)).changed(trainings=trainings, evaluations=evaluations, rows=moved)
    (apart,) = [c for c in compared(worse, others).changes if (c.arm, c.eval) == (ARM, "qa")]
    assert not apart.paired_seeds
    assert paired.delta.estimate == pytest.approx(apart.delta.estimate)
    assert paired.smallest_drop is not None
    assert apart.smallest_drop is not None
    assert paired.smallest_drop < 0.5 * apart.smallest_drop


def test_what_may_explain_a_loss_is_named(stored: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    """A maintainer who sees that an arm got worse asks first what was changed."""
    found = compared(spoiled(stored, "qa", ARM).with_suite(seeds=(7, 8, 9)), stored)
    print_quality(found, Console(width=200))
    assert f"differs: suite.seeds {list(stored.record.resolved.suite.seeds)} → [7, 8, 9]" in capsys.readouterr().out
    assert [one["key"] for one in to_json(found)["differences"]] == ["suite.seeds"]
