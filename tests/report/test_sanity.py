"""Sanity verdicts, provoked; and none of them on a run without a flaw.

Verdicts on judges, doses, claims, slices, sweeps and drawn answers are provoked by the tests of what computes them.
"""

from collections.abc import Callable
from typing import Any

import pytest

from bench.record.record import Failure
from bench.record.results.training.ledger import OtherLoad
from bench.record.results.training.result import NOTHING_SUPERVISED
from bench.report.analysis.conclusions.lead import DECISION, conclusion
from bench.report.compare import compare
from bench.report.render.view import Paragraph
from bench.report.sanity.weight import _OF_DOSE, _OF_SCORES
from bench.report.sections.lead import lead_section
from bench.stats.conclusions.claim_types import DECIDED
from bench.suite.tables.evals.generation import GenerationSpec
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from tests.fakes.records import FakeRun, make_run
from tests.report.analysis.scores.test_contamination import contaminated
from tests.report.flawed_runs import (
    ARM,
    applied,
    as_the_base,
    checked,
    found,
    named,
    with_training,
)


def unscored() -> FakeRun:
    run = make_run(examples=60, missing=0.1).only("qa")
    evaluations = tuple(
        e
        if e.result is None
        else e.model_copy(
            update={"result": e.result.model_copy(update={"unscored": {"no splitter": 4 if e.arm is None else 3}})}
        )
        for e in run.record.evaluations
    )
    return run.changed(evaluations=evaluations)


def asked_bare() -> FakeRun:
    run = make_run(examples=20)
    evaluations = tuple(
        e
        if e.result is None or e.eval != "qa"
        else e.model_copy(update={"result": e.result.model_copy(update={"template": "none"})})
        for e in run.record.evaluations
    )
    return run.changed(evaluations=evaluations)


def with_ledger(**update: Any) -> FakeRun:
    return with_training(lambda r: r.model_copy(update={"ledger": r.ledger.model_copy(update=update)}))


def beside_programs() -> FakeRun:
    """One training at a time, on a machine that others use, too."""
    run = with_ledger(other_load=OtherLoad(processor_share=0.4, gpu_processes=None))
    return run.changed(probes=())


def one_seed() -> FakeRun:
    return make_run(examples=20, seeds=(0,))


def diverged() -> FakeRun:
    run = make_run(examples=20, failed_training=f"{ARM}#0").only("qa")
    failure = Failure(kind="diverged", message="the loss was not finite at step 7")
    trainings = tuple(
        t.model_copy(update={"job": t.job.model_copy(update={"failure": failure})}) if t.result is None else t
        for t in run.record.trainings
    )
    return run.changed(trainings=trainings)


def refused() -> FakeRun:
    run = make_run(examples=20, failed_training=f"{ARM}#0").only("qa")
    failure = Failure(kind="refused", message=NOTHING_SUPERVISED)
    trainings = tuple(
        t.model_copy(update={"job": t.job.model_copy(update={"failure": failure})}) if t.result is None else t
        for t in run.record.trainings
    )
    return run.changed(trainings=trainings)


def limited() -> FakeRun:
    run = make_run(examples=20)
    evals = run.record.resolved.suite.eval
    return run.with_suite(eval=(evals[0].model_copy(update={"limit": 20}), *evals[1:]))


def bounded() -> FakeRun:
    """Seen: IFEval's 0.083 of a base that has 0.3, with nothing about the 48 tokens that its answers were given."""
    run = make_run(examples=20)
    evals = run.record.resolved.suite.eval
    return run.with_suite(eval=(evals[0].model_copy(update={"max_new_tokens": 48}), *evals[1:]))


def asked_in_half() -> FakeRun:
    """Seen: a bf16 base tuned in fp32 was better by 0.316 nats, and by 0.110 where its evals computed in bf16."""
    run = make_run(examples=20)
    evaluations = tuple(
        e if e.result is None else e.model_copy(update={"result": e.result.model_copy(update={"precision": "bf16"})})
        for e in run.record.evaluations
    )
    return run.changed(evaluations=evaluations)


