"""Asking: the batch must not speak, later turns must hear earlier ones, and draws must be the same for everyone."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from bench.data.render.render import make_renderer
from bench.data.render.row import Row, Turn
from bench.evals.generated.conversation import Replies, ask
from bench.evals.inference import counted_generator
from bench.evals.inference.counted_generator import CHECKED, CHECKED_ROUNDED
from bench.evals.inference.generation.generator import generate
from bench.evals.inference.generation.request import Generation, GenerationRequest
from bench.evals.inference.pass_counts import pass_counts
from bench.evals.outcome import NOT_PRINTED, ExampleProgress
from bench.evals.subject.subject import Subject
from bench.suite.tables.evals.decoding import Decoding
from tests.evals.jobs import resolved_model, sentence
from tests.evals.loud import loud
from tests.fakes.checkpoints import ARCHITECTURES, Architecture, tiny_tokenizer


def subject(architecture: Architecture = "llama", context: int = 256) -> Subject:
    tokenizer = tiny_tokenizer()
    model = resolved_model("unused", context_length=context)  # type: ignore[arg-type]  # only its template is read
    renderer = make_renderer(tokenizer, model, context)
    return Subject(model=loud(architecture), tokenizer=tokenizer, renderer=renderer, context_length=context)


def row(*said: str) -> Row:
    """User and assistant in turn, the user first."""
    turns = [Turn(role="assistant" if at % 2 else "user", content=text) for at, text in enumerate(said)]
    return Row(turns=tuple(turns), origin="x:1")


ROWS = [row(sentence(n, 1 + 3 * n % 17) + "?", "") for n in range(9)]
GREEDY = Decoding(max_new_tokens=12)


def put(rows: Sequence[Row], decoding: Decoding = GREEDY, *, to: Subject | None = None, slots: int = 4096) -> Replies:
    asked = replace(to or subject(), slots=slots)
    return ask(asked, rows, decoding, wrapped=True, progress=ExampleProgress(lambda _: None, len(rows)))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_shape_of_the_batch_does_not_change_a_greedy_answer(architecture: Architecture) -> None:
    """At full precision on a processor; elsewhere the check of `CHECKED` answers tells."""
    asked = subject(architecture)
    whole, small, single = (put(ROWS, to=asked, slots=slots) for slots in (4096, 90, 1))
    assert whole.of == small.of == single.of
    assert len({reply[0][0].text for reply in whole.of}) > 3, "the case needs different answers"
    assert (whole.generated.checked, whole.generated.differed) == (1, 0)
    assert whole.batch == "by length, at most 4096 slots; 1 answer computed again alone came out the same"


def test_a_prompt_that_the_template_cannot_print_is_not_asked() -> None:
    """It was asked without its tools."""
    tool = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    [question, answer] = row("Rain?", "").turns
    odd = Row(turns=(question.model_copy(update={"tools": (tool,)}), answer), origin="x:2")
    replies = put([ROWS[0], odd, ROWS[1]])
    assert [said.unanswered for [[said]] in replies.of] == [None, NOT_PRINTED, None]
    assert (replies.of[1][0][0].asked, replies.of[1][0][0].text) == ("Rain?", None)
    assert (replies.of[0], replies.of[2]) == put(ROWS[:2]).of


def test_checks_take_a_twentieth_of_the_tokens_at_most_or_one_answer() -> None:
    """The check is there for everyone: it must not cost what a batch saves. Where rounding is coarse, a few in a
    hundred answers differ, and three would mostly miss them."""
    fine, coarse = subject(), subject()
    coarse.model.to(torch.bfloat16)
    counts = list[int]()
    for times, to in ((1, fine), (25, fine), (25, coarse)):
        passes, before = pass_counts(to.model), pass_counts(to.model).tokens
        put(ROWS * times, to=replace(to, checks_batches=False))
        alone, before = passes.tokens - before, passes.tokens
        counts.append(put(ROWS * times, to=to).generated.checked)
        share = (passes.tokens - before - alone) / alone
        assert 0 < share <= 0.05 or counts[-1] == 1
    assert counts[:2] == [1, CHECKED]
    assert counts[2] > CHECKED
    assert CHECKED_ROUNDED >= 5 * CHECKED


def test_one_eval_of_a_subject_checks_its_batches() -> None:
    replies = put(ROWS * 5, to=replace(subject(), checks_batches=False))
    assert (replies.generated.checked, replies.generated.first_token_seconds) == (0, None)
    assert replies.batch.endswith("none computed again alone")


def test_sampled_answers_are_drawn_again_as_they_were() -> None:
    replies = put(ROWS * 2, Decoding(temperature=1.0, samples=7, seed=5, max_new_tokens=8))
    assert (replies.generated.checked, replies.generated.differed) == (CHECKED, 0)


def test_a_batch_that_matters_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With half precision an answer can depend on its neighbours: nobody may fail to notice."""

    def sensitive(model: object, tokenizer: object, requests: Sequence[GenerationRequest], **options: object) -> object:
        given = generate(model, tokenizer, requests, **options)  # type: ignore[arg-type]
        return [answer and Generation(text="other", ids=(9, *answer.ids[1:]), ended=answer.ended) for answer in given]

    monkeypatch.setattr(counted_generator, "generate", sensitive)
    replies = put(ROWS * 20)
    assert (replies.generated.checked, replies.generated.differed) == (3, 3)
    assert replies.batch.endswith("3 of 3 answers came out different when computed alone")


