"""What each arm trained on stands beside the claims: an equal budget makes one measure equal, not all."""

import pytest

from bench.report.analysis.training.costs.cost import costs
from bench.report.analysis.training.costs.dose import doses
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.markdown import render
from tests.fakes.records import FakeRun, make_run

ARM = "lima_1k/full"


def dosed(**ledger: float) -> FakeRun:
    """A run in which one arm's ledgers differ."""
    run = make_run(examples=20)
    trainings = tuple(
        t.model_copy(
            update={"result": t.result.model_copy(update={"ledger": t.result.ledger.model_copy(update=ledger)})}
        )
        if t.arm == ARM and t.result is not None
        else t
        for t in run.record.trainings
    )
    return run.changed(trainings=trainings)


def test_the_dose_is_the_mean_of_the_ledgers() -> None:
    run = make_run(examples=5)
    found = {dose.arm: dose for dose in doses(costs(run.record)).arms}[ARM]
    ledgers = [t.result.ledger for t in run.record.trainings if t.arm == ARM and t.result is not None]
    assert found.tokens == pytest.approx(sum(ledger.tokens for ledger in ledgers) / 3)
    assert found.supervised_tokens == pytest.approx(sum(ledger.supervised_tokens for ledger in ledgers) / 3)
    assert found.steps == ledgers[0].steps
    assert found.rows == pytest.approx(sum(ledger.rows for ledger in ledgers) / 3)


def dose_rows(text: str) -> str:
    return text.partition("<b>Dose of one training</b>")[2].partition("</details>")[0]


def test_a_quarter_of_the_steps_at_an_equal_token_budget_is_a_warning() -> None:
    """Seen: 8 steps against 31 under "the arms are matched within 1%"."""
    plain = compare(make_run(examples=20), replicates=100)
    assert "dose differs" not in {finding.name for finding in plain.sanity}
    steps = int(plain.doses.arms[1].steps)
    comparison = compare(dosed(steps=steps // 4, epochs=0.03), replicates=100)
    assert comparison.doses.unequal == ("steps",)
    details = {finding.name: finding.detail for finding in comparison.sanity}
    assert details["dose differs"].startswith(f"steps {steps // 4} to {steps} (×")
    assert details["dose differs"].endswith("the budget equals tokens")
    (unseen,) = [finding for finding in comparison.sanity if (finding.name, finding.arm) == ("rows unseen", ARM)]
    assert unseen.detail.startswith("training saw 3.0% of the rows")
    text = render(compose(comparison))
    assert "| **dose differs** | whole run: steps" in text.partition("<details>")[0], "among what changes a conclusion"
    assert f"| **{ARM}** |" in dose_rows(text)


def test_the_claims_name_the_dose_of_their_arms_alone() -> None:
    run = make_run(examples=20, claims=({"says": f"{ARM} > base", "on": "qa"},))
    named = dose_rows(render(compose(compare(run, replicates=100))))
    assert f"| **{ARM}** |" in named
    assert "**random_1k/full**" not in named
