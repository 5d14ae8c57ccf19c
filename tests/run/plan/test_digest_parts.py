"""Digests of jobs, part by part: each argument of a digest that says what is computed must count."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bench
from bench.code_digest import PackageCode
from bench.record.jobs.eval_job import Judging, Shots
from bench.record.jobs.train_job import KeepBest
from bench.run.plan import digests
from bench.suite.resolved import ResolvedData, ResolvedJudge, ResolvedModel
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from bench.suite.tables.training.budget import Budget
from tests.fakes.training import make_recipe

MODEL = ResolvedModel(
    name="m", source="m", revision=None, path="models/m", sha256="a" * 64, context_length=256, parameters=1000,
    template="dialogue", template_sha256="b" * 64, end_of_turn=None, lora_target_modules="all-linear", simulation=None,
)  # fmt: skip
DATA = ResolvedData(
    name="d", source="d", revision=None, rows=9, source_rows=9, dropped={}, sha256="c" * 64, path="data/d.jsonl"
)
OTHER = DATA.model_copy(update={"sha256": "d" * 64})
JUDGE = ResolvedJudge(prompt="which?", prompt_sha256="e" * 64)
JUDGING = Judging(
    judge=JUDGE, answers="x", answers_path="p", against="base", reference="y", reference_path="q", stored=None,
    replies="r",
)  # fmt: skip


def code(*modules: str) -> str:
    return "+".join(modules)


def other_code(*modules: str) -> str:
    return "changed " + code(*modules)


def judge_spec(**changes: Any) -> JudgeSpec:
    endpoint = {"endpoint": {"base_url": "http://localhost:1/v1", "model": "m"}}
    return JudgeSpec(**{"kind": "judge", "name": "j", "data": {"source": "d"}, "judge": endpoint, **changes})


def lm_eval_spec(**changes: Any) -> LmEvalSpec:
    return LmEvalSpec(**{"kind": "lm_eval", "name": "qa", "tasks": ("t",), **changes})


def judging(**changes: Any) -> Judging:
    return JUDGING.model_copy(update=changes)


KEEP = KeepBest(scored_by="q", patience=2)
SHOTS = Shots(data=DATA, size=2, seed=3)
WITH_MODEL = judging(judge=JUDGE.model_copy(update={"model": MODEL}))
ARGUMENTS: dict[str, tuple[Callable[..., str], dict[str, Any]]] = {
    "training": (
        digests.training_digest,
        {"model": MODEL, "data": DATA, "recipe": make_recipe(), "budget": Budget(unit="steps", amount=5), "seed": 0,
         "threads": 2, "code": code, "sweep": ("s",)},
    ),
    "probe": (digests.probe_digest, {"training": "t", "steps": 3, "number": 1, "code": code}),
    "sweep": (digests.sweep_digest, {"training": "t", "dev": DATA, "code": code}),
    "eval": (
        digests.eval_digest,
        {"evaluation": lm_eval_spec(), "model": MODEL, "data": DATA, "tasks_sha256": "f" * 64, "training": "t",
         "precision": "fp32", "threads": 2, "code": code, "shots": SHOTS},
    ),
    "judge": (
        digests.judge_digest,
        {"evaluation": judge_spec(), "data": DATA, "judging": WITH_MODEL, "threads": 2, "code": code},
    ),
}  # fmt: skip
CHANGES: dict[str, dict[str, list[Any]]] = {
    "training": {
        "model": [MODEL.model_copy(update={field: value}) for field, value in (
            ("sha256", "9" * 64), ("context_length", 128), ("template_sha256", None), ("end_of_turn", "<|im_end|>"),
            ("remote_code", "9" * 64), ("thinking", not MODEL.thinking),
        )],
        "data": [OTHER], "recipe": [make_recipe(learning_rate=1.0)], "budget": [Budget(unit="steps", amount=6)],
        "seed": [1], "threads": [3], "code": [other_code], "sweep": [(), ("s", "u"), ("u",)],
    },
    "probe": {"training": ["u"], "steps": [4], "number": [2], "code": [other_code]},
    "sweep": {"training": ["u"], "dev": [OTHER], "code": [other_code]},
    "eval": {
        "evaluation": [lm_eval_spec(limit=3)], "model": [MODEL.model_copy(update={"sha256": "9" * 64})],
        "data": [OTHER, None], "tasks_sha256": ["9" * 64, None], "training": ["u", None], "precision": ["bf16"],
        "threads": [3], "code": [other_code],
        "shots": [None, *(SHOTS.model_copy(update=one) for one in ({"data": OTHER}, {"size": 3}, {"seed": 4}))],
    },
    "judge": {
        "evaluation": [judge_spec(sampling={"temperature": 0.5, "max_tokens": 9})], "data": [OTHER], "threads": [3],
        "code": [other_code],
        "judging": [
            JUDGING,
            judging(judge=JUDGE.model_copy(update={"model": MODEL.model_copy(update={"sha256": "9" * 64})})),
            judging(judge=JUDGE.model_copy(update={"model": MODEL, "prompt_sha256": "9" * 64})),
            *(WITH_MODEL.model_copy(update=one) for one in (
                {"answers": "z"}, {"reference": "z"}, {"reference": None}, {"stored": DATA}, {"stored": OTHER},
            )),
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_every_argument_counts_and_no_two_changes_are_alike(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "device", lambda: "cpu")
    digest, arguments = ARGUMENTS[kind]
    assert set(CHANGES[kind]) == set(arguments)
    changed = [{**arguments, name: value} for name, values in CHANGES[kind].items() for value in values]
    found = [digest(**each) for each in (arguments, *changed)]
    assert len(set(found)) == len(found)
    assert digest(**arguments) == found[0]


def test_paths_and_names_of_what_is_judged_do_not_count() -> None:
    evaluation: dict[str, Any] = {"evaluation": judge_spec(), "data": DATA, "threads": 2, "code": code}
    moved = judging(answers_path="z", reference_path="z", replies="z", against="z")
    assert digests.judge_digest(judging=moved, **evaluation) == digests.judge_digest(judging=JUDGING, **evaluation)


def test_threads_order_sums_on_a_processor_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "device", lambda: "cpu")
    assert digests.machine_part(2) == {"device": "cpu", "threads": 2}
    monkeypatch.setattr(digests, "device", lambda: "cuda: x")
    assert digests.machine_part(2) == digests.machine_part(8) == {"device": "cuda: x", "threads": None}


@pytest.mark.parametrize(
    ("file", "rule", "other"),
    [
        ("evals/step_score.py", "all(measure.higher_is_better", "not all(measure.higher_is_better"),
        ("record/results/evals/trajectory.py", "return sum(known) / len(known)", "return max(known)"),
    ],
)
def test_the_rule_by_which_a_step_is_kept_is_code_of_trainings_that_keep_one_alone(
    tmp_path: Path, file: str, rule: str, other: str
) -> None:
    """Or a training whose weights an older rule chose would be reused as if the newer one had."""
    package = Path(bench.__file__).parent
    shutil.copytree(package, tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    changed = tmp_path / "bench" / file
    assert changed.read_text().count(rule) == 1
    changed.write_text(changed.read_text().replace(rule, other))
    keeps_a_step = {**ARGUMENTS["training"][1], "keep_best": KEEP}
    for arguments, counts in ((keeps_a_step, True), (ARGUMENTS["training"][1], False)):
        before, after = (
            digests.training_digest(**{**arguments, "code": PackageCode(root).digest})
            for root in (package, tmp_path / "bench")
        )
        assert (before != after) is counts


def test_the_choice_of_a_rate_is_code_of_swept_trainings_alone() -> None:
    asked: list[tuple[str, ...]] = []
    arguments = dict(ARGUMENTS["training"][1], code=lambda *modules: asked.append(modules) or "c")
    digests.training_digest(**arguments)
    digests.training_digest(**{**arguments, "sweep": ()})
    assert asked == [digests.ENTRIES["train"], digests.ENTRIES["chosen_setting"], digests.ENTRIES["train"]]
