"""The same figures as lm-eval's own model class gives on the same tasks and weights, to the last example."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import langdetect
import lm_eval
import nltk
import numpy as np
import pytest
import torch
import yaml
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from nltk.tokenize.punkt import PunktTrainer, save_punkt_params
from transformers import AutoTokenizer

from bench.evals.lm_eval.lm_eval_private import without_environment_report
from bench.evals.lm_eval.tasks import load_tasks
from bench.model.loading.load import load_base
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evaluation import EvalResult, ScoreRow
from bench.stats.samples.corpus_metrics import corpus_metric
from tests.evals.jobs import evaluate, lm_eval_job, metric, resolved_model, sentence, write_choice, write_qa, write_task
from tests.evals.loud import loud
from tests.fakes.checkpoints import Architecture, tiny_tokenizer


def reference(job: EvalJob) -> dict[str, Any]:
    """lm-eval with its own transformers model, one example at a time."""
    model = load_base(job.model, precision="fp32", device=torch.device("cpu"))
    tokenizer = AutoTokenizer.from_pretrained(job.model.path)
    assert job.tasks_path is not None
    assert job.eval.kind == "lm_eval"
    tasks = load_tasks(job.eval.tasks, Path(job.tasks_path)).tasks
    lm = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=1, max_length=job.model.context_length)
    with without_environment_report():
        results = lm_eval.simple_evaluate(
            model=lm,
            tasks=list(tasks.values()),
            task_manager=TaskManager(include_defaults=False),
            bootstrap_iters=0,
            num_fewshot=job.eval.num_fewshot,
            limit=job.eval.limit,
            fewshot_random_seed=1234,
        )
    return dict(results)


def assert_equal(result: EvalResult, rows: Sequence[ScoreRow], expected: Mapping[str, Any]) -> None:
    """Every measure and every example."""
    for measure in result.measures:
        filter_ = next(iter(expected["samples"][measure.task]))["filter"]
        assert measure.value == expected["results"][measure.task][f"{measure.metric},{filter_}"]
        own = [row for row in rows if row.task == measure.task]
        samples = expected["samples"][measure.task]
        assert len(own) == len(samples) == measure.n
        for row, sample in zip(own, samples, strict=True):
            assert row.metrics[measure.metric] == float(sample[measure.metric])


@pytest.fixture(params=["llama", "gpt2"])
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    architecture: Architecture = request.param
    folder = tmp_path / "model"
    loud(architecture).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def test_every_kind_of_task_scores_as_lm_eval_does(checkpoint: Path, tmp_path: Path) -> None:
    """A user must be able to set our figures beside published ones."""
    folder = tmp_path / "tasks"
    write_choice(folder)
    write_choice(folder, "spaced", doc_to_text="{{question}} ")
    write_qa(folder)
    last = [{"text": sentence(n, 4 + n % 5), "word": " " + sentence(n + 1, 1)} for n in range(20)]
    write_task(
        folder,
        "last_word",
        last,
        output_type="loglikelihood",
        doc_to_text="{{text}}",
        doc_to_target="{{word}}",
        metric_list=[metric("acc")],
    )
    job = lm_eval_job(resolved_model(checkpoint), folder, ["choice", "spaced", "qa", "last_word"], template="none")
    result, rows = evaluate(job, tmp_path / "out")
    assert_equal(result, rows, reference(job))
    assert result.template == "none"


def test_few_shot_prompts_are_lm_evals(checkpoint: Path, tmp_path: Path) -> None:
    """Few-shot results would otherwise not compare with anyone's."""
    folder = tmp_path / "tasks"
    write_choice(folder, count=20, fewshot_split="test")
    job = lm_eval_job(resolved_model(checkpoint), folder, ["choice"], template="none", num_fewshot=2)
    result, rows = evaluate(job, tmp_path / "out")
    expected = reference(job)
    assert_equal(result, rows, expected)
    assert [row.prompt for row in rows] == [sample["arguments"][0][0] for sample in expected["samples"]["choice"]]
    assert all(row.prompt.count("?") == 3 for row in rows)


