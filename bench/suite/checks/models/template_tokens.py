"""Tokens that a prompt template or the tokenizer writes and the model has no embedding for.

Contract: found from the tokenizer's and the model's JSON files and by rendering a short conversation, without a heavy
library. A tokenizer that got new tokens (`<|im_start|>`) beside a model whose embedding was not resized fails at the
first batch, on a GPU without a word why.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import Problem
from bench.suite.catalog.template import Template, TemplateRefusedError

_SYSTEM = {"role": "system", "content": "System."}
_TURNS = [
    {"role": "user", "content": "Question?"},
    {"role": "assistant", "content": "Answer."},
    {"role": "user", "content": "Question?"},
]
_HINT = (
    "or add the rows: load model and tokenizer of the folder, "
    "model.resize_token_embeddings(len(tokenizer)), model.save_pretrained(folder)"
)


def token_problems(folder: Path, template: str | None, where: str) -> Iterator[Problem]:
    """The problems of a model in `folder` whose tokens go beyond its embedding, if they do.

    `template`: text of the prompt template; `None`: the tokenizer's own. `where`: key of the model's template.
    """
    rows = embedding_rows(folder)
    settings = {**_read(folder / "special_tokens_map.json"), **_read(folder / "tokenizer_config.json")}
    if rows is None:
        return
    beyond = list(dict.fromkeys(name for name, number in _added_tokens(folder) if number >= rows))
    if not beyond:
        return
    texts = _own_templates(folder, settings) if template is None else [template]
    sources = [*texts, *_rendered(texts, settings)]
    around = _around_texts(folder, settings)
    written = [name for name in beyond if name in around or any(name in text for text in sources)]
    if written:
        hint = f'use another template (template = "dialogue"), {_HINT}'
        yield _problem(f"the template writes {', '.join(written)}", len(written), rows, where, hint)
    pad = _content(settings.get("pad_token"))
    if pad in beyond and pad not in written:
        hint = f"name a token that has a row as pad_token in tokenizer_config.json, {_HINT}"
        yield _problem(f"the tokenizer pads batches with {pad}", 1, rows, where, hint)


def embedding_rows(folder: Path) -> int | None:
    """Tokens that the model in `folder` can embed, by its configuration; `None` where it does not say."""
    config = _read(folder / "config.json")
    text_config = config.get("text_config")
    rows = config.get("vocab_size", text_config.get("vocab_size") if isinstance(text_config, dict) else None)
    return rows if isinstance(rows, int) else None


def _problem(what: str, count: int, rows: int, where: str, hint: str) -> Problem:
    lacking = f"the model's embedding has no row for {'it' if count == 1 else 'them'} ({rows:,} rows)"
    return Problem(reference="template.no-embedding", what=f"{what}, and {lacking}", where=where, hint=hint)


def _rendered(texts: Sequence[str], settings: Mapping[str, Any]) -> Iterator[str]:
    """A short conversation by each template, with a system prompt and without one: names that a template puts together
    (`'<|' + message.role + '|>'`) or takes from outside (`bos_token`) are found in it alone."""
    tokens = {key: text for key in settings if key.endswith("_token") and (text := _content(settings[key])) is not None}
    for text in texts:
        for turns in ([_SYSTEM, *_TURNS], _TURNS):
            try:
                yield Template(name="", text=text).render(turns, add_generation_prompt=True, tokens=tokens)
            except TemplateRefusedError:
                continue


def _around_texts(folder: Path, settings: Mapping[str, Any]) -> set[str | None]:
    """Tokens that end every answer, or that the tokenizer itself puts around every text."""
    processor = json.dumps(_read(folder / "tokenizer.json").get("post_processor"), ensure_ascii=False)
    begin = _content(settings.get("bos_token"))
    names = {name for name, _ in _added_tokens(folder) if json.dumps(name, ensure_ascii=False) in processor}
    return {*names, _content(settings.get("eos_token")), begin if settings.get("add_bos_token") is True else None}


def _added_tokens(folder: Path) -> Iterator[tuple[str, int]]:
    """Content and number of each token that was added to the tokenizer."""
    tokens = _read(folder / "tokenizer.json").get("added_tokens")
    for token in tokens if isinstance(tokens, list) else ():
        if isinstance(token, dict) and isinstance(token.get("id"), int) and token.get("content"):
            yield str(token["content"]), token["id"]
    yield from (
        (name, number) for name, number in _read(folder / "added_tokens.json").items() if isinstance(number, int)
    )


def _own_templates(folder: Path, settings: Mapping[str, Any]) -> list[str]:
    """The tokenizer's chat templates: a file of its own, or one text or several in its configuration."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return [file.read_text(encoding="utf-8", errors="replace")]
    given = settings.get("chat_template")
    items = given if isinstance(given, list) else [given]
    texts = [item.get("template") if isinstance(item, dict) else item for item in items]
    return [text for text in texts if isinstance(text, str)]


def _content(token: object) -> str | None:
    """A special token's text, written as text or as a table."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}  # `model_folder_problems` refuses what must be there
    return value if isinstance(value, dict) else {}
