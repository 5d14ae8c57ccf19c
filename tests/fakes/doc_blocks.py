"""Code blocks of a Markdown page, and a folder in which what they name is there."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.fakes.records import make_run

ROOT = Path(__file__).resolve().parents[2]
_REASON = re.compile(r"<!-- not run: (.+?) -->", re.DOTALL)
_FILE = re.compile(r"`([\w/]+\.\w+)`.*:$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str
    file: str | None
    """File that the page says it is: the paragraph before begins with its name and ends with a colon."""
    not_run: str | None
    """Reason that the page's source states in a comment before the block."""

    @property
    def place(self) -> str:
        """`docs/ci.md:14`."""
        return f"{self.page}:{self.line}"


def blocks_of(page: str) -> Iterator[Block]:
    """Every code block of a page, in order. An indented one has no language."""
    before = ""
    for token in MarkdownIt().parse((ROOT / page).read_text(encoding="utf-8")):
        if token.type in ("fence", "code_block"):
            reason, file = _REASON.search(before), _FILE.match(before)
            yield Block(
                page=page,
                line=(token.map or [0])[0] + 1,
                language=token.info,
                text=token.content,
                file=file[1] if file else None,
                not_run=" ".join(reason[1].split()) if reason else None,
            )
        before = token.content or before


def inline_code(page: str) -> Iterator[str]:
    """Every code span of a page's text."""
    for token in MarkdownIt().enable("table").parse((ROOT / page).read_text(encoding="utf-8")):
        yield from (child.content for child in token.children or () if child.type == "code_inline")


SUITE = """
name = "base"
question = "Which?"
seeds = [0]
[model]
repo = "OWNER/BASE"
[data]
lima_1k.source = "micro:curated"
alpaca_52k.source = "micro:mixed"
mine.source = "micro:curated"
[recipe]
full = { method = "full", learning_rate = 1e-4 }
lora = { method = "lora", learning_rate = 1e-4 }
[budget]
unit = "tokens"
amount = 1000
[arms]
data = ["lima_1k", "alpaca_52k", "mine"]
recipe = ["full", "lora"]
[arms.given]
a.adapter = "runs/a"
[[claim]]
says = "given/a > base"
on = "qa"
"""
"""What a block of some tables of a suite is laid over."""
EVALS = {
    name: f'[[eval]]\nname = "{name}"\n{keys}\n'
    for name, keys in {
        "questions": 'kind = "generation"\ndata = { source = "questions.jsonl" }\nmetrics = ["exact_match"]',
        "instructions": 'kind = "lm_eval"\ntasks = ["ifeval"]',
        "qa": 'kind = "lm_eval"\ntasks = ["hellaswag"]\nlimit = 100',
        "knowledge": 'kind = "lm_eval"\ntasks = ["hellaswag", "arc_easy"]',
        "heldout": 'kind = "loss"\ndata = { source = "micro:heldout" }',
    }.items()
}
"""Evals that such blocks name, but for those that the block has itself."""


def furnish(folder: Path) -> None:
    """Files that pages name: rows, a base, adapters, suites, a finished run of the flagship's shape, a kept one."""
    rows = [
        {"instruction": f"What is {n} plus {n}?", "input": "", "output": str(2 * n), "quality": 4.5 + n % 2}
        for n in range(2000)
    ]
    model = folder / "path" / "to" / "model"
    shutil.copytree(ROOT / "models" / "micro", model)
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    (model / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 4096}))
    for name in ("rows", "more", "curated", "mixed", "questions", "prompts", "mt_bench", "scored"):
        lines = "".join(json.dumps(row) + "\n" for row in (rows if name in ("mixed", "scored") else rows[:40]))
        for place in (folder, model.parent):
            (place / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    (folder / "programs.jsonl").write_text('{"text": "Add.", "tests": ["assert add(1, 2) == 3"]}\n', encoding="utf-8")
    (folder / "capitals.csv").write_text("question,A,B,C,D,right\nOf France?,Paris,Rome,Oslo,Bern,A\n")
    (folder / "train.py").write_text("")
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").write_text("")
    for name in ("a", "b", *(f"seed{n}/checkpoint-{step}" for n in range(3) for step in (8, 16))):
        _adapter(folder / "runs" / name)
    shutil.copytree(ROOT / "suites", folder / "suites")
    for block in blocks_of("docs/suites.md"):
        for file in () if block.file is None else (folder / block.file, folder / "suites" / block.file):
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    shutil.copy(folder / "mine.toml", folder / "suite.toml")
    (folder / "base.toml").write_text(SUITE + "".join(EVALS.values()), encoding="utf-8")
    run = make_run(folder / "reports" / "lima_vs_alpaca" / "micro-0123abcd", seeds=(0,), examples=12).write()
    for copy in (folder / "reports" / "mine" / "suite-0123abcd", folder / "kept" / "run"):
        shutil.copytree(run, copy)


def _adapter(folder: Path) -> None:
    """What a suite's check looks at: PEFT's configuration, and a whole safetensors file."""
    folder.mkdir(parents=True)
    config = {"peft_type": "LORA", "base_model_name_or_path": str(ROOT / "models" / "micro")}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (folder / "adapter_model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
