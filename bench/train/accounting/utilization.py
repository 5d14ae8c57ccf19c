"""Operations of a training from its schedule and its model's shape, and their share of the device's measured peak."""

from typing import Self

import torch
from peft import PeftConfig, PeftModel
from transformers import PreTrainedModel

from bench.machine.peak_flops import measured_peak, published_peak
from bench.model.size.flops import FlopModel
from bench.record.results.training.ledger import Utilization
from bench.suite.tables.models.precision import Precision
from bench.train.accounting.flops import hardware_work, model_work, prompt_of
from bench.train.accounting.meter import Steady
from bench.train.accounting.rates import counted_rates
from bench.train.batches.schedule import Schedule

_SECONDS = 0.01
"""Time for measuring the peak once; two products if they take longer. A run measures it in each probe, twice in each
training: its report takes the highest of all."""


def device_peak(precision: Precision, device: torch.device) -> float | None:
    """FLOP/s of a square product, measured now. A training asks before its first step and after its last, and the
    higher one counts: other work makes a product slower, never faster, and a device that has long worked slows down."""
    return measured_peak(precision, device=device.type, seconds=_SECONDS)


class OperationCount:
    """Operations of the first steps of a schedule, for one model as it is trained."""

    def __init__(
        self, model: FlopModel, hardware: FlopModel, adapter: PeftConfig | None, *, head_everywhere: bool
    ) -> None:
        """`hardware` counts what gradient checkpointing computes again, too; `adapter`: the one that both are counted
        with."""
        self._model, self._hardware = model, hardware
        self._prompt, self._head_everywhere = prompt_of(adapter), head_everywhere

    @classmethod
    def of(
        cls,
        model: PreTrainedModel | PeftModel,
        adapter: PeftConfig | None,
        *,
        checkpointing: bool,
        head_everywhere: bool,
    ) -> Self:
        """Counted now. `model` carries `adapter`; gradient checkpointing is off, and is left on in it if
        `checkpointing`.

        Raises `ValueError`, or what the architecture raises, where operations cannot be counted without weights.
        """
        plain = counted_rates(model, checkpointing=False)
        hardware = counted_rates(model, checkpointing=True) if checkpointing else plain
        return cls(plain, hardware, adapter, head_everywhere=head_everywhere)

    def model(self, schedule: Schedule) -> int:
        """Forward and backward over non-padding tokens."""
        return self._model.training(model_work(schedule.batches, self._prompt))

    def hardware(self, schedule: Schedule) -> int:
        """Operations that a device computes."""
        work = hardware_work(schedule.batches, self._prompt, head_everywhere=self._head_everywhere)
        return self._hardware.training(work)

    def utilization(
        self,
        schedule: Schedule,
        steady: Steady,
        *,
        device: torch.device,
        precision: Precision,
        processes: int = 1,
        peak_before: float | None = None,
    ) -> Utilization | None:
        """Over the steady steps of `schedule`, all of whose steps were trained; `None` where `steady` knows no speed.

        Measures the peak: call it when the training is over, on a device that does nothing else. The peak of several
        processes is that of one, so many times. peak_before: as it was measured before the first step.
        """
        warmup = schedule.first(steady.left_out)
        tokens = schedule.tokens - warmup.tokens
        if steady.tokens_per_second is None or tokens == 0:
            return None
        seconds = tokens / steady.tokens_per_second
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
        found = [peak for peak in (peak_before, device_peak(precision, device)) if peak is not None]
        peaks = max(found, default=None), published_peak(name, precision)
        measured, published = (None if peak is None else processes * peak for peak in peaks)
        return Utilization(
            flops_per_second=(self.model(schedule) - self.model(warmup)) / seconds,
            hardware_flops_per_second=(self.hardware(schedule) - self.hardware(warmup)) / seconds,
            peak_flops_per_second=measured,
            published_flops_per_second=published,
        )
