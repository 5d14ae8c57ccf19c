"""A subject's answers with their tokens and seconds, and whether an answer depended on its batch.

Contract: an answer that an earlier process finished is not made again. Some answers, evenly spread, are computed again
alone: one pass over prompt and answer gives, token by token, what the model draws behind them. An answer that comes out
different depended on its batch. The same prompts, alone, give the time to a first token. That takes at most a twentieth
of the tokens that the answers took, or one answer; of a subject with several evals one eval does it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bench.evals.inference.generation.answer_row import answer_row, choose_tokens
from bench.evals.inference.generation.generator import Answered, generate
from bench.evals.inference.generation.passes import answer_type
from bench.evals.inference.generation.request import Generation, GenerationRequest
from bench.evals.inference.partial_replies import FinishedReplies, ReplyKind
from bench.evals.inference.pass_counts import counted_logits, pass_counts
from bench.evals.inference.reply_memory import ReplyMemory
from bench.model.forward import SLOTS
from bench.model.native_trial import native
from bench.model.whole_rows import layers_in
from bench.record.results.evals.evaluation import Generated
from bench.units import plural


def _content(request: GenerationRequest) -> dict[str, Any]:
    """The fields as JSON; `asdict` would copy a prompt token by token."""
    content = {name: getattr(request, name) for name in request.__slots__}
    sampling = None if request.sampling is None else asdict(request.sampling)
    return {**content, "stop_ids": sorted(request.stop_ids), "sampling": sampling}


_GENERATION: ReplyKind[GenerationRequest, Generation | None] = ReplyKind(
    "generation",
    _content,
    Generation,
    placeholder=Generation(text="", ids=(), ended=True),
)

CHECKED = 3
"""Answers that are computed again alone at full precision, where a difference would be a fault of every batch."""
CHECKED_ROUNDED = 16
"""Answers that are computed again alone at half precision, where rounding makes some depend on their batch."""
CHECKED_SHARE = 0.05
"""Tokens that the checks pass through the model, as a share of those that the answers took, at most."""
CHECKED_TOKENS = 64
"""Tokens of each such answer, at most."""


@dataclass(slots=True, kw_only=True)
class CountedGenerator:
    """Generates answers with one model, and counts tokens and seconds."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    slots: int = SLOTS
    memory: ReplyMemory = field(default_factory=ReplyMemory)
    asked: list[GenerationRequest] = field(default_factory=list)
    said: list[Generation | None] = field(default_factory=list)
    seconds: float = 0.0
    """Seconds in generation, without the checks."""
    generated: int = 0
    """Tokens that were generated in these, without remembered answers."""
    passed: int = 0
    """Tokens that passed through the model for these, in this job, before it was stopped, or in its shares."""
    checks: bool = True
    """Whether some answers are computed again alone."""

    @property
    def tokens(self) -> int:
        """Tokens of all answers, the tokens that end an answer included."""
        return tokens_of(self.said)

    def draw(self, requests: Sequence[GenerationRequest], report: Callable[[int], None]) -> list[Generation | None]:
        """Answers in the order of `requests`; as `generate` gives them."""

        def compute(
            new: list[GenerationRequest], finished: FinishedReplies[GenerationRequest, Generation | None]
        ) -> list[Generation | None]:
            known = [finished.get([request]) for request in new]
            pending = [request for request, answer in zip(new, known, strict=True) if answer is None]
            if len(pending) < len(new):
                report(len(new) - len(pending))
                answered = ((request, answer[0]) for request, answer in zip(new, known, strict=True) if answer)
                self.passed += sum(len(asked.prompt) + tokens_of([said]) for asked, said in answered)
            drawn = iter(self._draw(pending, report, finished.add))
            return [next(drawn) if answer is None else answer[0] for answer in known]

        generations = self.memory.through(
            _GENERATION, requests, compute, is_reply=lambda answer: answer is not None, recalled=report
        )
        self.asked += requests
        self.said += generations
        return generations

    def _draw(
        self,
        requests: Sequence[GenerationRequest],
        report: Callable[[int], None],
        keep: Callable[[Sequence[Answered]], None],
    ) -> list[Generation | None]:
        started, passes = time.perf_counter(), pass_counts(self.model)
        before = passes.tokens
        generations = generate(self.model, self.tokenizer, requests, slots=self.slots, report=report, keep=keep)
        self.seconds += time.perf_counter() - started
        self.passed += passes.tokens - before
        self.generated += tokens_of(generations)
        return generations

    def account(self, *, samples: int) -> Generated:
        """The figures of all answers so far, `samples` to a prompt; makes a few of them again, alone."""
        chosen = self._chosen() if self.checks else []
        delays = [self._first_token_seconds(self.asked[at]) for at in chosen]
        return Generated(
            answers=len(self.said),
            samples=samples,
            temperature=max(
                (request.sampling.temperature for request in self.asked if request.sampling is not None), default=0.0
            ),
            tokens=self.tokens,
            seconds=self.seconds,
            tokens_per_second=self.generated / self.seconds if self.generated and self.seconds else None,
            first_token_seconds=median(delays) if delays else None,
            checked=len(chosen),
            differed=sum(self._differs_alone(at) for at in chosen),
        )

    def describe(self, generated: Generated, sharing: str = "") -> str:
        """What made the answers, and the result of the check, for the record. sharing: how choices were scored."""
        passes = ", passes in C++" if self.generated and native(self.model) is not None else ""
        return f"by length, at most {self.slots} slots{sharing}{passes}; {describe_check(generated)}"

    def _chosen(self) -> list[int]:
        """Evenly spread answers whose checks pass at most `CHECKED_SHARE` of the tokens that all answers took; where
        that is less than any check takes, the cheapest."""
        answered = [at for at, answer in enumerate(self.said) if answer is not None and answer.ids]
        if not answered or not self.passed:
            return []
        most = CHECKED if answer_type(self.model) == torch.float32 else CHECKED_ROUNDED
        chosen, left = list[int](), CHECKED_SHARE * self.passed
        for at in spread(answered, most):
            if self._check_tokens(at) <= left:
                chosen.append(at)
                left -= self._check_tokens(at)
        return chosen or [min(answered, key=self._check_tokens)]

    def _check_tokens(self, at: int) -> int:
        """Tokens of a lone prompt, and of prompt and answer."""
        answer = self.said[at]
        return 2 * len(self.asked[at].prompt) + min(CHECKED_TOKENS, 0 if answer is None else len(answer.ids))

    def _first_token_seconds(self, request: GenerationRequest) -> float:
        started = time.perf_counter()
        generate(self.model, self.tokenizer, [replace(request, max_new_tokens=1)])
        return time.perf_counter() - started

    def _differs_alone(self, at: int) -> bool:
        generation = self.said[at]
        ids = () if generation is None else generation.ids[:CHECKED_TOKENS]
        return tokens_alone(self.model, self.asked[at], ids) != ids