def test_a_later_turn_hears_what_the_subject_said_before() -> None:
    """Otherwise "rewrite your previous response" would be asked of nothing."""
    asked = subject()
    (two,) = put([row("the baker lives near", "", "count the cow", "")], to=asked).of
    first, second = two[0]
    assert first.text
    assert first.text in second.prompt
    (given,) = put([row("the baker lives near", "a river", "count the cow", "")], to=asked).of
    assert [reply.asked for reply in given[0]] == ["count the cow"]
    assert "a river" in given[0][0].prompt


def test_a_reference_is_never_in_the_prompt() -> None:
    (samples,) = put([row("the baker lives near", "seven sheep")]).of
    assert "seven sheep" not in samples[0][0].prompt


def test_samples_differ_from_each_other_and_repeat_with_their_seed() -> None:
    asked = subject()
    drawn = Decoding(temperature=1.0, samples=3, seed=5, max_new_tokens=8)
    once, again = put(ROWS, drawn, to=asked), put(ROWS, drawn, to=asked, slots=60)
    assert once.of == again.of, "neither the run nor the batch changes a draw"
    assert all(len(samples) == 3 for samples in once.of)
    assert any(len({sample[0].text for sample in samples}) > 1 for samples in once.of)
    other = put(ROWS, drawn.model_copy(update={"seed": 6}), to=asked)
    assert other.of != once.of
    assert once.generated.answers == 27


def test_a_prompt_that_does_not_fit_keeps_its_end_and_is_counted() -> None:
    small = subject(context=64)
    replies = put([row(sentence(1, 60), ""), row("the cow", "")], Decoding(max_new_tokens=16), to=small)
    assert replies.truncated == 1
    assert all(len(samples[0][0].ids) <= 16 for samples in replies.of)


def test_what_it_took_is_counted() -> None:
    generated = put(ROWS).generated
    assert generated.tokens == sum(len(samples[0][0].ids) + samples[0][0].ended for samples in put(ROWS).of)
    assert generated.tokens_per_second is not None
    assert generated.tokens_per_second > 0
    assert generated.first_token_seconds is not None
    assert 0 < generated.first_token_seconds < generated.seconds
    nothing = put([]).generated
    assert (nothing.tokens, nothing.tokens_per_second, nothing.first_token_seconds) == (0, None, None)


def test_generation_speed_on_a_clock_that_the_test_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens per second of drawing alone; the first token of a lone prompt, median."""
    now, tries = [100.0], iter([0.2, 0.4, 0.3])

    def slow(model: object, tokenizer: object, requests: list[GenerationRequest], **_: object) -> list[Generation]:
        first = requests[0].max_new_tokens == 1
        pass_counts(model).add(tokens=10_000, rows=1, width=10_000, behind=0, reads=1)  # type: ignore[arg-type]
        now[0] += next(tries) if first else 2.0
        ids = (7,) if first else (7, 8, 9, 10)
        return [Generation(text="a b", ids=ids, ended=True) for _ in requests]

    monkeypatch.setattr(counted_generator, "generate", slow)
    monkeypatch.setattr(counted_generator, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    generated = put([row("one", "")] * 60).generated
    assert (generated.tokens, generated.seconds) == (240, pytest.approx(2.0))
    assert generated.tokens_per_second == pytest.approx(120.0)
    assert generated.first_token_seconds == pytest.approx(0.3)


def test_a_stop_text_of_the_suite_ends_an_answer() -> None:
    asked = subject()
    plain = put(ROWS[:1], to=asked).of[0][0][0]
    assert plain.text
    end = plain.text[2:4]
    cut = put(ROWS[:1], Decoding(max_new_tokens=12, stop=(end,)), to=asked).of[0][0][0]
    assert cut.ended
    assert cut.text == plain.text.split(end)[0].strip()
