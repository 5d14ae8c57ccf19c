"""When a training is saved, what of it, and how it is resumed; `checkpoint.py` has the files.

Contract: a resumed training goes on with the same weights, optimiser, rates, random numbers, counts and validation
losses as one that was never interrupted.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from bench.train.accounting.meter import Meter
from bench.train.loop.checkpoints.checkpoint import PARTS, Checkpoint, begin_checkpoint, place_of_next, save_checkpoint
from bench.train.loop.checkpoints.sharded import load_parts, save_parts, without_tensors
from bench.train.loop.checkpoints.zero import load_zero, save_zero
from bench.train.loop.kept_step.evaluated_steps import EvaluatedSteps
from bench.train.loop.kept_step.validation import Validator
from bench.train.loop.kept_step.weights import load_weights, trainable_weights
from bench.train.processes.ranks import Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class SavePlan:
    """Where and how often a training is saved."""

    folder: Path
    digest: str
    """The training's."""
    every: int
    """Optimiser steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpointer:
    """Saves and restores the state of one trainer, of its meter, its validation and its evaluated steps."""

    ranks: Ranks
    meter: Meter
    validator: Validator | None
    evaluated: EvaluatedSteps | None = None
    plan: SavePlan | None = None
    """`None`: the training is not saved."""
    resumed: Checkpoint | None = None

    def due(self, step: int, steps: int) -> bool:
        """Whether to save after `step` of `steps`; after the last one the weights themselves are written."""
        return self.plan is not None and step % self.plan.every == 0 and step != steps

    def save(self, trainer: Any) -> None:
        """Writes the checkpoint. Called by all ranks; the main process writes."""
        assert self.plan is not None, "`due` says so"
        random, folder = self._random_states(trainer.args.device), self.plan.folder
        if self.ranks.is_main_process:
            begin_checkpoint(folder)
        if trainer.is_sharded:
            self.ranks.barrier()
            self._save_shards(trainer, place_of_next(folder))
        if not self.ranks.is_main_process:
            return
        save_checkpoint(
            folder,
            Checkpoint(
                digest=self.plan.digest,
                weights={} if trainer.is_sharded else trainable_weights(trainer.model),
                optimizer=_optimizer_state(trainer),
                scheduler=trainer.lr_scheduler.state_dict(),
                random=random,
                trainer=json.dumps(asdict(trainer.state)),
                meter=self.meter.state(),
                validation=None if self.validator is None else self.validator.watch.state(),
                dev=None if self.evaluated is None else self.evaluated.state(),
                best=self._best_weights(),
            ),
        )

    def _save_shards(self, trainer: Any, place: Path) -> None:
        if trainer.is_deepspeed_enabled:
            save_zero(place / PARTS, trainer.deepspeed, self.ranks.index)
        else:
            save_parts(place / PARTS, trainer.model, trainer.optimizer, self.ranks.index)

    def restore_account(self) -> None:
        """Puts the counted steps and validation losses back."""
        checkpoint = self._checkpoint
        self.meter.resume(dict(checkpoint.meter))
        if self.validator is not None and checkpoint.validation is not None:
            self.validator.watch.resume(checkpoint.validation, checkpoint.best)
        if self.evaluated is not None and checkpoint.dev is not None:
            self.evaluated.resume(checkpoint.dev, checkpoint.best)

    def restore_weights(self, model: torch.nn.Module) -> None:
        """Puts the trained weights back."""
        load_weights(model, self._checkpoint.weights)

    def restore_optimizer(self, trainer: Any) -> None:
        """Puts the optimiser's and the scheduler's state back, and the weights of which each rank has a part."""
        checkpoint = self._checkpoint
        if checkpoint.parts is None:
            trainer.optimizer.load_state_dict(dict(checkpoint.optimizer))
        elif trainer.is_deepspeed_enabled:
            load_zero(checkpoint.parts, trainer.deepspeed, self.ranks.index)
        else:
            load_parts(checkpoint.parts, trainer.model, trainer.optimizer, self.ranks.index, checkpoint.optimizer)
        trainer.lr_scheduler.load_state_dict(dict(checkpoint.scheduler))

    def restore_random_states(self) -> None:
        """Puts this rank's generators back."""
        random, rank = self._checkpoint.random, self.ranks.index
        torch.set_rng_state(random[f"cpu.{rank}"])
        if f"cuda.{rank}" in random:
            torch.cuda.set_rng_state(random[f"cuda.{rank}"])

    def _best_weights(self) -> dict[str, torch.Tensor]:
        """Weights of the one rule that keeps a step: a suite has no two."""
        watched = {} if self.validator is None else self.validator.watch.best_weights
        chosen = None if self.evaluated is None else self.evaluated.best
        return watched or ({} if chosen is None else chosen.best_weights)

    @property
    def _checkpoint(self) -> Checkpoint:
        assert self.resumed is not None, "only a resumed training loads a checkpoint"
        return self.resumed

    def _random_states(self, device: torch.device) -> dict[str, torch.Tensor]:
        """Generator states of all ranks, by device type and rank."""
        states = {"cpu": torch.get_rng_state()}
        if device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state()
        return {
            f"{kind}.{rank}": state
            for kind, of_this_rank in states.items()
            for rank, state in enumerate(self.ranks.gather_tensor(of_this_rank))
        }


def _optimizer_state(trainer: Any) -> dict[str, Any]:
    """What the main process writes of it."""
    if trainer.is_deepspeed_enabled:
        return {"state": {}, "param_groups": []}
    state: dict[str, Any] = without_tensors(trainer.optimizer) if trainer.is_sharded else trainer.optimizer.state_dict()
    return state
