"""A training by unsloth: `python unsloth_script.py SETTINGS`, by the Python of unsloth's own environment.

Contract: imports nothing of this package, which is not installed there. It trains on the batches of the rows file in
their order, from the adapter weights and at the learning rates that the settings give; each step is reported on a line
of its own, the mark of the settings and a JSON object. `bench.train.programs.unsloth` writes the settings.
"""

import json
import math
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from unsloth import FastLanguageModel  # before what it replaces parts of

# isort: split
import torch
from safetensors.torch import load_file, save_file

IGNORED = -100

BatchRows = Sequence[Mapping[str, Any]]


class PhaseClock:
    """Seconds of each phase of a step; waits for the device where a phase ends."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def end(self, phase: str) -> None:
        """The time since the last call was of this phase."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._since
        self._since = now

    def take(self) -> dict[str, float]:
        """The seconds so far, which begin again at 0."""
        taken, self.seconds = self.seconds, {}
        return taken


def main(settings: Mapping[str, Any]) -> None:
    """Train and save the adapter."""
    torch.set_num_threads(settings["threads"])
    model = load(settings)
    begin_from(model, load_file(settings["start"]))
    report = partial(write_report, settings["mark"])
    train(model, settings, report)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    on_device = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    clock = PhaseClock()
    if settings["out"] is not None:
        model.save_pretrained(settings["out"])
    clock.end("saving")
    report({"peak_process_bytes": used, "peak_device_bytes": on_device, **clock.take()})


def load(settings: Mapping[str, Any]) -> Any:
    """The base with a fresh adapter."""
    checkpointing = "unsloth" if settings["gradient_checkpointing"] else False
    model, _ = FastLanguageModel.from_pretrained(
        model_name=settings["model"],
        max_seq_length=settings["max_length"],
        dtype=getattr(torch, settings["dtype"]),
        load_in_4bit=False,
        use_gradient_checkpointing=checkpointing,
    )
    return FastLanguageModel.get_peft_model(
        model,
        **settings["lora"],
        bias="none",
        use_gradient_checkpointing=checkpointing,
        random_state=settings["seed"],
    )


def begin_from(model: Any, start: Mapping[str, Any]) -> None:
    """Give the adapter its first weights. Ends the program where its tensors are others."""
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    if {name: tuple(value.shape) for name, value in trained.items()} != {
        name: tuple(value.shape) for name, value in start.items()
    }:
        apart = sorted(trained.keys() ^ start.keys()) or ["their shapes"]
        sys.exit(f"unsloth's adapter has other tensors than PEFT's: {', '.join(apart[:4])}")
    with torch.no_grad():
        for name, value in trained.items():
            value.copy_(start[name])


def train(model: Any, settings: Mapping[str, Any], report: Callable[[Mapping[str, Any]], None]) -> None:
    """All steps, or those up to a loss that is not finite, before which the weights stay as they are."""
    FastLanguageModel.for_training(model)
    model.train()
    trained = [value for value in model.parameters() if value.requires_grad]
    betas, decay, rates = settings["betas"], settings["weight_decay"], settings["learning_rates"]
    optimizer = torch.optim.AdamW(trained, lr=rates[0], betas=betas, weight_decay=decay, fused=True)
    clock = PhaseClock()
    for step, (rate, batches) in enumerate(zip(rates, steps_of(Path(settings["rows"])), strict=False), start=1):
        clock.take()
        loss = backward(model, batches, settings, clock)
        if step == 1 and settings["gradient"] is not None:
            keep_gradient(model, Path(settings["gradient"]))
        if not math.isfinite(loss):
            report({"step": step, "loss": None, "gradient_norm": None, "seconds": clock.take()})
            return
        norm = torch.nn.utils.clip_grad_norm_(trained, settings["max_grad_norm"] or math.inf)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        clock.end("optimizer")
        report({"step": step, "loss": loss, "gradient_norm": float(norm), "seconds": clock.take()})


def backward(model: Any, batches: Sequence[BatchRows], settings: Mapping[str, Any], clock: PhaseClock) -> float:
    """Forward and backward passes of one step; its mean negative log-likelihood."""
    counts = [sum(label != IGNORED for row in rows for label in row["labels"][1:]) for rows in batches]
    total = 0.0
    for rows, count in zip(batches, counts, strict=True):
        inputs = padded(rows, settings["pad_token_id"], next(model.parameters()).device)
        divisor = count * len(batches) if settings["loss_average"] == "batches" else sum(counts)
        clock.end("data")
        with autocast(settings["dtype"], inputs["input_ids"].device.type):
            loss = model(**inputs, num_items_in_batch=divisor).loss
        loss.backward()
        total += float(loss.detach())
        clock.end("compute")
    return total


def autocast(dtype: str, device: str) -> AbstractContextManager[Any]:
    """Mixed precision where the base is not in fp32: the adapter's weights are."""
    return torch.autocast(device, dtype=getattr(torch, dtype), enabled=dtype != "float32")


def padded(rows: BatchRows, pad_token_id: int, device: Any) -> dict[str, Any]:
    """`input_ids` and `labels`, (rows, longest), padded on the right: no token attends to padding."""
    width = max(len(row["input_ids"]) for row in rows)
    fill = {"input_ids": pad_token_id, "labels": IGNORED}
    return {
        key: torch.tensor([row[key] + [value] * (width - len(row[key])) for row in rows]).to(device)
        for key, value in fill.items()
    }


def steps_of(path: Path) -> Iterator[list[BatchRows]]:
    """Forward passes of each step, as the rows file has them."""
    with path.open(encoding="utf-8") as file:
        for _, rows in groupby((json.loads(line) for line in file), key=lambda row: row["step"]):
            yield [list(batch) for _, batch in groupby(rows, key=lambda row: row["batch"])]


def keep_gradient(model: Any, path: Path) -> None:
    """Store the gradient of each trained weight under its name, in fp32."""
    gradients = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
    save_file({name: value.detach().float().cpu().contiguous() for name, value in gradients.items()}, path)


def write_report(mark: str, event: Mapping[str, Any]) -> None:
    """Report to the program that waits; on a line of its own, whatever bar of progress is open."""
    sys.stdout.write(f"\n{mark}{json.dumps(event)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
