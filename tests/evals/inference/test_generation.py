"""Generation: an answer must not depend on the batch that it was made in."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.evals.inference.generation import GenerationRequest, TokenSampling, generate
from tests.evals.loud import OTHERS, loud, other_model
from tests.fakes.checkpoints import ARCHITECTURES, tiny_tokenizer

TOKENIZER = tiny_tokenizer()


def requests(count: int = 7, **settings: object) -> list[GenerationRequest]:
    generator = torch.Generator().manual_seed(3)
    values: dict[str, object] = {"stop_ids": frozenset({1}), "until": (), "max_new_tokens": 9, **settings}
    prompts = [torch.randint(2, 384, (3 + 4 * i,), generator=generator).tolist() for i in range(count)]
    return [GenerationRequest.__call__(prompt=tuple(prompt), **values) for prompt in prompts]  # type: ignore[arg-type]


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, *OTHERS])
@pytest.mark.parametrize("slots", [8192, 70])
def test_a_batch_answers_as_single_prompts_do(architecture: Any, slots: int) -> None:
    """Wrong left padding shifts every answer but the longest prompt's."""
    model = other_model(architecture) if architecture in OTHERS else loud(architecture)
    asked = requests()
    together = generate(model, TOKENIZER, asked, slots=slots)
    for request, answer in zip(asked, together, strict=True):
        reference = model.generate(
            torch.tensor([request.prompt]), max_new_tokens=9, do_sample=False, eos_token_id=1, pad_token_id=0
        )[0, len(request.prompt) :]
        assert answer is not None
        assert list(answer.ids) == reference.tolist()


def test_rows_that_end_early_leave_the_others_alone() -> None:
    """Dropping finished rows from the batch must keep each row's own cache."""
    model = loud("llama")
    plain = [answer.ids for answer in generate(model, TOKENIZER, requests()) if answer is not None]
    stops = frozenset(ids[2] for ids in plain[:4])
    cut = generate(model, TOKENIZER, requests(stop_ids=stops))
    ended = 0
    for whole, answer in zip(plain, cut, strict=True):
        at = next((i for i, token in enumerate(whole) if token in stops), None)
        assert answer is not None
        assert answer.ids == (whole if at is None else whole[: at + 1])
        assert answer.ended == (at is not None)
        ended += answer.ended
    assert 0 < ended < len(plain), "the case needs both kinds of rows"


def test_stop_texts_cut_the_answer_and_end_it() -> None:
    """An answer that runs on into the next question would fail exact match."""
    model = loud("gpt2")
    (plain,) = generate(model, TOKENIZER, requests(1, max_new_tokens=12))
    assert plain is not None
    end = TOKENIZER.decode(plain.ids[4:6])
    (cut,) = generate(model, TOKENIZER, requests(1, max_new_tokens=12, until=(end,)))
    assert cut is not None
    assert cut.ended
    assert len(cut.ids) == 6
    assert cut.text == TOKENIZER.decode(plain.ids, skip_special_tokens=True).split(end)[0]


def test_each_request_has_its_own_length() -> None:
    model = loud("llama")
    long, short = requests(2)[1], requests(2, max_new_tokens=2)[0]
    answers = generate(model, TOKENIZER, [short, long])
    assert [len(answer.ids) for answer in answers if answer is not None] == [2, 9]


def test_a_seeded_sample_does_not_depend_on_its_batch() -> None:
    """Otherwise a sampled eval could not be repeated with another batch size."""
    model = loud("llama")
    sampling = TokenSampling(temperature=0.8, top_k=50, top_p=0.9, seed=7)
    asked = requests(sampling=sampling)
    together = generate(model, TOKENIZER, asked)
    alone = [generate(model, TOKENIZER, [request])[0] for request in asked]
    assert together == alone
    other = generate(model, TOKENIZER, requests(sampling=TokenSampling(temperature=0.8, top_k=50, top_p=0.9, seed=8)))
    assert other != together


def test_top_k_of_one_is_greedy() -> None:
    model = loud("llama")
    sampled = generate(model, TOKENIZER, requests(sampling=TokenSampling(temperature=5.0, top_k=1, top_p=None, seed=1)))
    narrow = generate(
        model, TOKENIZER, requests(sampling=TokenSampling(temperature=5.0, top_k=None, top_p=1e-6, seed=1))
    )
    greedy = generate(model, TOKENIZER, requests())
    assert sampled == narrow == greedy


def test_a_model_without_finite_logits_gives_no_answer() -> None:
    """A diverged arm must show missing scores, not a made-up answer."""
    model = loud("llama")
    with torch.no_grad():
        model.get_output_embeddings().weight.fill_(torch.nan)
    assert generate(model, TOKENIZER, requests(3)) == [None, None, None]
