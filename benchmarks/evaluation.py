"""Evals of one base: lm-evaluation-harness's own model class beside this program's, on the same requests.

    python -m benchmarks.evaluation FOLDER --prompts 16 --new-tokens 64 --questions 60 --precisions fp32 bf16

Prompts are beginnings of stories, 30 to 120 tokens, with `--shots` behind as many stories that all prompts share, as
few-shot tasks have them; questions have four endings behind a shared context. All are drawn with a seed, and no data is
needed. Every round times all ways in turn, so that other load meets all alike; a figure is
the median of its rounds, a ratio the median of the rounds' ratios. Agreement with the last way is checked on every
example: equal text, equal argmax.
"""

import argparse
import contextlib
import io
import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from bench.data.render.render import make_renderer
from bench.evals.inference.pass_counts import pass_counts
from bench.evals.inference.slot_budget import answer_slots, slot_budget
from bench.evals.lm_eval.language_model import SubjectLM
from bench.evals.outcome import ExampleProgress
from bench.evals.subject.subject import Subject
from bench.machine.device import dtype_of
from bench.model.loading.load import load_base, load_tokenizer
from bench.model.loading.packed_linear import pack_linears
from bench.model.size.flops import flop_model
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.models.precision import Precision

THINGS = ("apples", "tickets", "pages", "boxes of tiles", "litres of paint", "bags of flour", "kilometres", "stamps")
WHO = ("Ada", "Bruno", "the baker", "a team of five", "her older brother", "the school in the valley")
DID = ("sold", "carried", "counted", "bought", "lost", "painted", "shared with the neighbours", "packed")
ENDINGS = ("and went home.", "before the rain came over the hill.", "then slept.", "because nobody else would do it.")


def prompts(count: int, seed: int = 0, shots: int = 0) -> list[str]:
    """Beginnings of stories, two to nine sentences each, behind `shots` whole ones that are the same for all; a base
    seldom ends such an answer early."""
    draw = random.Random(seed)
    begun = [
        "This is a story. " + " ".join(_sentence(draw) for _ in range(2 + draw.randrange(8))) + " The next day,"
        for _ in range(count)
    ]
    whole = (
        "".join(f"{text} {_sentence(draw)} {_sentence(draw)}\n\n" for text in prompts(shots, seed + 1)) if shots else ""
    )
    return [whole + text for text in begun]


def questions(count: int, seed: int = 1) -> list[list[tuple[str, str]]]:
    """Contexts with four endings each."""
    draw = random.Random(seed)
    contexts = [" ".join(_sentence(draw) for _ in range(2 + draw.randrange(5))) for _ in range(count)]
    return [[(context, f" {draw.choice(WHO)} {ending}") for ending in ENDINGS] for context in contexts]


def _sentence(draw: random.Random) -> str:
    return f"{draw.choice(WHO)} {draw.choice(DID)} {draw.randrange(2, 90)} {draw.choice(THINGS)}."


def ours(folder: Path, precision: Precision) -> SubjectLM:
    """This program's model class over a base."""
    resolved = ResolvedModel(
        name="base",
        source=f"path:{folder}",
        revision=None,
        path=str(folder),
        sha256="0" * 64,
        context_length=2048,
        parameters=None,
        template="alpaca",
        template_sha256=None,
        end_of_turn=None,
        lora_target_modules="all-linear",
        simulation=None,
    )
    model, tokenizer = load_base(resolved, precision=precision), load_tokenizer(resolved)
    pack_linears(model)
    renderer = make_renderer(tokenizer, resolved, resolved.context_length)
    slots = slot_budget(model, None)
    subject = Subject(
        model=model,
        tokenizer=tokenizer,
        renderer=renderer,
        context_length=resolved.context_length,
        slots=slots,
        answer_slots=answer_slots(model, slots),
    )
    return SubjectLM(subject, ExampleProgress(lambda _: None, 0))


