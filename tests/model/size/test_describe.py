"""Parameter counts decide memory plans and are quoted in reports; they must be exact, and from configs alone."""

import tomllib
from pathlib import Path

import pytest

from bench.model.size.describe import describe
from bench.model.size.description import DescribeRequest, Description
from bench.run.estimate.memory.from_shapes import card_memory
from bench.suite.tables.models.model import ModelCard
from bench.suite.tables.training.adapter import LoraSpec

GIB = 2**30
CARDS = sorted(path.stem for path in (Path(__file__).parents[3] / "models").glob("*.toml") if path.stem != "micro")


def card(root: Path, name: str) -> ModelCard:
    """A shipped card."""
    return ModelCard.model_validate(tomllib.loads((root / "models" / f"{name}.toml").read_text()))


def described(card: ModelCard, lora: LoraSpec | None = None) -> Description:
    """Its parameter counts, from the card's config."""
    modules = card.lora_target_modules
    return describe(DescribeRequest(config=card.config, lora=lora or LoraSpec(), card_modules=modules))


def test_distilgpt2_has_its_published_parameter_count(root: Path) -> None:
    assert described(card(root, "distilgpt2")).parameters == 81_912_576


def test_dialogpt_small_with_lora_has_its_published_trainable_share(root: Path) -> None:
    lora = LoraSpec(r=16, alpha=32, target_modules=("c_attn", "c_proj"))
    found = described(card(root, "dialogpt-small"), lora)
    assert (found.lora_trainable_parameters, found.lora_parameters) == (1_622_016, 126_061_824)
    assert f"{100 * found.lora_trainable_parameters / found.lora_parameters:.4f}" == "1.2867"


@pytest.mark.parametrize("name", CARDS)
def test_card_states_what_its_config_amounts_to(root: Path, name: str) -> None:
    shown = card(root, name)
    found = described(shown)
    assert shown.name == name
    assert shown.repo.rpartition("/")[2].lower() == name
    assert shown.parameters == found.parameters
    full, lora = card_memory(found.parameters, found.lora_trainable_parameters)
    assert shown.memory_full_gib == pytest.approx(full, abs=0.006)
    assert shown.memory_lora_gib == pytest.approx(lora, abs=0.006)
    assert full * GIB == 16 * found.parameters, "what `bench plan` reckons with is what the card states"
