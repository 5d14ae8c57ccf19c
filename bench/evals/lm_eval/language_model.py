"""lm-eval's view of a subject: text in, scores and text out, through this program's own scoring and generation.

Contract: lm-eval's conventions where a task's text is given as it is (`TemplateLM._encode_pair`: spaces at the
context's end go to the continuation; what is too long loses its beginning). Where a prompt was wrapped in the template,
its token ids are the renderer's, the very ones that training meets, and answers are tokenised as training answers are.
The beginning-of-sequence token comes once: unlike lm-eval's own model class, a rolled text does not score it.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.models.utils import normalize_gen_kwargs
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from bench.data.render.render import Renderer
from bench.data.render.row import Turn
from bench.evals.inference.generation_request import GenerationRequest, TokenSampling
from bench.evals.inference.scoring import SCORE, ContinuationPair, Score, Scorer
from bench.evals.lm_eval.example_lm import DEFAULT_MAX_NEW_TOKENS, ExampleKey, ExampleLM, drawing_of, key_of, keys_of
from bench.evals.outcome import NOT_FINITE, ExampleProgress
from bench.evals.subject import Subject, strips_thinking
from bench.record.results.evaluation import Generated
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
        self._wrapped: dict[str, _Wrapped] = {}
        self._first = _first_ids(subject)

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
        sharing = ""
        if self.scorer is not None:
            sharing = ", choices behind one context" if self.scorer.shared else ", each choice with its own context"
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
        renderer = self.subject.renderer
        begun = "" if add_generation_prompt else chat_history[-1]["content"]
        turns = [_turn(message) for message in (chat_history if add_generation_prompt else chat_history[:-1])]
        text = renderer.prompt_text(turns) + begun
        self._wrapped[text] = _Wrapped(renderer, renderer.prompt(turns), begun)
        return text

    def forget_prompts(self) -> None:
        """From here on, text that looks like an earlier wrapped prompt is plain text."""
        self._wrapped.clear()

    # Requests.

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """Log-probability of each continuation and whether greedy decoding gives it."""
        pairs = self._pairs([request.args for request in requests])
        scores = self._score(pairs, [key_of(request) for request in requests], len(keys_of(requests)))
        return [(score.logprob, score.greedy) for score in scores]

    def loglikelihood_rolling(self, requests: Sequence[Instance]) -> list[float]:
        """Log-probability of whole texts, in windows of the context length, each token once (lm-eval's windows)."""
        pairs: list[tuple[list[int], list[int]]] = []
        owners: list[int] = []
        texts = self._plain([request.args[0] for request in requests])
        for number, ids in enumerate(texts):
            windows = get_rolling_token_windows(
                token_list=ids, prefix_token=self._start()[0], max_seq_len=self.subject.context_length, context_len=1
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
        prompts = self._prompts([request.args[0] for request in requests])
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
            self.subject.renderer.clean(text) if request.args[0] in self._wrapped else text
            for request, text in zip(requests, texts, strict=True)
        ]

    # Text to token ids.

    def _plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids without special tokens."""
        return list(self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]) if texts else []

    def _start(self) -> list[int]:
        """Token ids before a text without a context: its first token must be predicted from something."""
        bos = self.tokenizer.bos_token_id
        return [_end_ids(self.subject)[0] if bos is None else bos]

    def _prompts(self, contexts: Sequence[str]) -> list[list[int]]:
        """Ids of contexts: the renderer's for wrapped ones, else the text's with the tokenizer's first token once."""
        raw = list(dict.fromkeys(text for text in contexts if text and text not in self._wrapped))
        first = self.tokenizer.decode(self._first) if self._first else None
        ids = {
            text: plain if first and text.startswith(first) else [*self._first, *plain]
            for text, plain in zip(raw, self._plain(raw), strict=True)
        }
        return [
            self._wrapped[text].ids if text in self._wrapped else ids.get(text) or self._start() for text in contexts
        ]

    def _pairs(self, arguments: Sequence[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
        """Context and continuation ids of each request."""
        moved = [pair if pair[0] in self._wrapped else _move_spaces(*pair) for pair in arguments]
        contexts = self._prompts([context for context, _ in moved])
        joined = [context + continuation for context, continuation in moved if context not in self._wrapped]
        wholes = dict(zip(joined, self._prompts(joined), strict=True))
        alone = [continuation for context, continuation in moved if not context]
        starts = dict(zip(alone, self._plain(alone), strict=True))
        pairs = []
        for (context, continuation), ids in zip(moved, contexts, strict=True):
            if context in self._wrapped:
                answer = self._wrapped[context].answer(continuation)
            else:
                answer = wholes[context + continuation][len(ids) :] if context else starts[continuation]
            pairs.append((ids, list(answer)))
        return pairs

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
        wrapped = text in self._wrapped
        strip = strips_thinking(self._strip_thinking, self.subject, wrapped=wrapped)
        renderer = self.subject.renderer
        self.strips_thinking |= strip
        return GenerationRequest(
            prompt=tuple(kept),
            stop_ids=frozenset(renderer.stop_ids if wrapped else _end_ids(self.subject)),
            until=(*until, *(renderer.stop_strings if wrapped else ())),
            max_new_tokens=min(new_tokens, limit - len(kept)),
            sampling=_sampling(request.task_name, given_settings, f"{self.seed}:{repeat}:{text}"),
            strip_thinking=strip,
            thinking_begun=strip and opens_thinking(text),
        )


class _Wrapped:
    """Ids of a prompt in the template, and of answers behind it."""

    def __init__(self, renderer: Renderer, prompt: list[int], begun: str) -> None:
        """`begun` is how the answer begins already (lm-eval's `gen_prefix`)."""
        self._renderer = renderer
        self._begun = begun
        self._opening = renderer.answer(begun.rstrip()) if begun.strip() else []
        self.ids = [*prompt, *self._opening]

    def answer(self, text: str) -> list[int]:
        """Token ids of the rest of an answer, as training tokenises the whole answer; none for an empty text."""
        return self._renderer.answer(self._begun + text)[len(self._opening) :] if text.strip() else []


def _turn(message: Mapping[str, str]) -> Turn:
    return Turn.model_validate({"role": message["role"], "content": message["content"]})


def _move_spaces(context: str, continuation: str) -> tuple[str, str]:
    """Spaces at the context's end belong to the continuation's first word."""
    bare = context.rstrip()
    return bare, context[len(bare) :] + continuation


def _first_ids(subject: Subject) -> list[int]:
    """Token ids that the tokenizer puts before every text: the beginning-of-sequence token, or none."""
    bos = subject.tokenizer.bos_token_id
    return [bos] if bos is not None and subject.tokenizer.encode("x")[:1] == [bos] else []


def _end_ids(subject: Subject) -> list[int]:
    """End-of-sequence tokens of the tokenizer and of the model's own generation settings."""
    settings = getattr(subject.model, "generation_config", None)
    configured = getattr(settings, "eos_token_id", None)
    ids = [subject.tokenizer.eos_token_id, *(configured if isinstance(configured, list) else [configured])]
    return list(dict.fromkeys(id_ for id_ in ids if id_ is not None))


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
