"""lm-eval's view of a served model: prompts as messages, answers as text.

Contract: a prompt that the eval wraps is sent as the messages that lm-eval built; a bare one as one message of the
user's, which the server's own template wraps all the same. A request for likelihoods is a fault of the plan.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.models.utils import normalize_gen_kwargs

from bench.endpoint.completion import Message
from bench.errors import InputError, Problem
from bench.evals.lm_eval.example_lm import DEFAULT_MAX_NEW_TOKENS, ExampleLM, drawing_of, key_of, keys_of
from bench.evals.lm_eval.run import SEED
from bench.evals.outcome import ExampleProgress
from bench.evals.served.subject import TEMPLATE, ServedRequest, ServedSubject
from bench.record.results.evals.evaluation import Generated
from bench.suite.catalog.answered_in_text import NO_LIKELIHOODS
from bench.suite.tables.evals.lm_eval import LmEvalSpec

_BEGUN = "the task begins the answer, which an endpoint cannot go on from"


class ServedLM(ExampleLM):
    """One served model behind lm-eval's interface."""

    def __init__(self, subject: ServedSubject, progress: ExampleProgress, spec: LmEvalSpec) -> None:
        super().__init__(progress)
        self._subject, self._spec = subject, spec
        self._wrapped: dict[str, tuple[Message, ...]] = {}
        self._begun: set[str] = set()
        """Wrapped prompts whose answer the task begins."""

    @property
    def template(self) -> str:
        """The server wraps prompts."""
        return TEMPLATE

    @property
    def bare(self) -> str:
        """Bare ones too."""
        return TEMPLATE

    def batch(self, generated: Generated | None) -> str:
        """Requests at once."""
        return self._subject.batch

    def account(self) -> Generated | None:
        """Answers and tokens."""
        return self._subject.account(samples=self.samples) if self._subject.answers else None

    @property
    def tokenizer_name(self) -> str:
        """For lm-eval's request cache, which is off."""
        return "served"

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The messages as text, remembered for when the text comes back in a request."""
        text = json.dumps(chat_history, ensure_ascii=False)
        self._wrapped[text] = tuple(
            Message.model_validate({"role": part["role"], "content": part["content"]}) for part in chat_history
        )
        if not add_generation_prompt and chat_history[-1]["content"].strip():
            self._begun.add(text)
        return text

    def begin(self, *, wrapped: bool) -> None:
        """See `ExampleLM`."""
        self._wrapped.clear()
        self._begun.clear()

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """Nothing that a server could say. Raises `InputError`."""
        raise _no_likelihoods(requests)

    def loglikelihood_rolling(self, requests: Sequence[Instance]) -> list[float]:
        """Nothing that a server could say. Raises `InputError`."""
        raise _no_likelihoods(requests)

    def generate_until(self, requests: Sequence[Instance]) -> list[str]:
        """Text up to a stop text or the greatest length."""
        self.fail(_BEGUN, (key_of(request) for request in requests if request.args[0] in self._begun))
        possible = [request for request in requests if request.args[0] not in self._begun]
        seen: Counter[str] = Counter()
        asked = []
        for request in possible:
            text, settings = request.args
            asked.append(self._request(request, settings, repeat=seen[text]))
            seen[text] += 1
        report = self.progress.part(len(keys_of(requests)), len(asked))
        answers = dict(zip(map(id, possible), self._subject.answer(asked, report), strict=True))
        self.samples = max([self.samples, *Counter(map(key_of, requests)).values()])
        texts = []
        for request in requests:
            answer = answers.get(id(request))
            if answer is not None and answer.why is not None:
                self.fail(answer.why, [key_of(request)])
            if answer is not None:
                self.note_thinking(request, answer.thinking, unfinished=answer.unfinished_thinking)
            texts.append("" if answer is None or answer.text is None else answer.text)
        return texts

    def _request(self, request: Instance, settings: Mapping[str, Any], *, repeat: int) -> ServedRequest:
        """A request from lm-eval's settings."""
        text = request.args[0]
        given = normalize_gen_kwargs(dict(settings), DEFAULT_MAX_NEW_TOKENS)
        drawing = drawing_of(request.task_name, given)
        if drawing is not None and drawing.top_k is not None:
            what = f"task {request.task_name!r} draws by top_k, which the protocol of endpoints does not have"
            raise InputError(Problem(reference="endpoint.top-k", what=what, hint="give it in extra of the endpoint"))
        strip = self._spec.strip_thinking is not False
        self.strips_thinking |= strip
        identity = hashlib.sha256(f"{SEED}:{text}".encode()).digest()
        return ServedRequest(
            messages=self._wrapped.get(text) or (Message(role="user", content=text),),
            max_tokens=self._spec.max_new_tokens or int(given["max_gen_toks"]),
            stop=tuple(end for end in given["until"] if end),
            strip_thinking=strip,
            temperature=0.0 if drawing is None else drawing.temperature,
            top_p=None if drawing is None else drawing.top_p,
            seed=None if drawing is None else int.from_bytes(identity[:3], "big"),
            sample=0 if drawing is None else repeat,
        )


def _no_likelihoods(requests: Sequence[Instance]) -> InputError:
    what = f"task {requests[0].task_name!r} scores likelihoods: {NO_LIKELIHOODS}"
    return InputError(Problem(reference="endpoint.likelihoods", what=what, hint="leave the task out of this eval"))
