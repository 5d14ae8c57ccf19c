"""The trial by which `precision = "auto"` is decided: a step of the model's shape in both precisions."""

from pathlib import Path

import pytest
import torch

from bench.train.planning.precision_trial import try_precisions
from tests.fakes.checkpoints import ARCHITECTURES, Architecture, tiny_checkpoint
from tests.fakes.training import resolved_model


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_step_is_timed_in_both_precisions_and_their_losses_agree(tmp_path: Path, architecture: Architecture) -> None:
    model = resolved_model(tiny_checkpoint(tmp_path / "base", architecture, width=64, layers=5))
    before = torch.get_rng_state()
    trial = try_precisions(model, threads=1)
    assert min(trial.fp32_seconds, trial.bf16_seconds, trial.one_thread_seconds) > 0
    assert 0 < trial.loss_difference < 0.02, "two precisions, one step"
    assert torch.equal(torch.get_rng_state(), before)
