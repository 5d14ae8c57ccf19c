"""Every form of `[deploy]` is an arm with its claim; what an arm cannot be shipped as is refused before any work."""

from typing import Any

import pytest
from pydantic import ValidationError

from bench.suite.checks.names.claim_names import claim_problems
from bench.suite.checks.names.deployed_forms import deploy_problems
from bench.suite.checks.names.warm_starts import start_problems
from bench.suite.reading.deployed_claims import with_deployed_claims
from bench.suite.tables.arms.deploy import DeployOptions
from bench.suite.tables.suite import Suite

RECIPES: dict[str, Any] = {
    "full": {"method": "full", "learning_rate": 1e-3},
    "lora": {"method": "lora", "learning_rate": 1e-3},
    "prompt": {"method": "prompt", "learning_rate": 1e-3},
    "shots": {"method": "few_shot", "shots": 2},
}


def suite(deploy: dict[str, Any], recipes: tuple[str, ...] = ("full", "lora"), **changes: Any) -> Suite:
    return Suite.model_validate(
        {
            "name": "s",
            "question": "?",
            "seeds": (0, 1),
            "model": {"card": "micro"},
            "data": {"few": {"source": "few.jsonl"}},
            "recipe": RECIPES,
            "budget": {"unit": "steps", "amount": 1},
            "arms": {"data": ("few",), "recipe": recipes},
            "eval": ({"kind": "lm_eval", "name": "qa", "tasks": ("t",)},),
            "deploy": deploy,
            **changes,
        }
    )


def names(suite: Suite) -> list[str]:
    return [arm.name for arm in suite.expand()]


def problems(suite: Suite) -> list[str]:
    return [problem.what for problem in deploy_problems(suite)]


def test_each_arm_has_the_forms_that_its_weights_can_have() -> None:
    forms = suite({"forms": ("adapter", "int8")}, ("full", "lora", "prompt", "shots"))
    assert names(forms) == [
        "few/full", "few/full:int8", "few/lora", "few/lora:adapter", "few/lora:int8", "few/prompt",
        "few/prompt:adapter", "few/shots",
    ]  # fmt: skip
    assert not problems(forms)


def test_a_form_is_its_arms_trainings_and_costs_none() -> None:
    forms = suite({"forms": ("int8",)}, more_seeds={"few/lora": (7,)}, control="few/full")
    arms = {arm.name: arm for arm in forms.expand()}
    assert forms.seeds_of("few/lora:int8") == forms.seeds_of("few/lora") == (0, 1, 7)
    assert not forms.trains(arms["few/lora:int8"])
    assert forms.control_of(arms["few/lora:int8"]) == "few/lora"
    claimed = forms.model_copy(
        update={"claim": suite({}, claim=({"says": "few/lora:int8 > few/full", "on": "cost:seconds"},)).claim}
    )
    assert [problem.what for problem in claim_problems(claimed)] == [
        "'few/lora:int8' was not trained by this suite: it has no seconds to compare"
    ]


def test_given_weights_have_forms_and_checkpoints_only_where_they_are_named() -> None:
    given = {"a": {"adapter": "a"}, "w": {"weights": "w"}, "run.5": {"weights": "r", "trajectory": "run", "step": 5}}
    arms = {"given": given}
    plain = suite({"forms": ("adapter", "merged-bf16")}, arms=arms)
    assert [name for name in names(plain) if ":" in name] == [
        "given/a:adapter", "given/a:merged-bf16", "given/w:merged-bf16",
    ]  # fmt: skip
    named = suite({"arms": {"given/run.5": ("int8",)}}, arms=arms)
    assert [name for name in names(named) if ":" in name] == ["given/run.5:int8"]


def test_a_margin_makes_a_claim_of_each_form() -> None:
    asked = with_deployed_claims(
        suite({"forms": ("merged", "int8"), "margin": {"qa": 0.02}}, ("lora",)), lambda _: True
    )
    assert [(claim.says, claim.on, claim.margin) for claim in asked.claim] == [
        ("few/lora:merged == few/lora", "qa", 0.02),
        ("few/lora:int8 == few/lora", "qa", 0.02),
    ]
    assert with_deployed_claims(asked, lambda _: True) == asked
    assert not list(claim_problems(asked))


SERVER = {"base_url": "http://localhost:1/v1", "model": "m"}


def test_a_server_has_one_training_and_claims_on_what_it_can_be_asked() -> None:
    served = suite({"forms": ("endpoint",), "endpoint": {"few/lora": SERVER}, "margin": {"qa": 0.02}}, ("lora", "full"))
    assert served.seeds_of("few/lora:endpoint") == served.seeds_of("few/lora")[:1]
    assert served.seeds_of("few/full:endpoint") == served.seeds_of("few/full"), "it waits for a server"
    endpoints = {arm.name: served.endpoint_of(arm) for arm in served.expand()}
    assert [name for name, endpoint in endpoints.items() if endpoint is not None] == ["few/lora:endpoint"]
    claimed = {claim.says for claim in with_deployed_claims(served, lambda _: False).claim}
    assert claimed == {"few/full:endpoint == few/full"}
    assert len(with_deployed_claims(served, lambda _: True).claim) == 2


def test_a_server_of_nothing_that_is_deployed_is_refused() -> None:
    forms = {"forms": ("merged",), "endpoint": {"few/lora": SERVER, "few/lorra": SERVER}}
    assert problems(suite(forms, ("lora",))) == [
        "few/lora is not deployed as an endpoint",
        "there is no arm 'few/lorra' in this suite",
    ]


def test_what_cannot_be_deployed_is_refused_with_what_can() -> None:
    assert problems(suite({"arms": {"few/full": ("adapter",)}})) == ["few/full cannot be shipped as adapter"]
    assert problems(suite({"arms": {"few/shots": ("int8",)}}, ("shots",))) == ["few/shots cannot be shipped as int8"]
    assert problems(suite({"arms": {"few/ful": ("int8",)}})) == ["there is no arm 'few/ful' in this suite"]
    assert problems(suite({"forms": ("int8",), "margin": {"qua": 0.1}})) == ["there is no eval 'qua' in this suite"]
    assert problems(suite({"forms": ("adapter",)}, ("full",))) == [
        "[deploy] names no form that an arm of this suite has"
    ]
    with pytest.raises(ValidationError, match="give each form once"):
        DeployOptions(forms=("int8", "int8"))


def test_no_training_begins_from_a_form() -> None:
    recipes = {**RECIPES, "second": {"method": "lora", "learning_rate": 1e-3, "from": "few/lora:int8"}}
    begun = suite({"forms": ("int8",)}, ("lora", "second"), recipe=recipes)
    assert [problem.what for problem in start_problems(begun)] == ["there is no arm 'few/lora:int8' in this suite"]
