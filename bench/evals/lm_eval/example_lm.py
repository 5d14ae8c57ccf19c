"""What every subject behind lm-eval's interface keeps beside the answers: by example, what went wrong or was cut.

Contract: a request that cannot be scored is noted in `failed` and gets a placeholder; it never stops the others.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from bench.errors import InputError, Problem
from bench.evals.outcome import ExampleProgress
from bench.record.results.evals.evaluation import Generated
from bench.suite.catalog.generation_settings import SUPPORTED, unheeded

ExampleKey = tuple[str | None, int | None]
"""Task name and document number."""

DEFAULT_MAX_NEW_TOKENS = 256


class ExampleLM(LM):  # type: ignore[misc]  # lm-eval is not typed
    """One subject behind lm-eval's interface."""

    def __init__(self, progress: ExampleProgress) -> None:
        super().__init__()
        self.progress = progress
        self.failed: dict[ExampleKey, str] = {}
        """Why a request could not be scored."""
        self.truncated: set[ExampleKey] = set()
        self.thinking: dict[ExampleKey, str] = {}
        """Thinking that was stripped from an example's first answer."""
        self.unfinished: set[ExampleKey] = set()
        """Examples with an answer whose thinking never ended."""
        self.samples = 1
        """Answers to one prompt, at most."""
        self.strips_thinking = False
        """Whether an answer was scored without its thinking."""

    @property
    @abstractmethod
    def template(self) -> str:
        """Name of what wraps prompts."""

    @property
    @abstractmethod
    def bare(self) -> str:
        """Name of the template of prompts that are given as they are."""

    @abstractmethod
    def batch(self, generated: Generated | None) -> str:
        """How examples were batched, for the record."""

    @abstractmethod
    def account(self) -> Generated | None:
        """The figures of all answers; `None` without any."""

    @abstractmethod
    def begin(self, *, wrapped: bool) -> None:
        """From here on prompts are `wrapped` or not; text that looks like an earlier wrapped prompt is plain text."""

    def fail(self, reason: str, keys: Iterable[ExampleKey]) -> None:
        """Note why examples have no score; the first reason of each stays."""
        for key in keys:
            self.failed.setdefault(key, reason)

    def note_thinking(self, request: Instance, thinking: str | None, *, unfinished: bool) -> None:
        """Keep what was stripped from one answer."""
        if thinking is not None:
            self.thinking.setdefault(key_of(request), thinking)
        if unfinished:
            self.unfinished.add(key_of(request))


def key_of(request: Instance) -> ExampleKey:
    """The example that a request is of."""
    return request.task_name, request.doc_id


def keys_of(requests: Sequence[Instance]) -> set[ExampleKey]:
    """The examples that requests are of."""
    return {key_of(request) for request in requests}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSampling:
    """How a task asks for sampled answers."""

    temperature: float
    top_k: int | None
    top_p: float | None


def drawing_of(task: str | None, settings: Mapping[str, Any]) -> TaskSampling | None:
    """A task's sampling; `None` for greedy. Raises `InputError` for settings that would change the answer unheeded."""
    if strange := unheeded(settings):
        raise InputError(
            Problem(
                reference="tasks.generation",
                what=f"generation setting {key} = {settings[key]!r} is not supported",
                where=f"generation_kwargs of task {task}",
                hint="supported: " + ", ".join(sorted(SUPPORTED)),
            )
            for key in strange
        )
    temperature = float(settings.get("temperature", 1.0))
    if not settings.get("do_sample") or temperature == 0:
        return None
    return TaskSampling(temperature=temperature, top_k=settings.get("top_k") or None, top_p=settings.get("top_p"))
