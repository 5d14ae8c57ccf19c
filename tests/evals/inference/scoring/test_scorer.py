"""Log-probabilities of continuations: sharing a context must not change a score."""

import pytest
import torch
from transformers import PreTrainedModel

from bench.evals.inference.pass_counts import pass_counts
from bench.evals.inference.scoring.layer_trees import _last_logits, _tree, _trees
from bench.evals.inference.scoring.scored_text import Score, ScoredText
from bench.evals.inference.scoring.scorer import ContinuationPair, Scorer
from tests.evals.loud import OTHERS, loud, other_model
from tests.fakes.checkpoints import ARCHITECTURES, Architecture, tiny_model


def draw_pairs(seed: int, *, contexts: int = 9, most: int = 12) -> list[ContinuationPair]:
    """Questions with two to five choices of one to seven tokens; contexts of many lengths."""
    generator = torch.Generator().manual_seed(seed)

    def ids(low: int, high: int) -> tuple[int, ...]:
        size = int(torch.randint(low, high + 1, (), generator=generator))
        return tuple(torch.randint(2, 384, (size,), generator=generator).tolist())

    pairs = []
    for _ in range(contexts):
        context = ids(1, most)
        pairs += [(context, ids(1, 7)) for _ in range(int(torch.randint(2, 6, (), generator=generator)))]
    return pairs


@torch.no_grad()
def naive(model: PreTrainedModel, pair: ContinuationPair) -> Score:
    """One pair alone, full logits, as a textbook would."""
    context, continuation = pair
    logits = model(torch.tensor([[*context, *continuation]])).logits[0, len(context) - 1 : -1].log_softmax(-1)
    targets = torch.tensor(continuation)
    logprob = float(logits.gather(1, targets[:, None]).double().sum())
    return Score(logprob=logprob, greedy=bool((logits.argmax(1) == targets).all()))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("slots", [8192, 64])
def test_shared_contexts_score_as_single_rows_do(architecture: Architecture, slots: int) -> None:
    """Otherwise every multiple-choice accuracy would be wrong in silence."""
    model = loud(architecture)
    scorer = Scorer(model, slots=slots)
    assert scorer.shared
    pairs = draw_pairs(0)
    scores = scorer.score(pairs)
    for pair, score in zip(pairs, scores, strict=True):
        alone = naive(model, pair)
        assert score.logprob == pytest.approx(alone.logprob, abs=1e-4)
        assert score.greedy == alone.greedy


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_one_choice_beside_several_is_scored_as_alone(architecture: Architecture) -> None:
    """A question with one continuation (a cloze) in a batch with others."""
    model = loud(architecture)
    pairs = [((9, 8, 7), (6, 5)), *draw_pairs(5, contexts=2), ((3, 4, 5, 6), (7, 8, 9))]
    for pair, score in zip(pairs, Scorer(model).score(pairs), strict=True):
        assert score.logprob == pytest.approx(naive(model, pair).logprob, abs=1e-4)


def test_greedy_is_seen() -> None:
    """The exact-match metric of multiple choice would otherwise always be 0."""
    model = loud("llama")
    context = (5, 6, 7)
    with torch.no_grad():
        first = int(model(torch.tensor([context])).logits[0, -1].argmax())
        second = int(model(torch.tensor([[*context, first]])).logits[0, -1].argmax())
    best, other = Scorer(model).score([(context, (first, second)), (context, (first, (second + 1) % 384))])
    assert best.greedy
    assert not other.greedy


@pytest.mark.parametrize(("slots", "sizes"), [(6, [3]), (5, [2, 1]), (4, [1, 1, 1])])
def test_a_row_takes_choices_up_to_its_slots(slots: int, sizes: list[int]) -> None:
    """Three tokens of context, and one of each choice: nothing is predicted from a choice's last token."""
    trees = _trees([ScoredText.behind((2, 3, 4), (5 + n, 9)) for n in range(3)], slots=slots)
    assert [len(tree.branches) for tree in trees] == sizes


@pytest.mark.parametrize("branches", [[(5, 6, 7)], [(8, 9, 2), (5, 6, 7)]])
def test_a_model_is_tried_on_what_follows_the_last_token(branches: list[tuple[int, ...]]) -> None:
    model, context = loud("llama"), (2, 3, 4)
    with torch.no_grad():
        alone = model(torch.tensor([[*context, 5, 6]])).logits[:, -1]
    assert torch.allclose(_last_logits(model, _tree(context, branches)), alone, atol=1e-4)


def test_equal_options_tie_exactly() -> None:
    """Two equal options must get one score, or rounding would pick between them."""
    pairs = [((3, 4, 5), (9, 8)), ((3, 4, 5), (7,)), ((3, 4, 5), (9, 8))]
    first, _, third = Scorer(loud("llama")).score(pairs)
    assert first == third


