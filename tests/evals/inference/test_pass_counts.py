"""What an eval's passes were given, counted by hand: speed in tokens that were padding would flatter a bad batching."""

from pathlib import Path
from typing import Any

import pytest
from torch.utils.flop_counter import FlopCounterMode

from bench.evals.inference.generation.generator import generate
from bench.evals.inference.generation.request import GenerationRequest
from bench.evals.inference.pass_counts import pass_counts
from bench.evals.inference.scoring.scored_text import ScoredText
from bench.evals.inference.scoring.scorer import Scorer
from bench.evals.job import run_eval
from bench.evals.loss import summed_nll
from bench.model.size.flops import Work, flop_model
from tests.evals.jobs import loss_job, resolved_model, sentence
from tests.evals.loud import loud
from tests.evals.test_loss import write_rows
from tests.fakes.checkpoints import tiny_tokenizer
from tests.model.test_shared_prefix import START


def texts(*sizes: tuple[int, int], start: tuple[int, ...] = ()) -> list[ScoredText]:
    """Texts behind `start` by their tokens and how many of the last are supervised."""
    made = []
    for number, (length, supervised) in enumerate(sizes, start=2):
        ids = (*start, *(number + at for at in range(length)))
        made.append(ScoredText(ids=ids, scored=tuple(range(len(ids) - supervised, len(ids)))))
    return made


def request(length: int, first: int) -> GenerationRequest:
    prompt = tuple(first + at for at in range(length))
    return GenerationRequest(prompt=prompt, stop_ids=frozenset(), until=(), max_new_tokens=5)


def test_texts_of_one_batch() -> None:
    """Lengths 5, 9 and 9 padded to 9."""
    model = loud("llama")
    summed_nll(model, texts((5, 2), (9, 3), (9, 4)))
    passes = pass_counts(model)
    assert (passes.tokens, passes.slots) == (5 + 9 + 9, 3 * 9)
    assert passes.work == Work(positions=27, pairs=3 * 9 * 9, head_positions=2 + 3 + 4, passes=1)


def test_what_texts_begin_with_counts_once() -> None:
    """40 tokens of one row, then rows of 3 and 7 behind them."""
    model = loud("llama")
    summed_nll(model, texts((3, 2), (7, 4), start=START))
    passes = pass_counts(model)
    assert (passes.tokens, passes.slots) == (40 + 3 + 7, 40 + 2 * 7)
    assert passes.work == Work(positions=54, pairs=40 * 40 + 2 * 7 * (40 + 7), head_positions=1 + 2 + 4, passes=2)


def test_choices_behind_one_context() -> None:
    """A context of 6 with choices of 1 and 3: no pass reads a choice's last token, which nothing follows."""
    model = loud("llama")
    Scorer(model).score([((2, 3, 4, 5, 6, 7), (8,)), ((2, 3, 4, 5, 6, 7), (9, 10, 11))])
    passes = pass_counts(model)
    assert (passes.tokens, passes.slots, passes.work.head_positions) == (6 + 0 + 2, 8, 1 + 3)


def test_choices_behind_a_shared_beginning() -> None:
    """40 tokens that all contexts begin with, once; then contexts of 2 and 3 more with choices of 3 and 4."""
    model = loud("llama")
    Scorer(model).score([((*START, 5, 6), (7, 8, 9)), ((*START, 6, 7, 8), (9, 10, 11, 12))])
    passes = pass_counts(model)
    assert (passes.tokens, passes.slots) == (40 + (2 + 2) + (3 + 3), 40 + 2 * 6)


def test_answers_count_token_by_token() -> None:
    """Prompts of 4 and 7 padded to 7; five tokens each, the last of which is drawn and not read."""
    model = loud("llama")
    generate(model, tiny_tokenizer(), [request(4, 10), request(7, 30)])
    passes = pass_counts(model)
    assert (passes.tokens, passes.slots) == (4 + 7 + 2 * 4, 2 * 7 + 2 * 4)
    pairs = 2 * 7 * 7 + sum(2 * (7 + step) for step in (1, 2, 3, 4))
    assert passes.work == Work(positions=22, pairs=pairs, head_positions=2 * 5, passes=5)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "opt", "qwen2"])
def test_operations_are_those_that_torch_counts(architecture: Any) -> None:
    """Texts with and without a shared beginning, and answers, against `FlopCounterMode` over the very passes."""
    model = loud(architecture)
    model.set_attn_implementation("eager")  # the counter has no formula for a processor's fused attention

    def work() -> None:
        summed_nll(model, texts((5, 2), (9, 3), (9, 4)))
        summed_nll(model, texts((3, 2), (7, 4), start=START))
        generate(model, tiny_tokenizer(), [request(4, 10), request(7, 30)])

    work()  # the trials of what the model can do are behind it
    before = pass_counts(model).work
    with FlopCounterMode(display=False) as counter:
        work()
    rates = flop_model(model).forward
    assert rates.of(pass_counts(model).work) - rates.of(before) == counter.get_total_flops()


def test_the_result_and_the_events_tell(tmp_path: Path) -> None:
    loud("llama").save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    write_rows(tmp_path / "rows.jsonl", [sentence(3 * n, 1 + n % 9) for n in range(30)])
    events: list[Any] = []
    result = run_eval(
        loss_job(resolved_model(tmp_path / "model"), tmp_path / "rows.jsonl", 30), tmp_path, events.append
    )
    assert result.tokens is not None
    assert result.slots is not None
    assert 30 < result.tokens <= result.slots
    assert (events[-1].passes.tokens, events[-1].passes.slots) == (result.tokens, result.slots)
    assert events[-1].passes.work["positions"] == result.slots
