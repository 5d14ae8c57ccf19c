"""Facts about the machine: found without torch, true, and free of secrets."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.record import environment as facts


def test_the_device_is_foretold_without_importing_torch() -> None:
    code = (
        "import sys; from bench.record.environment import environment; environment(workers=1, threads=1);"
        "print(sorted({'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_foretold_device_is_the_one_that_torch_takes() -> None:
    torch = pytest.importorskip("torch")
    assert facts.device().startswith("cuda") == torch.cuda.is_available()


def test_a_build_without_gpu_support_is_a_processor_even_beside_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    facts.device.cache_clear()
    monkeypatch.setattr(facts.sys, "platform", "linux")
    monkeypatch.setattr(facts, "_first_gpu", lambda: "Big GPU")
    for version, device in (("2.13.0+cpu", "cpu"), ("2.13.0+cu130", "cuda: Big GPU"), ("2.13.0", "cuda: Big GPU")):
        facts.device.cache_clear()
        monkeypatch.setattr(facts, "versions", lambda names, version=version: {"torch": version})
        assert facts.device() == device
    facts.device.cache_clear()


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_hidden_gpu_is_not_used(monkeypatch: pytest.MonkeyPatch, hidden: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert facts._first_gpu() is None


def test_no_secret_and_no_host_name_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_verysecretvalue")
    recorded = facts.environment(workers=1, threads=1).model_dump_json()
    assert "hf_verysecretvalue" not in recorded


def test_cores_are_at_least_one_and_within_the_affinity() -> None:
    assert facts.cores() >= 1


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)  # noqa: S607  # the user's git


def test_an_edited_checkout_is_told_apart_from_a_clean_one(tmp_path: Path) -> None:
    assert facts.git_state(tmp_path) is None
    git(tmp_path, "init")
    assert facts.git_state(tmp_path) is None
    (tmp_path / "file").write_text("1")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "one")
    clean = facts.git_state(tmp_path)
    assert not clean.dirty
    (tmp_path / "file").write_text("2")
    dirty = facts.git_state(tmp_path)
    assert dirty.dirty
    assert dirty.commit == clean.commit
