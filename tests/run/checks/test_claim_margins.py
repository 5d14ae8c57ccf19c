"""Margins without a meaning on losses and costs, refused before anything is trained."""

import json
from math import log
from pathlib import Path
from typing import Any

import pytest

from bench.errors import Problem, collected
from bench.record.results.training.facts import ExactCounts
from bench.run.checks import claim_margins as module
from bench.run.checks.claim_margins import check_margins
from bench.run.plan.plan import plan
from bench.run.resolve.suite import resolve
from tests.fakes.suites import SERVER, counted, fake_suite

VOCABULARY = 1000


def refused(root: Path, *claims: dict[str, Any], **changes: Any) -> list[Problem]:
    loaded = fake_suite(root, claim=claims, **changes)
    config = root / "model" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "vocab_size": VOCABULARY}))
    home = root / "home"
    found: list[Problem] = []
    with collected(found):
        check_margins(plan(resolve(loaded, home=home), home=home), home=home, server=SERVER)
    return found


def between(on: str, margin: float, relation: str = ">=", **more: Any) -> dict[str, Any]:
    return {"says": f"few/full {relation} few/lora", "on": on, "margin": margin, **more}


@pytest.mark.parametrize("relation", [">=", ">", "=="])
def test_a_loss_margin_beyond_a_guess_among_all_tokens_is_refused(tmp_path: Path, relation: str) -> None:
    """Seen: a margin of 1000 on a loss, which held for any two models."""
    narrow = between("held", log(VOCABULARY) - 0.01, relation)
    (problem,) = refused(tmp_path, narrow, between("held", log(VOCABULARY), relation), between("qa", 50.0))
    assert problem.where == "claim[1].margin"
    assert "1,000 tokens of the vocabulary loses 6.9" in problem.what


@pytest.mark.parametrize("cost", ["seconds", "memory", "tokens"])
def test_a_cost_margin_far_beyond_what_the_plan_counts_is_refused(tmp_path: Path, cost: str) -> None:
    """Seen: a margin of 1e9 on seconds and on memory. Equal counts: no machine makes a hundred times of them."""
    on = f"cost:{cost}"
    first, second = refused(tmp_path, between(on, 99.0), between(on, 100.0), between(on, 1e9, ">"))
    assert [first.where, second.where] == ["claim[1].margin", "claim[2].margin"]
    assert "within 1 times of each other" in second.what


@pytest.mark.parametrize(
    ("cost", "most", "counted"),
    [
        ("flops", 100.0, {}),
        ("flops", 5000.0, {"tokens": 5000}),
        ("flops", 5000.0, {"supervised_tokens": 2500}),
        ("memory", 5000.0, {"slots": 6000}),
        ("memory", 5000.0, {"parameters": 500}),
        ("tokens_to_target", 400.0, {}),
    ],
)
def test_a_margin_as_wide_as_the_doses_are_unequal_is_a_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cost: str, most: float, counted: dict[str, int]
) -> None:
    """One arm computes fifty times as much as the other: that it costs a thousand times as much could be. A target may
    be reached at the first of four steps."""
    usual = ExactCounts(
        rows=8, steps=4, tokens=100, supervised_tokens=50, slots=120, truncated_rows=0, dropped_rows=0,
        parameters=10, trainable_parameters=10,
    )  # fmt: skip
    counts = {"few/full": usual, "few/lora": usual.model_copy(update=counted)}
    monkeypatch.setattr(module, "exact_counts", lambda *_, **__: counts)
    (problem,) = refused(tmp_path, between(f"cost:{cost}", most - 1.0), between(f"cost:{cost}", most))
    assert problem.where == "claim[1].margin"


def test_quality_per_cost_has_room_for_the_quality(tmp_path: Path) -> None:
    asked = between("qa", 1000.0, per="tokens"), between("qa", 1e9, per="tokens")
    assert [problem.where for problem in refused(tmp_path, *asked)] == ["claim[1].margin"]


def test_usual_margins_need_no_counts(tmp_path: Path) -> None:
    assert refused(tmp_path, between("cost:seconds", 0.2), between("held", 0.02)) == []
    assert counted(tmp_path / "home") == []
