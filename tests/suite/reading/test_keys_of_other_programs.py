"""Keys as other programs call them, explained."""

import re
from typing import Any

import pytest

from bench.suite.reading import foreign_keys
from bench.suite.reading.key_types import known_keys
from bench.suite.tables.suite import Suite
from tests.suite.reading.wrong_suites import problems, valid


def test_what_other_programs_call_a_key_leads_to_one_that_there_is() -> None:
    known = {*known_keys(Suite, (), valid()), *known_keys(Suite, ("recipe", "full"), valid()), "decoding"}
    for other, here in foreign_keys.HERE.items():
        first = re.findall(r"[a-z_]+", here)[0]
        assert first in known, f"{other}: {here}"
        assert other not in known_keys(Suite, ("recipe", "full"), valid())


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("data/d/path", 'source = "rows.jsonl"'),
        ("data/lora/data_files", 'source = "rows.jsonl"'),
        ("eval/1/data/path", 'source = "rows.jsonl"'),
        ("model/name_or_path", 'repo = "OWNER/NAME"'),
        ("recipe/full/lora/rank", "here it is r"),
        ("recipe/full/path", "[model]"),
        ("eval/2/columns", 'choices = "COLUMN"'),
        ("eval/2/data", 'source = "rows.jsonl"'),
        ("eval/1/data", 'write data = { source = "x" }'),
        ("eval/1/limit", "select = { by ="),
        ("data/d/select/n", "here it is size"),
        ("model/dtype", "here it is precision"),
        ("device", "CUDA_VISIBLE_DEVICES"),
        ("recipe/full/output_dir", "bench weights"),
        ("eval/3/judge", 'endpoint = { base_url = "https://…/v1", model = "x"'),
        ("eval/3/judge/endpoint/api_key", "here it is key_env"),
        ("arms/given/theirs/endpoint/api_key", "here it is key_env"),
    ],
)
def test_a_key_of_other_programs_is_explained_by_its_table(path: str, hint: str) -> None:
    """`[data.d] path` was sent to `[model]`."""
    raw = valid()
    raw["data"]["lora"] = {"source": "y.jsonl"}
    raw["data"]["d"]["select"] = {"by": "first", "size": 2}
    raw["eval"].append({"name": "c", "kind": "choice", "source": "mc.csv"})
    server = {"base_url": "http://localhost:8000/v1", "model": "m"}
    raw["eval"].append({"name": "j", "kind": "judge", "data": {"source": "y"}, "judge": {"endpoint": {**server}}})
    raw["arms"]["given"] = {"theirs": {"endpoint": {**server}}}
    raw["recipe"]["full"] |= {"method": "lora", "lora": {}} if "lora/rank" in path else {}
    *parents, key = path.split("/")
    table: Any = raw
    for parent in parents:
        table = table[int(parent) if parent.isdigit() else parent]
    table[key] = "x"
    (problem,) = problems(raw)
    assert hint in (problem.hint or "")
