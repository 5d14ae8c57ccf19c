"""The exact tier: a count that changed without a name would be found out by a customer."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.errors import ExitCode, InputError
from bench.gate import exact
from bench.gate.exact import Baseline, compare_counts, read_baseline, write_baseline
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import TrainingFacts

FACTS = TrainingFacts(
    rows=100, steps=10, tokens=900, supervised_tokens=300, slots=1000, padding=100, truncated_rows=0, dropped_rows=0,
    parameters=5000, trainable_parameters=500, model_flops=10**9, hardware_flops=2 * 10**9, peak_tensor_bytes=10**6,
)  # fmt: skip
BASELINE = Baseline(
    suite="s", profile="micro", versions={"torch": "2.13.0", "peft": "0.21.2"},
    trainings={"a/full": FACTS, "a/lora": FACTS},
)  # fmt: skip


def with_facts(**changes: int | None) -> Baseline:
    """The baseline, with counts of one arm changed."""
    return BASELINE.model_copy(update={"trainings": {**BASELINE.trainings, "a/lora": FACTS.model_copy(update=changes)}})


def test_equal_counts_pass() -> None:
    found = compare_counts(BASELINE, BASELINE)
    assert (found.changes, found.versions, found.exit_code) == ((), (), ExitCode.OK)
    assert (found.arms, found.counts) == (2, 28)


@pytest.mark.parametrize("name", TrainingFacts.model_fields)
def test_any_single_count_blocks_and_is_named(name: str) -> None:
    found = compare_counts(with_facts(**{name: getattr(FACTS, name) + 1}), BASELINE)
    assert [(one.arm, one.count, one.before, one.after) for one in found.changes] == [
        ("a/lora", name, getattr(FACTS, name), getattr(FACTS, name) + 1)
    ]
    assert found.exit_code == ExitCode.GATE_FAILED


def test_an_arm_that_came_or_went_blocks() -> None:
    fewer = BASELINE.model_copy(update={"trainings": {"a/full": FACTS}})
    gone, new = compare_counts(fewer, BASELINE), compare_counts(BASELINE, fewer)
    assert {(one.arm, one.after) for one in gone.changes} == {("a/lora", None)}
    assert {(one.arm, one.before) for one in new.changes} == {("a/lora", None)}


def test_other_libraries_are_named_beside_the_change() -> None:
    newer = with_facts(model_flops=1).model_copy(update={"versions": {"torch": "2.14.0", "peft": "0.21.2"}})
    assert compare_counts(newer, BASELINE).versions == ("torch 2.13.0 → 2.14.0",)


def test_a_baseline_survives_the_file(tmp_path: Path) -> None:
    write_baseline(BASELINE, tmp_path / "deep" / "baseline.json")
    assert read_baseline(tmp_path / "deep" / "baseline.json") == BASELINE


def test_a_missing_torn_or_foreign_baseline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read") as caught:
        read_baseline(tmp_path / "none.json")
    assert caught.value.problems[0].hint is not None
    assert "--update" in caught.value.problems[0].hint
    (tmp_path / "torn.json").write_text('{"format_version": 1, "suite": ')
    with pytest.raises(InputError, match="not a baseline"):
        read_baseline(tmp_path / "torn.json")
    with pytest.raises(InputError, match=r"is of s \(micro\), not of other"):
        compare_counts(BASELINE.model_copy(update={"suite": "other", "profile": None}), BASELINE)


def test_every_library_that_differs_is_named_in_order() -> None:
    old = {"versions": dict.fromkeys(("torch", "peft", "transformers"), "1")}
    new = {"versions": dict.fromkeys(("transformers", "tokenizers", "torch"), "2")}
    found = compare_counts(BASELINE.model_copy(update=new), BASELINE.model_copy(update=old))
    assert found.versions == ("peft 1 → none", "tokenizers none → 2", "torch 1 → 2", "transformers 1 → 2")
    assert found.exit_code == ExitCode.OK, "a version by itself is no count"


class Server:
    """A made-up child that counts, or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails, self.did = fails, list[str]()

    def warm(self) -> None:
        self.did.append("warm")

    def call(self, kind: str, job: TrainJob, *, folder: Path, log: Path) -> dict[str, object]:
        if self.fails:
            raise KeyboardInterrupt
        self.did.append(f"{kind} {job.arm}#{job.seed} {log.relative_to(folder)}")
        return FACTS.model_dump()

    def kill(self) -> None:
        self.did.append("kill")


def test_a_suites_counts_are_those_of_each_arms_first_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [TrainJob.model_construct(arm=arm, seed=seed) for seed in (3, 4) for arm in ("a/full", "a/lora")]
    planned = SimpleNamespace(jobs=[SimpleNamespace(job=job) for job in (SimpleNamespace(arm="base"), *jobs)])
    monkeypatch.setattr(exact, "resolve", lambda loaded, home, server: loaded)
    monkeypatch.setattr(exact, "plan", lambda resolved, home: planned)
    loaded, server = SimpleNamespace(suite=SimpleNamespace(name="s"), profile="micro"), Server()
    found = exact.count_suite(loaded, home=tmp_path, server=server)  # type: ignore[arg-type]  # made up
    assert server.did == ["warm", "facts a/full#3 logs/facts.txt", "facts a/lora#3 logs/facts.txt"]
    assert (found.suite, found.profile, found.trainings) == ("s", "micro", BASELINE.trainings)
    assert {"numpy", "torch", "transformers", "peft", "tokenizers"} == set(found.versions)
    broken = Server(fails=True)
    with pytest.raises(KeyboardInterrupt):
        exact.count_suite(loaded, home=tmp_path, server=broken)  # type: ignore[arg-type]  # made up
    assert broken.did == ["warm", "kill"], "no child is left behind"