def cut_prompts() -> FakeRun:
    run = make_run(examples=20)
    first, *others = run.record.evaluations
    cut = first.model_copy(update={"result": first.result.model_copy(update={"truncated": 3})})
    return run.changed(evaluations=(cut, *others))


def nothing_right() -> FakeRun:
    run = make_run(examples=20).only("choice")
    rows = {
        (name, subject): [row.model_copy(update={"metrics": {"acc": 0.0}}) for row in found]
        if name == "choice" and subject.startswith(ARM)
        else found
        for (name, subject), found in run.rows.items()
    }
    return run.changed(rows=rows)


def mixed_units() -> FakeRun:
    run = make_run(examples=20)
    recipes = dict(run.record.resolved.suite.recipe)
    budget = run.record.resolved.suite.budget.model_copy(update={"unit": "steps", "amount": 50})
    recipes["lora"] = recipes["lora"].model_copy(update={"budget": budget})
    return run.with_suite(recipe=recipes)


def merged_turns() -> FakeRun:
    run = make_run(examples=20)
    resolved = run.record.resolved
    rows = resolved.data["lima_1k"].model_copy(update={"notes": {"turns of one role merged": 12}})
    return run.changed(resolved=resolved.model_copy(update={"data": {**resolved.data, "lima_1k": rows}}))


def long_answers() -> FakeRun:
    run = make_run(examples=20)
    fields = {
        "name": "answers",
        "kind": "generation",
        "data": {"source": "x.jsonl"},
        "decoding": {"max_new_tokens": 10**6},
    }
    return run.with_suite(eval=(*run.record.resolved.suite.eval, GenerationSpec.model_validate(fields)))


def decayed() -> FakeRun:
    run = make_run(examples=20)
    recipes = run.record.resolved.suite.recipe
    return run.with_suite(
        recipe={name: recipe.model_copy(update={"weight_decay": 50.0}) for name, recipe in recipes.items()}
    )


def long_task_answers() -> FakeRun:
    run = make_run(examples=20)
    spec = LmEvalSpec.model_validate({"kind": "lm_eval", "name": "long", "tasks": ("t",)})
    run = run.with_suite(eval=(*run.record.resolved.suite.eval, spec))
    return run.changed(resolved=run.record.resolved.model_copy(update={"task_answers": {"long": 10**6}}))


def chance_level(right: float) -> Callable[[], FakeRun]:
    return lambda: make_run(examples=300, seed=3, rates={"choice": {ARM: right}}).only("choice")


