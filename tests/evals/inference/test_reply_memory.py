"""Replies that are kept: more examples of an eval cost only themselves."""

from pathlib import Path

import pytest

from bench.evals.inference.generation.request import Generation, GenerationRequest
from bench.evals.inference.reply_memory import ReplyKind, ReplyMemory
from bench.evals.inference.scoring.scored_text import Score
from bench.evals.inference.scoring.scorer import SCORE


def lengths(new: list[str], asked: list[list[str]]) -> list[float]:
    asked.append(new)
    return [float("inf") if text == "broken" else len(text) / 3 for text in new]


def ask(memory: ReplyMemory, texts: list[str], asked: list[list[str]], known: list[int] | None = None) -> list[float]:
    kind: ReplyKind[str, float] = ReplyKind("length", str, float, placeholder=0.0)
    return memory.through(
        kind,
        texts,
        lambda new, _: lengths(new, asked),
        is_reply=lambda reply: reply < float("inf"),
        recalled=(known if known is not None else []).append,
    )


def test_only_what_is_new_is_asked_and_old_replies_come_back_to_the_last_bit(tmp_path: Path) -> None:
    asked: list[list[str]] = []
    first = ReplyMemory(tmp_path / "a.jsonl")
    before = ask(first, ["a", "bb", "broken"], asked)
    first.save()
    later, known = ReplyMemory(tmp_path / "a.jsonl"), list[int]()
    after = ask(later, ["ccc", "bb", "broken", "a"], asked, known)
    assert asked == [["a", "bb", "broken"], ["ccc", "broken"]], "what was not finite is asked again"
    assert (after[3], after[1], after[0]) == (*before[:2], 1.0)
    assert (known, later.recalled_share) == ([2], 0.5)


def test_without_a_file_nothing_is_remembered(tmp_path: Path) -> None:
    asked: list[list[str]] = []
    memory = ReplyMemory()
    ask(memory, ["a"], asked)
    ask(memory, ["a"], asked)
    memory.save()
    assert (asked, memory.recalled_share, list(tmp_path.iterdir())) == ([["a"], ["a"]], 0.0, [])


def test_a_request_is_known_by_all_that_decides_its_reply(tmp_path: Path) -> None:
    from bench.evals.inference.counted_generator import _GENERATION

    def request(**changes: object) -> GenerationRequest:
        fields = {"prompt": (1, 2), "stop_ids": frozenset({7, 3}), "until": ("x",), "max_new_tokens": 4}
        return GenerationRequest(**{**fields, **changes})  # type: ignore[arg-type]  # as in the table above

    same = _GENERATION.key(request(stop_ids=frozenset({3, 7})))
    assert same == _GENERATION.key(request())
    changes = [{"prompt": (1, 3)}, {"until": ()}, {"max_new_tokens": 5}, {"strip_thinking": True}]
    assert same not in {_GENERATION.key(request(**change)) for change in changes}
    answer = Generation(text="é", ids=(4, 7), ended=True, thinking="so")
    assert _GENERATION.load(_GENERATION.dump(answer)) == answer


@pytest.mark.parametrize("logprob", [-0.1, -1e-17, -123.456789012345678])
def test_a_score_is_kept_exactly(logprob: float) -> None:
    score = Score(logprob=logprob, greedy=True)
    assert SCORE.load(SCORE.dump(score)) == score
