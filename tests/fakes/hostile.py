"""Texts of an enemy, and what a refusal of the command line must look like."""

import re
import sys
from pathlib import Path

import pytest

from bench.cli.main import main

TEXTS = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "markdown": "# h\n[x](javascript:alert(1)) ![i](http://e.vil/p.png) | a | b |\n```\n",
    "rich": "[bold red]B[/] [link=http://e.vil]x[/link] [/nothing] [[",
    "colours": "\x1b[31mred\x1b[0m \x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07 \x1b]8;;http://e.vil\x1b\\click\x1b]8;;\x1b\\",
    "C1": "\x9b31m \x90q \x85",
    "NUL": "a\x00b",
    "bidi": "\u202egnp.exe\u202c \u2066x\u2069",
    "invisible": "a\u200b\ufeff\u2060b\U000e0041",
    "returns": "right\rwrong\b\b\b\x0b\x0c",
    "path": "/etc/passwd",
    "traversal": "../../../../etc/passwd",
    "url": "file:///etc/passwd",
    "jinja": "{{ 7 * 7 }}{% include '/etc/passwd' %}{{ ''.__class__.__mro__ }}",
    "format": "%s %n {0.__class__} ${HOME} $(touch owned) `touch owned`",
    "special tokens": "<s></s><|im_end|><|endoftext|>[INST]<<SYS>>",
    "YAML": "!!python/object/apply:os.system ['touch owned']",
    "JSON": '{"a": ' + "[" * 5000,
    "numbers": "NaN Infinity -0 1e999 " + "9" * 5000,
    "long": "x" * (10 << 20),
    "combining": "Z" + "\u0301" * 5000,
    "separators": "a\u2028b\u2029c\x1cd\x1e",
}
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


def refused(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *command: str) -> str:
    """`bench COMMAND` in `folder` ends with code 2 and clean words, having run nothing; the words."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BENCH_HOME", str(folder / "home"))
    monkeypatch.setattr(sys, "argv", ["bench", *command])
    with pytest.raises(SystemExit) as caught:
        main()
    said = capsys.readouterr()
    assert caught.value.code == 2, said
    assert said.err.startswith("error[")
    assert "error[internal]" not in said.err
    assert "Traceback" not in said.err
    assert not FORBIDDEN.search(said.err + said.out)
    assert all(re.match(r"error\[|  where: |  hint: ", line) for line in said.err.splitlines()), said.err
    assert len(said.err) < 100_000
    assert not (folder / "owned").exists()
    return said.err
