"""Sanity verdicts, provoked; and none of them on a run without a flaw.

Verdicts on judges, doses, claims, slices, sweeps and drawn answers are provoked by the tests of what computes them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.record.record import Failure, Record
from bench.record.results.applied import Applied, LayerGroup, WeightsCheck
from bench.record.results.ledger import OtherLoad
from bench.record.results.training import NOTHING_SUPERVISED
from bench.report.analysis.finding import Finding
from bench.report.compare import compare
from bench.report.render.view import Table
from bench.report.sections.training.applied import applied_section
from bench.suite.tables.evals.generation import GenerationSpec
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from tests.fakes.records import FakeRun, make_run
from tests.report.analysis.scores.test_contamination import contaminated

ARM = "lima_1k/full"


def unscored() -> FakeRun:
    run = make_run(examples=60, missing=0.1)
    evaluations = tuple(
        e
        if e.result is None
        else e.model_copy(
            update={"result": e.result.model_copy(update={"unscored": {"no splitter": 4 if e.arm is None else 3}})}
        )
        for e in run.record.evaluations
    )
    return FakeRun(path=run.path, record=run.record.model_copy(update={"evaluations": evaluations}), rows=run.rows)


def asked_bare() -> FakeRun:
    run = make_run(examples=20)
    evaluations = tuple(
        e
        if e.result is None or e.eval != "qa"
        else e.model_copy(update={"result": e.result.model_copy(update={"template": "none"})})
        for e in run.record.evaluations
    )
    return FakeRun(path=run.path, record=run.record.model_copy(update={"evaluations": evaluations}), rows=run.rows)


def found(run: FakeRun) -> list[Finding]:
    return list(compare(run, replicates=100).sanity)


def named(run: FakeRun, name: str) -> list[Finding]:
    return [finding for finding in found(run) if finding.name == name]


def changed(run: FakeRun, **update: Any) -> FakeRun:
    return FakeRun(path=run.path, record=run.record.model_copy(update=update), rows=run.rows)


def with_training(change: Callable[[Any], Any]) -> FakeRun:
    """A run in which `change` was made to the result of every seed of one arm."""
    run = make_run(examples=20)
    trainings = tuple(
        t.model_copy(update={"result": change(t.result)}) if t.arm == ARM else t for t in run.record.trainings
    )
    return changed(run, trainings=trainings)


def with_ledger(**update: Any) -> FakeRun:
    return with_training(lambda r: r.model_copy(update={"ledger": r.ledger.model_copy(update=update)}))


def beside_programs() -> FakeRun:
    """One training at a time, on a machine that others use, too."""
    run = with_ledger(other_load=OtherLoad(processor_share=0.4, gpu_processes=None))
    return changed(run, probes=())


def with_suite(run: FakeRun, **update: Any) -> FakeRun:
    resolved = run.record.resolved
    return changed(run, resolved=resolved.model_copy(update={"suite": resolved.suite.model_copy(update=update)}))


def several_draws(**options: Any) -> FakeRun:
    run = make_run(**options)
    data = run.record.resolved.suite.data
    select = data["random_1k"].select.model_copy(update={"seeds": (0, 1, 2)})
    return with_suite(run, data={**data, "random_1k": data["random_1k"].model_copy(update={"select": select})})


def one_seed() -> FakeRun:
    return make_run(examples=20, seeds=(0,))


def diverged() -> FakeRun:
    run = make_run(examples=20, failed_training=f"{ARM}#0")
    failure = Failure(kind="diverged", message="the loss was not finite at step 7")
    trainings = tuple(
        t.model_copy(update={"job": t.job.model_copy(update={"failure": failure})}) if t.result is None else t
        for t in run.record.trainings
    )
    return changed(run, trainings=trainings)


def refused() -> FakeRun:
    run = make_run(examples=20, failed_training=f"{ARM}#0")
    failure = Failure(kind="refused", message=NOTHING_SUPERVISED)
    trainings = tuple(
        t.model_copy(update={"job": t.job.model_copy(update={"failure": failure})}) if t.result is None else t
        for t in run.record.trainings
    )
    return changed(run, trainings=trainings)


def limited() -> FakeRun:
    run = make_run(examples=20)
    evals = run.record.resolved.suite.eval
    return with_suite(run, eval=(evals[0].model_copy(update={"limit": 20}), *evals[1:]))


def bounded() -> FakeRun:
    """Seen: IFEval's 0.083 of a base that has 0.3, with nothing about the 48 tokens that its answers were given."""
    run = make_run(examples=20)
    evals = run.record.resolved.suite.eval
    return with_suite(run, eval=(evals[0].model_copy(update={"max_new_tokens": 48}), *evals[1:]))


