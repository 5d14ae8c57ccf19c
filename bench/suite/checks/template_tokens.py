"""Tokens that a prompt template writes and the model has no embedding for.

Contract: found from the tokenizer's and the model's JSON files, without a library. A tokenizer that got new tokens
(`<|im_start|>`) beside a model whose embedding was not resized fails at the first batch, on a GPU without a word why.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.errors import Problem


def token_problems(folder: Path, template: str | None, where: str) -> Iterator[Problem]:
    """The problem of a model in `folder` whose tokens go beyond its embedding, if they do.

    `template`: text of the prompt template; `None`: the tokenizer's own. `where`: key of the model's template.
    """
    config, settings = _read(folder / "config.json"), _read(folder / "tokenizer_config.json")
    text_config = config.get("text_config")
    rows = config.get("vocab_size", text_config.get("vocab_size") if isinstance(text_config, dict) else None)
    if not isinstance(rows, int):
        return
    text = _own_template(folder, settings) if template is None else template
    end = _content(settings.get("eos_token"))
    beyond = [name for name, number in _added_tokens(folder) if number >= rows and (name in text or name == end)]
    if beyond:
        yield Problem(
            reference="template.no-embedding",
            what=f"the template writes {', '.join(beyond)}, and the model's embedding has no row for "
            f"{'it' if len(beyond) == 1 else 'them'} ({rows:,} rows)",
            where=where,
            hint='use another template (template = "dialogue"), or add the rows: '
            "model.resize_token_embeddings(len(tokenizer)), model.save_pretrained(folder)",
        )


def _added_tokens(folder: Path) -> Iterator[tuple[str, int]]:
    """Content and number of each token that was added to the tokenizer."""
    tokens = _read(folder / "tokenizer.json").get("added_tokens")
    for token in tokens if isinstance(tokens, list) else ():
        if isinstance(token, dict) and isinstance(token.get("id"), int) and token.get("content"):
            yield str(token["content"]), token["id"]
    yield from (
        (name, number) for name, number in _read(folder / "added_tokens.json").items() if isinstance(number, int)
    )


def _own_template(folder: Path, settings: Mapping[str, Any]) -> str:
    """The tokenizer's chat template: a file of its own, or one text or several in its configuration."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8", errors="replace")
    return json.dumps(settings.get("chat_template") or "", ensure_ascii=False)


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
