"""Models that think aloud: the answer is scored without its thinking, and thinking that never ends is seen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.data.render.row import Row, Turn
from bench.evals.inference import counted_generator
from bench.evals.inference.generation import continuous_batch
from bench.evals.inference.generation.generator import generate
from bench.evals.inference.generation.request import GenerationRequest
from bench.evals.subject.subject import Subject, strips_thinking
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import EvalResult, ScoreRow
from tests.evals.jobs import evaluate, generation_job, lm_eval_job, questions_job, resolved_model, write_qa
from tests.evals.loud import loud
from tests.fakes.checkpoints import tiny_tokenizer

TURNS = "{% for m in messages %}{{ m.role }}: {{ m.content }}<eos>\n{% endfor %}"
_EMPTY = "{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
QWEN = TURNS + "{% if add_generation_prompt %}assistant: " + _EMPTY + "{% endif %}"
DEEPSEEK = TURNS + "{% if add_generation_prompt %}assistant: <think>\n{% endif %}"
PLAIN = TURNS + "{% if add_generation_prompt %}assistant: {% endif %}"
TOKENIZER = tiny_tokenizer()
Say = dict[int, str]
"""What the model writes, by the number of the prompt in the batch that was asked."""


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Say:
    """Makes every model write given texts: one for all prompts under 0, others by a word of the prompt."""
    texts: Say = {}

    def choose(logits: object, batch: Sequence[Any]) -> list[int]:
        tokens = []
        for row in batch:
            prompt = str(TOKENIZER.decode(row.request.prompt))
            text = next((text for number, text in texts.items() if number and f"q{number}" in prompt), texts[0])
            ids = [*TOKENIZER(text, add_special_tokens=False)["input_ids"], 1]
            tokens.append(ids[min(len(row.ids), len(ids) - 1)])
        return tokens

    for module in (counted_generator, continuous_batch):
        monkeypatch.setattr(module, "choose_tokens", choose)
    return texts


def folder(tmp_path: Path, template: str) -> Path:
    path = tmp_path / "model"
    loud("llama").save_pretrained(path)
    tiny_tokenizer(chat_template=template.replace("<eos>", TOKENIZER.eos_token)).save_pretrained(path)
    return path


def prompts(tmp_path: Path, answers: Mapping[int, str]) -> Path:
    path = tmp_path / "rows.jsonl"
    rows = [
        Row(turns=(Turn(role="user", content=f"q{n}"), Turn(role="assistant", content=answer)), origin="x:1")
        for n, answer in answers.items()
    ]
    path.write_text("".join(row.model_dump_json() + "\n" for row in rows))
    return path


def scored(job: EvalJob, tmp_path: Path) -> tuple[EvalResult, list[ScoreRow]]:
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    return evaluate(job, out)


def model(tmp_path: Path, template: str, **changes: Any) -> Any:
    return resolved_model(folder(tmp_path, template), template="tokenizer", **changes)


@pytest.mark.parametrize(
    ("template", "thinking", "opening"), [(QWEN, False, "<think>"), (QWEN, True, "<think>"), (DEEPSEEK, False, "")]
)
def test_a_number_in_the_thinking_is_not_the_answer(
    tmp_path: Path, says: Say, template: str, thinking: bool, opening: str
) -> None:
    says.update({0: f"{opening}\nmaybe 7\n</think>\n\n8", 2: f"{opening}\nis it 3 or 4"})
    decoding = {"max_new_tokens": 40, "stop": ["\n\n"]}
    rows = prompts(tmp_path, {1: "8", 2: "4"})
    job = generation_job(model(tmp_path, template, thinking=thinking), rows, 2, metrics=("numeric",), decoding=decoding)
    result, lines = scored(job, tmp_path)
    assert result.strip_thinking
    assert result.unfinished_thinking == 1
    assert [line.metrics["numeric"] for line in lines] == [1.0, 0.0]
    assert [line.output for line in lines] == ["8", ""]
    assert [line.thinking for line in lines] == ["maybe 7", "is it 3 or 4"]
    assert [line.unfinished_thinking for line in lines] == [False, True]
    assert [line.unscored for line in lines] == [None, None], "an answer that never came is wrong, not missing"


def test_the_suite_decides_and_a_template_without_thinking_strips_nothing(tmp_path: Path, says: Say) -> None:
    says[0] = "<think>7</think>8"
    rows = prompts(tmp_path, {1: "8"})
    decoding = {"max_new_tokens": 40}
    plain, _ = scored(generation_job(model(tmp_path, PLAIN), rows, 1, decoding=decoding), tmp_path)
    assert not plain.strip_thinking
    kept = questions_job(model(tmp_path, QWEN), rows, 1, decoding=decoding)
    kept = kept.model_copy(update={"eval": kept.eval.model_copy(update={"strip_thinking": False})})
    result, [line] = scored(kept, tmp_path)
    assert not result.strip_thinking
    assert line.output == "<think>7</think>8"
    asked = kept.model_copy(update={"eval": kept.eval.model_copy(update={"strip_thinking": None})})
    _, [line] = scored(asked, tmp_path)
    assert (line.output, line.thinking) == ("8", "7")


def test_an_lm_eval_task_sees_the_answer_alone(tmp_path: Path, says: Say) -> None:
    """A stop text of the task, such as an empty line, ends an answer and not the thinking before it."""
    settings = {"until": ["\n\n"], "max_gen_toks": 60}
    write_qa(tmp_path / "tasks", count=3, generation_kwargs=settings)
    says[0] = "<think>\nfirst\n\nsecond\n</think>\n\nthe answer\n\nand more"
    result, lines = scored(lm_eval_job(model(tmp_path, QWEN), tmp_path / "tasks", ["qa"]), tmp_path)
    assert result.strip_thinking
    assert {line.output for line in lines} == {"the answer"}
    assert {line.thinking for line in lines} == {"first\n\nsecond"}
    bare, lines = scored(lm_eval_job(model(tmp_path, QWEN), tmp_path / "tasks", ["qa"], template="none"), tmp_path)
    assert not bare.strip_thinking
    assert {line.output for line in lines} == {"<think>\nfirst"}


def test_generation_ends_where_the_answer_ends(says: Say) -> None:
    says[0] = "<think>a\n\nb</think>\n\nyes\n\nno"
    request = GenerationRequest(
        prompt=(5, 6), stop_ids=frozenset({1}), until=("\n\n",), max_new_tokens=90, strip_thinking=True
    )
    (answer,) = generate(loud("llama"), TOKENIZER, [request])
    assert (answer.text, answer.thinking, answer.ended) == ("yes", "a\n\nb", True)
    assert "no" not in TOKENIZER.decode(answer.ids), "tokens behind the answer would be paid for and counted"


@pytest.mark.parametrize(
    ("asked", "wrapped", "strips"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_what_decides_is_the_suite_then_the_template(asked: bool | None, wrapped: bool, strips: bool) -> None:
    class Thinking:
        class renderer:  # noqa: N801  # stands in for an attribute
            class template:  # noqa: N801
                text = QWEN

    subject: Subject = Thinking()  # type: ignore[assignment]  # only the template is read
    assert strips_thinking(asked, subject, wrapped=wrapped) is strips
