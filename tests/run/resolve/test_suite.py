"""Pinning: what a suite names is found, hashed, or refused, all at once and before any work."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.digest import digest_file
from bench.errors import InputError, Problem
from bench.run.resolve import hash_cache
from bench.run.resolve.hash_cache import HashCache
from bench.run.resolve.hub_models import snapshot
from bench.run.resolve.models import MODEL_FILES, resolve_model
from bench.run.resolve.suite import resolve
from bench.suite.resolved_suite import ResolvedSuite
from bench.suite.tables.models.model import ModelSpec
from tests.fakes.suites import fake_model, fake_suite


def references(error: InputError) -> list[str]:
    return [problem.reference for problem in error.problems]


def model_at(root: Path) -> ModelSpec:
    fake_model(root / "model")
    return ModelSpec(path="model")


def test_a_folder_is_pinned_by_content_and_its_shape_is_read_from_the_weights(tmp_path: Path) -> None:
    model = resolve_model(model_at(tmp_path), base=tmp_path, home=tmp_path / "home")
    assert (model.name, model.source, model.revision) == ("model", "path:model", None)
    assert (model.parameters, model.context_length) == (16, 64)
    (tmp_path / "model").rename(tmp_path / "moved")
    moved = resolve_model(ModelSpec(path="moved"), base=tmp_path, home=tmp_path / "home")
    assert moved.sha256 == model.sha256


def cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def sharded(folder: Path) -> None:
    index = {"weight_map": {"w": "model.safetensors", "v": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


BLOOM = '{"model_type": "bloom"}'
BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut-off weights": (cut, "model.weights"),
    "no safetensors at all": (lambda folder: (folder / "model.safetensors").write_bytes(b"PK\3\4"), "model.weights"),
    "empty weights": (lambda folder: (folder / "model.safetensors").write_bytes(b""), "model.weights"),
    "deep header": (
        lambda folder: (folder / "model.safetensors").write_bytes((9).to_bytes(8, "little") + b"[[[[[[[[[" + b"x"),
        "model.weights",
    ),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "model.weights"),
    "pickled weights": (pickled, "model.pickled"),
    "missing shard": (sharded, "model.weights"),
    "no config": (lambda folder: (folder / "config.json").unlink(), "model.config"),
    "torn config": (lambda folder: (folder / "config.json").write_text("{"), "model.config"),
    "config of another shape": (lambda folder: (folder / "config.json").write_text("[]"), "model.config"),
    "no context length": (
        lambda folder: (folder / "config.json").write_text('{"model_type": "bloom"}'),
        "model.context-length",
    ),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "model.tokenizer"),
    "no folder": (lambda folder: folder.rename(folder.parent / "elsewhere"), "model.missing"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_folder_is_refused_by_name(tmp_path: Path, name: str) -> None:
    spec = model_at(tmp_path)
    damage, reference = BROKEN[name]
    damage(tmp_path / "model")
    with pytest.raises(InputError) as caught:
        resolve_model(spec, base=tmp_path, home=tmp_path / "home")
    assert references(caught.value) == [reference]
    assert caught.value.problems[0].where


def test_problems_of_model_data_and_tasks_come_together(tmp_path: Path) -> None:
    evals = (
        {"kind": "lm_eval", "name": "qa", "tasks": ("t",), "include": "no-tasks"},
        {"kind": "loss", "name": "held", "data": {"source": "missing.jsonl"}},
    )
    loaded = fake_suite(tmp_path, eval=evals)
    pickled(tmp_path / "model")
    with pytest.raises(InputError) as caught:
        resolve(loaded, home=tmp_path / "home")
    assert set(references(caught.value)) == {"model.pickled", "data.missing-file", "eval.no-task-folder"}


def test_data_that_no_arm_uses_is_not_read(tmp_path: Path) -> None:
    data = {"few": {"source": "few.jsonl"}, "unused": {"source": "missing.jsonl"}}
    assert set(resolve(fake_suite(tmp_path, data=data), home=tmp_path / "home").data) == {"few", "eval:held"}


def test_rows_that_an_eval_may_be_given_later_train_nothing_from_the_start(tmp_path: Path) -> None:
    """Else a purchase would change what the arms train on, and with it every training."""
    rows = [{"instruction": f"question {number}", "output": f"answer {number}"} for number in range(40)]
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    held = {"source": "pool.jsonl", "select": {"by": "random", "size": 10}}

    def resolved(most: int, **more: object) -> ResolvedSuite:
        plan = {"max_seeds": 3, "max_examples": {"held": most}}
        loaded = fake_suite(
            tmp_path, data={"few": {"source": "pool.jsonl"}}, sequential=plan,
            eval=({"kind": "loss", "name": "held", "data": held},), **more,
        )  # fmt: skip
        return resolve(loaded, home=tmp_path / "home")

    first, later = resolved(24), resolved(24, more_examples={"held": 14})
    assert (first.data["eval:held"].rows, later.data["eval:held"].rows) == (10, 24)
    assert first.data["few"].sha256 == later.data["few"].sha256
    assert first.data["few"].rows == 16
    small, large = (set(Path(each.data["eval:held"].path).read_text().splitlines()) for each in (first, later))
    assert small < large, "a larger draw holds the smaller one"
    with pytest.raises(InputError) as caught:
        resolved(41)
    assert caught.value.problems[0].where == "eval.held.max_examples.select.size"


def test_without_a_hub_the_hint_names_a_local_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError) as caught:
        snapshot("some-org/some-model", None, patterns=MODEL_FILES)
    assert references(caught.value) == ["hub.unreachable"]
    assert "model.path" in (caught.value.problems[0].hint or "")


def test_without_a_hub_a_packaged_base_comes_from_the_package_index(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The hint said how to do without the card, which has a command for exactly this."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    def refusal(card: str, **more: str) -> Problem:
        with pytest.raises(InputError) as caught:
            resolve_model(ModelSpec(card=card, **more), base=tmp_path, home=tmp_path)
        return caught.value.problems[0]

    packaged = refusal("smollm2-135m-instruct")
    assert packaged.where == "model.card = 'smollm2-135m-instruct'"
    assert "bench models fetch smollm2-135m-instruct" in (packaged.hint or "")
    assert "bench models fetch" not in (refusal("gpt2").hint or "")
    with_revision = refusal("smollm2-135m-instruct", revision="main")
    assert "bench models fetch" not in (with_revision.hint or ""), "a revision is the hub's"


@pytest.mark.parametrize("repo", ["a/b/c", "../x", "bad name", ""])
def test_a_hub_id_that_cannot_be_one_is_unknown_not_unreachable(repo: str) -> None:
    with pytest.raises(InputError) as caught:
        snapshot(repo, None, patterns=MODEL_FILES)
    assert references(caught.value) == ["hub.unknown"]


def hub_cache(root: Path, repo: str, commit: str) -> Path:
    """A snapshot as the hub's library keeps it."""
    folder = root / f"models--{repo.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    return fake_model(folder / "snapshots" / commit)


