"""The same figures as lm-eval's own model class gives on the same tasks and weights, to the last example."""

from pathlib import Path

import lm_eval
import pytest
import torch
import yaml
from lm_eval.models.huggingface import HFLM
from transformers import AutoTokenizer

from bench.evals.lm_eval.lm_eval_private import without_reports
from bench.evals.lm_eval.tasks.tasks import load_tasks
from bench.model.loading.load import load_base
from tests.evals.jobs import evaluate, lm_eval_job, metric, resolved_model, sentence, write_choice, write_qa, write_task
from tests.evals.lm_eval_scores import assert_equal, from_sums, reference
from tests.evals.loud import loud
from tests.fakes.checkpoints import Architecture, tiny_tokenizer


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
        assert from_sums(rows, name) == pytest.approx(expected[f"{name},none"], rel=1e-5)
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
    with without_reports():
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
