"""What changes a job's digest, and what does not: a wrong reuse would hand one model's result to another."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import bench
from bench.code_digest import PackageCode
from bench.record import environment
from bench.record.jobs.planned_training import PlannedTraining
from bench.record.jobs.train_job import TrainJob
from bench.run.plan import digests
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan
from bench.run.resolve.suite import resolve
from bench.suite.load import load_suite
from bench.suite.tables.training import recipe as recipe_module
from bench.suite.tables.training.adapter import LoraSpec
from tests.fakes.suite_files import SUITE, write_suite
from tests.fakes.suites import HELD, fake_model, fake_rows, fake_suite

PACKAGE = Path(bench.__file__).parent

Change = Callable[[Path, pytest.MonkeyPatch], dict[str, Any]]


def make_plan(root: Path, **changes: Any) -> Plan:
    return plan(resolve(fake_suite(root, **changes), home=root / "home"), home=root / "home")


def by_id(planned: Plan) -> dict[str, str]:
    return {one.job.id: one.digest for one in planned.jobs}


def recipe(**keys: Any) -> dict[str, Any]:
    full = {"method": "full", "learning_rate": 1e-3, **keys}
    return {"recipe": {"full": full, "lora": {"method": "lora", "learning_rate": 1e-3}}}


def version(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    real = environment._version
    monkeypatch.setattr(environment, "_version", lambda asked: "9.9" if asked == name else real(asked))
    return {}


def code(root: Path, file: str, monkeypatch: pytest.MonkeyPatch, *, line: str = "_CHANGED = 1") -> dict[str, Any]:
    """One more line in a copy of this program's source, which is then the one that digests are taken of."""
    copy = root / "changed" / "bench"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / file).open("a") as source:
        source.write(f"\n{line}\n")
    monkeypatch.setattr("bench.run.plan.plan.own_code", lambda home: PackageCode(copy))
    return {}