def test_text_longer_than_the_context_loses_its_beginning_as_in_lm_eval(checkpoint: Path, tmp_path: Path) -> None:
    """A long prompt must neither crash nor be cut elsewhere; and the result says how many were cut."""
    folder = tmp_path / "tasks"
    write_choice(folder)
    write_qa(folder)
    job = lm_eval_job(resolved_model(checkpoint, context_length=24), folder, ["choice", "qa"], template="none")
    result, rows = evaluate(job, tmp_path / "out")
    assert_equal(result, rows, reference(job))
    assert 0 < result.truncated < len(rows)


def _from_sums(rows: Sequence[ScoreRow], name: str) -> float:
    """A corpus metric from what its rows keep, which its intervals and differences are resampled from."""
    known = corpus_metric(name)
    assert known is not None
    return float(known.of_sums(np.array([row.statistics[name] for row in rows]).sum(axis=0)))


def test_rolled_texts_score_as_in_lm_eval(checkpoint: Path, tmp_path: Path) -> None:
    """Perplexity on plain text, in windows of the context; and its per-example part adds up to the whole."""
    folder = tmp_path / "tasks"
    texts = [{"text": sentence(n, 5 + 6 * n)} for n in range(12)]
    names = ["word_perplexity", "byte_perplexity", "bits_per_byte"]
    aggregations = ["weighted_perplexity", "weighted_perplexity", "bits_per_byte"]
    write_task(
        folder,
        "roll",
        texts,
        output_type="loglikelihood_rolling",
        doc_to_text="",
        doc_to_target="{{text}}",
        metric_list=[metric(n, a, higher=False) for n, a in zip(names, aggregations, strict=True)],
    )
    job = lm_eval_job(resolved_model(checkpoint, context_length=40), folder, ["roll"])
    result, rows = evaluate(job, tmp_path / "out")
    expected = reference(job)["results"]["roll"]
    for measure in result.measures:
        assert measure.value == pytest.approx(expected[f"{measure.metric},none"], rel=1e-5)
        assert measure.higher_is_better is False
    by_name = {measure.metric: measure for measure in result.measures}
    assert [m.metric for m in result.measures if m.headline] == ["bits_per_byte"], "the one that can be paired"
    assert not by_name["word_perplexity"].per_example
    weighted = sum((row.metrics["bits_per_byte"] or 0) * row.weight for row in rows) / sum(row.weight for row in rows)
    assert weighted == pytest.approx(by_name["bits_per_byte"].value)
    for name in ("word_perplexity", "byte_perplexity"):
        assert _from_sums(rows, name) == pytest.approx(expected[f"{name},none"], rel=1e-5)
    assert all(row.statistics.keys() == {"word_perplexity", "byte_perplexity"} for row in rows)
    assert [row.weight for row in rows] == [len(text["text"].encode()) for text in texts]


def test_corpus_metrics_are_lm_evals_and_say_that_no_example_has_them(checkpoint: Path, tmp_path: Path) -> None:
    """A paired delta of per-example BLEU would be a number without a meaning."""
    folder = tmp_path / "tasks"
    write_qa(folder, metric_list=[metric("bleu", "bleu"), metric("exact_match")])
    job = lm_eval_job(resolved_model(checkpoint), folder, ["qa"], template="none")
    result, rows = evaluate(job, tmp_path / "out")
    bleu, exact = result.measures
    expected = reference(job)["results"]["qa"]
    assert (bleu.value, exact.value) == (expected["bleu,none"], expected["exact_match,none"])
    assert (bleu.per_example, bleu.headline) == (False, False)
    assert (exact.per_example, exact.headline) == (True, True)
    assert all(set(row.metrics) == {"exact_match"} for row in rows)


