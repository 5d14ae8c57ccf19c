"""lm-eval tasks on a subject: the prompt that the model sees, and what happens when something fails."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lm_eval
import pytest
import torch

from bench.emit import Event, ExamplesDone
from bench.errors import InputError
from bench.evals.inference import counted_generator
from bench.evals.inference.generation.generator import generate
from bench.evals.inference.generation.request import GenerationRequest
from bench.evals.job import run_eval
from bench.evals.lm_eval.run import _hub_dataset
from tests.evals.jobs import evaluate, lm_eval_job, metric, resolved_model, sentence, write_choice, write_qa, write_task
from tests.evals.loud import loud

pytestmark = pytest.mark.usefixtures("no_whole_index")


def test_a_limited_eval_says_how_many_examples_there_are(checkpoint: Path, tmp_path: Path) -> None:
    """A report that asks for 11,000 examples has to know that there are 12."""
    write_choice(tmp_path / "tasks", count=12)
    job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["choice"], limit=5)
    result, rows = evaluate(job, tmp_path / "out")
    assert (len(rows), result.available) == (5, {"choice": 12})


def test_one_broken_example_is_missing_and_the_others_stand(checkpoint: Path, tmp_path: Path) -> None:
    """One bad row of 10,000 must not cost the whole eval, nor count as a wrong answer."""
    write_choice(tmp_path / "tasks", count=10)
    path = tmp_path / "tasks" / "choice.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[3]["choices"][1] = ""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result, scores = evaluate(lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["choice"]), tmp_path / "out")
    acc = result.measures[0]
    assert (acc.n, acc.missing) == (9, 1)
    assert [row.id for row in scores if row.metrics["acc"] is None] == ["q3"]
    assert scores[3].output is None
    assert result.unscored == {"an answer that is empty, or longer than the context": 1}
    values = [row.metrics["acc"] for row in scores if row.metrics["acc"] is not None]
    assert acc.value == sum(values) / 9


def test_a_metric_that_fails_on_one_example_leaves_the_others(checkpoint: Path, tmp_path: Path) -> None:
    """A bug in a task's own scoring code shows as a missing score."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "code.py").write_text(
        "def score(doc, results):\n    return {'length': len(results[0]) / (doc['number'] - 2)}\n"
    )
    rows = [{"number": n, "question": sentence(n, 4)} for n in range(5)]
    path = write_task(
        tmp_path / "tasks",
        "own",
        rows,
        output_type="generate_until",
        doc_to_text="{{question}}",
        doc_to_target="",
        generation_kwargs={"until": ["\n"], "max_gen_toks": 3},
        metric_list=[metric("length")],
    )
    path.write_text(path.read_text() + "process_results: !function code.score\n")
    job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["own"], trust_task_code=True)
    result, scores = evaluate(job, tmp_path / "out")
    assert (result.measures[0].n, result.measures[0].missing) == (4, 1)
    assert scores[2].metrics == {"length": None}
    assert [row.unscored for row in scores] == [None, None, "ZeroDivisionError: division by zero", None, None]
    assert result.measures[0].binary is False


def test_a_diverged_model_has_no_scores_instead_of_wrong_ones(checkpoint: Path, tmp_path: Path) -> None:
    """NaN logits make argmax pick the first choice: an accuracy out of nothing."""
    broken = loud("llama")
    with torch.no_grad():
        broken.get_output_embeddings().weight.fill_(torch.nan)
    broken.save_pretrained(checkpoint)
    write_choice(tmp_path / "tasks", count=6)
    write_qa(tmp_path / "tasks", count=6)
    job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["choice", "qa"])
    result, rows = evaluate(job, tmp_path / "out")
    assert all((m.value, m.n, m.missing, m.binary) == (None, 0, 6, False) for m in result.measures)
    assert all(value is None for row in rows for value in row.metrics.values())
    assert "NaN" not in (tmp_path / "out" / "scores.jsonl").read_text()


