"""Several trainings of one thing are as many as they are said to be, and of a hub id comes what is read alone."""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import pytest

from bench.errors import InputError, Problem
from bench.run.resolve import pin_given
from bench.run.resolve.pin_given import resolve_given
from bench.suite.reading.pydantic_errors import freeze
from bench.suite.tables.suite import Suite


def adapter(folder: Path, first: int) -> None:
    """What is looked at before any work: PEFT's configuration and a whole safetensors file of one number."""
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    numbers = bytes([first, 0, 0, 0])
    (folder / "adapter_model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + numbers)


def resolved(tmp_path: Path, *seeds: str) -> int:
    table = {
        "name": "one", "question": "Is it?", "model": {"card": "micro"},
        "arms": {"given": {"mine": {"adapter": "runs", "seeds": seeds}}},
        "eval": [{"name": "held", "kind": "loss", "data": {"source": "micro:heldout"}}],
    }  # fmt: skip
    (trainings,) = resolve_given(Suite.model_validate(freeze(table)), base=tmp_path, home=tmp_path / "home").values()
    return len(trainings)


def test_a_copy_of_a_training_is_no_second_seed(tmp_path: Path) -> None:
    """Two that agree to the digit would have made the arm look as if training had no noise."""
    for name, first in (("one", 1), ("two", 2), ("copy", 1)):
        adapter(tmp_path / "runs" / name, first)
    assert resolved(tmp_path, "one", "two") == 2
    with pytest.raises(InputError) as caught:
        resolved(tmp_path, "one", "two", "copy")
    (problem,) = caught.value.problems
    assert (problem.reference, problem.where) == ("given.repeated", "arms.given.mine.seeds")
    assert problem.what == "runs/copy holds the weights of runs/one: one training is not two"


@pytest.mark.parametrize(("form", "merged"), [("adapter", False), ("weights", True)])
def test_of_an_adapters_hub_id_no_merged_model_beside_it_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, merged: bool
) -> None:
    """torchtune and many others upload both: gigabytes that nothing reads."""
    asked = list[str]()

    def away(repo: str, revision: str | None, *, patterns: Sequence[str], needed: str) -> Path:
        asked.extend(patterns)
        raise InputError(Problem(reference="hub.unreachable", what=repo))

    monkeypatch.setattr(pin_given, "snapshot", away)
    table = {
        "name": "one", "question": "Is it?", "model": {"card": "micro"},
        "arms": {"given": {"mine": {form: "org/mine"}}},
        "eval": [{"name": "held", "kind": "loss", "data": {"source": "micro:heldout"}}],
    }  # fmt: skip
    with pytest.raises(InputError, match="org/mine"):
        resolve_given(Suite.model_validate(freeze(table)), base=tmp_path, home=tmp_path)
    files = {"adapter_model.safetensors": True, "chat_template.jinja": True, "training_args.bin": False,
             "model-00001-of-00004.safetensors": merged, "config.json": merged}  # fmt: skip
    assert {file: any(fnmatch(file, pattern) for pattern in asked) for file in files} == files