def test_groups_add_up_as_in_lm_eval(checkpoint: Path, tmp_path: Path) -> None:
    """A published figure of a group is over its examples or over its tasks, as its file says; ours must be the same."""
    folder = tmp_path / "tasks"
    for name, count in (("small", 6), ("large", 30), ("odd", 9), ("lone", 3)):
        write_choice(folder, name, count)
    by_size = {"group": "by_size", "task": ["small", "large"], "aggregate_metric_list": [{"metric": "acc"}]}
    by_task = [{"metric": "acc", "weight_by_size": False}, {"metric": "acc_norm", "filter_list": "none"}]
    outer = {"group": "outer", "task": ["by_size", "odd"], "aggregate_metric_list": by_task}
    for group in (by_size, outer, {"group": "loose", "task": ["lone"]}):
        (folder / f"{group['group']}.yaml").write_text(yaml.safe_dump(group), encoding="utf-8")
    job = lm_eval_job(resolved_model(checkpoint), folder, ["outer", "loose"], template="none")
    result, rows = evaluate(job, tmp_path / "out")
    lm = HFLM(
        pretrained=load_base(job.model, precision="fp32", device=torch.device("cpu")),
        tokenizer=AutoTokenizer.from_pretrained(checkpoint),
        batch_size=1,
        max_length=256,
    )
    loaded = load_tasks(["outer", "loose"], folder)
    asked = [loaded.groups["outer"], loaded.groups["loose"]]
    with without_environment_report():
        expected = lm_eval.simple_evaluate(model=lm, tasks=asked, task_manager=loaded.manager, bootstrap_iters=0)
    found = {(one.group, one.metric): one for one in result.groups}
    assert set(found) == {("by_size", "acc"), ("outer", "acc"), ("outer", "acc_norm")}, "loose adds nothing up"
    for (group, name), one in found.items():
        assert one.value == pytest.approx(expected["groups"][group][f"{name},none"], abs=1e-12)
    assert {key: (one.by, one.asked) for key, one in found.items()} == {
        ("by_size", "acc"): ("examples", False),
        ("outer", "acc"): ("tasks", True),
        ("outer", "acc_norm"): ("examples", True),
    }
    scores = [row.metrics["acc"] for row in rows if row.task in ("small", "large")]
    assert found["by_size", "acc"].value == pytest.approx(sum(score or 0 for score in scores) / 36)
    assert found["by_size", "acc"].value != pytest.approx(found["outer", "acc"].value)


LOCAL: dict[str, tuple[str, dict[str, Any]]] = {
    "hellaswag": ("hellaswag/hellaswag_val.jsonl", {
        "dataset_path": "json", "output_type": "multiple_choice", "doc_to_text": "{{ctx}}", "doc_to_choice": "endings",
        "doc_to_target": "label", "metric_list": [metric("acc"), metric("acc_norm")],
    }),
    "arc_easy": ("arc/arc_easy_test.json", {
        "dataset_path": "json", "output_type": "multiple_choice", "doc_to_text": "{{instruction}}\n",
        "doc_to_choice": ["answer1", "answer2", "answer3", "answer4"], "doc_to_target": "{{answer}}",
        "metric_list": [metric("acc")],
    }),
    "truthfulqa": ("truthfulqa/TruthfulQA.csv", {
        "dataset_path": "csv", "output_type": "generate_until",
        "doc_to_text": "Question", "doc_to_target": "Best Answer",
        "generation_kwargs": {"until": [".", "\n"], "max_gen_toks": 24}, "metric_list": [metric("bleu", "bleu")],
    }),
    "gsm8k": ("gsm8k/test.jsonl", {
        "include": str(Path(lm_eval.__file__).parent / "tasks" / "gsm8k" / "gsm8k.yaml"), "dataset_path": "json",
        "dataset_name": None, "num_fewshot": 2, "fewshot_split": "test",
    }),
}  # fmt: skip
"""Real data as local task files: two with choices, two with free answers."""


@pytest.mark.parametrize("name", LOCAL)
def test_real_base_on_real_tasks(shared_dir: Path, tmp_path: Path, name: str) -> None:
    """On a real tokenizer with its own beginning token and real text: lm-eval's figures, to the last example."""
    source, config = LOCAL[name]
    files = {"test": str(shared_dir / "data" / source)}
    fields = {"task": f"local_{name}", "dataset_kwargs": {"data_files": files}, "test_split": "test", **config}
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    model = resolved_model(shared_dir / "models" / "stories260k", context_length=512)
    job = lm_eval_job(model, tmp_path, [f"local_{name}"], template="none", limit=6 if name == "gsm8k" else 60)
    result, scores = evaluate(job, tmp_path / "out")
    expected = reference(job)
    if name == "gsm8k":  # two filters
        figures = expected["results"]["local_gsm8k"]
        assert {m.metric: m.value for m in result.measures} == {
            f"exact_match:{f}": figures[f"exact_match,{f}"] for f in ("strict-match", "flexible-extract")
        }
        assert [row.output for row in scores] == [
            sample["resps"][0][0] for sample in expected["samples"]["local_gsm8k"] if sample["filter"] == "strict-match"
        ]
    elif name == "truthfulqa":
        assert result.measures[0].value == expected["results"]["local_truthfulqa"]["bleu,none"]
        outputs = [sample["resps"][0][0] for sample in expected["samples"]["local_truthfulqa"]]
        assert [row.output for row in scores] == outputs
    else:
        assert_equal(result, scores, expected)
        assert result.measures[0].chance == 0.25


