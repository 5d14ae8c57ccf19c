"""`metrics = ["tool_call"]`: an answer calls the tools that its row gives as the reference.

Contract: a call is a name with arguments, as JSON in any of the usual forms: `{"name", "arguments"}`, with `parameters`
in place of `arguments`, inside `function`, arguments as JSON text; one or a list, between `<tool_call>` tags, in
fences or bare. The order of calls and of keys does not matter.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from bench.evals.generated.reference_metrics import Scored
from bench.suite.catalog.metrics import REFERENCE

Calls = Counter[tuple[str, str]]
"""Name and arguments as JSON with sorted keys, each with its number."""
_TAGS = re.compile(r"</?tool_calls?>|```(?:json)?|\[/?TOOL_CALLS\]|<\|python_tag\|>", re.IGNORECASE)


def score_tool_calls(answers: Sequence[str | None], references: Sequence[str | None]) -> list[Scored]:
    """Whether all calls are equal, and whether their names are; `None` without an answer or a call to compare with."""
    exact, named = list[float | None](), list[float | None]()
    for answer, reference in zip(answers, references, strict=True):
        wanted = calls_of(reference or "")
        if answer is None or not wanted:
            exact.append(None)
            named.append(None)
            continue
        seen = calls_of(answer)
        exact.append(float(seen == wanted))
        named.append(float(_names(seen) == _names(wanted)))
    of_calls, of_names = REFERENCE["tool_call"]
    return [Scored(scale=of_calls, scores=tuple(exact)), Scored(scale=of_names, scores=tuple(named))]


def calls_of(text: str) -> Calls:
    """All calls in a text."""
    return Counter(call for value in _values(_TAGS.sub(" ", text)) for call in _calls(value))


def _names(calls: Calls) -> Counter[str]:
    return Counter(name for (name, _), count in calls.items() for _ in range(count))


def _values(text: str) -> Iterator[Any]:
    """JSON objects and lists in a text, whatever is written between them."""
    decoder, at = json.JSONDecoder(), 0
    while (found := re.compile(r"[{\[]").search(text, at)) is not None:
        try:
            value, at = decoder.raw_decode(text, found.start())
            yield value
        except (ValueError, RecursionError):
            at = found.start() + 1


def _calls(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for entry in value:
            yield from _calls(entry)
        return
    if not isinstance(value, dict):
        return
    if isinstance(value.get("tool_calls"), list):
        yield from _calls(value["tool_calls"])
        return
    call = value["function"] if isinstance(value.get("function"), dict) else value
    name, arguments = call.get("name"), call.get("arguments", call.get("parameters", {}))
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return
    if isinstance(name, str) and isinstance(arguments, dict):
        yield name, json.dumps(arguments, sort_keys=True)
