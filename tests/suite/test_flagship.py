"""The flagship must ask what its README says, at the published hyper-parameters where it claims them."""

import json
from pathlib import Path

import pytest

from bench.suite.load import build_all_profiles, load_suite, validate_all_profiles
from bench.suite.tables.suite import Suite

SUITE = "lima_vs_alpaca"


@pytest.fixture(scope="module")
def profiles() -> dict[str, Suite]:
    return build_all_profiles(SUITE)


def test_every_profile_is_valid_and_the_embedded_one_is_the_default() -> None:
    assert sorted(validate_all_profiles(SUITE)) == ["gpu", "micro", "paper", "real", "real-small"]
    assert load_suite(SUITE).profile == "micro"


@pytest.mark.parametrize("profile", ["micro", "gpu", "real", "real-small"])
def test_six_arms_get_the_same_budget(profiles: dict[str, Suite], profile: str) -> None:
    suite = profiles[profile]
    arms = suite.expand()
    assert [arm.name for arm in arms] == [
        "lima_1k/full",
        "lima_1k/lora",
        "random_1k/full",
        "random_1k/lora",
        "alpaca_52k/full",
        "alpaca_52k/lora",
    ]
    assert {suite.budget_of(arm) for arm in arms} == {suite.budget}
    assert suite.budget.unit == "tokens"
    assert len(suite.seeds) == (2 if profile == "real-small" else 3)


@pytest.mark.parametrize("profile", ["micro", "gpu", "real", "real-small", "paper"])
def test_the_curated_arms_are_compared_with_a_random_draw_of_their_size(
    profiles: dict[str, Suite], profile: str
) -> None:
    suite = profiles[profile]
    controls = {arm.name: suite.control_of(arm) for arm in suite.expand()}
    assert controls["lima_1k/full"] == "random_1k/full"
    assert controls["lima_1k/lora"] == "random_1k/lora"
    assert suite.data["random_1k"].source == suite.data["alpaca_52k"].source
    assert (suite.data["random_1k"].select.by, suite.data["random_1k"].select.size_of) == ("random", "lima_1k")


def test_the_size_control_is_drawn_once_for_each_training(profiles: dict[str, Suite]) -> None:
    """One draw would make "curation itself" a statement about one random subset."""
    for profile in ("micro", "gpu", "real", "real-small"):
        assert len(profiles[profile].data["random_1k"].select.seeds) == len(profiles[profile].seeds) >= 2
    assert profiles["paper"].data["random_1k"].select.seeds == ()


def test_the_arms_take_equal_steps_over_equal_tokens(root: Path) -> None:
    """Batches in rows gave the arm with the longer rows 24% more steps."""
    counts = json.loads((root / "tests/perf/exact-lima_vs_alpaca-micro.json").read_text())["trainings"].values()
    for measure in ("tokens", "steps"):
        amounts = [arm[measure] for arm in counts]
        assert max(amounts) <= 1.02 * min(amounts), measure


def test_the_paper_profile_holds_the_published_hyper_parameters(profiles: dict[str, Suite]) -> None:
    suite = profiles["paper"]
    lima, alpaca = suite.recipe["full"], suite.recipe["full_52k"]
    assert (lima.learning_rate, lima.min_learning_rate, lima.schedule, lima.warmup) == (1e-5, 1e-6, "linear", 0)
    assert (lima.betas, lima.weight_decay, lima.max_length) == ((0.9, 0.95), 0.1, 2048)
    assert lima.batch_rows * lima.accumulation == 32
    assert (lima.budget.unit, lima.budget.amount) == ("epochs", 15)
    assert (alpaca.learning_rate, alpaca.min_learning_rate, alpaca.schedule, alpaca.warmup) == (
        2e-5,
        None,
        "cosine",
        0.03,
    )
    assert (alpaca.betas, alpaca.weight_decay, alpaca.max_length) == ((0.9, 0.999), 0.0, 512)
    assert alpaca.batch_rows * alpaca.accumulation == 128
    assert (alpaca.budget.unit, alpaca.budget.amount) == ("epochs", 3)
    assert suite.model.card == "llama-2-7b-hf"


def test_the_paper_profile_trains_each_set_with_its_own_recipe(profiles: dict[str, Suite]) -> None:
    assert [arm.name for arm in profiles["paper"].expand()] == [
        "lima_1k/full",
        "lima_1k/lora",
        "random_1k/full",
        "random_1k/lora",
        "alpaca_52k/full_52k",
        "alpaca_52k/lora_52k",
    ]


def test_it_runs_on_real_data_and_a_real_base_by_overrides_alone(
    shared_dir: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    suite = load_suite(
        "suites/lima_vs_alpaca.toml",
        overrides=(
            "model.path=../shared/models/stories260k",
            "data.lima_1k.source=../shared/data/lima/lima_1k.jsonl",
            "data.alpaca_52k.source=../shared/data/alpaca/alpaca_data.json",
            "budget.amount=20000",
        ),
    ).suite
    alpaca = str((shared_dir / "data/alpaca/alpaca_data.json").resolve())
    heldout = next(spec for spec in suite.eval if spec.name == "heldout")
    assert {suite.data["alpaca_52k"].source, suite.data["random_1k"].source} == {alpaca}
    assert heldout.kind == "loss"
    assert (heldout.data.source, heldout.data.select.by) == (alpaca, "holdout")
    assert suite.model.card is None
    assert suite.model.path == str((shared_dir / "models/stories260k").resolve())
