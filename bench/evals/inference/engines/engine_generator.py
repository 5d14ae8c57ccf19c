"""Answers of a subject through another engine, after it was held against this program's own.

Contract: before the first answer some prompts, evenly spread, are answered greedily by both. Where more of them differ
than the tolerance, the engine is refused; what was seen is in the record either way that it is used.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bench.errors import InputError, Problem
from bench.evals.inference.counted_generator import CountedGenerator, spread, tokens_of
from bench.evals.inference.engines.engine import Engine
from bench.evals.inference.generation.generator import Answered, generate
from bench.evals.inference.generation.request import Generation, GenerationRequest
from bench.record.results.evals.evaluation import Generated

Answering = Callable[[], Sequence[Generation | None]]
"""Generates the answers to the prompts that are compared."""


@dataclass(slots=True, kw_only=True)
class EngineComparison:
    """What was seen before an engine was used."""

    asked: int
    """Prompts to compare on."""
    tolerance: float
    """Share of these whose answers may differ."""
    compared: int = 0
    equal: int = 0
    own_tokens_per_second: float | None = None
    """Speed of this program on these prompts; `None` where it generated nothing."""
    tokens_per_second: float | None = None
    """Speed of the engine on these prompts."""

    def run(self, own: Answering, engine: Answering) -> None:
        """Has both answer, one after the other, and counts equal texts. Raises `InputError` where too many differ."""
        ours, self.own_tokens_per_second = _timed(own)
        theirs, self.tokens_per_second = _timed(engine)
        self.compared = len(ours)
        self.equal = sum(
            own is not None and other is not None and own.text == other.text
            for own, other in zip(ours, theirs, strict=True)
        )
        differing = self.compared - self.equal
        if differing > self.tolerance * self.compared:
            what = (
                f"{differing} of {self.compared} answers of the engine differ from this program's; "
                f"tolerance is {self.tolerance:g}"
            )
            hint = "serve the same weights in the same precision; or raise engine.tolerance, or remove [engine]"
            raise InputError(Problem(reference="engine.differs", what=what, where="engine.tolerance", hint=hint))


@dataclass(slots=True, kw_only=True)
class EngineGenerator(CountedGenerator):
    """Generates with an engine, and counts tokens and seconds."""

    engine: Engine
    comparison: EngineComparison
    _compared: bool = field(default=False)

    def _draw(
        self,
        requests: Sequence[GenerationRequest],
        report: Callable[[int], None],
        keep: Callable[[Sequence[Answered]], None],
    ) -> list[Generation | None]:
        if requests and not self._compared:
            self._compared = True
            chosen = spread(range(len(requests)), self.comparison.asked)
            sample = [replace(requests[at], sampling=None) for at in chosen]
            self.comparison.run(
                lambda: generate(self.model, self.tokenizer, sample), lambda: self.engine.generate(sample)
            )
        started = time.perf_counter()
        generations = self.engine.generate(requests, report=report, keep=keep)
        self.seconds += time.perf_counter() - started
        self.generated += tokens_of(generations)
        return generations

    def describe(self, generated: Generated, sharing: str = "") -> str:
        """The engine, and how it compares."""
        seen = self.comparison
        return f"by {self.engine.name}; {seen.equal} of {seen.compared} answers compared were this program's{sharing}"


def _timed(answering: Answering) -> tuple[Sequence[Generation | None], float | None]:
    """The answers, and their tokens per second."""
    started = time.perf_counter()
    answers = answering()
    tokens = tokens_of(answers)
    return answers, tokens / (time.perf_counter() - started) if tokens else None
