"""Seeds of single arms, and looks that are planned."""

from bench.suite.checks.names.seed_plan import seed_problems
from bench.suite.tables.conclusions.sequential import SequentialOptions
from tests.fakes.flagship import make_suite


def test_an_arm_has_the_suites_seeds_and_its_own() -> None:
    plain = make_suite(seeds=(0, 1))
    more = {"lima_1k/full": (1, 7)}
    suite = plain.model_copy(update={"more_seeds": more})
    assert suite.seeds_of("lima_1k/full") == (0, 1, 7)
    assert suite.seeds_of("lima_1k/lora") == (0, 1)
    assert list(seed_problems(suite)) == []


def test_what_cannot_be_planned_is_refused() -> None:
    plain = make_suite(seeds=(0, 1, 2))
    more = {"lima/full": (7,)}
    suite = plain.model_copy(update={"more_seeds": more, "sequential": SequentialOptions(max_seeds=2), "claim": ()})
    unknown, late, idle = seed_problems(suite)
    assert unknown.where == "more_seeds.lima/full"
    assert "3 seeds" in late.what
    assert "no claim" in idle.what


def test_looks_begin_with_two_trainings_of_what_claims_are_about() -> None:
    """Seen: a first look at one training decided a claim by the noise of the examples alone."""
    claims = ({"says": "lima_1k/full > base", "on": "qa"}, {"says": "lima_1k/lora > lima_1k/full", "on": "cost:flops"})
    suite = make_suite(seeds=(0,), claims=claims).model_copy(update={"sequential": SequentialOptions(max_seeds=5)})
    (problem,) = seed_problems(suite)
    assert "one training of lima_1k/full:" in problem.what
    repeated = suite.model_copy(update={"more_seeds": {"lima_1k/full": (1,)}})
    assert list(seed_problems(repeated)) == []


def test_examples_are_planned_for_evals_that_have_more_of_them() -> None:
    plain = make_suite(seeds=(0, 1))
    limited = plain.model_copy(
        update={"eval": tuple(s.model_copy(update={"limit": 50}) if s.name == "qa" else s for s in plain.eval)}
    )
    plan = SequentialOptions(max_seeds=2, max_examples={"qa": 90, "choice": 90, "q": 90})
    suite = limited.model_copy(update={"sequential": plan, "more_examples": {"qa": 50}})
    assert [spec.limit for spec in suite.evals_as_run()[:2] if spec.kind == "lm_eval"] == [100, None]
    whole, unknown, late = seed_problems(suite)
    assert (whole.where, unknown.where) == ("sequential.max_examples.choice", "sequential.max_examples.q")
    assert "all of its examples" in whole.what
    assert "100 examples" in late.what
    assert "90" in late.what
