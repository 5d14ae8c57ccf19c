"""A subject that is not what was trained has another loss as evaluated than as trained, whatever went wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from bench.model.native.decoder import NativeDecoder
from bench.record.files import WEIGHTS
from bench.record.results.training.applied import WeightsCheck
from bench.suite.peft_files import ADAPTER_WEIGHTS
from bench.train.applied import weights_check
from bench.train.job import run_training
from tests.compiler import needs_compiler
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data

pytestmark = pytest.mark.usefixtures("uncounted")

ROUNDING = 1e-4
"""Nats, in fp32."""


def checked(folder: Path, method: str) -> WeightsCheck:
    """The check of a training with enough steps that what it learned shows."""
    base = resolved_model(tiny_checkpoint(folder / "base", layers=4))
    recipe = make_recipe(method=method, learning_rate=0.05)
    job = make_job(base, stored_data(folder, make_rows(12)), recipe=recipe, budget={"unit": "steps", "amount": 6})
    check = run_training(job, folder, lambda event: None).weights_check
    assert check is not None
    return check


@pytest.mark.parametrize("method", ["full", "lora"])
def test_as_evaluated_it_is_what_was_trained(tmp_path: Path, method: str) -> None:
    check = checked(tmp_path, method)
    assert check.as_evaluated == pytest.approx(check.as_trained, abs=ROUNDING)
    assert check.base is not None
    assert check.base > check.as_trained + 0.1


def off_by_one_layer(model: Any) -> None:
    """Each layer has the merged weights of the one before it."""
    layers = [layer.state_dict() for layer in model.model.layers]
    for layer, state in zip(model.model.layers, [layers[-1], *layers[:-1]], strict=True):
        layer.load_state_dict({name: tensor.clone() for name, tensor in state.items()})


def of_one_matrix(model: Any) -> None:
    weight = model.model.layers[1].self_attn.q_proj.weight
    weight.data = weight.data.T.clone()


@pytest.mark.parametrize("fault", [off_by_one_layer, of_one_matrix])
def test_weights_at_another_place_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Any], None]
) -> None:
    sound = weights_check.load_subject

    def faulty(*given: Any, **options: Any) -> Any:
        subject = sound(*given, **options)
        before = {name: tensor.clone() for name, tensor in subject.state_dict().items()}
        fault(subject)
        assert any(not torch.equal(before[name], tensor) for name, tensor in subject.state_dict().items())
        return subject

    monkeypatch.setattr(weights_check, "load_subject", faulty)
    check = checked(tmp_path, "lora")
    assert abs(check.as_evaluated - check.as_trained) > ROUNDING


def transposed(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The two factors of each square matrix in each other's place."""
    other = {"lora_A": "lora_B", "lora_B": "lora_A"}
    swapped = {name: tensors.get(name.replace(part, other[part])) for name in tensors for part in other if part in name}
    return {
        name: turned.T.contiguous()
        if (turned := swapped[name]) is not None and turned.T.shape == tensor.shape
        else tensor
        for name, tensor in tensors.items()
    }


def not_applied(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}


@pytest.mark.parametrize("fault", [transposed, not_applied])
def test_an_adapter_that_is_saved_wrong_is_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]],
) -> None:
    sound = weights_check.load_subject

    def faulty(model: Any, folder: Path, **options: Any) -> Any:
        path = folder / WEIGHTS / ADAPTER_WEIGHTS
        before = load_file(path)
        after = fault(before)
        assert any(not torch.equal(after[name], before[name]) for name in before)
        save_file(after, path, metadata={"format": "pt"})
        return sound(model, folder, **options)

    monkeypatch.setattr(weights_check, "load_subject", faulty)
    check = checked(tmp_path, "lora")
    assert abs(check.as_evaluated - check.as_trained) > ROUNDING
    if fault is not_applied:
        assert check.base == check.as_evaluated


@needs_compiler
def test_a_fault_of_the_cpp_that_evals_compute_with_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial of a model's kind is over by then: here each pass after it has its last token twice."""
    sound = NativeDecoder.tree_logits

    def faulty(self: NativeDecoder, tree: Any, read: Any, **options: Any) -> torch.Tensor:
        logits = sound(self, tree, read, **options)
        return logits.roll(1, 0) if len(logits) > 3 else logits

    monkeypatch.setattr(NativeDecoder, "tree_logits", faulty)
    check = checked(tmp_path, "lora")
    assert abs(check.as_evaluated - check.as_trained) > ROUNDING
