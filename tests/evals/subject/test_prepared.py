"""Examples are prepared once for all subjects of a base in a process, and no subject gets another eval's."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from bench.data.render.render import Renderer
from bench.evals.job import run_eval
from bench.evals.lm_eval import run
from bench.evals.lm_eval.run import load_eval
from bench.evals.subject import prepared
from bench.evals.subject.loader import SubjectLoader
from bench.record.files import SCORES
from bench.record.jobs.eval_job import EvalJob
from tests.evals.jobs import choice_rows, lm_eval_job, metric, resolved_model, write_qa, write_task
from tests.evals.subject.test_loader import jobs
from tests.fakes.checkpoints import store_adapter


def scores(job: EvalJob, folder: Path, loader: SubjectLoader | None = None) -> bytes:
    folder.mkdir()
    run_eval(job, folder, lambda _: None, loader=loader)
    return (folder / SCORES).read_bytes()


def adapted(job: EvalJob, checkpoint: Path, folder: Path, seed: int) -> EvalJob:
    """The job of a subject that was trained."""
    path = store_adapter(checkpoint, folder / f"adapter{seed}", seed)
    return job.model_copy(update={"training": f"{seed}", "training_path": str(path)})


def test_subjects_of_a_base_share_what_is_prepared_and_score_as_if_they_did_not(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Choices, written answers with few-shot examples, and losses; in the template and without."""
    model, work = resolved_model(checkpoint), list[str]()
    write_qa(tmp_path / "tasks")
    asked = [
        *jobs(model, tmp_path)[1:3],
        lm_eval_job(model, tmp_path / "tasks", ["choice"], template="none"),
        lm_eval_job(model, tmp_path / "tasks", ["qa"], num_fewshot=2),
    ]
    subjects = [[adapted(job, checkpoint, tmp_path / f"{n}", seed) for n, job in enumerate(asked)] for seed in (1, 2)]
    alone = [[scores(job, tmp_path / f"alone{n}{m}") for m, job in enumerate(of)] for n, of in enumerate(subjects)]
    load, prompt = load_eval, Renderer.prompt
    monkeypatch.setattr(run, "load_eval", lambda *given: (work.append("tasks"), load(*given))[1])
    monkeypatch.setattr(Renderer, "prompt", lambda *given: (work.append("prompt"), prompt(*given))[1])
    monkeypatch.setattr(Renderer, "row", _counting(work, "row", Renderer.row))
    loader, counts = SubjectLoader(), list[int]()
    for number, of in enumerate(subjects):
        assert [scores(job, tmp_path / f"kept{number}{n}", loader) for n, job in enumerate(of)] == alone[number]
        counts.append(len(work))
    assert alone[0] != alone[1]
    assert work.count("tasks") == 3
    assert "prompt" in work
    assert "row" in work
    assert counts[1] == counts[0], "the second subject rendered nothing"


def _counting(work: list[str], name: str, method: Any) -> Any:
    def counted(*given: Any) -> Any:
        work.append(name)
        return method(*given)

    return counted


def test_another_eval_or_base_prepares_its_own(tmp_path: Path, checkpoint: Path) -> None:
    """Whatever decides what a subject is asked: the eval's keys, its files, its part, the base, room for text."""
    kept, model = prepared.PreparedEvals(), resolved_model(checkpoint)
    job = lm_eval_job(model, tmp_path, ["choice"])
    first = kept.of(job, positions=256)
    assert kept.of(adapted(job, checkpoint, tmp_path, 3), positions=256) is first
    for changes in (
        {"eval": job.eval.model_copy(update={"limit": 3})},
        {"tasks_path": str(tmp_path / "others")},
        {"part": {"which": "dev", "dev_share": 0.5}},
        {"model": resolved_model(checkpoint, template="chatml")},
    ):
        other = EvalJob.model_validate({**job.model_dump(), **changes})
        assert kept.of(other, positions=256) is not first, changes
    assert kept.of(job, positions=128) is not first
    assert kept.of(job, positions=256) is first


def test_few_examples_stay_and_those_of_the_last_evals(tmp_path: Path, checkpoint: Path) -> None:
    kept, model = prepared.PreparedEvals(), resolved_model(checkpoint)
    asked = [lm_eval_job(model, tmp_path, [name]) for name in "abc"]
    entries = [kept.of(job, positions=256) for job in asked]
    for entry in entries:
        entry.examples = prepared.MOST_EXAMPLES // 2
    assert kept.of(asked[0], positions=256) is entries[0], "used again"
    kept.trim()
    assert [kept.of(job, positions=256) is entry for job, entry in zip(asked, entries, strict=True)] == [
        True, False, True,
    ]  # fmt: skip


def test_documents_that_a_task_shuffles_are_the_same_for_prompt_score_and_subject(
    tmp_path: Path, checkpoint: Path
) -> None:
    """lm-eval makes a task's documents anew whenever it reads them; and a reader may change what it got."""
    write_task(
        tmp_path, "choice", choice_rows(12), output_type="multiple_choice", doc_to_text="{{question}}",
        doc_to_choice="choices", doc_to_target="label", metric_list=[metric("acc")],
    )  # fmt: skip
    task_file = tmp_path / "choice.yaml"
    (tmp_path / "shuffled.py").write_text(
        "import random\n"
        "def shuffle(rows):\n"
        "    def one(row):\n"
        "        order = random.sample(range(len(row['choices'])), len(row['choices']))\n"
        "        return {**row, 'choices': [row['choices'][n] for n in order], 'label': order.index(row['label'])}\n"
        "    return rows.map(one)\n"
    )
    task_file.write_text(task_file.read_text() + "process_docs: !function shuffled.shuffle\n")
    job = lm_eval_job(resolved_model(checkpoint), tmp_path, ["choice"], trust_task_code=True)
    seen = []
    for seed in (1, 2):
        random.seed(seed)
        task = load_eval(job.eval, job).tasks["choice"]
        seen += [[document for _, document in task.doc_iterator(limit=limit)] for limit in (None, None, 12)]
        seen[-1][0]["label"] = None
        assert next(task.doc_iterator(limit=12))[1]["label"] is not None
        seen.pop()
    texts = [json.dumps(documents) for documents in seen]
    assert texts[0] != json.dumps(choice_rows(12))
    assert len(set(texts)) == 1
