"""A deployed form is compared with the very trainings that it was written from, and adds no evidence of its own."""

import pytest

from bench.record.record import DeploymentRecord, Failure, JobRecord
from bench.record.results.evals.endpoint_use import EndpointUse
from bench.report.analysis.comparison import Comparison
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.view import Paragraph, Table
from bench.suite.tables.arms.deploy import DeployOptions
from bench.suite.tables.conclusions.decision import DecisionOptions
from bench.suite.tables.models.endpoint import EndpointSpec
from tests.fakes.deployed import with_forms
from tests.fakes.records import FakeRun, make_run
from tests.fakes.results import deploy_result

ARM = "lima_1k/lora"
DEPLOY = DeployOptions(arms={ARM: ("merged", "merged-bf16", "int8")}, margin={"qa": 0.1})


def run_with_forms(**broken: int) -> FakeRun:
    return with_forms(make_run(claims=(), examples=150), DEPLOY, broken=broken)


def read(run: FakeRun) -> Comparison:
    return compare(run, replicates=300)


def outcomes(comparison: Comparison) -> dict[str, str]:
    return {result.claim.parts()[0]: result.verdict.outcome for result in comparison.claims}


def test_a_form_is_paired_with_its_own_trainings() -> None:
    """Every right answer is lost in each seed: what training again would change is in both sides."""
    comparison = read(run_with_forms(int8=1))
    result = comparison.results[f"{ARM}:int8", "qa"]
    delta = result.versus_control.delta
    assert result.versus_control.reference == ARM
    assert "paired by seed" in delta.noise
    assert delta.high is not None
    assert delta.high < 0
    assert outcomes(comparison)[f"{ARM}:int8"] == "refuted"


def test_the_same_weights_are_as_good_by_identity_and_other_weights_by_their_scores_alone() -> None:
    """All three forms have the same scores; only of the same weights it is certain that no example differs."""
    few = with_forms(make_run(claims=(), examples=20), DEPLOY)
    comparison = read(few)
    assert outcomes(comparison) == {
        f"{ARM}:merged": "supported",
        f"{ARM}:merged-bf16": "supported",
        f"{ARM}:int8": "inconclusive",
    }
    identical = next(result for result in comparison.claims if result.claim.parts()[0] == f"{ARM}:merged")
    assert identical.why == "both sides have the same weights, to the last bit"
    assert (identical.seen, identical.verdict.adjusted_p) == ("the same weights", None), "an interval contradicts it"


def test_weights_that_differ_in_one_training_are_not_the_same() -> None:
    few = with_forms(make_run(claims=(), examples=20), DEPLOY)
    first, *rest = few.record.deployments
    other = first.model_copy(update={"result": deploy_result("int8")})
    assert outcomes(read(few.changed(deployments=(other, *rest))))[first.arm] == "inconclusive"


def test_forms_change_nothing_about_the_trained_arms() -> None:
    """Copies of a training would otherwise count as further evidence of how little training again changes."""
    plain, forms = read(make_run(claims=(), examples=150)), read(run_with_forms(int8=3))
    for (arm, measurand), before in plain.results.items():
        after = forms.results[arm, measurand]
        assert after.value == before.value
        for one, other in ((before.versus_base, after.versus_base), (before.versus_control, after.versus_control)):
            assert (one and one.delta) == (other and other.delta), (arm, measurand)


def test_a_decision_is_about_trained_arms() -> None:
    decision = read(run_with_forms().with_suite(decision=DecisionOptions(weights={"qa": 1.0}))).decision
    assert not [option.arm for option in decision.options if ":" in option.arm]


def test_the_section_says_what_each_form_takes_and_what_waits() -> None:
    run = run_with_forms(int8=3)
    waiting = [
        one.model_copy(update={"result": None, "job": _refused(one.job)}) if one.arm.endswith("bf16") else one
        for one in run.record.deployments
    ]
    comparison = read(run.changed(deployments=tuple(waiting)))
    section = next(section for section in compose(comparison).sections if section.title == "Deployed forms")
    takes, apart = (block for block in section.blocks if isinstance(block, Table))
    assert [row[0].text for row in takes.rows] == [f"{ARM}:merged", f"{ARM}:merged-bf16", f"{ARM}:int8"]
    assert [cell.text for cell in takes.rows[2]][4:] == ["100", "200", "0.010", "2.0%"]
    assert [row[0].text for row in apart.rows] == [f"{ARM}:merged", f"{ARM}:int8"]
    said = [block.text for block in section.blocks if isinstance(block, Paragraph)]
    assert f"{ARM}:merged-bf16: it waits" in said
    (int8,) = [form for form in comparison.deployed if form.form == "int8"]
    assert (int8.trained, int8.trainings, int8.disk_bytes, int8.tensor_bytes) == (ARM, 3, 10, 20)


def _refused(job: JobRecord) -> JobRecord:
    return job.model_copy(update={"status": "failed", "failure": Failure(kind="refused", message="it waits")})


def test_the_first_line_counts_forms_apart_from_trained_arms() -> None:
    status = compose(read(run_with_forms())).status.text
    assert (
        "6 arms × 3 seeds, 3 deployed forms and the base" in status or "6 arms × 3 seeds and 3 deployed forms" in status
    )


def test_a_server_is_a_form_of_its_arm_and_held_against_the_training_that_it_has() -> None:
    """It answers as the first training does, to the last example; the other trainings answer otherwise."""
    form = f"{ARM}:endpoint"
    server = EndpointSpec(base_url="http://localhost:1/v1", model="m")
    deploy = DeployOptions(arms={ARM: ("endpoint",)}, endpoint={ARM: server}, margin={"qa": 0.1})
    run = with_forms(make_run(claims=(), examples=150).only("qa"), deploy)
    use = EndpointUse(
        model="m", host="localhost", asked=150, reused=0, refused=0, prompt_tokens=None, completion_tokens=None,
        cost=None, cost_now=None, currency=None,
    )  # fmt: skip
    kept = [one for one in run.record.evaluations if one.arm != form or one.seed == 0]
    asked = tuple(
        one.model_copy(update={"result": one.result.model_copy(update={"endpoint": use})})
        if one.arm == form and one.result is not None
        else one
        for one in kept
    )
    comparison = read(run.changed(evaluations=asked, deployments=()))
    status = compose(comparison).status.text
    assert (
        "6 arms × 3 seeds, 1 deployed form and the base" in status or "6 arms × 3 seeds and 1 deployed form" in status
    )
    (row,) = comparison.deployed
    assert (row.arm, row.trainings, row.waits_for, row.disk_bytes) == (form, 1, None, None)
    delta = comparison.results[form, "qa"].versus_control.delta
    assert (delta.estimate, delta.noise) == (0, "example noise only, paired by seed")


def test_a_speed_beside_other_work_is_no_measure_of_the_form() -> None:
    run = run_with_forms()
    shared = tuple(_shared(one) for one in run.record.deployments)
    form = read(run.changed(deployments=shared)).deployed[0]
    assert (form.tokens_per_second, form.shared_tokens_per_second) == (None, pytest.approx(100.0))


def _shared(deployment: DeploymentRecord) -> DeploymentRecord:
    return deployment.model_copy(update={"job": deployment.job.model_copy(update={"alone": False})})