def cut_prompts() -> FakeRun:
    run = make_run(examples=20)
    first, *others = run.record.evaluations
    assert first.result is not None
    cut = first.model_copy(update={"result": first.result.model_copy(update={"truncated": 3})})
    return changed(run, evaluations=(cut, *others))


def nothing_right() -> FakeRun:
    run = make_run(examples=20)
    rows = {
        (name, subject): [row.model_copy(update={"metrics": {"acc": 0.0}}) for row in found]
        if name == "choice" and subject.startswith(ARM)
        else found
        for (name, subject), found in run.rows.items()
    }
    return FakeRun(path=run.path, record=run.record, rows=rows)


def as_the_base(*, but_for: int = 0) -> FakeRun:
    """A run in which an arm scores as the base on every example of every eval, `but_for` so many."""
    run = make_run(examples=20)
    rows = {
        (name, subject): [*scored[:but_for], *run.rows[name, "base"][but_for:]] if subject.startswith(ARM) else scored
        for (name, subject), scored in run.rows.items()
    }
    return FakeRun(path=run.path, record=run.record, rows=rows)


def checked(as_evaluated: float) -> FakeRun:
    check = WeightsCheck(as_trained=5.7457, as_evaluated=as_evaluated)
    return with_training(lambda r: r.model_copy(update={"weights_check": check}))


def applied(without_effect: int, *, kl: float) -> FakeRun:
    """A training of which so many of 14 matrices have no effect."""
    changed, norm = 14 - without_effect, float(without_effect < 14)
    group = {"name": "attention, layer 0", "norm": norm, "relative_norm": norm, "effective_rank": None}
    facts = Applied(
        groups=(LayerGroup(matrices=14, changed=changed, **group),),
        norm=norm,
        relative_norm=norm,
        expected=14,
        without_effect=without_effect,
        such_as=("layers.0.q_proj.weight",),
        kl=kl,
        changed_top=kl,
        rows=64,
        positions=640,
        seconds=0.1,
    )
    return with_training(lambda r: r.model_copy(update={"applied": facts}))


def mixed_units() -> FakeRun:
    run = make_run(examples=20)
    recipes = dict(run.record.resolved.suite.recipe)
    budget = run.record.resolved.suite.budget.model_copy(update={"unit": "steps", "amount": 50})
    recipes["lora"] = recipes["lora"].model_copy(update={"budget": budget})
    return with_suite(run, recipe=recipes)


def merged_turns() -> FakeRun:
    run = make_run(examples=20)
    resolved = run.record.resolved
    rows = resolved.data["lima_1k"].model_copy(update={"notes": {"turns of one role merged": 12}})
    return changed(run, resolved=resolved.model_copy(update={"data": {**resolved.data, "lima_1k": rows}}))


def long_answers() -> FakeRun:
    run = make_run(examples=20)
    fields = {
        "name": "answers",
        "kind": "generation",
        "data": {"source": "x.jsonl"},
        "decoding": {"max_new_tokens": 10**6},
    }
    return with_suite(run, eval=(*run.record.resolved.suite.eval, GenerationSpec.model_validate(fields)))


def decayed() -> FakeRun:
    run = make_run(examples=20)
    recipes = run.record.resolved.suite.recipe
    return with_suite(
        run, recipe={name: recipe.model_copy(update={"weight_decay": 50.0}) for name, recipe in recipes.items()}
    )


def long_task_answers() -> FakeRun:
    run = make_run(examples=20)
    spec = LmEvalSpec.model_validate({"kind": "lm_eval", "name": "long", "tasks": ("t",)})
    run = with_suite(run, eval=(*run.record.resolved.suite.eval, spec))
    return changed(run, resolved=run.record.resolved.model_copy(update={"task_answers": {"long": 10**6}}))


