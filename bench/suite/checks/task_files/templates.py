"""Templates of a task file: their syntax, the fields that they need, and what they print of each row.

Contract: templates run in a sandbox, with lm-eval's settings. A column without a value would be printed as `None`, and
an answer that is none of the options would count as wrong: both are faults of the row.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from bench.errors import did_you_mean
from bench.suite.catalog.tasks import FunctionName
from bench.suite.catalog.template import with_flat_globals
from bench.suite.checks.task_files.data_files import PlacedRow
from bench.suite.checks.task_files.fault import Fault
from bench.units import plural

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import SandboxedEnvironment

TEMPLATES = (
    "doc_to_text",
    "doc_to_choice",
    "doc_to_target",
    "gen_prefix",
    "description",
    "doc_to_decontamination_query",
)
_FILL = "fill it in, remove the row, or let the template test for it"


def syntax_faults(config: Mapping[str, Any]) -> Iterator[Fault]:
    """Templates that cannot be compiled: broken syntax, filters that lm-eval does not have."""
    from jinja2 import TemplateSyntaxError

    few_shot = config.get("fewshot_config")
    of_examples = _texts(few_shot) if isinstance(few_shot, dict) else ()
    for key, text in (*_texts(config), *((f"fewshot_config.{key}", text) for key, text in of_examples)):
        try:
            _compiled(text)
        except TemplateSyntaxError as error:  # an unknown filter is one of these
            what = f"{key} is no template: {error.message}" + (f" (line {error.lineno})" if "\n" in text else "")
            yield Fault(what=what, hint="fix the template: Jinja, as lm-eval reads it", about="template")


def field_faults(config: Mapping[str, Any], fields: frozenset[str]) -> Iterator[Fault]:
    """Fields that a template needs and no row has."""
    for key, text in _texts(config):
        needed = {text} if key == "doc_to_choice" and text.isidentifier() else _names(text)
        for name in sorted(needed - fields) if text not in fields else ():
            what = f"{key} names the field {name!r}, which no row has"
            yield Fault(what=what, hint=did_you_mean(name, fields), about="field")


def row_faults(config: Mapping[str, Any], rows: Iterable[PlacedRow], fields: frozenset[str]) -> Iterator[Fault]:
    """What the templates cannot print of a row, each once with the number of rows that it concerns.

    `fields`: all columns of the rows; a row without one has no value there.
    """
    first: dict[Fault, str] = {}
    more: dict[Fault, int] = {}
    for place, row in rows:
        values = {name: row.get(name) for name in fields}
        for fault in dict.fromkeys(_faults_of_row(config, values)):
            if fault in first:
                more[fault] = more.get(fault, 0) + 1
            else:
                first[fault] = place
    for fault, place in first.items():
        others = f", as of {plural(more[fault], 'more row')}" if fault in more else ""
        yield Fault(what=f"{fault.what}: {place}{others}", hint=fault.hint, about=fault.about)


def _faults_of_row(config: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Fault]:
    printed: dict[str, Any] = {}
    for key, text in _texts(config):
        if text in values:
            printed[key] = values[text]
            if values[text] is None:
                yield Fault(what=f"{key} prints {text!r}, which has no value", hint=_FILL, about="field")
            continue
        try:
            printed[key] = _read_back(key, _compiled(text).render(**values), config)
        except _NoValueError:
            absent = sorted(name for name in _names(text) if values.get(name) is None)
            named = " or ".join(map(repr, absent)) or "what it computes"
            yield Fault(what=f"{key} prints {named}, which has no value", hint=_FILL, about="field")
        except Exception as error:  # whatever an expression raises on such a value
            message = next(iter(str(error).splitlines()), type(error).__name__)
            yield Fault(what=f"{key} cannot be printed ({message})", hint="fix the template or the row", about="field")
    if config.get("doc_to_choice") is not None:
        given = {key: printed.get(key) if isinstance(value, str) else value for key, value in config.items()}
        yield from _choice_faults(given)


def _read_back(key: str, text: str, config: Mapping[str, Any]) -> Any:
    """What lm-eval takes a printed text for: a list of options or of targets, the number of an option, or the text."""
    if key == "doc_to_choice" or (key == "doc_to_target" and text[:1] == "[" and text[-1:] == "]"):
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text
    numbered = config.get("doc_to_choice") is not None and key in ("doc_to_text", "doc_to_target") and text.isdigit()
    return int(text) if numbered else text


def _choice_faults(given: Mapping[str, Any]) -> Iterator[Fault]:
    """Options that are no list of texts, and a right one that is none of them; what could not be printed is `None`."""
    options = given["doc_to_choice"]
    if options is None or callable(options):
        return
    options = list(options.values()) if isinstance(options, dict) else options
    if not isinstance(options, list) or not options or not all(isinstance(o, str) for o in options):
        hint = "name a column that holds a list of texts, or write a template that prints one: {{[first, second]}}"
        yield Fault(what="doc_to_choice gives no list of texts", hint=hint, about="field")
        return
    key = "doc_to_text" if isinstance(given.get("doc_to_text"), int) else "doc_to_target"
    right = given.get(key)
    if right is None or callable(right):
        return
    if not all(_is_option(one, options) for one in (right if isinstance(right, list) else [right])):
        hint = f"a number from 0 to {len(options) - 1}, or an option's text"
        yield Fault(what=f"{key} gives {str(right)[:40]!r}, which is none of the options", hint=hint, about="field")


def _is_option(right: object, options: list[str]) -> bool:
    return 0 <= right < len(options) if isinstance(right, int | float) else right in options


def _texts(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Templates, and names of columns."""
    for key in TEMPLATES:
        text = config.get(key)
        if isinstance(text, str) and not isinstance(text, FunctionName):
            yield key, text


class _NoValueError(Exception):
    """A template prints a column without a value."""


def _printable(value: Any) -> Any:
    if value is None:
        raise _NoValueError
    return value


@cache
def _environment() -> SandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, finalize=_printable)
    environment.filters["regex_replace"] = _regex_replace  # lm-eval's own filter, its only one
    return environment


def _regex_replace(string: str, pattern: str, repl: str, count: int = 0) -> str:
    return re.sub(pattern, repl, string, count=count)


@cache
def _compiled(text: str) -> Template:
    return with_flat_globals(_environment().from_string(text))


@cache
def _names(template: str) -> frozenset[str]:
    """Fields that a template needs: names that it neither sets nor tests for, and that Jinja does not have itself."""
    from jinja2 import TemplateSyntaxError, meta
    from jinja2.defaults import DEFAULT_NAMESPACE

    if " is defined" in template or "default(" in template:
        return frozenset()
    try:
        return frozenset(meta.find_undeclared_variables(_environment().parse(template)) - DEFAULT_NAMESPACE.keys())
    except TemplateSyntaxError:
        return frozenset()  # has its own fault
