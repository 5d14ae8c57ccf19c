"""Resuming: after a kill nothing may be torn, and the training must end as if it had never stopped."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.record.files import CHECKPOINT
from bench.record.results.training.ledger import Step
from bench.train.accounting.meter import Meter
from bench.train.loop.checkpoints import checkpoint as module
from bench.train.loop.checkpoints.checkpoint import find_checkpoint, remove_checkpoint
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.training import make_recipe, make_rows, make_trainer

ROWS = make_rows(60)
DIGEST = "d" * 64


class KilledError(Exception):
    """Stands for the end of the process."""


def start(base: Path, folder: Path, *, kill_at: int | None = None, **recipe: Any) -> tuple[Any, Meter]:
    """A trainer of ten steps that saves after every third, and dies in step `kill_at`."""
    meter = Meter()

    def on_step(step: Step) -> None:
        if step.step == kill_at:
            raise KilledError

    trainer, _ = make_trainer(
        base, folder, rows=ROWS, recipe=make_recipe(schedule="cosine", warmup=2.0, **recipe),
        budget={"unit": "steps", "amount": 10}, meter=meter, on_step=on_step,
    )  # fmt: skip
    trainer.save_every(3, folder=folder, digest=DIGEST)
    return trainer, meter


def facts(meter: Meter) -> list[tuple[Any, ...]]:
    """Everything about the steps but their seconds."""
    return [tuple(step.model_dump(exclude={"seconds"}).values()) for step in meter.steps]


def weights(trainer: Any) -> torch.Tensor:
    """All parameters in one vector."""
    return torch.cat([parameter.detach().flatten() for parameter in trainer.model.parameters()])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama."""
    return tiny_checkpoint(tmp_path_factory.mktemp("llama"))


RECIPES: list[dict[str, Any]] = [
    {},
    {"accumulation": 2, "packing": "bfd"},
    {"method": "lora", "lora": {"r": 4, "dropout": 0.2}},
]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("kill_at", [5, 6])
def test_a_resumed_training_ends_as_an_uninterrupted_one(
    base: Path, tmp_path: Path, recipe: dict[str, Any], kill_at: int
) -> None:
    """Losses, norms, rates and weights to the last bit; dropout included."""
    whole, whole_meter = start(base, tmp_path / "whole", **recipe)
    whole.train()
    killed, _ = start(base, tmp_path / "killed", kill_at=kill_at, **recipe)
    with pytest.raises(KilledError):
        killed.train()
    torch.manual_seed(12345)  # another process would start with other random numbers
    resumed, resumed_meter = start(base, tmp_path / "killed", **recipe)
    found = find_checkpoint(tmp_path / "killed", DIGEST)
    assert found is not None
    resumed.resume(found, tmp_path / "killed")
    assert facts(resumed_meter) == facts(whole_meter)
    assert torch.equal(weights(resumed), weights(whole))


def saved(base: Path, folder: Path) -> Path:
    """A folder with the checkpoint of a killed training."""
    killed, _ = start(base, folder, kill_at=5)
    with pytest.raises(KilledError):
        killed.train()
    return folder


def test_a_checkpoint_holds_safetensors_and_json_only(base: Path, tmp_path: Path) -> None:
    files = sorted(path.name for path in (saved(base, tmp_path) / CHECKPOINT).iterdir())
    assert files == [
        "best.safetensors", "optimizer.safetensors", "random.safetensors", "state.json", "trainer_state.json",
        "weights.safetensors",
    ]  # fmt: skip
    json.loads((tmp_path / CHECKPOINT / "state.json").read_text())


def test_a_checkpoint_without_the_file_of_a_rank_is_damaged(base: Path, tmp_path: Path) -> None:
    """As where one node's file never reached the shared folder: the training starts again."""
    place = saved(base, tmp_path) / CHECKPOINT
    state = json.loads((place / "state.json").read_text())
    (place / "rank1").write_bytes(b"123")
    (place / "state.json").write_text(json.dumps(state | {"files_of_ranks": {"rank1": 3}}))
    assert find_checkpoint(tmp_path, DIGEST) is not None
    (place / "rank1").write_bytes(b"12")
    assert find_checkpoint(tmp_path, DIGEST) is None
    assert not place.exists()


def test_a_kill_while_saving_leaves_the_checkpoint_before(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, _ = start(base, tmp_path)
    writes: list[str] = []

    def dying_save(tensors: Any, path: Path) -> None:
        writes.append(path.name)
        if len(writes) == 5:  # the second file of the second checkpoint
            path.write_bytes(b"torn")
            raise KilledError
        original(tensors, path)

    original = module.save_file
    monkeypatch.setattr(module, "save_file", dying_save)
    with pytest.raises(KilledError):
        killed.train()
    found = find_checkpoint(tmp_path, DIGEST)
    assert json.loads(found.trainer)["global_step"] == 3


def test_a_kill_between_the_two_renames_loses_nothing(base: Path, tmp_path: Path) -> None:
    saved(base, tmp_path)
    shutil.move(tmp_path / CHECKPOINT, tmp_path / f"{CHECKPOINT}.old")
    assert find_checkpoint(tmp_path, DIGEST) is not None


@pytest.mark.parametrize(
    "name", ["optimizer.safetensors", "random.safetensors", "state.json", "trainer_state.json", "weights.safetensors"]
)
@pytest.mark.parametrize("damage", ["cut", "gone", "noise"])
def test_a_damaged_checkpoint_costs_time_not_the_arm(base: Path, tmp_path: Path, name: str, damage: str) -> None:
    """A training that raised on it would raise again at each retry."""
    path = saved(base, tmp_path) / CHECKPOINT / name
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"\xff" * len(whole))
    found = find_checkpoint(tmp_path, DIGEST)
    assert found is None
    assert not (tmp_path / CHECKPOINT).exists()


def test_the_checkpoint_of_another_training_is_not_used(base: Path, tmp_path: Path) -> None:
    assert find_checkpoint(saved(base, tmp_path), "e" * 64) is None
    assert find_checkpoint(tmp_path / "nowhere", DIGEST) is None


def test_nothing_is_left_once_the_training_is_over(base: Path, tmp_path: Path) -> None:
    remove_checkpoint(saved(base, tmp_path))
    assert not list(tmp_path.glob(f"{CHECKPOINT}*"))