@pytest.mark.parametrize(
    ("task", "metric_name"),
    [
        ("micro_qa", "exact_match"),
        ("micro_choice", "acc"),
        ("micro_cloze", "acc"),
        ("micro_instructions", "prompt_level_strict_acc"),
    ],
)
def test_embedded_base_on_its_own_tasks(root: Path, tmp_path: Path, task: str, metric_name: str) -> None:
    """The figures of the suite that everybody runs first."""
    model = resolved_model(root / "models" / "micro", context_length=256)
    job = lm_eval_job(model, root / "suites" / "tasks" / "micro", [task], template="none", limit=40)
    result, scores = evaluate(job, tmp_path / "out")
    assert_equal(result, scores, reference(job))
    assert [measure.metric for measure in result.measures if measure.headline] == [metric_name]


@pytest.fixture
def sentence_splitter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """IFEval counts sentences with a model that nltk downloads; one that is trained on the spot stands in for it, and
    its language detector, which draws at random, gets a seed. Both sides of the comparison have the same."""
    folder = tmp_path / "nltk" / "tokenizers" / "punkt_tab" / "english"
    folder.mkdir(parents=True)
    trainer = PunktTrainer("Dr. Smith went home. He slept. Mr. Jones did not. It rained, e.g. in spring. The end came.")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "nltk")])  # first: nltk writes only where it reads
    save_punkt_params(trainer.get_params(), dir=str(folder))
    monkeypatch.setattr(langdetect.DetectorFactory, "seed", 0)


_SENTENCES = {"length_constraints:number_sentences", "change_case:capital_word_frequency"}
"""Instructions that are checked by splitting text into sentences."""


@pytest.mark.usefixtures("sentence_splitter")
def test_real_base_on_ifeval(shared_dir: Path, tmp_path: Path) -> None:
    """Followed instructions as lm-eval counts them: every prompt, and the two corpus figures."""
    lines = (shared_dir / "data" / "ifeval" / "input_data.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    easy = [
        row for row in rows if row["instruction_id_list"] in (["punctuation:no_comma"], ["keywords:forbidden_words"])
    ]
    chosen = [row for row in rows if _SENTENCES & set(row["instruction_id_list"])][:4] + easy[:6] + rows[::60]
    (tmp_path / "rows.json").write_text(json.dumps(chosen), encoding="utf-8")
    fields = {
        "task": "local_ifeval",
        "include": str(Path(lm_eval.__file__).parent / "tasks" / "ifeval" / "ifeval.yaml"),
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"train": str(tmp_path / "rows.json")}},
        "generation_kwargs": {"until": [], "do_sample": False, "temperature": 0.0, "max_gen_toks": 48},
    }
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    model = resolved_model(shared_dir / "models" / "stories260k", context_length=512)
    job = lm_eval_job(model, tmp_path, ["local_ifeval"], template="none")
    result, scores = evaluate(job, tmp_path / "out")
    expected = reference(job)
    figures, samples = expected["results"]["local_ifeval"], expected["samples"]["local_ifeval"]
    assert {m.metric: m.value for m in result.measures} == {
        name: figures[f"{name},none"] for name in ("prompt_level_strict_acc", "inst_level_strict_acc",
                                                   "prompt_level_loose_acc", "inst_level_loose_acc")
    }  # fmt: skip
    assert [row.output for row in scores] == [sample["resps"][0][0] for sample in samples]
    for name in ("prompt_level_strict_acc", "prompt_level_loose_acc"):
        assert [row.metrics[name] for row in scores] == [float(sample[name]) for sample in samples]
    for name in ("inst_level_strict_acc", "inst_level_loose_acc"):
        assert _from_sums(scores, name) == pytest.approx(figures[f"{name},none"])
        assert sum(row.statistics[name][1] for row in scores) > len(scores), "prompts with several instructions"
    assert 0 < sum(row.metrics["prompt_level_loose_acc"] or 0 for row in scores) < len(scores), "both come up"
