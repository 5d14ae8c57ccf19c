"""Verdicts of claims: what a reader takes away."""

import re

import pytest

from bench.record.record import Failure, JobRecord
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.compare import compare, compare_record
from bench.report.compose import compose
from bench.report.render.view import Table
from bench.report.sections.failures import failures_section
from tests.fakes.records import FakeRun, make_run

LIMA = "lima_1k/full"


def decide(says: str, on: str, margin: float = 0.0, beside: str = "", **options: object) -> ClaimResult:
    """beside: another eval of the run."""
    claims: tuple[dict[str, object], ...] = ({"says": says, "on": on, "margin": margin},)
    run = make_run(claims=claims, examples=150, **options)  # type: ignore[arg-type]
    return compare(run.only(on, beside), replicates=200).claims[0]


def why(run: FakeRun) -> str:
    claims = next(entry for entry in compose(compare(run, replicates=200)).sections if entry.title == "Claims")
    (table,) = [block for block in claims.blocks if isinstance(block, Table) and block.only == "document"]
    return " | ".join(cell.text for cell in table.rows[0][2:-1])


@pytest.mark.parametrize(
    ("says", "on", "margin", "outcome"),
    [
        (f"{LIMA} > base", "qa", 0.1, "supported"),
        (f"base > {LIMA}", "qa", 0.1, "refuted"),
        (f"base >= {LIMA}", "qa", 0.1, "refuted"),
        (f"{LIMA} == base", "qa", 0.05, "refuted"),
        (f"{LIMA} > alpaca_52k/full", "qa", 0.0, "inconclusive"),
        (f"{LIMA} > base", "heldout", 0.0, "supported"),
        (f"base >= {LIMA}", "heldout", 0.1, "refuted"),
    ],
)
def test_verdict_of_a_planted_effect(says: str, on: str, margin: float, outcome: str) -> None:
    """On held-out loss lower is better: `>` there means the lower loss."""
    assert decide(says, on, margin).verdict.outcome == outcome


@pytest.mark.parametrize(
    ("options", "gap"),
    [
        ({"failed_training": f"{LIMA}#2"}, "lima_1k/full#2 has no score: train:lima_1k/full#2 failed: out of memory"),
        ({"failed_eval": "qa:base"}, "base has no score: stopped after 600 s"),
    ],
)
def test_incomplete_as_soon_as_one_needed_subject_is_missing(options: dict[str, str], gap: str) -> None:
    """Two of three seeds would give a verdict that the failed one might have changed."""
    found = decide(f"{LIMA} > base", "qa", **options)
    assert found.verdict.outcome == "incomplete"
    assert found.why == gap


def test_a_failure_elsewhere_leaves_the_claim_decided() -> None:
    found = decide(f"{LIMA} > base", "qa", beside="cloze", failed_eval="cloze:base")
    assert found.verdict.outcome == "supported"


@pytest.mark.parametrize("relation", [">=", "=="])
def test_two_sides_that_guess_are_not_called_equal(relation: str) -> None:
    """An eval that neither side can do would call any two models equally good."""
    guess = {"choice": {LIMA: 0.25, "base": 0.25}}
    found = decide(f"{LIMA} {relation} base", "choice", margin=0.5, rates=guess)
    assert found.verdict.outcome == "inconclusive"
    assert "both sides are at chance" in found.why
    able = {"choice": {LIMA: 0.9, "base": 0.9}}
    assert decide(f"{LIMA} {relation} base", "choice", margin=0.5, rates=able).verdict.outcome == "supported"


def test_a_pending_job_makes_the_claim_incomplete() -> None:
    run = make_run(examples=20, claims=({"says": f"{LIMA} > base", "on": "qa"},))
    evaluations = tuple(
        e.model_copy(update={"result": None, "scores": None, "job": e.job.model_copy(update={"status": "pending"})})
        if (e.eval, e.subject) == ("qa", "base")
        else e
        for e in run.record.evaluations
    )
    stopped = run.changed(evaluations=evaluations)
    found = compare(stopped, replicates=100).claims[0]
    assert found.verdict.outcome == "incomplete"
    assert "ended before it" in found.why


