"""Prompt templates: Jinja chat templates over `messages`, shipped by name or from a file.

Contract: a template sees `messages` (each with `role`, `content` and perhaps `input`, `tool_calls` and reasoning),
`tools`, `add_generation_prompt`, `bos_token` and `eos_token`, as chat templates on the hub do, in a sandbox without a
clock: what it renders depends on its arguments alone. A template that never mentions `input` gets it joined to the
content by a line break.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.digest import digest_json
from bench.errors import InputError, Problem, did_you_mean
from bench.suite.reading.paths import beside

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2 import Template as JinjaTemplate

TOKENIZER = "tokenizer"
"""The name that stands for the tokenizer's own chat template."""

_FOLDER = Path(__file__).parent / "templates"
_READS_INPUT = re.compile(r"""\.input\b|\[\s*['"]input['"]\s*\]|get\(\s*['"]input['"]""")
_SWITCHES = ("enable_thinking", "thinking")
"""Variables that switch a template's thinking on, the usual one first."""
_FIXED_DATE = datetime(2024, 7, 26)
"""For templates that print today's date: Llama 3's own default, so that equal inputs render to equal text."""

_OF_EACH_DICTIONARY = frozenset(dir(dict))
"""Attributes that a template gets in place of fields of these names."""

MessageFields = Mapping[str, Any]
Tools = Sequence[Mapping[str, Any]]


class TemplateRefusedError(Exception):
    """A template would not render a conversation; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A named template."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the text."""
        return digest_json(self.text)

    def render(
        self,
        messages: Sequence[MessageFields],
        *,
        add_generation_prompt: bool,
        tokens: Mapping[str, str | bool],
        tools: Tools = (),
    ) -> str:
        """The conversation as text; `tokens`: `bos_token`, `eos_token` and the like, and the switch `enable_thinking`;
        `tools`: the functions that may be called, as JSON Schema.

        Raises `TemplateRefusedError`.
        """
        if not _reads_input(self.text):
            messages = [_joined(message) for message in messages]
        variables = {"bos_token": "", "eos_token": "", "enable_thinking": False, **tokens}
        try:
            return _compiled(self.text)(
                messages=[dict(message) for message in messages],
                add_generation_prompt=add_generation_prompt,
                tools=[dict(tool) for tool in tools] or None,
                documents=None,
                **variables,
            )
        except Exception as error:  # a template is a program: it may fail in any way
            raise TemplateRefusedError(str(error) or type(error).__name__) from error

    def variables(self) -> frozenset[str]:
        """Names that the text takes from outside; none where it is no template."""
        return _variables(self.text)

    def thinking_switch(self) -> str | None:
        """The variable that switches its thinking on; `None` without one."""
        variables = self.variables()
        return next((name for name in _SWITCHES if name in variables), None)


def no_thinking_switch(template: Template, where: str) -> Problem:
    """The problem of a template whose thinking cannot be switched on."""
    what = f"template {template.name!r} has no thinking switch (`{_SWITCHES[0]}`)"
    return Problem(reference="template.no-thinking", what=what, where=where, hint=f"leave {where} out")


def template_names() -> tuple[str, ...]:
    """All names that a suite may give: the shipped templates and `tokenizer`."""
    return (*sorted(path.stem for path in _FOLDER.glob("*.jinja")), TOKENIZER)


def load_template(name_or_path: str, base: Path | None = None) -> Template:
    """A shipped template by name, or a Jinja file (relative to `base`), checked by rendering a short dialogue.

    Raises `InputError` for an unknown name, a missing file, a syntax error or a template that leaves a turn out.
    `tokenizer` is not loaded here: its text is the tokenizer's.
    """
    if name_or_path in template_names() and name_or_path != TOKENIZER:
        return Template(name=name_or_path, text=(_FOLDER / f"{name_or_path}.jinja").read_text(encoding="utf-8"))
    path = beside(base or Path(), name_or_path, "model.template")
    if not path.is_file():
        raise InputError(_missing(name_or_path, path))
    try:
        template = Template(name=path.name, text=path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        what, hint = f"template file {name_or_path} cannot be read: {error}", "save it as UTF-8 text"
        problem = Problem(reference="template.unreadable", what=what, where="model.template", hint=hint)
        raise InputError(problem) from error
    _check(template, name_or_path)
    return template


def _missing(name: str, path: Path) -> Problem:
    if "/" in name or path.suffix in {".jinja", ".jinja2", ".j2"}:
        what, hint = f"no template file {name}", "paths are relative to the suite file"
        return Problem(reference="template.missing", what=what, where="model.template", hint=hint)
    hints = did_you_mean(name, template_names())
    return Problem(reference="template.unknown", what=f"no template {name!r}", where="model.template", hint=hints)


def _joined(message: MessageFields) -> MessageFields:
    if not message.get("input"):
        return message
    joined = f"{message['content']}\n{message['input']}"
    return {key: joined if key == "content" else value for key, value in message.items() if key != "input"}


def _check(template: Template, where: str) -> None:
    """Renders question and answer; both must show."""
    from jinja2 import TemplateSyntaxError

    turns = ({"role": "user", "content": "the-question"}, {"role": "assistant", "content": "the-answer"})
    hint = "a template loops over `messages` and prints each message.content; see bench/suite/catalog/templates"
    try:
        text = template.render(turns, add_generation_prompt=False, tokens={})
    except TemplateRefusedError as error:
        cause = error.__cause__
        line = f":{cause.lineno}" if isinstance(cause, TemplateSyntaxError) else ""
        raise InputError(
            Problem(reference="template.broken", what=f"the template fails: {error}", where=f"{where}{line}", hint=hint)
        ) from error
    missing = [turn["content"] for turn in turns if turn["content"] not in text]
    if missing:
        what = f"the template leaves out {' and '.join(text.replace('-', ' ') for text in missing)}"
        raise InputError(Problem(reference="template.drops-content", what=what, where=where, hint=hint))


@lru_cache(maxsize=32)
def _reads_input(text: str) -> bool:
    """Whether a template reads the input that a question may have beside its instruction."""
    return _READS_INPUT.search(text) is not None


@lru_cache(maxsize=32)
def _variables(text: str) -> frozenset[str]:
    from jinja2 import TemplateError, meta

    try:
        return frozenset(meta.find_undeclared_variables(_environment().parse(text)))
    except TemplateError:
        return frozenset()


@lru_cache(maxsize=32)
def _compiled(text: str) -> Callable[..., str]:
    return with_flat_globals(_environment().from_string(text)).render


def with_flat_globals(template: JinjaTemplate) -> JinjaTemplate:
    """`template` with its globals in one dictionary: each rendering copies them, and the chain that Jinja keeps them in
    is slow to copy."""
    template.globals = dict(template.globals)
    return template


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Jinja environment in which transformers renders chat templates, with a fixed date."""
    from jinja2 import TemplateError, nodes
    from jinja2.ext import Extension
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class GenerationTag(Extension):
        """`{% generation %}` marks assistant text for transformers; here its body is printed as it is."""

        tags = {"generation"}  # noqa: RUF012  # as the base class declares it

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    class ChatEnvironment(ImmutableSandboxedEnvironment):
        """Reads a message's field as such: the sandbox first lets a dictionary fail to have it as an attribute."""

        def getattr(self, obj: Any, attribute: str) -> Any:
            if type(obj) is dict and attribute in obj and attribute not in _OF_EACH_DICTIONARY:
                return obj[attribute]
            return super().getattr(obj, attribute)

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment = ChatEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = _FIXED_DATE.strftime
    return environment


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)