def test_a_downloaded_commit_is_used_without_asking_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commit = "a" * 40
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    folder = hub_cache(tmp_path, "some-org/some-model", commit)
    for revision in (commit, "main", None):
        model = resolve_model(
            ModelSpec(repo="some-org/some-model", revision=revision), base=tmp_path, home=tmp_path / "home"
        )
        assert model.revision == commit
        assert model.path == str(folder)
        assert model.source == "repo:some-org/some-model"


def test_a_large_file_is_hashed_once_and_again_when_it_changes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hash_cache, "_ALWAYS_READ_BYTES", 4)
    file = tmp_path / "weights"
    file.write_bytes(b"12345678")
    read: list[Path] = []
    monkeypatch.setattr(hash_cache, "digest_file", lambda path: read.append(path) or digest_file(path))
    for _ in range(2):
        with HashCache(tmp_path / "home") as cache:
            assert cache.digest(file) == digest_file(file)
    assert len(read) == 1
    file.write_bytes(b"12345679")
    with HashCache(tmp_path / "home") as cache:
        assert cache.digest(file) == digest_file(file)
    assert len(read) == 2


def test_a_torn_hash_cache_is_only_a_slower_start(tmp_path: Path) -> None:
    (tmp_path / "hashes.json").write_text("{")
    with HashCache(tmp_path) as cache:
        assert cache.digest(fake_model(tmp_path / "model") / "config.json")