@pytest.mark.parametrize("only", [("--only", LIMA), (f"--only={LIMA}",), ("--only", "lima_1k/f*")])
def test_what_only_left_out_is_said_and_no_promise_made_that_the_same_command_runs_it(only: tuple[str, ...]) -> None:
    run = make_run(examples=20, claims=({"says": f"{LIMA} > base", "on": "qa"},))
    other = "random_1k/full"

    def never(job: JobRecord) -> JobRecord:
        return job.model_copy(update={"status": "pending"})

    trainings = tuple(
        t.model_copy(update={"result": None, "job": never(t.job)}) if t.arm in (LIMA, other) and t.seed == 2 else t
        for t in run.record.trainings
    )
    stopped = run.record.model_copy(update={"trainings": trainings, "command": ("bench", "run", "x.toml", *only)})
    missing = compare(FakeRun(path=run.path, record=stopped, rows=run.rows), replicates=100)
    assert {absence.subject: (absence.kind, absence.message) for absence in missing.missing} == {
        f"{LIMA}#2": ("pending", "this run ended before it"),
        f"{other}#2": ("left_out", "`--only` left it out"),
    }
    going_on = compare_record(stopped.model_copy(update={"finished": None}), run.rows, replicates=100)
    assert "the run is going on, or was killed" in {absence.message for absence in going_on.missing}
    section = failures_section(missing)
    assert "without `--only` to try these jobs again" in str(section.blocks[-1])
    assert f"`--only` left out 1 job, of {other}." in str(section.blocks), "no row for each"
    assert (f"train:{LIMA}#2" in str(section.blocks), f"train:{other}#2" in str(section.blocks)) == (True, False)


def test_a_refused_job_is_said_to_need_another_recipe() -> None:
    """The same command would refuse it again, for ever."""
    run = make_run(examples=20)
    first, *others = run.record.trainings
    failure = Failure(kind="refused", message="rows see each other")
    job = first.job.model_copy(update={"status": "failed", "failure": failure})
    refused = first.model_copy(update={"result": None, "job": job})
    record = run.record.model_copy(update={"trainings": (refused, *others)})
    section = failures_section(compare_record(record, run.rows, replicates=100))
    assert "refused again until its recipe changes" in str(section.blocks)
    assert "refused again" not in str(failures_section(compare_record(run.record, run.rows, replicates=100)))


def test_an_arm_left_out_by_only_makes_the_claim_incomplete() -> None:
    run = make_run(examples=20, claims=({"says": f"{LIMA} > alpaca_52k/full", "on": "qa"},))
    trainings = tuple(t for t in run.record.trainings if t.arm != "alpaca_52k/full")
    evaluations = tuple(e for e in run.record.evaluations if e.arm != "alpaca_52k/full")
    partial = run.changed(trainings=trainings, evaluations=evaluations)
    assert compare(partial, replicates=100).claims[0].why == "alpaca_52k/full is not part of this run"


def test_inconclusive_says_what_would_decide_it() -> None:
    rates = {"choice": {LIMA: 0.75, "random_1k/full": 0.72}}
    claim = {"says": f"{LIMA} > random_1k/full", "on": "choice"}
    run = make_run(examples=150, rates=rates, claims=(claim,), seed=1).only("choice")
    assert re.fullmatch(
        r"[+−]?\d.* points .* \| better \| (about [\d,]+ examples|\d+ seeds) \(now (150|3); .*\)", why(run)
    )
    (result,) = compare(run, replicates=100).claims
    assert result.why.startswith("the interval includes zero; leans to supported; to decide it at 5.0% (Holm) if the")


@pytest.mark.parametrize("relation", [">=", ">"])
def test_one_training_decides_no_claim(relation: str) -> None:
    """Three seeds of the same arm may leave open what one alone would decide: losing two raised confidence."""
    claim = {"says": f"{LIMA} {relation} base", "on": "qa", "margin": 0.01}
    found, *_ = compare(make_run(examples=150, seeds=(0,), claims=(claim,)).only("qa"), replicates=100).claims
    assert found.verdict.outcome == "inconclusive"
    assert found.why.startswith(f"supported for these trainings alone: {LIMA} was trained once")
    unknown = {**claim, "says": f"{LIMA} {relation} alpaca_52k/full"}
    found, *_ = compare(make_run(examples=150, seeds=(0,), claims=(unknown,)).only("qa"), replicates=100).claims
    assert found.why.endswith(
        f"{LIMA} and alpaca_52k/full were trained once, and only a second seed shows the noise of training again"
    )
    repeated, *_ = compare(make_run(examples=150, seeds=(0, 1), claims=(claim,)).only("qa"), replicates=100).claims
    assert repeated.verdict.outcome == "supported"


def test_a_p_value_that_does_not_decide_is_not_shown() -> None:
    """Seen: `inconclusive … <0.001`, of a claim that one training, or missing scores, leave open."""
    claim = {"says": f"{LIMA} > base", "on": "qa"}
    for seeds, shown in (((0,), "–"), ((0, 1, 2), "<0.001")):
        comparison = compare(make_run(examples=150, seeds=seeds, claims=(claim,)).only("qa"), replicates=100)
        assert comparison.claims[0].verdict.adjusted_p < 0.001
        section = next(entry for entry in compose(comparison).sections if entry.title == "Claims")
        (table,) = [block for block in section.blocks if isinstance(block, Table) and block.only == "document"]
        assert table.rows[0][-1].text == shown


