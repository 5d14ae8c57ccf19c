"""Generation: an answer must not depend on the batch that it was made in."""

from typing import Any

import pytest
import torch

from bench.evals.inference.generation.generator import generate
from bench.evals.inference.generation.passes import fits_table
from bench.evals.inference.generation.request import GenerationRequest, TokenSampling
from bench.evals.inference.pass_counts import pass_counts
from bench.model.loading.prefix import PrefixedModel
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
        assert list(answer.ids) == reference.tolist()


@pytest.mark.parametrize("architecture", ["mpt", "mistral"])
def test_a_learned_prompt_is_as_near_to_a_short_row_as_to_a_long_one(architecture: str) -> None:
    """Padding between the two moved every answer but the longest prompt's: by the distance that a bias counts, or out
    of the window."""
    base = other_model(architecture)
    heads = 4 if architecture == "mpt" else 2
    draw = torch.Generator().manual_seed(0)
    layers = [tuple(4 * torch.randn(1, heads, 3, 8, generator=draw) for _ in range(2)) for _ in range(2)]
    model: Any = PrefixedModel(base, layers).eval()  # type: ignore[arg-type]  # pairs of keys and values
    asked = requests(3)
    for request, answer in zip(asked, generate(model, TOKENIZER, asked), strict=True):
        ids = list(request.prompt)
        for _ in answer.ids if answer is not None else ():
            ids.append(int(model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
        assert list(answer.ids) == ids[len(request.prompt) :]


@pytest.mark.parametrize("architecture", ["llama", *OTHERS])
def test_rows_that_end_early_leave_the_others_alone(architecture: Any) -> None:
    """Dropping finished rows from the batch must keep each row's own cache, or the rows where a cache cannot."""
    model = other_model(architecture) if architecture in OTHERS else loud(architecture)
    plain = [answer.ids for answer in generate(model, TOKENIZER, requests()) if answer is not None]
    stops = frozenset(ids[2] for ids in plain[:4])
    cut = generate(model, TOKENIZER, requests(stop_ids=stops))
    ended = 0
    for whole, answer in zip(plain, cut, strict=True):
        at = next((i for i, token in enumerate(whole) if token in stops), None)
        assert answer.ids == (whole if at is None else whole[: at + 1])
        assert answer.ended == (at is not None)
        ended += answer.ended
    assert 0 < ended < len(plain), "the case needs both kinds of rows"


def test_stop_texts_cut_the_answer_and_end_it() -> None:
    """An answer that runs on into the next question would fail exact match."""
    model = loud("gpt2")
    (plain,) = generate(model, TOKENIZER, requests(1, max_new_tokens=12))
    end = TOKENIZER.decode(plain.ids[4:6])
    (cut,) = generate(model, TOKENIZER, requests(1, max_new_tokens=12, until=(end,)))
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


def test_the_place_of_a_finished_row_is_taken_at_once() -> None:
    """Otherwise one long answer keeps a whole batch waiting. Two places; answers of 1 or 8 tokens, long ones apart."""
    model = loud("llama")
    lengths = [8, 1, 1, 1, 1, 1, 8]
    asked = [
        GenerationRequest(prompt=tuple(range(2 + i, 10 + i)), stop_ids=frozenset(), until=(), max_new_tokens=length)
        for i, length in enumerate(lengths)
    ]
    fits_table(model)
    finished: list[int] = []
    with_two = generate(model, TOKENIZER, asked, slots=32, report=finished.append)
    assert [len(answer.ids) for answer in with_two if answer is not None] == lengths
    assert sum(finished) == len(asked)
    assert pass_counts(model).work.passes <= 15, "seven prompts, and seven steps that all rows in work share"
    assert with_two == [generate(model, TOKENIZER, [request])[0] for request in asked]


def test_a_row_without_finite_logits_leaves_nothing_behind() -> None:
    """What it wrote into its place must not reach the row that takes the place: a masked NaN is still one."""
    model = loud("llama")
    with torch.no_grad():
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.clone())
        model.get_input_embeddings().weight[300].fill_(torch.nan)
    long, bad, short = tuple(range(20, 32)), (*range(2, 11), 300), tuple(range(40, 45))
    asked = [
        GenerationRequest(prompt=prompt, stop_ids=frozenset(), until=(), max_new_tokens=6)
        for prompt in (long, bad, short)
    ]
    first, last = (generate(model, TOKENIZER, [request])[0] for request in (asked[0], asked[2]))
    assert first is not None
    assert last is not None
    assert generate(model, TOKENIZER, asked, slots=36) == [first, None, last], "two places; the long row is beside"


def test_prompts_that_begin_alike_compute_their_beginning_once() -> None:
    """Also where a second group of prompts begins otherwise, and where the places run out in between."""
    model, seen = loud("llama"), []
    first, second = tuple(range(2, 42)), tuple(range(50, 90))
    asked = [
        GenerationRequest(prompt=(*start, 100 + i), stop_ids=frozenset(), until=(), max_new_tokens=3)
        for i in range(4)
        for start in (first, second)
    ]
    alone = [generate(model, TOKENIZER, [request])[0] for request in asked]
    model.model.embed_tokens.register_forward_hook(lambda _, inputs, __: seen.append(tuple(inputs[0].shape)))
    assert generate(model, TOKENIZER, asked, slots=88) == alone
    assert seen.count((1, 40)) == 2
    assert max(rows * width for rows, width in seen) == 40
