"""lm-eval's requests to a served model: what is sent, what has no score, and what is refused."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from lm_eval.api.instance import Instance

from bench.emit import ignore_event
from bench.errors import InputError
from bench.evals.outcome import ExampleProgress
from bench.evals.served.language_model import ServedLM
from bench.evals.served.subject import ServedAnswer, ServedRequest
from bench.suite.tables.evals.lm_eval import LmEvalSpec

GREEDY: Mapping[str, Any] = {"until": ["\n", ""], "max_gen_toks": 7}
DRAWN: Mapping[str, Any] = {"until": [], "do_sample": True, "temperature": 0.5, "top_p": 0.9}


class Server:
    """Answers each request with its number, or as it is told."""

    def __init__(self, *answers: ServedAnswer) -> None:
        self.asked: list[ServedRequest] = []
        self._answers = answers

    def answer(self, requests: Sequence[ServedRequest], report: Callable[[int], None]) -> list[ServedAnswer]:
        self.asked += requests
        numbered = (ServedAnswer(text=str(number), ended=True) for number in range(len(requests)))
        return [*self._answers, *numbered][: len(requests)]


def model(server: Server, **spec: Any) -> ServedLM:
    subject: Any = server
    spec = {"kind": "lm_eval", "name": "e", "tasks": ("t",), **spec}
    return ServedLM(subject, ExampleProgress(ignore_event, 9), LmEvalSpec.model_validate(spec))


def request(text: str, settings: Mapping[str, Any] = GREEDY, *, doc: int = 0) -> Instance:
    return Instance(
        request_type="generate_until", doc={}, arguments=(text, dict(settings)), idx=0, metadata=("t", doc, 1)
    )


def test_a_wrapped_prompt_is_sent_as_its_messages_until_it_is_forgotten() -> None:
    server = Server()
    lm = model(server)
    history = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}]
    text = lm.apply_chat_template(history)
    assert lm.generate_until([request(text), request("Who?", doc=1)]) == ["0", "1"]
    lm.begin(wrapped=False)
    lm.generate_until([request(text)])
    assert [[(m.role, m.content) for m in asked.messages] for asked in server.asked] == [
        [("system", "Be brief."), ("user", "Who?")], [("user", "Who?")], [("user", text)],
    ]  # fmt: skip
    assert {(asked.max_tokens, asked.stop, asked.temperature, asked.seed) for asked in server.asked} == {
        (7, ("\n",), 0.0, None)
    }


def test_an_answer_that_the_task_begins_is_not_asked_for_and_has_no_score() -> None:
    server = Server()
    lm = model(server)
    begun = lm.apply_chat_template([{"role": "assistant", "content": "It is"}], add_generation_prompt=False)
    assert lm.generate_until([request(begun), request("Who?", doc=1)]) == ["", "0"]
    assert len(server.asked) == 1
    assert "begins the answer" in lm.failed.pop(("t", 0))
    assert not lm.failed


def test_a_refused_request_has_a_reason_and_thinking_is_kept_beside_its_example() -> None:
    server = Server(
        ServedAnswer(text=None, ended=False, why="too long"),
        ServedAnswer(text="4", ended=True, thinking="2 + 2", unfinished_thinking=True),
    )
    lm = model(server, strip_thinking=True)
    assert lm.generate_until([request("a"), request("b", doc=1)]) == ["", "4"]
    assert (lm.failed, lm.thinking, lm.unfinished) == ({("t", 0): "too long"}, {("t", 1): "2 + 2"}, {("t", 1)})
    assert lm.strips_thinking


def test_draws_of_one_prompt_have_one_seed_and_numbers_of_their_own() -> None:
    """So that every subject meets the same draws, and a server's cache does not give one answer twice."""
    server = Server()
    lm = model(server, max_new_tokens=3)
    lm.generate_until([request("a", DRAWN), request("a", DRAWN), request("b", DRAWN, doc=1)])
    assert [asked.sample for asked in server.asked] == [0, 1, 0]
    first, second, other = (asked.seed for asked in server.asked)
    assert first == second != other
    assert {(asked.temperature, asked.top_p, asked.max_tokens) for asked in server.asked} == {(0.5, 0.9, 3)}
    assert lm.samples == 2


def test_what_no_server_can_do_is_refused_with_the_task() -> None:
    lm = model(Server())
    with pytest.raises(InputError, match="task 't' draws by top_k"):
        lm.generate_until([request("a", {**DRAWN, "top_k": 5})])
    for likelihoods in (lm.loglikelihood, lm.loglikelihood_rolling):
        with pytest.raises(InputError, match="task 't' scores likelihoods"):
            likelihoods([request("a")])