def test_rows_carry_what_a_report_shows(checkpoint: Path, tmp_path: Path) -> None:
    """Flips are shown with prompt, right answer and chosen answer; pairing needs stable ids and clusters."""
    write_choice(tmp_path / "tasks", count=6)
    path = tmp_path / "tasks" / "choice.jsonl"
    documents = [{**json.loads(line), "cluster": f"c{n % 2}"} for n, line in enumerate(path.read_text().splitlines())]
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    write_qa(tmp_path / "tasks", count=3)
    job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["choice", "qa"], metric="exact_match")
    with pytest.raises(InputError, match="task choice has no metric 'exact_match'; it has acc, acc_norm"):
        run_eval(job, tmp_path / "out", lambda _: None)
    job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["choice"], metric="acc_norm")
    result, rows = evaluate(job, tmp_path / "out")
    assert [(m.metric, m.headline) for m in result.measures] == [("acc", False), ("acc_norm", True)]
    assert all(measure.binary for measure in result.measures)
    assert [(row.id, row.cluster) for row in rows] == [(d["id"], d["cluster"]) for d in documents]
    for row, document in zip(rows, documents, strict=True):
        assert row.options == tuple(document["choices"])
        assert row.target == document["choices"][document["label"]]
        assert (row.output == row.target) == (row.metrics["acc_norm"] == 1.0)
    guess = sum(1 / len(document["choices"]) for document in documents) / len(documents)
    assert math.isclose(result.measures[0].chance or 0, guess)
    _, answers = evaluate(lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["qa"]), tmp_path / "out")
    assert [row.id for row in answers] == ["0", "1", "2"]


def test_chance_of_a_share_of_probability_is_that_of_even_options(checkpoint: Path, tmp_path: Path) -> None:
    """MC2 of a base that knows nothing is near one half: against 1 / options it would look like knowledge."""
    rows = [
        {
            "question": sentence(n, 5),
            "mc2_targets": {"choices": [sentence(n + c, 3) for c in range(4)], "labels": labels},
        }
        for n, labels in enumerate(([1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]))
    ]
    path = write_task(
        tmp_path / "tasks",
        "mc2",
        rows,
        output_type="multiple_choice",
        doc_to_text="{{question}}",
        doc_to_target=0,
        doc_to_choice="{{mc2_targets.choices}}",
        metric_list=[metric("acc")],
    )
    utils = Path(lm_eval.__file__).parent / "tasks" / "truthfulqa" / "utils.py"
    (tmp_path / "tasks" / "utils.py").write_text(utils.read_text())
    path.write_text(path.read_text() + "process_results: !function utils.process_results_mc2\n")
    job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["mc2"], trust_task_code=True)
    result, scores = evaluate(job, tmp_path / "out")
    assert result.measures[0].chance == pytest.approx((0.5 + 0.75 + 0.25 + 0.5) / 4)
    assert not result.measures[0].binary
    assert all(0 < (row.metrics["acc"] or 0) < 1 for row in scores)


@pytest.mark.parametrize(("pattern", "unread"), [("ANSWER: (\\d+)", True), ("(?s)(.*)", False)])
def test_an_answer_in_which_the_filter_finds_nothing_is_marked(
    checkpoint: Path, tmp_path: Path, pattern: str, unread: bool
) -> None:
    """By what was read, and not by the text: the base's eval ends a run where no answer can be read."""
    steps = [{"function": "regex", "regex_pattern": pattern}, {"function": "take_first"}]
    write_qa(tmp_path / "tasks", count=3, filter_list=[{"name": "number", "filter": steps}])
    _, rows = evaluate(lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["qa"]), tmp_path / "out")
    written = [row for row in rows if (row.output or "").strip()]
    assert written
    assert {row.unread for row in written} == {unread}
    assert [row.without_answer for row in rows] == [unread or not (row.output or "").strip() for row in rows]


def test_generated_tokens_are_counted(checkpoint: Path, tmp_path: Path) -> None:
    """The cost of an eval is part of the record."""
    write_qa(tmp_path / "tasks", count=5)
    result, _ = evaluate(lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["qa"]), tmp_path / "out")
    assert result.generated_tokens is not None
    assert 5 <= result.generated_tokens <= 30
    assert result.measures[0].chance == 0.0
    assert "at most 65536 slots" in result.batch, "of a small base: more answers in work"
    assert result.generated.tokens == result.generated_tokens
    assert (result.generated.answers, result.generated.samples, result.generated.temperature) == (5, 1, 0.0)


