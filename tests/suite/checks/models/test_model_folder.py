"""A model folder that cannot be loaded must be refused before a run, not after the first hour."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.suite.checks.models.model_folder import (
    TOKENIZER_FILES,
    context_length,
    given_problems,
    model_folder_problems,
    stored_parameters,
)
from tests.fakes.suites import fake_model


def remove(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def write(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("spoil", "reference", "what"),
    [
        (remove("config.json"), "model.config", "has no config.json"),
        (write("config.json", b"{"), "model.config", "not readable JSON"),
        (write("config.json", b"[]"), "model.config", "not a JSON object"),
        (write("config.json", b"{}"), "model.config", "names no model_type"),
        (write("config.json", b'{"model_type": "t5", "is_encoder_decoder": true}'),
         "model.not-causal", "is an encoder with a decoder (t5), and only causal language models"),
        (write("config.json", b'{"model_type": "bert", "architectures": ["BertForMaskedLM"]}'),
         "model.not-causal", "is an encoder (bert)"),
        (remove("tokenizer.json"), "model.tokenizer", "has no tokenizer"),
        (write("adapter_config.json", b"{}"), "model.adapter", "holds an adapter"),
        (remove("model.safetensors"), "model.weights", "has no weights"),
        (pickled, "model.pickled", "a pickle, which is never loaded"),
        (cut, "model.weights", "not a whole safetensors file"),
        (write("model.safetensors", b""), "model.weights", "not a whole safetensors file"),
        (write("model.safetensors", b"\0" * 8), "model.weights", "not a whole safetensors file"),
        (write("model.safetensors", b"\xff" * 64), "model.weights", "not a whole safetensors file"),
        (write("model.safetensors", b"\x02" + b"\0" * 7 + b"[]"), "model.weights", "not a whole safetensors file"),
        (write("model.safetensors.index.json", b'{"weight_map": {"w": "model-00002.safetensors"}}'),
         "model.weights", "lacks 1 of its weights files, model-00002.safetensors first"),
    ],
)  # fmt: skip
def test_a_broken_folder_is_refused(tmp_path: Path, spoil: Callable[[Path], object], reference: str, what: str) -> None:
    folder = fake_model(tmp_path / "m")
    spoil(folder)
    (problem,) = model_folder_problems(folder, "model.path")
    assert (problem.reference, problem.where) == (reference, "model.path")
    assert what in problem.what


def test_a_whole_folder_passes_and_states_its_positions(tmp_path: Path) -> None:
    folder = fake_model(tmp_path / "m")
    assert model_folder_problems(folder, "model.path") == []
    assert context_length(folder) == 64


def test_all_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    found = {problem.reference for problem in model_folder_problems(tmp_path, "model.path")}
    assert found == {"model.config", "model.weights", "model.tokenizer"}


def test_the_real_base_passes(shared_dir: Path) -> None:
    assert model_folder_problems(shared_dir / "models" / "stories260k", "model.path") == []


@pytest.mark.parametrize("name", TOKENIZER_FILES)
def test_any_form_of_tokenizer_counts(tmp_path: Path, name: str) -> None:
    folder = fake_model(tmp_path / "m")
    (folder / "tokenizer.json").rename(folder / name)
    assert model_folder_problems(folder, "model.path") == []


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        ({"max_position_embeddings": 64}, 64),
        ({"n_ctx": 32}, 32),
        ({"context_length": 48}, 48),
        ({"text_config": {"max_position_embeddings": 128}}, 128),
        ({"seq_length": 0}, None),
        ({}, None),
    ],
)
def test_positions_are_found_under_each_name(tmp_path: Path, config: dict[str, object], positions: int | None) -> None:
    folder = fake_model(tmp_path / "m")
    (folder / "config.json").write_text(json.dumps({"model_type": "bloom", **config}))
    assert context_length(folder) == positions


def test_parameters_are_counted_from_all_shards(tmp_path: Path) -> None:
    folder = fake_model(tmp_path / "m")
    one = stored_parameters(folder)
    shards = [folder / f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    shards[1].write_bytes((folder / "model.safetensors").read_bytes())
    (folder / "model.safetensors").rename(shards[0])
    listed = {"weight_map": {str(number): shard.name for number, shard in enumerate(shards)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(listed))
    assert one > 0
    assert stored_parameters(folder) == 2 * one


def test_a_gguf_file_is_a_whole_model_by_its_first_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    assert given_problems(file, "weights", "here") == []
    assert "no adapter" in given_problems(file, "adapter", "here")[0].what
    monkeypatch.setattr("bench.suite.checks.models.model_folder.find_spec", lambda name: None)
    assert "sft-bench[gguf]" in (given_problems(file, "weights", "here")[0].hint or "")
    file.write_bytes(b"PK")
    assert "does not begin as a GGUF file" in given_problems(file, "weights", "here")[0].what
