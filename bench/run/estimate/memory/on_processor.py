"""Memory of trainings on a processor, from tensors without numbers: what a step makes, and what the libraries take.

Contract: a step is counted once for what decides its size (base, recipe, shape of the largest pass, rounded up by a
sixteenth at most), and kept below `HOME/memory`. The first step has no optimiser's states beside it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.atomic import write_text
from bench.code_digest import own_code
from bench.digest import SharedTexts, digest_json
from bench.record.environment import cores
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import LargestPass, PlannedCounts, StepBytes
from bench.run.estimate.memory.from_shapes import state_bytes, training_memory
from bench.run.process.payloads import MemoryReply, MemoryRequest, StepRequest
from bench.run.process.server import ChildServer
from bench.run.process.side_by_side import side_by_side
from bench.spec import Spec
from bench.suite.tables.training.recipe import Recipe

_DECIDES = {
    "method", "optimizer", "precision", "gradient_checkpointing", "packing", "lora", "quantization", "prefix", "prompt",
    "peft",
}  # fmt: skip
"""Keys of a recipe that a step's memory follows from, beside the number of passes."""
_ALLOCATED = 1.4
"""Bytes that the allocator takes for each byte that a step makes: freed blocks are not of the size that is needed next.
Measured 0.9 to 1.8 (`benchmarks/plan_memory.py`)."""
_ALLOCATED_AFRESH = 1.1
"""Such bytes in the first step of full weights, whose pass frees next to nothing before its peak. Measured 1.0 to 1.2;
adapters and checkpointing free tensors on their way, which takes 1.3 to 1.8 there, too."""
_ALLOCATED_FUSED = 1.05
"""Such bytes where layers are fused. Measured 0.83 to 0.95 in three steps of SmolLM2-135M: not all that is counted is
alive at once."""
_REUSED = 0.5
"""Share of the bytes beyond those made in which the optimiser's states find room: they are made after the first step's
activations were freed."""
_MOST_CHILDREN = 4
"""Children that count side by side: each holds a model's skeleton."""
_MODULE = "bench.train.planning.step_memory"
_Step = tuple[str, bool]
"""An arm, and whether it is its first step."""


class StepMemory(Spec):
    """Memory of one training's step on a processor."""

    process_bytes: int
    """Resident bytes of a process with the libraries alone."""
    tensors: StepBytes
    first: bool = False
    """Whether it is the first step, at whose end the optimiser's states are made."""
    frees: bool = True
    """Whether a pass frees tensors on its way to its peak."""

    @property
    def total(self) -> int:
        """Peak resident bytes of one process that trains."""
        tensors = self.tensors
        afresh = self.first and not self.frees
        share = _ALLOCATED_FUSED if tensors.fused else _ALLOCATED_AFRESH if afresh else _ALLOCATED
        allocated = tensors.made * share
        if self.first:
            peak = max(allocated, tensors.gradients + tensors.states)
        else:
            peak = allocated + max(0.0, tensors.states - _REUSED * (allocated - tensors.made))
        return int(self.process_bytes + tensors.held - tensors.states + peak)


def step_memory(
    trainings: Mapping[str, TrainJob], counts: Mapping[str, PlannedCounts], *, home: Path, server: ChildServer
) -> dict[str, StepMemory]:
    """Memory of the step of each arm's training that needs most, by arm. What cannot be counted without numbers
    (experts that a router chooses) is estimated from shapes, beside the libraries; arms are left out where the child
    that counts breaks down.

    Of steps that differ in their largest pass alone, the smallest and the largest are counted, and the others follow
    along the line between them.
    """
    recipes = {arm: job.recipe.with_setting(job.recipe.settings[0]) for arm, job in trainings.items()}
    groups: dict[str, dict[_Step, LargestPass]] = {}
    texts = SharedTexts()
    for arm, job in trainings.items():
        group = groups.setdefault(job.model.sha256 + texts.of(recipes[arm], _of_recipe), {})
        group |= {(arm, first): _rounded_up(largest) for first, largest in _that_may_peak(counts[arm])}
    ends = {name: _ends(passes) for name, passes in groups.items()}
    asked = {step: _request(trainings[step[0]], groups[name][step]) for name, pair in ends.items() for step in pair}
    shapes = {
        _key(request, home): training_memory(trainings[arm], counts[arm], device="cpu")
        // trainings[arm].recipe.processes
        for (arm, _), request in asked.items()
    }
    known = _known_or_counted(asked.values(), shapes, home=home, server=server)
    found: dict[str, list[StepMemory]] = {}
    for name, passes in groups.items():
        least, most = (known[_key(asked[step], home)] for step in ends[name])
        if least is None or most is None:
            continue
        spread = [passes[step].slots for step in ends[name]]
        for (arm, first), largest in passes.items():
            memory = _between(least, most, spread, largest.slots)
            step = memory.model_copy(update={"first": first, "frees": frees_early(recipes[arm])})
            found.setdefault(arm, []).append(step)
    return {arm: max(steps, key=lambda step: step.total) for arm, steps in found.items()}