@pytest.mark.parametrize(
    ("name", "make", "detail"),
    [
        ("at chance", chance_level(0.31), "includes chance, 0.250"),
        ("below chance", chance_level(0.03), "is below chance, 0.250"),
        ("nothing right", nothing_right, "none of 20 examples is right"),
        ("contaminated", lambda: contaminated(make_run(examples=20), lima_1k=(1, 2)), "2 of 20 examples (10.0%)"),
        ("diverged", lambda: with_training(lambda r: r.model_copy(update={"diverged": True})), "seed 0"),
        ("diverged", diverged, "seed 0"),
        ("as evaluated ≠ as trained", lambda: checked(18.7710), "was 5.746 as trained and is 18.77 as evaluated"),
        ("same as base", lambda: applied(14, kl=0.0), "nor does a likelihood on 640 positions"),
        ("not applied in part", lambda: applied(3, kl=0.2), "3 of 14 matrices that the training was to change equal"),
        ("rounded in evals", asked_in_half, "trained in fp32, asked in bf16"),
        ("same as base", as_the_base, "equal the base's on each of 20 examples"),
        ("truncated", lambda: with_ledger(truncated_rows=96), "12.0% of the rows"),
        ("no supervised tokens", lambda: with_ledger(supervised_tokens=0), "no label entered the loss"),
        ("one step", lambda: with_ledger(steps=1), "one optimiser step"),
        ("unusual strength", decayed, "a weight decay of 50 pulls weights to zero"),
        ("padding", lambda: with_ledger(slots=10**9), "of what is computed is padding"),
        ("many epochs", lambda: with_ledger(rows=630, epochs=21.0), "each row is seen 21 times"),
        ("batch above data", lambda: with_ledger(rows=3, epochs=1.0), "above the 3 rows of the data"),
        ("no supervised tokens", refused, "seed 0: no row has anything to supervise"),
        ("rows dropped", lambda: with_ledger(dropped_rows=7), "7 rows had nothing to supervise"),
        ("rows dropped", lambda: with_ledger(refused_rows=2), "the template cannot print 2 rows"),
        ("budget mismatch", lambda: make_run(examples=20, budget_used={ARM: 1.25}), "used 25.0% more tokens"),
        ("budgets differ", mixed_units, "different units"),
        ("one draw", lambda: make_run(examples=20), "the rows of random_1k were drawn once"),
        ("example noise only", one_seed, "one seed"),
        ("limited", limited, "first 20 examples"),
        ("answers end early", bounded, "written answers end after 48 tokens, whatever their tasks allow"),
        ("examples cut", cut_prompts, "up to 3 examples"),
        (
            "scores missing",
            lambda: make_run(examples=60, missing=0.1).only("qa"),
            "% of a subject's scores are missing; intervals",
        ),
        ("bare prompts", asked_bare, "the arms were trained with 'dialogue', the base was not"),
        ("answers cut", long_answers, "max_new_tokens = 1,000,000 leaves no room for a prompt"),
        ("answers cut", long_task_answers, "max_gen_toks of its task file = 1,000,000 leaves no room for a prompt"),
        ("rows not as they are", merged_turns, "data lima_1k: 12 rows: turns of one role merged"),
        ("scores missing", unscored, "intervals cover what they could be: no splitter (4)"),
        ("speed shared", lambda: make_run(examples=20, shared_speed=True), "while other jobs ran"),
        ("speed shared", beside_programs, "while other programs used 40% of the processors"),
        (
            "template mismatch",
            lambda: with_training(lambda r: r.model_copy(update={"template": "alpaca"})),
            "trained with 'alpaca' and asked with 'dialogue'",
        ),
        (
            "template",
            lambda: with_training(lambda r: r.model_copy(update={"template_note": "no chat template"})),
            "no chat template",
        ),
    ],
)
def test_verdict_is_given_with_its_figure(name: str, make: Callable[[], FakeRun], detail: str) -> None:
    given = named(make(), name)
    assert given, f"no verdict {name!r}"
    assert any(detail in finding.detail for finding in given)
    if name not in {
        "example noise only",
        "limited",
        "answers end early",
        "examples cut",
        "scores missing",
        "template",
        "budgets differ",
        "one draw",
        "bare prompts",
        "answers cut",
        "rows not as they are",
    }:
        assert ARM in {finding.arm for finding in given}


def test_below_base_is_said_where_training_made_the_model_forget() -> None:
    given = named(make_run(examples=300).only("choice", "cloze"), "below base")
    assert {finding.measurand for finding in given} == {"cloze"}


def test_what_changes_a_conclusion_comes_first_with_the_claims_that_it_may_change() -> None:
    """Of twenty verdicts, one mattered: it was the last."""
    run = make_run(examples=300)
    given = found(run)
    weights = [bool(finding.changes) for finding in given]
    assert weights == sorted(weights, reverse=True)
    decided = {
        f"{result.claim.says} on {result.claim.measure}"
        for result in compare(run, replicates=100).claims
        if result.verdict.outcome in ("supported", "refuted")
    }
    of_trainings = [finding for finding in given if finding.name not in _OF_SCORES | _OF_DOSE]
    assert {change for finding in of_trainings for change in finding.changes} <= decided
    (draw,) = [finding for finding in given if finding.name == "one draw"]
    assert draw.changes, "claims between arms rest on the draw"
    assert not any("base" in change for change in draw.changes)
    assert all(not finding.changes for finding in given if finding.name == "below base"), "it forgot: a result"