def cores(count: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for module in ("plan", "jobs.trainings"):
        monkeypatch.setattr(f"bench.run.plan.{module}.cores", lambda: count)
    return {}


def device(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(digests, "device", lambda: name)
    return {}


def template(root: Path, text: str) -> dict[str, Any]:
    (root / "own.jinja").write_text("{% for message in messages %}" + text + "{{ message.content }}{% endfor %}")
    return {"model": {"path": "model", "template": "own.jinja"}}


TRAIN, EVAL, BASE = "train:few/full#0", "eval:qa:few/full#0", "eval:qa:base"

MATTERS: dict[str, tuple[Change, set[str]]] = {
    "learning rate": (lambda root, patch: recipe(learning_rate=2e-3), {TRAIN, EVAL}),
    "batch shape": (lambda root, patch: recipe(batch_rows=3), {TRAIN, EVAL}),
    "accumulation": (lambda root, patch: recipe(accumulation=2), {TRAIN, EVAL}),
    "packing": (lambda root, patch: recipe(packing="bfd"), {TRAIN, EVAL}),
    "precision": (lambda root, patch: recipe(precision="bf16"), {TRAIN, EVAL}),
    "method": (lambda root, patch: recipe(method="lora"), {TRAIN, EVAL}),
    "budget": (lambda root, patch: {"budget": {"unit": "tokens", "amount": 101}}, {TRAIN, EVAL}),
    "budget's unit": (lambda root, patch: {"budget": {"unit": "steps", "amount": 100}}, {TRAIN, EVAL}),
    "recipe's own budget": (lambda root, patch: recipe(budget={"unit": "tokens", "amount": 7}), {TRAIN, EVAL}),
    "template": (lambda root, patch: template(root, "Q: "), {TRAIN, EVAL, BASE}),
    "torch": (lambda root, patch: version("torch", patch), {TRAIN, EVAL, BASE}),
    "transformers": (lambda root, patch: version("transformers", patch), {TRAIN, EVAL, BASE}),
    "tokenizers": (lambda root, patch: version("tokenizers", patch), {TRAIN, EVAL, BASE}),
    "trl": (lambda root, patch: version("trl", patch), {TRAIN, EVAL}),
    "peft": (lambda root, patch: version("peft", patch), {TRAIN, EVAL, BASE}),
    "accelerate": (lambda root, patch: version("accelerate", patch), {TRAIN, EVAL}),
    "numpy": (lambda root, patch: version("numpy", patch), {TRAIN, EVAL, BASE}),
    "evaluate": (lambda root, patch: version("evaluate", patch), {EVAL, BASE}),
    "data code": (lambda root, patch: code(root, "data/render/render.py", patch), {TRAIN, EVAL, BASE}),
    "LoRA's rank": (lambda root, patch: recipe(method="lora", lora={"r": 8}), {TRAIN, EVAL}),
    "optimizer": (lambda root, patch: recipe(optimizer="sgd"), {TRAIN, EVAL}),
    "schedule": (lambda root, patch: recipe(schedule="cosine"), {TRAIN, EVAL}),
    "seed": (lambda root, patch: {"seeds": (7, 1)}, {TRAIN, EVAL}),
    "lm-eval": (lambda root, patch: version("lm_eval", patch), {EVAL, BASE}),
    "training code": (lambda root, patch: code(root, "train/job.py", patch), {TRAIN, EVAL}),
    "eval code": (lambda root, patch: code(root, "evals/subject_job.py", patch), {EVAL, BASE}),
    "model code": (lambda root, patch: code(root, "model/loading/load.py", patch), {TRAIN, EVAL, BASE}),
    "threads": (lambda root, patch: cores(8, patch), {TRAIN, EVAL, BASE}),
    "device": (lambda root, patch: device("cuda: Big GPU", patch), {TRAIN, EVAL, BASE}),
    "tasks": (
        lambda root, patch: {"eval": ({"kind": "lm_eval", "name": "qa", "tasks": ("t", "u")}, HELD)},
        {EVAL, BASE},
    ),
    "few-shot": (
        lambda root, patch: {"eval": ({"kind": "lm_eval", "name": "qa", "tasks": ("t",), "num_fewshot": 2}, HELD)},
        {EVAL, BASE},
    ),
    "limit": (
        lambda root, patch: {"eval": ({"kind": "lm_eval", "name": "qa", "tasks": ("t",), "limit": 2}, HELD)},
        {EVAL, BASE},
    ),
}

DOES_NOT: dict[str, Change] = {
    "order of keys": lambda root, patch: {"recipe": dict(reversed(list(recipe()["recipe"].items())))},
    "question": lambda root, patch: {"question": "Another?"},
    "claim": lambda root, patch: {"claim": ({"says": "few/full >= base", "on": "qa"},)},
    "control": lambda root, patch: {"control": "few/lora"},
    "name of the suite": lambda root, patch: {"name": "other"},
    "another seed": lambda root, patch: {"seeds": (0, 1, 2)},
    "another recipe": lambda root, patch: {
        "recipe": {**recipe()["recipe"], "more": {"method": "full", "learning_rate": 1.0}}
    },
    "another eval": lambda root, patch: {
        "eval": (
            {"kind": "lm_eval", "name": "more", "tasks": ("u",)},
            {"kind": "lm_eval", "name": "qa", "tasks": ("t",)},
            HELD,
        )
    },
    "role of an eval": lambda root, patch: {
        "eval": ({"kind": "lm_eval", "name": "qa", "tasks": ("t",), "role": "retention"}, HELD)
    },
    "saves": lambda root, patch: {"run": {"workers": 2, "probe_steps": 2, "steps_between_saves": 5}},
    "limits": lambda root, patch: {"run": {"workers": 2, "probe_steps": 2, "limits": {"seconds": 9, "memory_gib": 1}}},
    "kept weights": lambda root, patch: {"run": {"workers": 2, "probe_steps": 2, "keep_weights": False}},
    "price": lambda root, patch: {"run": {"workers": 2, "probe_steps": 2, "price_per_hour": 1.5, "currency": "EUR"}},
    "scipy": lambda root, patch: version("scipy", patch),
    "statistics code": lambda root, patch: code(root, "stats/conclusions/claims.py", patch),
    "probe": lambda root, patch: {"run": {"workers": 2, "probe_steps": 0}},
    "report code": lambda root, patch: code(root, "report/compose.py", patch),
    "a docstring of training code": lambda root, patch: code(root, "train/job.py", patch, line='"""More."""'),
    "a comment in training code": lambda root, patch: code(root, "train/job.py", patch, line="# more"),
    "code that selects rows": lambda root, patch: code(root, "data/select/selection.py", patch),
    "code that runs jobs": lambda root, patch: code(root, "run/process/child.py", patch),
    "claims of suites": lambda root, patch: code(root, "suite/tables/conclusions/claim.py", patch),
    "the choice of a sweep that no recipe has": lambda root, patch: code(root, "record/sweep.py", patch),
    "jinja2": lambda root, patch: version("jinja2", patch),
}


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    cores(2, monkeypatch)


def changed(root: Path, change: Change, patch: pytest.MonkeyPatch) -> dict[str, str]:
    return by_id(make_plan(root, **change(root, patch)))


@pytest.mark.parametrize("name", MATTERS)
def test_what_can_change_a_result_changes_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = by_id(make_plan(tmp_path))
    change, expected = MATTERS[name]
    after = {job.replace("#7", "#0"): digest for job, digest in changed(tmp_path, change, monkeypatch).items()}
    assert {job for job in (TRAIN, EVAL, BASE) if before[job] != after[job]} == expected


@pytest.mark.parametrize("name", DOES_NOT)
def test_what_cannot_change_a_result_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = by_id(make_plan(tmp_path))
    after = by_id(make_plan(tmp_path, **DOES_NOT[name](tmp_path, monkeypatch)))
    for job in (TRAIN, EVAL, BASE):
        assert after[job] == before[job]


@pytest.mark.parametrize(
    ("library", "keys"),
    [
        ("bitsandbytes", {"method": "qlora"}),
        ("bitsandbytes", {"optimizer": "adamw_8bit"}),
        ("torchao", {"optimizer": "adamw_torch_4bit"}),
        ("schedulefree", {"optimizer": "schedule_free_adamw"}),
        ("deepspeed", {"deepspeed": {"zero_optimization": {"stage": 2}}}),
    ],
)
def test_a_library_that_only_some_recipes_compute_with_counts_for_those(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, keys: dict[str, Any]
) -> None:
    plain, special = by_id(make_plan(tmp_path)), by_id(make_plan(tmp_path, **recipe(**keys)))
    version(library, monkeypatch)
    assert by_id(make_plan(tmp_path))[TRAIN] == plain[TRAIN]
    assert by_id(make_plan(tmp_path, **recipe(**keys)))[TRAIN] != special[TRAIN]


def test_the_choice_of_a_sweep_changes_the_trainings_that_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_rows(tmp_path / "few.jsonl", rows=40)
    swept = recipe(learning_rate={"sweep": [1e-3, 1e-2]})
    before = by_id(make_plan(tmp_path, **swept))
    code(tmp_path, "record/sweep.py", monkeypatch)
    after = by_id(make_plan(tmp_path, **swept))
    assert {job for job in before if before[job] != after[job] and not job.startswith("eval:")} == {
        "train:few/full#0", "train:few/full#1", "probe:few/full",
    }  # fmt: skip


def test_a_job_has_what_its_recipe_leaves_to_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A default that changes is another job: the table of `lora` is not in the suite."""
    (job,) = [one.job for one in make_plan(tmp_path).jobs if one.job.id == "train:few/lora#0"]
    assert isinstance(job, TrainJob)
    assert job.recipe.lora == LoraSpec(target_modules="all-linear")
    before = job.digest
    monkeypatch.setitem(recipe_module._DEFAULTS, "lora", lambda: LoraSpec(r=8))
    assert by_id(make_plan(tmp_path))["train:few/lora#0"] != before
    with pytest.raises(ValidationError, match="leaves a table to defaults"):
        PlannedTraining(**{**dict(job), "recipe": recipe_module.Recipe(method="lora", learning_rate=1.0)})


def test_seeds_arms_and_evals_have_digests_of_their_own(tmp_path: Path) -> None:
    digests_of_jobs = by_id(make_plan(tmp_path))
    assert len(set(digests_of_jobs.values())) == len(digests_of_jobs)


def test_weights_in_place_one_row_or_a_tokenizer_change_everything_on_them(tmp_path: Path) -> None:
    loaded, home = fake_suite(tmp_path), tmp_path / "home"

    def digests_now() -> dict[str, str]:
        return by_id(plan(resolve(loaded, home=home), home=home))

    first = digests_now()
    fake_model(tmp_path / "model", seed=1)
    weights = digests_now()
    assert all(weights[job] != first[job] for job in first)
    (tmp_path / "model" / "tokenizer.json").write_text('{"added_tokens": []}')
    tokenizer = digests_now()
    assert all(tokenizer[job] != weights[job] for job in first)
    chat = tmp_path / "model" / "tokenizer_config.json"
    chat.write_text('{"chat_template": "{{ messages[0].content }}"}')
    assert all(digest != tokenizer[job] for job, digest in digests_now().items())
    chat.unlink()
    (tmp_path / "model" / "README.md").write_text("not part of the model")
    assert digests_now() == tokenizer
    fake_rows(tmp_path / "few.jsonl", rows=13)
    rows = digests_now()
    assert rows[TRAIN] != tokenizer[TRAIN]
    assert rows[EVAL] != tokenizer[EVAL]
    assert rows[BASE] == tokenizer[BASE]
    fake_rows(tmp_path / "held.jsonl", rows=4, answer="i")
    held = digests_now()
    assert held["eval:held:base"] != rows["eval:held:base"]
    assert held[BASE] == rows[BASE]


def test_a_task_file_changes_its_eval_only(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "t.yaml").write_text("task: t")
    evals = (
        {"kind": "lm_eval", "name": "qa", "tasks": ("t",), "include": "tasks"},
        {"kind": "lm_eval", "name": "plain", "tasks": ("t",)},
    )
    before = by_id(make_plan(tmp_path, eval=evals))
    (tasks / "t.yaml").write_text("task: t\n# edited")
    after = by_id(make_plan(tmp_path, eval=evals))
    assert {job for job in before if before[job] != after[job]} == {job for job in before if job.startswith("eval:qa:")}


def test_a_moved_suite_finds_its_results_again(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    first = make_plan(here)
    here.rename(there)
    second = make_plan(there)
    assert by_id(second) == by_id(first)
    assert second.digest == first.digest


def test_comments_and_the_order_of_keys_in_the_file_change_no_digest(tmp_path: Path) -> None:
    """The file itself, not the table that it was parsed into."""
    text = SUITE.replace('[[eval]]\nname = "questions"', '[[eval]]\nname = "questions"\nlimit = 4')
    path = write_suite(tmp_path, text)
    before = plan(resolve(load_suite(path), home=tmp_path / "home"), home=tmp_path / "home")
    moved = text.replace('method = "full"\nlearning_rate = 1e-3', 'learning_rate = 0.001 # as ever\nmethod = "full"')
    assert moved != text
    path.write_text("# a comment\n\n" + moved)
    after = plan(resolve(load_suite(path), home=tmp_path / "home"), home=tmp_path / "home")
    assert by_id(after) == by_id(before)
    assert after.digest == before.digest


def test_a_raised_limit_goes_on_in_the_same_run_folder(tmp_path: Path) -> None:
    """After a timeout the limit is what one changes; the report must not move elsewhere."""

    def with_limit(**limits: float) -> str:
        return make_plan(tmp_path, run={"workers": 2, "probe_steps": 2, "limits": limits}).digest

    assert with_limit(seconds=1) == with_limit(seconds=2, memory_gib=4) == with_limit()


def test_comments_do_not_make_another_run_but_a_claim_does(tmp_path: Path) -> None:
    plain = make_plan(tmp_path).digest
    assert make_plan(tmp_path).digest == plain
    assert make_plan(tmp_path, claim=({"says": "few/full >= base", "on": "qa"},)).digest != plain


def planners(root: Path, *, fresh: bool = False) -> set[str | None]:
    resolved = resolve(fake_suite(root), home=root / "home")
    planned = plan(resolved, home=root / "home", fresh=fresh)
    return {one.job.planned_by for one in planned.jobs if isinstance(one.job, TrainJob)}


def test_what_is_planned_is_kept_for_the_code_and_the_libraries_that_planned_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of other code would be trained on unseen; the code of a step plans none; `--fresh` finds nothing kept."""
    (here,) = planners(tmp_path)
    assert here is not None
    assert planners(tmp_path, fresh=True) == {None}
    changed = {here}
    for number, file in enumerate(("train/batches/packing.py", "data/render/render.py", "model/size/flops.py")):
        with monkeypatch.context() as patch:
            code(tmp_path / str(number), file, patch)
            changed |= planners(tmp_path)
    with monkeypatch.context() as patch:
        version("tokenizers", patch)
        changed |= planners(tmp_path)
    assert len(changed) == 5
    code(tmp_path / "step", "train/loop/trainer.py", monkeypatch)
    assert planners(tmp_path) == {here}
