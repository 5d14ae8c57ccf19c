"""Scores in C++: those of the model's own layers over each text alone, with what texts begin with computed once."""

import statistics

import pytest
import torch
from transformers import PreTrainedModel

from bench.evals.inference.pass_counts import count_from_here
from bench.evals.inference.scoring.native_trees import native_passes
from bench.evals.inference.scoring.scored_text import ScoredText
from bench.evals.inference.scoring.scorer import ContinuationPair, Scorer
from bench.evals.loss import summed_nll
from bench.model.loading.packed_linear import pack_linears
from bench.model.native_trial import native
from bench.model.size.flops import Work
from tests.compiler import needs_compiler
from tests.evals.inference.scoring.test_scorer import draw_pairs, naive
from tests.fakes.decoders import DECODERS, decoder
from tests.model.native.test_decoder import round_inputs
from tests.model.test_shared_prefix import START

pytestmark = needs_compiler


def packed(model: PreTrainedModel) -> PreTrainedModel:
    pack_linears(model)
    assert native(model) is not None
    return model


def asked() -> list[ContinuationPair]:
    """Questions, some behind the same long beginning, and contexts that are the beginnings of others."""
    behind = [((*START, *context), choice) for context, choice in draw_pairs(4, contexts=5)]
    nested = [(START[:length], START[length : length + 3]) for length in (1, 2, 16, 17, 31)]
    return [*draw_pairs(0), *behind, *nested]


@pytest.mark.parametrize("slots", [8192, 90])
@pytest.mark.parametrize("name", DECODERS)
def test_choices_score_as_whole_rows_do(name: str, slots: int) -> None:
    pairs, plain = asked(), decoder(name)
    for pair, score in zip(pairs, Scorer(packed(decoder(name)), slots=slots).score(pairs), strict=True):
        alone = naive(plain, pair)
        assert score.logprob == pytest.approx(alone.logprob, abs=1e-4)
        assert score.greedy == alone.greedy


@pytest.mark.parametrize("slots", [8192, 90])
@pytest.mark.parametrize("name", DECODERS)
def test_losses_are_those_of_the_models_layers(name: str, slots: int) -> None:
    """Any tokens of a row may be supervised, as in a conversation of several turns."""
    ids = [(*START[: 7 * n], *range(60 + n, 66 + 5 * n)) for n in range(6)]
    texts = [ScoredText(ids=row, scored=tuple(range(1 + len(row) % 3, len(row) - 1, 2))) for row in ids]
    layers = [summed_nll(decoder(name), [text])[0] for text in texts]
    assert summed_nll(packed(decoder(name)), texts, slots=slots) == pytest.approx(layers, abs=1e-4)


@pytest.mark.parametrize("name", DECODERS)
def test_in_bf16_the_inputs_of_products_are_rounded_and_nothing_else(name: str) -> None:
    """Most scores are those of layers in fp32 that round what they are given: sums in another order are rounded to
    another number now and then."""
    pairs, model = asked(), packed(decoder(name).to(torch.bfloat16))
    plain = decoder(name).to(torch.bfloat16).float()
    exact = [naive(plain, pair).logprob for pair in pairs]
    round_inputs(plain)
    rounded = [naive(plain, pair).logprob for pair in pairs]
    scores = [score.logprob for score in Scorer(model).score(pairs)]
    near, far = (
        statistics.fmean(abs(a - b) < 1e-4 for a, b in zip(scores, others, strict=True)) for others in (rounded, exact)
    )
    assert near > 0.5
    assert far < 0.2


def test_what_texts_begin_with_is_counted_once() -> None:
    """40 tokens, behind them contexts of 2 and 3, behind these choices of 3 and 1, and 4, and no padding."""
    model = packed(decoder("llama"))
    counts = count_from_here(model)
    Scorer(model).score([((*START, 5, 6), (7, 8, 9)), ((*START, 5, 6), (8,)), ((*START, 6, 7, 8), (9, 10, 11, 12))])
    assert (counts.tokens, counts.slots) == (40 + 2 + 3 + 2 + 3, 50)
    assert counts.work == Work(positions=50, pairs=42 * 42 + 2 * 44 + 6 * 46, head_positions=1 + 2 + 4, passes=1)


def test_texts_that_begin_alike_share_a_pass_and_none_outgrows_its_slots() -> None:
    model = packed(decoder("llama"))
    made, pairs = native(model), asked()
    assert made is not None
    texts = list({ScoredText.behind(*pair): None for pair in reversed(pairs)})
    passes = list(native_passes(model, made, texts, slots=60))
    assert sorted(map(repr, (text for one in passes for text in one.texts))) == sorted(map(repr, texts))
    sizes = []
    for one in passes:
        counts = count_from_here(model)
        one.scores()
        sizes.append(counts.tokens)
    assert max(sizes) <= 60
    assert sum(sizes) < 60 * len(passes) < sum(len(text.ids) for text in texts) / 2


def test_a_text_without_finite_logits_leaves_the_others_as_they_are() -> None:
    model = packed(decoder("llama"))
    sound, broken = ((5, 6, 7), (8, 9)), ((5, 6, 300), (8, 9))
    expected = Scorer(model).score([sound])
    with torch.no_grad():
        model.get_input_embeddings().weight[300].fill_(torch.nan)
    score, other = Scorer(model).score([sound, broken])
    assert score.logprob == pytest.approx(expected[0].logprob, abs=1e-5)
    assert other.logprob != other.logprob