def chance_level(right: float) -> Callable[[], FakeRun]:
    return lambda: make_run(examples=300, seed=3, rates={"choice": {ARM: right}})


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
        ("limited", bounded, "written answers end after 48 tokens, whatever their tasks allow"),
        ("examples cut", cut_prompts, "up to 3 examples"),
        ("scores missing", lambda: make_run(examples=60, missing=0.1), "share of the scores that are missing: base "),
        ("bare prompts", asked_bare, "the arms were trained with 'dialogue', the base was not"),
        ("answers cut", long_answers, "max_new_tokens = 1,000,000 leaves no room for a prompt"),
        ("answers cut", long_task_answers, "max_gen_toks of its task file = 1,000,000 leaves no room for a prompt"),
        ("rows not as they are", merged_turns, "data lima_1k: 12 rows: turns of one role merged"),
        ("scores missing", unscored, "the results say what these could change: no splitter (4)"),
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


def test_rounding_is_no_difference_between_trained_and_evaluated() -> None:
    assert not named(checked(5.7557), "as evaluated ≠ as trained")
    assert named(checked(5.7957), "as evaluated ≠ as trained")


def test_a_training_that_was_applied_has_no_verdict_and_a_row_in_the_report() -> None:
    run = applied(0, kl=0.2)
    assert not {finding.name for finding in found(run)} & {"same as base", "not applied in part"}
    section = applied_section(compare(run, replicates=50))
    assert section is not None
    assert any(ARM in cell.text for block in section.blocks if isinstance(block, Table) for cell in block.rows[0])


def test_wrong_answers_to_every_question_do_not_make_an_arm_its_base() -> None:
    run = make_run(examples=20)
    rows = {
        key: [row.model_copy(update={"metrics": dict.fromkeys(row.metrics, 0.0)}) for row in scored]
        for key, scored in run.rows.items()
        if key[0] == "choice"
    }
    evals = tuple(e for e in run.record.evaluations if e.eval == "choice")
    assert not named(
        FakeRun(path=run.path, record=run.record.model_copy(update={"evaluations": evals}), rows=rows), "same as base"
    )


def test_one_other_score_is_enough_not_to_be_the_base() -> None:
    assert not named(as_the_base(but_for=5), "same as base")


def test_below_base_is_said_where_training_made_the_model_forget() -> None:
    given = named(make_run(examples=300), "below base")
    assert {finding.measurand for finding in given} == {"cloze"}


def clean(record: Record) -> Record:
    trainings = tuple(
        t.model_copy(
            update={
                "result": t.result.model_copy(
                    update={"ledger": t.result.ledger.model_copy(update={"truncated_rows": 0})}
                )
            }
        )
        for t in record.trainings
        if t.result is not None
    )
    return record.model_copy(update={"trainings": trainings})


def test_a_run_without_a_flaw_has_only_verdicts_about_its_scores() -> None:
    """A list that is never empty is not read."""
    run = several_draws(examples=60)
    names = {finding.name for finding in found(FakeRun(path=run.path, record=clean(run.record), rows=run.rows))}
    scores = {"at chance", "below chance", "nothing right", "below base", "bare prompts"}
    assert names <= scores | {"rows unseen"}, "one pool is larger than its budget"


def test_the_budget_is_called_matched_within_one_per_cent() -> None:
    assert not named(make_run(examples=20, budget_used={ARM: 1.009}), "budget mismatch")


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
    assert {change for finding in given for change in finding.changes} <= decided
    (draw,) = [finding for finding in given if finding.name == "one draw"]
    assert draw.changes, "claims between arms rest on the draw"
    assert not any("base" in change for change in draw.changes)
    assert all(not finding.changes for finding in given if finding.name == "below base"), "it forgot: a result"


@pytest.mark.parametrize(("examples", "changes"), [((1,), False), (tuple(range(1, 290)), True)])
def test_contamination_weighs_only_where_it_could_turn_a_verdict(examples: tuple[int, ...], changes: bool) -> None:
    claim = {"says": f"{ARM} > base", "on": "choice"}
    run = contaminated(make_run(examples=300, claims=(claim,)), lima_1k=examples)
    (finding,) = [f for f in found(run) if f.name == "contaminated" and (f.arm, f.measurand) == (ARM, "choice")]
    assert (f"{ARM} > base on choice" in finding.changes) is changes
