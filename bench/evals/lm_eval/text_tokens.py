"""Token ids of lm-eval's texts: prompts in the template, plain contexts, and answers behind either.

Contract: lm-eval's conventions where a task's text is given as it is (`TemplateLM._encode_pair`: spaces at the
context's end go to the continuation). Where a prompt was wrapped in the template, its token ids are the renderer's, the
very ones that training meets, and answers are tokenised as training answers are. The beginning-of-sequence token comes
once: unlike lm-eval's own model class, a rolled text does not score it.
"""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from bench.data.render.render import Renderer
from bench.data.render.row import Turn
from bench.evals.subject.subject import Subject


class TextTokens:
    """Texts of one eval's requests to token ids, each found once."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, renderer: Renderer, ends: Sequence[int]) -> None:
        """ends: the subject's end-of-sequence tokens."""
        self._tokenizer, self._renderer, self._ends = tokenizer, renderer, ends
        self._wrapped: dict[str, _Wrapped] = {}
        self._prompts: dict[str, list[int]] = {}
        self._pairs: dict[tuple[str, str], tuple[list[int], list[int]]] = {}
        self._first = _first_ids(tokenizer)

    def wrap(self, turns: Sequence[Turn], begun: str) -> str:
        """The renderer's prompt as text, and how the answer begins already (lm-eval's `gen_prefix`); its token ids are
        remembered for when the text comes back."""
        renderer = self._renderer
        text = renderer.prompt_text(turns) + begun
        self._wrapped[text] = _Wrapped(renderer, renderer.prompt(turns), begun)
        return text

    def is_wrapped(self, text: str) -> bool:
        """Whether the text is a prompt in the template."""
        return text in self._wrapped

    def plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids without special tokens."""
        return list(self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]) if texts else []

    def start(self) -> list[int]:
        """Token ids before a text without a context: its first token must be predicted from something."""
        bos = self._tokenizer.bos_token_id
        return [self._ends[0] if bos is None else bos]

    def prompts(self, contexts: Sequence[str]) -> list[list[int]]:
        """Ids of contexts: the renderer's for wrapped ones, else the text's with the tokenizer's first token once."""
        new = [text for text in dict.fromkeys(contexts) if text not in self._prompts]
        self._prompts |= zip(new, self._new_prompts(new), strict=True)
        return [self._prompts[text] for text in contexts]

    def _new_prompts(self, contexts: Sequence[str]) -> list[list[int]]:
        raw = [text for text in contexts if text and text not in self._wrapped]
        first = self._tokenizer.decode(self._first) if self._first else None
        ids = {
            text: plain if first and text.startswith(first) else [*self._first, *plain]
            for text, plain in zip(raw, self.plain(raw), strict=True)
        }
        return [
            self._wrapped[text].ids if text in self._wrapped else ids.get(text) or self.start() for text in contexts
        ]

    def pairs(self, arguments: Sequence[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
        """Context and continuation ids of each request."""
        new = [pair for pair in dict.fromkeys(arguments) if pair not in self._pairs]
        self._pairs |= zip(new, self._new_pairs(new), strict=True)
        return [self._pairs[pair] for pair in arguments]

    def _new_pairs(self, arguments: Sequence[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
        moved = [pair if pair[0] in self._wrapped else _move_spaces(*pair) for pair in arguments]
        contexts = self.prompts([context for context, _ in moved])
        joined = [context + continuation for context, continuation in moved if context not in self._wrapped]
        wholes = dict(zip(joined, self._new_prompts(joined), strict=True))
        alone = [continuation for context, continuation in moved if not context]
        starts = dict(zip(alone, self.plain(alone), strict=True))
        pairs = []
        for (context, continuation), ids in zip(moved, contexts, strict=True):
            if context in self._wrapped:
                answer = self._wrapped[context].answer(continuation)
            else:
                answer = wholes[context + continuation][len(ids) :] if context else starts[continuation]
            pairs.append((ids, list(answer)))
        return pairs


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


def _move_spaces(context: str, continuation: str) -> tuple[str, str]:
    """Spaces at the context's end belong to the continuation's first word."""
    bare = context.rstrip()
    return bare, context[len(bare) :] + continuation


def _first_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Token ids that the tokenizer puts before every text: the beginning-of-sequence token, or none."""
    bos = tokenizer.bos_token_id
    return [bos] if bos is not None and tokenizer.encode("x")[:1] == [bos] else []


def end_ids(subject: Subject) -> list[int]:
    """End-of-sequence tokens of the tokenizer and of the model's own generation settings."""
    settings = getattr(subject.model, "generation_config", None)
    configured = getattr(settings, "eos_token_id", None)
    ids = [subject.tokenizer.eos_token_id, *(configured if isinstance(configured, list) else [configured])]
    return list(dict.fromkeys(id_ for id_ in ids if id_ is not None))
