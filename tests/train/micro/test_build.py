"""Building the micro base: without these, the committed weights would be nobody's to reproduce."""

import tomllib
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from bench.suite.tables.models.model import ModelCard
from bench.train.micro.build import build_micro
from bench.train.micro.pretrain import Pretraining, PretrainingProgress

TINY = Pretraining(hidden_size=24, intermediate_size=48, layers=1, heads=2, steps=100, batch_size=1, warmup_steps=5)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelCard, list[PretrainingProgress]]:
    folder = tmp_path_factory.mktemp("models") / "micro"
    heard: list[PretrainingProgress] = []
    card = build_micro(folder, seed=0, progress=heard.append, spec=TINY, rounds=1)
    return folder, card, heard


def test_it_writes_a_model_that_loads_and_a_card_that_says_what_it_is(
    built: tuple[Path, ModelCard, list[PretrainingProgress]],
) -> None:
    folder, card, _ = built
    assert ModelCard.model_validate(tomllib.loads((folder.parent / "micro.toml").read_text())) == card
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert card.parameters == sum(p.numel() for p in model.parameters())
    assert (tokenizer.pad_token, tokenizer.bos_token, tokenizer.eos_token) == ("<pad>", "<s>", "</s>")
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert sorted(path.name for path in folder.parent.iterdir()) == ["micro", "micro.toml"]


def test_it_learns_and_says_so(built: tuple[Path, ModelCard, list[PretrainingProgress]]) -> None:
    _, card, heard = built
    assert [(p.step, p.steps) for p in heard] == [(100, 100)]
    assert float(card.provenance["final_loss_nats_per_token"]) < 7.3  # ln(1536) = 7.34 is knowing nothing
    assert card.provenance["training_tokens"] == 100 * 256


def test_the_same_seed_gives_the_same_weights(
    built: tuple[Path, ModelCard, list[PretrainingProgress]], tmp_path: Path
) -> None:
    again = build_micro(tmp_path / "micro", seed=0, spec=TINY, rounds=1)
    other = build_micro(tmp_path / "other", seed=1, spec=TINY, rounds=1)
    assert again.provenance["sha256"] == built[1].provenance["sha256"] != other.provenance["sha256"]


def test_a_build_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(_: PretrainingProgress) -> None:
        raise KeyboardInterrupt

    threads = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        build_micro(tmp_path / "micro", progress=interrupt, spec=TINY, rounds=1)
    assert list(tmp_path.iterdir()) == []
    assert torch.get_num_threads() == threads
