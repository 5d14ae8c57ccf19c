"""What a claim can be on, and what is refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bench.suite.checks.names.claim_names import claim_problems, contradictions
from bench.suite.tables.conclusions.claim import Claim
from bench.suite.tables.evals.generation import GenerationSpec
from tests.fakes.flagship import make_suite

LIMA, RANDOM = "lima_1k/full", "random_1k/full"


def problems(**claim: Any) -> list[str]:
    return [problem.what for problem in claim_problems(make_suite(claims=({"says": f"{LIMA} > {RANDOM}", **claim},)))]


@pytest.mark.parametrize(
    ("on", "per", "parts"),
    [
        ("qa", None, ("qa", None, None)),
        ("qa/people", None, ("qa", "people", None)),
        ("cost:memory", None, (None, None, "memory")),
        ("qa", "tokens", ("qa", None, "tokens")),
    ],
)
def test_its_letter_is_read(on: str, per: Any, parts: tuple[str | None, ...]) -> None:
    claim = Claim(says="a/b > c/d", on=on, per=per)
    assert (claim.eval, claim.task, claim.cost) == parts


@pytest.mark.parametrize(
    ("claim", "words"),
    [({"on": "cost:second"}, "did you mean 'seconds'"), ({"on": "cost:tokens", "per": "seconds"}, "no quality")],
)
def test_what_makes_no_sense_is_refused_with_the_way_out(claim: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Claim(says="a/b > c/d", **claim)


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ({"on": "q"}, "there is no eval 'q'"),
        ({"on": "heldout/x"}, "has no tasks"),
        ({"on": "heldout", "per": "seconds"}, "less is better"),
        ({"on": "cost:seconds", "says": f"{LIMA} > base"}, "was not trained"),
        ({"on": "qa", "says": f"{LIMA} > {LIMA}"}, "with itself"),
        ({"on": "qa", "says": f"{LIMA} == {RANDOM}"}, "needs a margin"),
        ({"on": "qa", "says": f"{LIMA} > nobody/full"}, "there is no arm"),
    ],
)
def test_what_no_run_can_decide_is_told_before_it(claim: dict[str, Any], words: str) -> None:
    assert any(words in problem for problem in problems(**claim))


def test_claims_on_evals_tasks_costs_and_both_pass() -> None:
    for claim in ({"on": "qa"}, {"on": "qa/micro_qa_people"}, {"on": "cost:seconds"}, {"on": "qa", "per": "flops"}):
        assert problems(**claim) == []


def claim(says: str, *, margin: float = 0.0, on: str = "qa") -> Claim:
    return Claim(says=says, on=on, margin=margin)


@pytest.mark.parametrize(
    ("first", "second", "opposed"),
    [
        (claim("a/b > c/d"), claim("c/d > a/b"), True),
        (claim("a/b > c/d"), claim("c/d >= a/b"), True),
        (claim("a/b >= c/d"), claim("c/d > a/b"), True),
        (claim("a/b > c/d", margin=0.05), claim("c/d >= a/b", margin=0.02), True),
        (claim("a/b > c/d"), claim("a/b > c/d"), True),
        (claim("a/b >= c/d", margin=0.02), claim("c/d >= a/b", margin=0.02), False),
        (claim("a/b > c/d", margin=0.02), claim("c/d >= a/b", margin=0.05), False),
        (claim("a/b > c/d"), claim("a/b > c/d", margin=0.02), False),
        (claim("a/b > c/d"), claim("c/d > a/b", on="other"), False),
        (claim("a/b == c/d", margin=0.02), claim("c/d > a/b"), False),
        (claim("a/b == c/d", margin=0.02), claim("a/b > c/d", margin=0.02), True),
        (claim("a/b == c/d", margin=0.02), claim("c/d > a/b", margin=0.05), True),
        (claim("a/b == c/d", margin=0.02), claim("c/d == a/b", margin=0.02), True),
        (claim("a/b == c/d", margin=0.02), claim("a/b == c/d", margin=0.01), False),
        (claim("a/b >= c/d", margin=0.02), claim("c/d == a/b", margin=0.02), False),
        (claim("a/b > c/d"), claim("a/b > e/f"), False),
    ],
)
def test_claims_that_exclude_each_other_are_found(first: Claim, second: Claim, opposed: bool) -> None:
    """One of them fails whatever the data say, and both make every other claim harder to decide."""
    assert bool(contradictions([first, second])) is opposed
    assert bool(contradictions([second, first])) is opposed


def test_a_margin_that_spans_the_scale_asks_for_the_right_unit() -> None:
    """2 on ROUGE was meant as two points of a hundred, and no data could have refuted the claim."""
    suite = make_suite(claims=({"says": f"{LIMA} >= {RANDOM}", "on": "qa", "margin": 2},))
    generation = GenerationSpec.model_validate(
        {"kind": "generation", "name": "qa", "data": {"source": "rows.jsonl"}, "metrics": ["rouge"]}
    )
    asked = suite.model_copy(update={"eval": (generation,)})
    (problem,) = claim_problems(asked)
    assert "spans the whole scale" in problem.what
    assert "such as 0.02" in (problem.hint or "")
    bleu = generation.model_copy(update={"metrics": ("bleu",)})
    assert not list(claim_problems(suite.model_copy(update={"eval": (bleu,)}))), "BLEU goes to 100"