def test_answers_to_tasks_are_made_again_alone(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With half precision an answer can depend on its neighbours, here as in every other eval: it is recorded."""
    write_qa(tmp_path / "tasks", count=5)
    job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["qa"])
    result, _ = evaluate(job, tmp_path / "out")
    assert result.batch.endswith("; 1 answer computed again alone came out the same")

    def sensitive(model: Any, tokenizer: Any, requests: Sequence[GenerationRequest], **options: Any) -> list[Any]:
        given = generate(model, tokenizer, requests, **options)
        return [replace(answer, ids=(9, *answer.ids[1:])) for answer in given if answer]

    monkeypatch.setattr(counted_generator, "generate", sensitive)
    result, _ = evaluate(job, tmp_path / "again")
    assert (result.generated.checked, result.generated.differed) == (1, 1)
    assert result.batch.endswith("1 of 1 answer came out different when computed alone")


def test_scores_of_options_draw_nothing(checkpoint: Path, tmp_path: Path) -> None:
    write_choice(tmp_path / "tasks", count=2)
    result, _ = evaluate(lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["choice"]), tmp_path / "out")
    assert result.generated is None
    assert result.generated_tokens is None


def test_limit_and_progress(checkpoint: Path, tmp_path: Path) -> None:
    """`limit` is for trying out; the live display must reach its total."""
    write_choice(tmp_path / "tasks", count=10)
    events: list[Event] = []
    job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["choice"], limit=4)
    result = run_eval(job, tmp_path / "out", events.append)
    assert result.measures[0].n == 4
    shown = [event for event in events if isinstance(event, ExamplesDone)]
    assert (shown[-1].done, shown[-1].total) == (4, 4)


def test_unsupported_generation_settings_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    """Beam search asked for and greedy search done, without a word, would be a wrong result."""
    settings = {"until": ["\n"], "max_gen_toks": 3, "num_beams": 4}
    write_qa(tmp_path / "tasks", count=2, generation_kwargs=settings)
    job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["qa"])
    with pytest.raises(InputError, match="num_beams = 4 is not supported"):
        run_eval(job, tmp_path / "out", lambda _: None)


def test_the_suite_may_bound_a_tasks_answers(checkpoint: Path, tmp_path: Path, asked: list[GenerationRequest]) -> None:
    """IFEval allows 1,280 tokens: with a small model that does not stop, an hour of one subject."""
    write_qa(tmp_path / "tasks", count=2)
    evaluate(lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["qa"], max_new_tokens=2), tmp_path / "out")
    assert {request.max_new_tokens for request in asked} == {2}


def test_samples_are_seeded_and_repeats_differ(
    checkpoint: Path, tmp_path: Path, asked: list[GenerationRequest]
) -> None:
    """A sampled eval must come out the same for the same subject, and its repeats must not be copies."""
    settings = {"until": ["\n"], "max_gen_toks": 8, "do_sample": True, "temperature": 1.0, "top_p": 0.95}
    write_qa(tmp_path / "tasks", count=4, generation_kwargs=settings, repeats=2)
    job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["qa"])
    _, first = evaluate(job, tmp_path / "a")
    _, again = evaluate(job, tmp_path / "b")
    assert first == again
    seeds = [request.sampling.seed for request in asked[:8] if request.sampling is not None]
    assert len(set(seeds)) == 8


@pytest.mark.parametrize(("target", "expected"), [(0, None), ("answer", "written")])
def test_a_number_is_no_expected_answer_of_a_generation(
    checkpoint: Path, tmp_path: Path, target: int | str, expected: str | None
) -> None:
    """IFEval has no reference and configures `doc_to_target: 0`; the report then said that 0 was wanted."""
    write_qa(tmp_path / "tasks", count=3, doc_to_target=target)
    _, rows = evaluate(lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["qa"]), tmp_path / "out")
    assert all((row.target is None) is (expected is None) for row in rows)


def test_rows_keep_the_fields_that_the_suite_slices_by(checkpoint: Path, tmp_path: Path) -> None:
    write_qa(tmp_path / "tasks", count=3)
    job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["qa"], slices=("answer", "absent"))
    _, rows = evaluate(job, tmp_path / "out")
    documents = [json.loads(line) for line in (tmp_path / "tasks" / "qa.jsonl").read_text().splitlines()]
    assert [row.slices for row in rows] == [{"answer": (document["answer"],)} for document in documents]


@pytest.mark.parametrize(
    ("path", "dataset"), [("Rowan/hellaswag", "Rowan/hellaswag"), ("gsm8k", "gsm8k"), ("json", None), (None, None)]
)
def test_a_result_names_the_hub_dataset_that_a_task_reads(path: str | None, dataset: str | None) -> None:
    """A model card's entry on the Hub is of that dataset; a reader of local files is none."""
    task = SimpleNamespace(get_config={"dataset_path": path}.get)
    assert _hub_dataset(task) == dataset  # type: ignore[arg-type]  # what it asks of a task
