"""The quality gate: a recipe that got worse must not pass, and noise must not fail."""

from __future__ import annotations

import dataclasses

import pytest
from rich.console import Console

from bench.errors import ExitCode
from bench.gate.quality import compare_quality
from bench.gate.show import print_quality
from bench.report.as_json import to_json
from tests.fakes.records import FakeRun, make_run

ARM = "lima_1k/full"
REPLICATES = 500


@pytest.fixture(scope="module")
def stored() -> FakeRun:
    """The run that was kept."""
    return make_run(examples=400)


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
    return dataclasses.replace(run, rows=scores)


def test_the_same_run_passes(stored: FakeRun) -> None:
    found = compare_quality(stored, stored, replicates=REPLICATES)
    assert {change.reading for change in found.changes} == {"no worse"}
    assert found.exit_code == ExitCode.OK
    assert {change.arm for change in found.changes} >= {"base", ARM}
    assert "heldout" not in {change.eval for change in found.changes}, "a diagnostic blocks nothing"


def test_an_arm_that_got_worse_fails_and_is_named(stored: FakeRun) -> None:
    found = compare_quality(spoiled(stored, "qa", ARM), stored, replicates=REPLICATES)
    worse = [(change.arm, change.eval) for change in found.changes if change.reading == "worse"]
    assert worse == [(ARM, "qa")]
    assert found.exit_code == ExitCode.GATE_FAILED


def test_a_loss_within_the_margin_passes(stored: FakeRun) -> None:
    found = compare_quality(spoiled(stored, "qa", ARM), stored, margin=0.6, replicates=REPLICATES)
    assert found.exit_code != ExitCode.GATE_FAILED or any(claim.failed for claim in found.claims)
    assert not [change for change in found.changes if change.reading == "worse"]


def test_an_arm_that_got_better_passes(stored: FakeRun) -> None:
    found = compare_quality(stored, spoiled(stored, "qa", ARM), replicates=REPLICATES)
    change = next(one for one in found.changes if (one.arm, one.eval) == (ARM, "qa"))
    assert change.reading == "better"
    assert not any(one.reading == "worse" for one in found.changes)


def test_what_is_missing_is_never_green(stored: FakeRun) -> None:
    gone = make_run(examples=400, failed_training=f"{ARM}#1")
    found = compare_quality(gone, stored, replicates=REPLICATES)
    assert found.exit_code == ExitCode.INCOMPLETE


def test_other_examples_are_not_compared(stored: FakeRun) -> None:
    found = compare_quality(make_run(examples=60), stored, replicates=REPLICATES)
    missing = [change for change in found.changes if change.reading == "missing"]
    assert missing
    assert {change.why for change in missing if change.eval == "qa"} == {
        "the eval's examples differ: 400 stored, 60 in this run, 60 in both"
    }
    assert found.exit_code != ExitCode.OK


def test_one_eval_that_cannot_be_compared_makes_the_check_incomplete(stored: FakeRun) -> None:
    """Both runs are complete by themselves; the stored one has an example fewer of one eval."""
    fewer = {key: rows[:-1] if key[0] == "qa" else rows for key, rows in stored.rows.items()}
    found = compare_quality(stored, dataclasses.replace(stored, rows=fewer), replicates=REPLICATES)
    assert {(change.eval, change.reading) for change in found.changes if change.eval == "qa"} == {("qa", "missing")}
    assert {change.reading for change in found.changes if change.eval != "qa"} == {"no worse"}
    assert found.exit_code == ExitCode.INCOMPLETE


def test_a_claim_that_falls_fails(stored: FakeRun) -> None:
    """`lima_1k/full >= alpaca_52k/full` holds in the stored run; now the left side has lost."""
    found = compare_quality(spoiled(stored, "qa", ARM, share=1), stored, replicates=REPLICATES)
    assert [claim for claim in found.claims if claim.failed]
    assert all(claim.after == "refuted" and claim.before != "refuted" for claim in found.claims if claim.failed)


def test_what_may_explain_a_loss_is_named(stored: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    """A maintainer who sees that an arm got worse asks first what was changed."""
    worse, resolved = spoiled(stored, "qa", ARM), stored.record.resolved
    suite = resolved.suite.model_copy(update={"seeds": (7, 8, 9)})
    record = stored.record.model_copy(update={"resolved": resolved.model_copy(update={"suite": suite})})
    found = compare_quality(dataclasses.replace(worse, record=record), stored, replicates=REPLICATES)
    print_quality(found, Console(width=200))
    assert f"differs: suite.seeds {list(resolved.suite.seeds)} → [7, 8, 9]" in capsys.readouterr().out
    assert [one["key"] for one in to_json(found)["differences"]] == ["suite.seeds"]