def frees_early(recipe: Recipe) -> bool:
    """Whether a pass frees tensors before it has made most of them: adapters' sums, layers to compute again."""
    return recipe.adapter is not None or recipe.gradient_checkpointing


def _that_may_peak(counts: PlannedCounts) -> Iterator[tuple[bool, LargestPass]]:
    """The largest pass behind the first step, and that of the first where it is larger, or alone; whether it is it."""
    first, later = counts.first_step, counts.later_steps
    if later is not None:
        yield False, later
    if later is None or first.slots > later.slots or first.supervised_tokens > later.supervised_tokens:
        yield True, first


def _ends(passes: Mapping[_Step, LargestPass]) -> tuple[_Step, _Step]:
    """The steps with the smallest and the largest pass."""

    def size(step: _Step) -> tuple[int, int]:
        return passes[step].slots, passes[step].supervised_tokens

    return min(passes, key=size), max(passes, key=size)


def _between(least: StepMemory, most: StepMemory, spread: Sequence[int], slots: int) -> StepMemory:
    """Memory of a pass of `slots`, along the line between two passes with a `spread` of slots."""
    if spread[0] == spread[1]:
        return most
    share = (slots - spread[0]) / (spread[1] - spread[0])
    made = round(least.tensors.made + share * (most.tensors.made - least.tensors.made))
    return most.model_copy(update={"tensors": most.tensors.model_copy(update={"made": made})})


def _known_or_counted(
    requests: Iterable[StepRequest], shapes: Mapping[str, int], *, home: Path, server: ChildServer
) -> dict[str, StepMemory | None]:
    by_key = {_key(request, home): request for request in requests}
    known = {key: _known(home, key) for key in by_key}
    missing = {key: request for key, request in by_key.items() if known[key] is None}
    children = min(len(missing), cores(), _MOST_CHILDREN)
    shares = [dict([*missing.items()][first::children]) for first in range(children)]
    return known | _counted(shares, shapes, home=home, server=server)


def _counted(
    shares: Sequence[Mapping[str, StepRequest]], shapes: Mapping[str, int], *, home: Path, server: ChildServer
) -> dict[str, StepMemory | None]:
    """Count what is not known yet, each share in a child. One that breaks down leaves all of its share unknown.

    shapes: bytes of each as estimated from shapes, for what cannot be counted; that is not kept.
    """
    requests, counted = [MemoryRequest(steps=tuple(share.values())) for share in shares], dict[str, StepMemory | None]()
    children = side_by_side(server, "memory", requests, folder=home, log=home / "logs" / "memory.txt")
    for share, child in zip(shares, children, strict=True):
        if child.failure is not None:
            counted |= dict.fromkeys(share)
            continue
        reply = MemoryReply.model_validate(child.value)
        for key, tensors in zip(share, reply.steps, strict=True):
            found = tensors or StepBytes(held=shapes[key], made=0)
            counted[key] = memory = StepMemory(process_bytes=reply.process_bytes, tensors=found)
            if tensors is not None:
                write_text(home / "memory" / f"{key}.json", memory.model_dump_json())
    return counted


def _request(job: TrainJob, largest: LargestPass) -> StepRequest:
    first_setting = job.from_base().with_setting(job.recipe.settings[0])
    return StepRequest(job=first_setting, largest_pass=largest, state_bytes=state_bytes(job.recipe.optimizer))


def _rounded_up(largest: LargestPass) -> LargestPass:
    return LargestPass(
        rows=largest.rows, width=_rounded(largest.width), supervised_tokens=_rounded(largest.supervised_tokens)
    )


def _rounded(count: int) -> int:
    """The next number with five binary digits."""
    unit: int = 2 ** max(0, count.bit_length() - 5)
    return -(-count // unit) * unit


def _parts(base: str, recipe: Recipe) -> list[Any]:
    """What decides a step's memory beside its largest pass. base: hash of the model's files."""
    return [base, *_of_recipe(recipe)]


def _of_recipe(recipe: Recipe) -> list[Any]:
    return [recipe.model_dump(mode="json", include=_DECIDES), min(2, recipe.accumulation)]


def _key(request: StepRequest, home: Path) -> str:
    parts = [*_parts(request.job.model.sha256, request.job.recipe), request.largest_pass.model_dump()]
    return own_code(home).key(digest_json(parts), _MODULE)


def _known(home: Path, key: str) -> StepMemory | None:
    return StepMemory.kept_in(home / "memory" / f"{key}.json")
