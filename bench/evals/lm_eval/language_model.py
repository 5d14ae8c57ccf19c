"""lm-eval's view of a subject: text in, scores and text out, through this program's own scoring and generation.

Contract: as lm-eval's own model class gives them, but for what `text_tokens.py` says of tokens; what is too long loses
its beginning, and what could not be scored is reported by example.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.models.utils import normalize_gen_kwargs
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from bench.data.render.row import Turn
from bench.evals.inference.generation.request import GenerationRequest, TokenSampling
from bench.evals.inference.scoring.scored_text import Score
from bench.evals.inference.scoring.scorer import SCORE, ContinuationPair, Scorer
from bench.evals.lm_eval.example_lm import DEFAULT_MAX_NEW_TOKENS, ExampleKey, ExampleLM, drawing_of, key_of, keys_of
from bench.evals.lm_eval.text_tokens import TextTokens, end_ids
from bench.evals.outcome import NOT_FINITE, ExampleProgress
from bench.evals.subject.subject import Subject, strips_thinking
from bench.record.results.evals.evaluation import Generated
from bench.text import opens_thinking


class SubjectLM(ExampleLM):
    """One subject behind lm-eval's interface."""

    def __init__(
        self,
        subject: Subject,
        progress: ExampleProgress,
        *,
        seed: int = 0,
        strip_thinking: bool | None = None,
        max_new_tokens: int | None = None,
    ) -> None:
        """`strip_thinking=None`: where a prompt is wrapped in a template that has thinking. `max_new_tokens`: longest
        answer in place of each task's own."""
        super().__init__(progress)
        self.subject = subject
        self.tokenizer = subject.tokenizer
        self.seed = seed
        self._strip_thinking = strip_thinking
        self._max_new_tokens = max_new_tokens
        self.scorer: Scorer | None = None
        """Built for the first request that needs it."""
        self.drawn = subject.generator()
        self._tokens = self._tokens_of(wrapped=False)

    # What the record says of it.

    @property
    def template(self) -> str:
        """The renderer's template by name."""
        return self.subject.renderer.template.name

    @property
    def bare(self) -> str:
        """Nothing is put around a prompt that is given as it is."""
        return "none"

    def batch(self, generated: Generated | None) -> str:
        """By length under a budget of slots; whether choices shared their context, and whether the batch mattered."""
        sharing = "" if self.scorer is None else f", {self.scorer.batch}"
        if generated is None:
            return f"by length, at most {self.subject.slots} slots{sharing}"
        return self.drawn.describe(generated, sharing)

    def account(self) -> Generated | None:
        """Tokens, seconds and the check of the batches."""
        return self.drawn.account(samples=self.samples) if self.drawn.asked else None

    # What lm-eval asks about templates.

    @property
    def tokenizer_name(self) -> str:
        """For lm-eval's request cache, which is off."""
        return "subject"

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The renderer's prompt as text; its token ids are remembered for when the text comes back in a request."""
        begun = "" if add_generation_prompt else chat_history[-1]["content"]
        turns = [_turn(message) for message in (chat_history if add_generation_prompt else chat_history[:-1])]
        return self._tokens.wrap(turns, begun)

    def begin(self, *, wrapped: bool) -> None:
        """From here on prompts are `wrapped` or not; text that looks like an earlier wrapped prompt is plain text."""
        self._tokens = self._tokens_of(wrapped=wrapped)

    def _tokens_of(self, *, wrapped: bool) -> TextTokens:
        """Token ids, with what subjects of the base before this one have found."""
        subject = self.subject
        renderer, ends = subject.renderer, tuple(end_ids(subject))
        return subject.prepared.get(("tokens", wrapped, ends), lambda: TextTokens(subject.tokenizer, renderer, ends))

    # Requests.

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """Log-probability of each continuation and whether greedy decoding gives it."""
        pairs = self._tokens.pairs([request.args for request in requests])
        scores = self._score(pairs, [key_of(request) for request in requests], len(keys_of(requests)))
        return [(score.logprob, score.greedy) for score in scores]

    def loglikelihood_rolling(self, requests: Sequence[Instance]) -> list[float]:
        """Log-probability of whole texts, in windows of the context length, each token once (lm-eval's windows)."""
        pairs: list[tuple[list[int], list[int]]] = []
        owners: list[int] = []
        texts = self._tokens.plain([request.args[0] for request in requests])
        for number, ids in enumerate(texts):
            windows = get_rolling_token_windows(
                token_list=ids,
                prefix_token=self._tokens.start()[0],
                max_seq_len=self.subject.context_length,
                context_len=1,
            )
            for window in windows:
                pairs.append(make_disjoint_window(window))
                owners.append(number)
        keys = [key_of(requests[owner]) for owner in owners]
        totals = [0.0] * len(requests)
        for owner, score in zip(owners, self._score(pairs, keys, len(keys_of(requests))), strict=True):
            totals[owner] += score.logprob
        self.fail("an empty text", (key_of(request) for request, ids in zip(requests, texts, strict=True) if not ids))
        return totals

    def generate_until(self, requests: Sequence[Instance]) -> list[str]:
        """Text up to a stop token, a stop text or the greatest length."""
        prompts = self._tokens.prompts([request.args[0] for request in requests])
        seen: Counter[str] = Counter()
        asked = []
        for request, prompt in zip(requests, prompts, strict=True):
            text, settings = request.args
            asked.append(self._request(request, prompt, settings, repeat=seen[text]))
            seen[text] += 1
        report = self.progress.part(len(keys_of(requests)), len(asked))
        answers = self.drawn.draw(asked, report)
        self.samples = max([self.samples, *Counter(map(key_of, requests)).values()])
        self.fail(NOT_FINITE, (key_of(r) for r, answer in zip(requests, answers, strict=True) if answer is None))
        for request, answer in zip(requests, answers, strict=True):
            if answer is not None:
                self.note_thinking(request, answer.thinking, unfinished=answer.unfinished_thinking)
        texts = ["" if answer is None else answer.text for answer in answers]
        return [
            self.subject.renderer.clean(text) if self._tokens.is_wrapped(request.args[0]) else text
            for request, text in zip(requests, texts, strict=True)
        ]

    # Token ids to the model.

    def _score(
        self, pairs: Sequence[tuple[list[int], list[int]]], keys: Sequence[ExampleKey], examples: int
    ) -> list[Score]:
        """Scores, with a placeholder for each pair that cannot be scored."""
        limit = self.subject.context_length
        fitting: dict[int, ContinuationPair] = {}
        for number, ((context, continuation), key) in enumerate(zip(pairs, keys, strict=True)):
            if not 0 < len(continuation) <= limit:
                self.fail("an answer that is empty, or longer than the context", [key])
                continue
            kept = context[-(limit + 1 - len(continuation)) :]
            fitting[number] = (tuple(kept), tuple(continuation))
            if len(kept) < len(context):
                self.truncated.add(key)
        scorer = self.scorer = self.scorer or self.subject.scorer()
        report = self.progress.part(examples, len(set(fitting.values())))
        replies = self.subject.memory.through(
            SCORE,
            list(fitting.values()),
            lambda pairs, finished: scorer.score(pairs, report, finished),
            is_reply=lambda score: math.isfinite(score.logprob),
            recalled=report,
        )
        scores = dict(zip(fitting, replies, strict=True))
        self.fail(NOT_FINITE, (keys[number] for number, score in scores.items() if not math.isfinite(score.logprob)))
        nothing = Score(logprob=0.0, greedy=False)
        return [
            scores[number] if number in scores and math.isfinite(scores[number].logprob) else nothing
            for number in range(len(pairs))
        ]

    def _request(
        self, request: Instance, prompt: list[int], settings: Mapping[str, Any], *, repeat: int
    ) -> GenerationRequest:
        """A generation request from lm-eval's settings."""
        text = request.args[0]
        given_settings = normalize_gen_kwargs(dict(settings), DEFAULT_MAX_NEW_TOKENS)
        new_tokens = self._max_new_tokens or int(given_settings["max_gen_toks"])
        until = [end for end in given_settings["until"] if end]
        limit = self.subject.context_length
        kept = prompt[-max(limit - new_tokens, limit // 2) :]
        if len(kept) < len(prompt):
            self.truncated.add(key_of(request))
        wrapped = self._tokens.is_wrapped(text)
        strip = strips_thinking(self._strip_thinking, self.subject, wrapped=wrapped)
        renderer = self.subject.renderer
        self.strips_thinking |= strip
        return GenerationRequest(
            prompt=tuple(kept),
            stop_ids=frozenset(renderer.stop_ids if wrapped else end_ids(self.subject)),
            until=(*until, *(renderer.stop_strings if wrapped else ())),
            max_new_tokens=min(new_tokens, limit - len(kept)),
            sampling=_sampling(request.task_name, given_settings, f"{self.seed}:{repeat}:{text}"),
            strip_thinking=strip,
            thinking_begun=strip and opens_thinking(text),
        )


def _turn(message: Mapping[str, str]) -> Turn:
    return Turn.model_validate({"role": message["role"], "content": message["content"]})


def _sampling(task: str | None, settings: Mapping[str, Any], identity: str) -> TokenSampling | None:
    """How to draw tokens; `None` for greedy."""
    drawing = drawing_of(task, settings)
    if drawing is None:
        return None
    return TokenSampling(
        temperature=drawing.temperature,
        top_k=drawing.top_k,
        top_p=drawing.top_p,
        seed=int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big") >> 1,
    )
