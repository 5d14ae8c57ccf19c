"""What all rows begin with is computed once: no score and no answer may move by it."""

from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from bench.evals.inference.generation.generator import generate
from bench.evals.inference.generation.request import GenerationRequest
from bench.evals.inference.scoring.scored_text import ScoredText
from bench.evals.inference.scoring.scorer import Scorer
from bench.evals.loss import summed_nll
from bench.model import shared_prefix as module
from bench.model.shared_prefix import shared_length, shared_prefix
from tests.evals.inference.scoring.test_scorer import draw_pairs, naive
from tests.evals.loud import OTHERS, loud, other_model
from tests.fakes.checkpoints import ARCHITECTURES, tiny_tokenizer

START = tuple(torch.randint(2, 384, (40,), generator=torch.Generator().manual_seed(7)).tolist())
"""Longer than what is shared at least; few-shot rows, say."""


def model_of(architecture: Any) -> PreTrainedModel:
    return other_model(architecture) if architecture in OTHERS else loud(architecture)


def draw(length: int, seed: int) -> tuple[int, ...]:
    return tuple(torch.randint(2, 384, (length,), generator=torch.Generator().manual_seed(seed)).tolist())


def test_a_beginning_ends_where_rows_part_and_before_the_shortest_one_ends() -> None:
    assert shared_length([[*START, 1, 2], [*START, 1, 3, 4], [*START, 1, 2, 5]]) == 41
    assert shared_length([list(START), [*START, 9]]) == 39
    assert shared_length([list(START)]) == 0, "one row saves nothing"
    assert shared_length([[*START[:20], 1], [*START[:20], 2]]) == 0, "too short to be worth it"
    assert shared_length([[*START, *draw(60, 1)], [*START, *draw(60, 2)]]) == 0, "too small a share"
    assert shared_length([[*START[:32], 1], [*START[:32], 2]]) == 32, "just long enough"
    assert shared_length([[*START, *draw(40, 1)], [*START, *draw(40, 2)]]) == 40, "just half"
    assert shared_length([[*START, 1], [*START, *draw(60, 2)]]) == 0, "half of the shorter row alone"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_usual_models_share(architecture: Any) -> None:
    beginning = shared_prefix(loud(architecture), [[*START, 5], [*START, 6, 7]])
    assert beginning.length == beginning.cache.get_seq_length() == len(START)


@pytest.mark.parametrize("architecture", ["mpt", "mistral", "gemma2"])
def test_models_that_count_what_was_filled_up_do_not(architecture: str) -> None:
    assert shared_prefix(other_model(architecture), [[*START, 5], [*START, 6, 7]]) is None


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, *OTHERS])
def test_choices_behind_a_beginning_score_as_whole_rows_do(architecture: Any) -> None:
    model = model_of(architecture)
    pairs = [((*START, *context), choice) for context, choice in draw_pairs(4, contexts=5, most=7)]
    for pair, score in zip(pairs, Scorer(model).score(pairs), strict=True):
        alone = naive(model, pair)
        assert score.logprob == pytest.approx(alone.logprob, abs=2e-4)
        assert score.greedy == alone.greedy


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, *OTHERS])
def test_answers_behind_a_beginning_are_those_of_the_prompt_alone(architecture: Any) -> None:
    model = model_of(architecture)
    asked = [
        GenerationRequest(prompt=(*START, *draw(1 + 3 * i, i)), stop_ids=frozenset({1}), until=(), max_new_tokens=6)
        for i in range(4)
    ]
    alone = [generate(model, tiny_tokenizer(), [request])[0] for request in asked]
    assert generate(model, tiny_tokenizer(), asked) == alone


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, *OTHERS])
def test_losses_behind_a_beginning_are_those_of_the_row_alone(architecture: Any) -> None:
    model = model_of(architecture)
    texts = [ScoredText(ids=(*START, *draw(4 + 2 * i, i)), scored=tuple(range(42 + i, 44 + 2 * i))) for i in range(4)]
    alone = [summed_nll(model, [text])[0] for text in texts]
    assert summed_nll(model, texts) == pytest.approx(alone, abs=2e-4)


def test_the_beginning_is_computed_once_for_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is for: without it each row of a few-shot eval pays for the whole context again."""
    model, seen = loud("llama"), []
    monkeypatch.setattr(module, "_can_share", lambda _: True)
    model.model.embed_tokens.register_forward_hook(lambda _, inputs, __: seen.append(tuple(inputs[0].shape)))
    Scorer(model, shared=True).score([((*START, i), (5, 6)) for i in range(2, 10)])
    assert (1, len(START)) in seen
    assert (8, 2) in seen
