"""Texts as scores see them: words, word overlap, final numbers, exact matches, JSON, the answer behind its thinking.

Contract: pure functions of strings, torch-free. An eval and a choice between samples (best of K) judge an answer by the
functions of this module, so that both follow one rule.
"""

import json
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NoReturn

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_INVISIBLE = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
"""Unicode's categories of characters that show nothing."""
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"-?[0-9][0-9,]*(?:\.[0-9]+)?|-?\.[0-9]+")
_MARK = "####"
THINK_OPEN = r"(?:<\|?[\w:]*think(?:ing)?\|?>|\[THINK\]|<\|channel>thought)"
THINK_CLOSE = r"(?:</[\w:]*think(?:ing)?>|\[/THINK\]|<channel\|>)"
"""Tags around thinking in public chat templates: `<think>`, `<thinking>`, `<seed:think>`, `[THINK]` and their like."""
NAMES_OF_THOUGHT = "thoughts?|reasoning|reflection|scratchpad|analysis"
"""Further names of tags around thinking in published data."""
_UNFINISHED = re.compile(
    rf"\s*(?:{THINK_OPEN}(?!.*{THINK_CLOSE})|<(?P<name>{NAMES_OF_THOUGHT})>(?!.*</(?P=name)>)|"
    r"<\|begin_of_thought\|>(?!.*<\|end_of_thought\|>))",
    re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(f"{THINK_OPEN}|{THINK_CLOSE}", re.IGNORECASE)
_CLOSE = re.compile(THINK_CLOSE, re.IGNORECASE)
_OPENED = re.compile(rf"{THINK_OPEN}\s*\Z", re.IGNORECASE)
_BLOCK = re.compile(rf"{THINK_OPEN}(.*?)(?:{THINK_CLOSE}|(?P<open>\Z))", re.DOTALL | re.IGNORECASE)


def slice_values(record: object, column: str) -> tuple[str, ...]:
    """Values of a record's column as text: several of a list, each once; none where the record lacks it."""
    value = record.get(column) if isinstance(record, Mapping) else None
    if value is None:
        return ()
    return tuple(dict.fromkeys(str(item) for item in (value if isinstance(value, list | tuple) else [value])))


def is_blank(text: str) -> bool:
    """Whether a text shows nothing: white space, zero-width characters, byte order marks, control characters."""
    return not text[:1].isalnum() and all(unicodedata.category(character) in _INVISIBLE for character in text)


def words(text: str) -> list[str]:
    """Runs of letters and digits of any script, in lower case; in English the words that ROUGE counts."""
    return _WORD.findall(text.lower())


def squad_form(text: str) -> str:
    """SQuAD's normal form (Rajpurkar et al. 2016): lower case, no punctuation, no articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def bag_f1(answer: Sequence[str], reference: Sequence[str]) -> float:
    """Harmonic mean of precision and recall over two bags of words; two empty bags are equal."""
    if not answer or not reference:
        return float(not answer and not reference)
    common = sum((Counter(answer) & Counter(reference)).values())
    return 2 * common / (len(answer) + len(reference))


def token_f1(answer: str, references: Iterable[str]) -> float | None:
    """F1 over words, the best of the references, from 0 to 1; `None` where no reference holds a word."""
    usable = [bag for reference in references if (bag := words(reference))]
    return max(bag_f1(words(answer), bag) for bag in usable) if usable else None


def rouge_l(answer: str, references: Iterable[str]) -> float | None:
    """ROUGE-L (Lin 2004) with equal weights: the best of the references, `None` where none holds a word."""
    usable = [sequence for reference in references if (sequence := words(reference))]
    return max(subsequence_f1(words(answer), sequence) for sequence in usable) if usable else None


def subsequence_f1(left: Sequence[str], right: Sequence[str]) -> float:
    """F1 of the longest common subsequence, from 0 to 1; 0 where either is empty."""
    if not left or not right:
        return 0.0
    return 2 * common_subsequence(left, right) / (len(left) + len(right))


def common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence, with bit vectors (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for position, word in enumerate(left):
        places[word] = places.get(word, 0) | 1 << position
    everything = (1 << len(left)) - 1
    unmatched = everything
    for word in right:
        matched = unmatched & places.get(word, 0)
        unmatched = (unmatched + matched | unmatched - matched) & everything
    return len(left) - unmatched.bit_count()


def final_number(text: str) -> Decimal | None:
    """The first number after the last `####` (GSM8K's mark), else the last number; `None` where there is none.

    Commas between digits are separators of thousands; other signs, such as a currency's, do not matter.
    """
    marked = text.rpartition(_MARK)[2] if _MARK in text else None
    numbers = _NUMBER.findall(text if marked is None else marked)
    if not numbers:
        return None
    try:
        return Decimal(numbers[-1 if marked is None else 0].replace(",", ""))
    except InvalidOperation:
        return None


def numeric_match(answer: str, references: Iterable[str]) -> float | None:
    """Whether the answer's final number is a reference's, 0 or 1; `None` where no reference holds a number."""
    wanted = {number for reference in references if (number := final_number(reference)) is not None}
    return float(final_number(answer) in wanted) if wanted else None


def exact_match(answer: str, references: Iterable[str]) -> float:
    """Whether the answer is a reference, letter by letter but for white space around it, 0 or 1."""
    return float(answer.strip() in {reference.strip() for reference in references})


def is_json(text: str, keys: Collection[str] = ()) -> bool:
    """Whether a text is one JSON value and nothing else; with `keys`, an object that has them all."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return False
    return not keys or (isinstance(value, dict) and value.keys() >= set(keys))


def _refuse_constant(name: str) -> NoReturn:
    """Python's reader accepts NaN and Infinity, which are not JSON."""
    raise ValueError(f"{name} is not JSON")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitAnswer:
    """An answer without its thinking."""

    answer: str
    """The text outside of all blocks of thinking, without white space before it where there is one; empty where the
    first block never ends."""
    thinking: str | None
    """The text of the blocks, without tags; `None` without any."""
    finished: bool
    """Whether every block ends."""


def split_thinking(text: str, *, begun: bool = False) -> SplitAnswer:
    """Parts thinking from answer. `begun`: the prompt opened a block, so that the text begins inside it."""
    parts: list[str] = []
    first, close = _TAG.search(text), _CLOSE.search(text)
    if begun and close is None:
        return SplitAnswer(answer="", thinking=text.strip(), finished=False)
    if close is not None and first is not None and (begun or first.start() == close.start()):
        parts.append(_TAG.sub("", text[: close.start()]))  # the block's opening tag is not in the text
        text = text[close.end() :]
    blocks = list(_BLOCK.finditer(text))
    parts += [block[1] for block in blocks]
    answer = _BLOCK.sub("", text)
    return SplitAnswer(
        answer=answer.lstrip() if parts else answer,
        thinking="\n".join(part.strip() for part in parts) if parts else None,
        finished=not any(block["open"] is not None for block in blocks),
    )


def ends_inside_thinking(text: str, *, begun: bool) -> bool:
    """Whether a text ends inside a block of thinking; `begun`: whether it begins inside one."""
    tags = _TAG.findall(text)
    return _CLOSE.fullmatch(tags[-1]) is None if tags else begun


def opens_thinking(prompt: str) -> bool:
    """Whether a prompt ends in an open block of thinking."""
    return _OPENED.search(prompt) is not None


def opens_with_thinking(text: str) -> bool:
    """Whether a text begins with a block of thinking, which may never end."""
    return _BLOCK.match(text.lstrip()) is not None


def never_answers(text: str) -> bool:
    """Whether a text begins with a block of thinking that never ends, as an answer cut off at a limit does."""
    return _UNFINISHED.match(text) is not None


def mentions_thinking(template: str) -> bool:
    """Whether a chat template has tags around thinking."""
    return _TAG.search(template) is not None


def is_thinking_tag(text: str) -> bool:
    """Whether a text is one tag around thinking and nothing else."""
    return _TAG.fullmatch(text) is not None


def without_thoughts(text: str) -> str:
    """The answer proper of a model that thinks aloud between tags, without white space around it."""
    return split_thinking(text).answer.strip()
