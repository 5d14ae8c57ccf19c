"""What a claim can be on, and what is refused before anything runs."""

from itertools import permutations
from typing import Any

import pytest
from pydantic import ValidationError

from bench.suite.checks.names.claim_logic import claims_together
from bench.suite.checks.names.claim_names import claim_problems
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


def claim(says: str, *, margin: float = 0.0, on: str = "qa", per: Any = None) -> Claim:
    return Claim(says=says, on=on, per=per, margin=margin)


@pytest.mark.parametrize(
    ("claims", "excluded"),
    [
        ((claim("a/x > b/x"), claim("b/x > a/x")), True),
        ((claim("a/x > b/x"), claim("b/x >= a/x")), True),
        ((claim("a/x > b/x", margin=0.05), claim("b/x >= a/x", margin=0.02)), True),
        ((claim("a/x == b/x", margin=0.02), claim("a/x > b/x", margin=0.02)), True),
        ((claim("a/x == b/x", margin=0.02), claim("b/x > a/x", margin=0.05)), True),
        ((claim("a/x >= b/x", margin=0.02), claim("b/x >= a/x", margin=0.02)), False),
        ((claim("a/x > b/x", margin=0.02), claim("b/x >= a/x", margin=0.05)), False),
        ((claim("a/x > b/x"), claim("b/x > a/x", on="other")), False),
        ((claim("a/x > b/x"), claim("b/x > a/x", per="tokens")), False),
        ((claim("a/x == b/x", margin=0.02), claim("b/x > a/x")), False),
        ((claim("a/x > b/x"), claim("b/x > c/x"), claim("c/x > a/x")), True),
        ((claim("a/x > b/x", margin=0.02), claim("b/x > c/x"), claim("c/x >= a/x", margin=0.02)), True),
        ((claim("a/x > b/x", margin=0.02), claim("b/x > c/x"), claim("c/x >= a/x", margin=0.03)), False),
        ((claim("a/x >= b/x"), claim("b/x >= c/x"), claim("c/x >= a/x")), False),
        ((claim("a/x > b/x", margin=0.1), claim("b/x == c/x", margin=0.04), claim("c/x >= a/x", margin=0.06)), True),
        ((claim("a/x > b/x", margin=0.1), claim("b/x == c/x", margin=0.04), claim("c/x >= a/x", margin=0.07)), False),
    ],
)
def test_claims_that_exclude_each_other_are_found(claims: tuple[Claim, ...], excluded: bool) -> None:
    """One of them fails whatever the data say, and all make every other claim harder to decide."""
    for order in permutations(claims):
        found = [together for together in claims_together(order) if together.excluded]
        assert bool(found) is excluded
        assert all({*together.others, together.claim} == {*claims} for together in found), "each is named"


@pytest.mark.parametrize(
    ("claims", "implied"),
    [
        ((claim("a/x > b/x"), claim("a/x > b/x", margin=0.02)), claim("a/x > b/x")),
        ((claim("a/x > b/x"), claim("a/x >= b/x", margin=0.02)), claim("a/x >= b/x", margin=0.02)),
        ((claim("a/x == b/x", margin=0.02), claim("b/x >= a/x", margin=0.02)), claim("b/x >= a/x", margin=0.02)),
        ((claim("a/x == b/x", margin=0.02), claim("a/x == b/x", margin=0.01)), claim("a/x == b/x", margin=0.02)),
        ((claim("a/x > b/x"), claim("b/x > c/x"), claim("a/x >= c/x", margin=0.02)), claim("a/x >= c/x", margin=0.02)),
        (
            (claim("a/x > b/x", margin=0.1), claim("b/x > c/x", margin=0.7), claim("a/x > c/x", margin=0.8)),
            claim("a/x > c/x", margin=0.8),
        ),  # 0.1 + 0.7 < 0.8 in floating point
        (
            (
                claim("a/x == c/x", margin=0.5),
                claim("a/x > b/x", margin=0.1),
                claim("b/x > c/x", margin=0.1),
                claim("a/x > c/x", margin=0.15),
            ),
            claim("a/x > c/x", margin=0.15),
        ),  # by the longer chain, not by the claim of the same sides
        ((claim("a/x > b/x"), claim("a/x > c/x")), None),
        ((claim("a/x > b/x"), claim("b/x >= c/x", margin=0.02), claim("a/x > c/x")), None),
    ],
)
def test_a_claim_that_follows_from_others_is_found(claims: tuple[Claim, ...], implied: Claim | None) -> None:
    """It takes a share of Holm's error and tells nothing more."""
    for order in permutations(claims):
        found = [together.claim for together in claims_together(order)]
        assert found == ([] if implied is None else [implied])


def test_margins_of_costs_add_up_as_ratios() -> None:
    """Twice as cheap as what is twice as cheap is four times as cheap, a margin of 3, and not of 2."""
    chain = (claim("a/x > b/x", margin=1.0, on="cost:tokens"), claim("b/x > c/x", margin=1.0, on="cost:tokens"))
    follows = claim("a/x > c/x", margin=3.0, on="cost:tokens")
    assert [together.claim for together in claims_together((*chain, follows))] == [follows]
    assert not claims_together((*chain, claim("a/x > c/x", margin=3.1, on="cost:tokens")))


def test_a_claim_made_twice_is_called_so() -> None:
    """Written from the other side it is the same."""
    (found,) = claims_together((claim("a/x == b/x", margin=0.02), claim("b/x == a/x", margin=0.02)))
    assert found.claim.says == "b/x == a/x"
    assert "made twice" in found.sentence


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
    shares = suite.claim[0].model_copy(update={"per": "tokens"})
    assert not list(claim_problems(asked.model_copy(update={"claim": (shares,)}))), "per cost it is three times as much"