def test_a_subject_that_is_not_what_was_trained_may_keep_every_claim_about_its_arm_open() -> None:
    """A third of each training was rounded away when it was stored; it was folded among what changes no conclusion."""
    comparison = compare(checked(18.7710), replicates=100)
    about = {conclusion(result) for result in comparison.claims if ARM in result.claim.parts()[::2]}
    assert not about <= {conclusion(result) for result in comparison.claims if result.verdict.outcome in DECIDED}
    (first, *_) = [each for each in comparison.sanity if each.name == "as evaluated ≠ as trained"]
    assert set(first.changes) - {DECISION} == about


def test_what_spoils_scores_is_named_beside_the_claims_that_it_may_keep_open() -> None:
    """Answers cut at 48 tokens, and a tokenizer that was not installed, were folded away: nothing was decided, so
    nothing could change."""
    claims = tuple({"says": f"{ARM} >= {other}", "on": "qa", "margin": 0.02} for other in ("alpaca_52k/full", "base"))
    comparison = compare(make_run(examples=40, missing=0.1, claims=claims).only("qa", "choice"), replicates=100)
    supported = {conclusion(result) for result in comparison.claims if result.verdict.outcome in DECIDED}
    assert supported == {f"{ARM} >= base on qa"}, "one is decided, one is open"
    (missing,) = [each for each in comparison.sanity if (each.name, each.measurand) == ("scores missing", "qa")]
    assert missing.changes == (f"{ARM} >= alpaca_52k/full on qa",), "intervals cover the decided one already"
    (other,) = [each for each in comparison.sanity if (each.name, each.measurand) == ("scores missing", "choice")]
    assert not other.changes, "no claim is about it"
    assert comparison.answer is not None
    undecided = compare(make_run(examples=40, missing=0.1, claims=claims[:1]).only("qa", "choice"), replicates=100)
    section = lead_section(undecided)
    assert "What may change this answer: rows unseen, scores missing." in [
        getattr(block, "text", "") for block in section.blocks
    ]


def test_a_terminal_shows_what_was_seen_of_each_seed() -> None:
    """It showed `lima_1k/full: seed 0`, and no more."""
    section = lead_section(compare(checked(18.7710), replicates=100))
    assert section is not None
    (doubts,) = [
        b.text for b in section.blocks if isinstance(b, Paragraph) and b.only == "terminal" and "seed" in b.text
    ]
    seen = "the loss of one batch was 5.746 as trained and is 18.77 as evaluated"
    assert f" ({'; '.join(f'{ARM}: seed {seed}: {seen}' for seed in range(3))})" in doubts


def test_what_a_training_saw_of_its_rows_is_named_beside_the_claims_that_are_open() -> None:
    """Arms that saw 0.1% of their rows were folded among what changes no conclusion, since nothing was decided."""
    same = dict.fromkeys((ARM, "lima_1k/lora", "alpaca_52k/full", "alpaca_52k/lora"), 0.4)
    claims = tuple(
        {"says": f"{left} >= {right}", "on": "choice", "margin": 0.02}
        for left, right in ((ARM, "alpaca_52k/full"), ("lima_1k/lora", "random_1k/lora"), ("alpaca_52k/full", "base"))
    )
    run = make_run(examples=40, rates={"choice": {**same, "base": 0.4}}, claims=claims).only("choice")
    comparison = compare(run, replicates=100)
    assert not {result.verdict.outcome for result in comparison.claims} & DECIDED
    about = {
        finding.arm: finding.changes for finding in comparison.sanity if finding.name == "rows unseen" and finding.arm
    }
    assert about["alpaca_52k/full"] == (f"{ARM} >= alpaca_52k/full on choice", "alpaca_52k/full >= base on choice")
    assert about["alpaca_52k/lora"] == (), "no claim is about it"


@pytest.mark.parametrize(("examples", "changes"), [((1,), False), (tuple(range(1, 290)), True)])
def test_contamination_weighs_only_where_it_could_turn_a_verdict(examples: tuple[int, ...], changes: bool) -> None:
    claim = {"says": f"{ARM} > base", "on": "choice"}
    run = contaminated(make_run(examples=300, claims=(claim,)).only("choice"), lima_1k=examples)
    (finding,) = [f for f in found(run) if f.name == "contaminated" and (f.arm, f.measurand) == (ARM, "choice")]
    assert (f"{ARM} > base on choice" in finding.changes) is changes