def without_input(model: PreTrainedModel, ignored: str) -> PreTrainedModel:
    """`model`, which takes no notice of one of its inputs."""
    forward = model.forward

    def stubborn(
        input_ids: object, attention_mask: object = None, position_ids: object = None, **inputs: object
    ) -> object:
        kept = {"input_ids": input_ids, "attention_mask": attention_mask, "position_ids": position_ids}
        return forward(**inputs, **{name: value for name, value in kept.items() if name != ignored})

    model.forward = stubborn
    return model


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "qwen2"])
def test_in_half_precision_another_branch_still_must_not_move_a_score(architecture: Architecture) -> None:
    """Rounding may: by less than the words of another choice would, and either way."""
    assert Scorer(loud(architecture).to(torch.bfloat16)).shared
    model = loud(architecture).to(torch.bfloat16)
    forward = model.forward

    def causal(input_ids: torch.Tensor, position_ids: object = None, **inputs: object) -> object:
        return forward(input_ids, position_ids=position_ids, **{**inputs, "attention_mask": torch.ones_like(input_ids)})

    model.forward = causal
    assert not Scorer(model).shared


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("ignored", ["attention_mask", "position_ids"])
@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_in_half_precision_a_model_that_ignores_its_tree_is_recognised(
    architecture: Architecture, ignored: str, dtype: torch.dtype
) -> None:
    """Also one whose logits hardly follow positions, as before any training: rounding must not hide it."""
    assert not Scorer(without_input(loud(architecture).to(dtype), ignored)).shared
    assert not Scorer(without_input(tiny_model(architecture).to(dtype), ignored)).shared


def test_a_model_that_refuses_a_trees_mask_gets_one_row_per_pair() -> None:
    model = loud("llama")
    forward = model.forward

    def strict(
        input_ids: object, attention_mask: object = None, position_ids: object = None, **inputs: object
    ) -> object:
        if attention_mask is not None:
            raise TypeError("two dimensions only")
        return forward(input_ids, position_ids=position_ids, **inputs)

    model.forward = strict
    scorer = Scorer(model)
    assert not scorer.shared
    pairs = draw_pairs(6, contexts=2)
    for pair, score in zip(pairs, scorer.score(pairs), strict=True):
        assert score.logprob == pytest.approx(naive(model, pair).logprob, abs=1e-4)


@pytest.mark.parametrize("ignored", ["attention_mask", "position_ids"])
def test_models_that_ignore_mask_or_positions_get_one_row_per_pair(ignored: str) -> None:
    """A model that ignores the tree would score choices with each other in view."""
    model = without_input(loud("llama"), ignored)
    scorer = Scorer(model)
    assert not scorer.shared
    pairs = draw_pairs(1)
    for pair, score in zip(pairs, scorer.score(pairs), strict=True):
        assert score.logprob == pytest.approx(naive(model, pair).logprob, abs=1e-4)


def test_progress_counts_every_distinct_pair() -> None:
    """The live display would otherwise never reach its end."""
    pairs = draw_pairs(2)
    heard: list[int] = []
    Scorer(loud("llama"), slots=64).score(pairs, heard.append)
    assert sum(heard) == len(set(pairs))
    assert len(heard) > 1


@pytest.mark.parametrize("architecture", OTHERS)
def test_other_ways_to_know_positions(architecture: str) -> None:
    """Biases by distance (ALiBi) and sliding windows are not expressed by a tree's mask: such pairs stand alone."""
    model = other_model(architecture)
    pairs = draw_pairs(3)
    for pair, score in zip(pairs, Scorer(model).score(pairs), strict=True):
        assert score.logprob == pytest.approx(naive(model, pair).logprob, abs=1e-3)


@pytest.mark.parametrize("architecture", ["mistral", "gemma2"])
@pytest.mark.parametrize("beyond", [-1, 0, 1, 2])
def test_a_context_is_shared_up_to_the_windows_edge_and_not_a_token_beyond(architecture: str, beyond: int) -> None:
    """One token too many and a choice is scored with a token in view that the model's window hides; one too few and
    choices that could share a context are computed apart."""
    model = other_model(architecture)
    window = model.config.get_text_config().sliding_window
    context = tuple(range(5, 5 + window - 3 + beyond))
    pairs = [(context, (41, 42, 43, 44)), (context, (51, 52, 53, 54))]
    scorer = Scorer(model)
    before = pass_counts(model).tokens
    scores = scorer.score(pairs)
    for pair, score in zip(pairs, scores, strict=True):
        assert score.logprob == pytest.approx(naive(model, pair).logprob, abs=1e-4)
    together, apart = len(context) + 2 * 3, 2 * (len(context) + 3)
    assert pass_counts(model).tokens - before == (together if beyond <= 0 else apart)


def test_choices_are_split_where_a_row_would_outgrow_the_slots() -> None:
    """A context of 4 and thirteen choices of 3, of which no pass reads the last token: 6 fit into 16 slots."""
    model, seen = loud("llama"), []
    scorer = Scorer(model, slots=16, shared=True)
    pairs = [((2, 3, 4, 5), (6, 7, last)) for last in range(10, 23)]
    scorer.score(pairs[:1])  # the trials of what the model can do are behind it
    model.model.embed_tokens.register_forward_hook(lambda _, inputs, __: seen.append(tuple(inputs[0].shape)))
    scores = scorer.score(pairs)
    assert seen == [(1, 16), (1, 16), (1, 6)]
    assert [score.logprob for score in scores] == pytest.approx(
        [naive(model, pair).logprob for pair in pairs], abs=1e-4
    )


def test_the_narrowest_of_a_models_windows_counts() -> None:
    model = other_model("mistral")
    window = model.config.get_text_config().sliding_window
    model.config.get_text_config().attention_chunk_size = 5
    assert window > 7
    before = pass_counts(model).tokens
    Scorer(model, shared=True).score([((2, 3, 4, 5, 6), (7, 8)), ((2, 3, 4, 5, 6), (9, 10))])
    assert pass_counts(model).tokens - before == 2 * 6, "each choice computed apart"
