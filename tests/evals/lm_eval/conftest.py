"""What tests of lm-eval's tasks must do without, the model that they ask, and what reaches it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

# The libraries are imported by the fixtures, for those who need them.


@pytest.fixture
def no_whole_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building lm-eval's index of 14,000 names takes ten seconds, per eval job, on every subject."""
    from lm_eval.tasks import TaskManager

    original = TaskManager.__init__

    def small(self: TaskManager, *arguments: Any, **options: Any) -> None:
        assert options.get("include_defaults") is False, "the whole index was built"
        original(self, *arguments, **options)

    monkeypatch.setattr(TaskManager, "__init__", small)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A tiny model whose tokenizer puts its beginning token before every text."""
    from tokenizers.processors import TemplateProcessing

    from tests.evals.loud import loud
    from tests.fakes.checkpoints import BOS, tiny_tokenizer

    folder = tmp_path / "model"
    loud("llama").save_pretrained(folder)
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 0)])
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Pairs of token ids that reach the model."""
    from bench.evals.inference.scoring.scored_text import Score
    from bench.evals.inference.scoring.scorer import ContinuationPair, Scorer
    from bench.evals.subject import subject

    seen: list[Any] = []

    class Spy(Scorer):
        def score(self, pairs: Sequence[ContinuationPair], *rest: Any) -> list[Score]:
            seen.extend(pairs)
            return super().score(pairs, *rest)

    monkeypatch.setattr(subject, "Scorer", Spy)
    return seen


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Generation requests that a task makes."""
    from bench.evals.inference.counted_generator import CountedGenerator
    from bench.evals.inference.generation.request import GenerationRequest

    seen: list[Any] = []
    original = CountedGenerator.draw

    def spy(self: CountedGenerator, requests: Sequence[GenerationRequest], *rest: Any) -> Any:
        seen.extend(requests)
        return original(self, requests, *rest)

    monkeypatch.setattr(CountedGenerator, "draw", spy)
    return seen