def test_nothing_is_not_worse_than_a_side_with_less_to_lose_than_the_margin() -> None:
    """2% right, and 10% may be lost: the claim would hold of a model that has forgotten everything."""
    claim = {"says": f"{LIMA} >= base", "on": "qa", "margin": 0.1}
    rates = {"qa": {"base": 0.02, LIMA: 0.03}}
    found, *_ = compare(make_run(examples=400, rates=rates, claims=(claim,)).only("qa"), replicates=100).claims
    assert found.verdict.outcome == "inconclusive"
    assert found.why == f"base has less to lose than the margin: no score of {LIMA} could refute it"
    usual = {**claim, "margin": 0.01}
    rates = {"qa": {"base": 0.02, LIMA: 0.3}}
    found, *_ = compare(make_run(examples=400, rates=rates, claims=(usual,)).only("qa"), replicates=100).claims
    assert found.verdict.outcome == "supported"


@pytest.mark.parametrize("relation", [">=", ">", "=="])
def test_a_margin_that_no_score_could_refute_decides_nothing(relation: str) -> None:
    """On an accuracy a margin of 1.0 holds for any two models."""
    found = decide(f"{LIMA} {relation} base", "qa", margin=1.0)
    assert found.verdict.outcome == "incomplete"
    assert "spans the whole scale" in found.why


def test_an_equality_without_a_margin_is_not_asked_of_the_scores() -> None:
    """A run of a suite that was checked by an earlier version."""
    found = decide(f"{LIMA} == base", "qa")
    assert found.verdict.outcome == "incomplete"
    assert found.why == "`==` needs a margin above zero: no run can show an exact equality"


@pytest.mark.parametrize("relation", [">=", ">", "=="])
def test_a_margin_wider_than_all_losses_decides_nothing(relation: str) -> None:
    """A loss has no highest value: `not worse by more than 1000` was supported of any two models."""
    found = decide(f"{LIMA} {relation} base", "heldout", margin=1000.0)
    assert found.verdict.outcome == "inconclusive"
    assert found.why.startswith("the margin is wider than all scores of heldout together, 0.")
    assert decide(f"{LIMA} >= base", "heldout", margin=1.0).verdict.outcome == "supported"


@pytest.mark.parametrize("relation", [">=", "=="])
def test_two_sides_without_a_fault_are_not_called_equal(relation: str) -> None:
    """An eval that both sides solve could not have shown a difference either."""
    run = make_run(examples=60, claims=({"says": f"{LIMA} {relation} base", "on": "choice", "margin": 0.5},))
    rows = {
        (name, subject): [row.model_copy(update={"metrics": {"acc": 1.0}}) for row in found]
        if name == "choice" and (subject == "base" or subject.startswith(LIMA))
        else found
        for (name, subject), found in run.rows.items()
    }
    (found,) = compare(run.changed(rows=rows).only("choice"), replicates=100).claims
    assert found.verdict.outcome == "inconclusive"
    assert "both sides are at the ceiling" in found.why
    assert (found.ways, found.verdict.needed_examples) == ((), None)


def test_what_would_decide_a_claim_at_the_ceiling_is_no_further_example() -> None:
    """Seen: `0.0 points (-6.0 to +6.0), asked: not worse by more than 5.0; about 61 examples (now 60)`, of two sides
    without a fault, which 61 examples without a fault leave open as well."""
    run = make_run(examples=60, claims=({"says": f"{LIMA} >= base", "on": "choice", "margin": 0.05},))
    rows = {key: [row.model_copy(update={"metrics": {"acc": 1.0}}) for row in found] for key, found in run.rows.items()}
    (found,) = compare(run.changed(rows=rows).only("choice"), replicates=100).claims
    assert found.verdict.outcome == "inconclusive"
    assert "both sides are at the ceiling" in found.why
    assert found.ways == ()


def test_claims_that_exclude_or_imply_others_are_pointed_out() -> None:
    other = "random_1k/full"
    circle = (f"{LIMA} > base", f"base > {other}", f"{other} > {LIMA}", f"{LIMA} > {other}")
    claims = tuple({"says": says, "on": "qa"} for says in circle)
    comparison = compare(make_run(examples=20, claims=claims), replicates=100)
    named = {finding.name: finding.detail for finding in comparison.sanity}
    assert named["claims opposed"].startswith(f"`{other} > {LIMA}` and `{LIMA} > base` and `base > {other}` exclude")
    assert named["claim implied"].startswith(f"`{LIMA} > {other}` follows from `{LIMA} > base`")