@torch.inference_mode()
def tokens_alone(model: PreTrainedModel, request: GenerationRequest, ids: Sequence[int]) -> tuple[int, ...]:
    """What the model draws behind a lone prompt and each beginning of the answer `ids`, in one pass."""
    row = [*request.prompt, *ids[:-1]]
    columns = torch.arange(len(request.prompt) - 1, len(row), device=model.device)
    with layers_in(model, answer_type(model)):
        logits = counted_logits(
            model,
            torch.zeros_like(columns),
            columns,
            tokens=len(row),
            behind=0,
            input_ids=torch.tensor([row], device=model.device),
            use_cache=False,
        )
    again = answer_row(request)
    return tuple(choose_tokens(logits[number : number + 1], [again])[0] for number in range(len(ids)))


def describe_check(generated: Generated) -> str:
    """The result of the check in words, for the record."""
    if not generated.checked:
        return "none computed again alone"
    if not generated.differed:
        return f"{_answers(generated.checked)} computed again alone came out the same"
    return f"{generated.differed} of {_answers(generated.checked)} came out different when computed alone"


def tokens_of(answers: Sequence[Generation | None]) -> int:
    """Tokens of all answers, those that end one included."""
    return sum(len(answer.ids) for answer in answers if answer is not None)


def _answers(count: int) -> str:
    return plural(count, "answer")


def spread(positions: Sequence[int], count: int) -> list[int]:
    """`count` of the positions, evenly spread."""
    if len(positions) <= count:
        return list(positions)
    if count == 1:
        return [positions[len(positions) // 2]]
    return [positions[number * (len(positions) - 1) // (count - 1)] for number in range(count)]