def theirs(folder: Path, batch: int, dtype: torch.dtype) -> Any:
    """lm-evaluation-harness's own model class."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with contextlib.redirect_stderr(io.StringIO()):
        return HFLM(pretrained=str(folder), dtype=dtype, batch_size=batch, device=device)


def generating(texts: Sequence[str], new_tokens: int) -> list[Instance]:
    """Requests for greedy answers of at most that length."""
    settings = {"until": [], "max_gen_toks": new_tokens, "do_sample": False}
    return [
        Instance(request_type="generate_until", doc={}, arguments=(text, dict(settings)), idx=0, metadata=("t", at, 1))
        for at, text in enumerate(texts)
    ]


def choosing(asked: Sequence[Sequence[tuple[str, str]]]) -> list[Instance]:
    """Requests for the log-probabilities of all endings."""
    return [
        Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=number, metadata=("c", at, 1))
        for at, pairs in enumerate(asked)
        for number, pair in enumerate(pairs)
    ]


class Timed:
    """One way of doing the work, with its seconds of each round."""

    def __init__(self, name: str, work: Callable[[], Any]) -> None:
        self.name, self._work = name, work
        self.wall: list[float] = []
        self.processor: list[float] = []
        self.result: Any = None

    def run(self) -> None:
        """Does the work once more."""
        wall, processor = time.perf_counter(), time.process_time()
        with contextlib.redirect_stderr(io.StringIO()):
            self.result = self._work()
        self.wall.append(time.perf_counter() - wall)
        self.processor.append(time.process_time() - processor)


def interleaved(ways: Sequence[Timed], rounds: int) -> None:
    """Does the work of all ways in turn, in alternating order."""
    for number in range(rounds):
        for way in ways if number % 2 == 0 else list(reversed(ways)):
            way.run()


def table(title: str, ways: Sequence[Timed], agreement: Callable[[Any, Any], float]) -> None:
    """Prints seconds, ratios to the last way, and the share of examples that agree with it."""
    last = ways[-1]
    print(f"\n| {title} | wall s | ours / theirs, wall | processor s | ratio, processor | agree |")
    print("|---|---:|---:|---:|---:|---:|")
    for way in ways:
        walls, processors = _ratio(way.wall, last.wall), _ratio(way.processor, last.processor)
        print(
            f"| {way.name} | {statistics.median(way.wall):.1f} | {walls:.2f}x | "
            f"{statistics.median(way.processor):.1f} | {processors:.2f}x | {agreement(way.result, last.result):.1%} |"
        )


def _ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(theirs, ours, strict=True))


def equal_text(first: Sequence[str], second: Sequence[str]) -> float:
    """Share of answers with the same text."""
    return statistics.fmean(a == b for a, b in zip(first, second, strict=True))


def equal_argmax(first: Sequence[tuple[float, bool]], second: Sequence[tuple[float, bool]]) -> float:
    """Share of questions with the same best ending."""

    def best(scores: Sequence[tuple[float, bool]]) -> list[int]:
        rows = [[value for value, _ in scores[at : at + len(ENDINGS)]] for at in range(0, len(scores), len(ENDINGS))]
        return [row.index(max(row)) for row in rows]

    return statistics.fmean(a == b for a, b in zip(best(first), best(second), strict=True))


def limit(language_model: SubjectLM, way: Timed, rounds: int) -> str:
    """The least seconds that the operations and the bytes of the weights allow, and the share of them reached: seconds
    of the processor, which other load on it lengthens less; of the clock on another device."""
    model = language_model.subject.model
    counts, rates = pass_counts(model), flop_model(load_plain(model)).forward
    clock, took = (time.process_time, way.processor) if model.device.type == "cpu" else (time.perf_counter, way.wall)
    operations, passes = rates.of(counts.work) / rounds, counts.work.passes / rounds
    weights = sum(module.packed.nbytes for module in model.modules() if hasattr(module, "packed"))
    weights = weights or sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    square, numbers = (torch.ones(shape, device=model.device) for shape in ((1024, 1024), (1 << 26,)))
    by_operations = operations / (2 * 1024**3) * least_seconds(clock, lambda: (square @ square)[0, 0])
    by_bytes = passes * weights / numbers.nbytes * least_seconds(clock, numbers.sum)
    return (
        f"{passes:.0f} passes; {operations / 1e9:.0f} GFLOP: at least {by_operations:.1f} s at a product's rate in "
        f"fp32; {weights / 1e6:.0f} MB of weights a pass: at least {by_bytes:.1f} s; "
        f"{max(by_operations, by_bytes) / min(took):.0%} of the larger limit reached"
    )


def load_plain(model: Any) -> Any:
    """A model of the same shape, without weights, whose operations can be counted."""
    with torch.device("meta"):
        return type(model)(model.config)


def least_seconds(clock: Callable[[], float], work: Callable[[], torch.Tensor]) -> float:
    """Seconds of `work`, best of twenty; its result is read, so that a device has ended it."""
    seconds = []
    for _ in range(20):
        started = clock()
        float(work())
        seconds.append(clock() - started)
    return min(seconds)


def main() -> None:
    """Measure, and print one table for each kind of work."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of a base")
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--shots", type=int, default=0, help="stories that every prompt begins with")
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--batches", default="16,64", help="batch sizes of the other side, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precisions", nargs="+", choices=("fp32", "bf16"), default=["fp32"], help="ours")
    parser.add_argument("--their-precisions", nargs="+", choices=("fp32", "bf16"), default=["fp32"])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    mine = {f"ours, {precision}": ours(arguments.folder, precision) for precision in arguments.precisions}
    sides: dict[str, Any] = {
        f"HFLM, batch {size}, {precision}": theirs(arguments.folder, int(size), dtype_of(precision))
        for size in arguments.batches.split(",")
        for precision in arguments.their_precisions
    } | dict(reversed(mine.items()))
    asked = generating(prompts(arguments.prompts, shots=arguments.shots), arguments.new_tokens)
    if asked:
        ways = [Timed(name, partial(lm.generate_until, asked)) for name, lm in sides.items()]
        interleaved(ways, arguments.rounds)
        table(f"{len(asked)} prompts, {arguments.new_tokens} new tokens", ways, equal_text)
        for way in ways[-len(mine) :]:
            print(f"{way.name}: {limit(mine[way.name], way, arguments.rounds)}")
    pairs = choosing(questions(arguments.questions))
    if pairs:
        ways = [Timed(name, partial(lm.loglikelihood, pairs)) for name, lm in sides.items()]
        interleaved(ways, arguments.rounds)
        table(f"{arguments.questions} questions, {len(ENDINGS)} endings", ways, equal_argmax)


if __name__ == "__main__":
    main()
