"""One load serves all evals of a subject, and changes no score."""

import sys
from pathlib import Path
from typing import Any

import pytest

from bench.data.render.row import Row, Turn
from bench.evals.job import run_eval
from bench.evals.subject import loader as subject_loader
from bench.evals.subject.loader import SubjectLoader
from bench.record.files import SCORES
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import EvalResult
from bench.suite.resolved import ResolvedModel
from tests.evals.jobs import (
    generation_job,
    lm_eval_job,
    loss_job,
    questions_job,
    resolved_model,
    sentence,
    write_choice,
)
from tests.fakes.checkpoints import store_adapter, tiny_model


def jobs(model: ResolvedModel, folder: Path, **changes: Any) -> list[EvalJob]:
    """One of each kind that loads a subject."""
    write_choice(folder / "tasks", count=8)
    path = folder / "rows.jsonl"
    texts = [(sentence(n, 2 + n % 7), sentence(n + 50, 4)) for n in range(8)]
    turns = [(Turn(role="user", content=asked), Turn(role="assistant", content=said)) for asked, said in texts]
    path.write_text("".join(Row(turns=pair, origin="x:1").model_dump_json() + "\n" for pair in turns))
    return [
        generation_job(model, path, 8, decoding={"max_new_tokens": 8, "temperature": 0.7}, **changes),
        lm_eval_job(model, folder / "tasks", ["choice"], **changes),
        loss_job(model, path, 8, **changes),
        questions_job(model, questions=("Who bakes?",), decoding={"max_new_tokens": 8}, **changes),
        generation_job(model, path, 8, decoding={"max_new_tokens": 8, "temperature": 0.7}, **changes),
        lm_eval_job(model, folder / "tasks", ["choice"], **changes),
    ]


def scored(job: EvalJob, folder: Path, loader: SubjectLoader | None) -> tuple[EvalResult, bytes]:
    folder.mkdir()
    return run_eval(job, folder, lambda _: None, loader=loader), (folder / SCORES).read_bytes()


def test_all_kinds_of_eval_score_a_kept_subject_as_a_fresh_one(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last digit, in any order; and passes are counted for each eval alone."""
    loads, load = list[Path | None](), subject_loader.load_subject

    def counted(model: ResolvedModel, training: Path | None, **options: Any) -> Any:
        loads.append(training)
        return load(model, training, **options)

    monkeypatch.setattr(subject_loader, "load_subject", counted)
    asked, loader = jobs(resolved_model(checkpoint), tmp_path), SubjectLoader()
    fresh = [scored(job, tmp_path / f"fresh{n}", None) for n, job in enumerate(asked)]
    assert len(loads) == len(asked)
    kept = [scored(job, tmp_path / f"kept{n}", loader) for n, job in enumerate(asked)]
    assert len(loads) == len(asked) + 1
    assert [result.weights_kept for result, _ in kept] == [False, *[True] * 5]
    for (alone, rows), (result, same_rows) in zip(fresh, kept, strict=True):
        assert same_rows == rows
        assert result.measures == alone.measures
        assert (result.tokens, result.slots, result.batch) == (alone.tokens, alone.slots, alone.batch)


def test_another_subject_takes_the_place_of_the_one_that_was_kept(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Base, a training of it, and the base again: never the weights of the one before."""
    model, loader, given_back = resolved_model(checkpoint), SubjectLoader(), list[tuple[bool, bool]]()
    tiny_model(seed=1).save_pretrained(tmp_path / "training" / "weights")
    base = jobs(model, tmp_path)[2]
    tuned = base.model_copy(update={"training": "t", "training_path": str(tmp_path / "training")})
    alone = [scored(job, tmp_path / f"alone{n}", None)[1] for n, job in enumerate((base, tuned))]
    monkeypatch.setattr(
        subject_loader, "give_back_freed", lambda circles: given_back.append((loader._loaded is None, circles))
    )
    one_by_one = [scored(job, tmp_path / f"turn{n}", loader) for n, job in enumerate((base, tuned, base))]
    assert alone[0] != alone[1]
    assert [rows for _, rows in one_by_one] == [alone[0], alone[1], alone[0]]
    assert given_back == [(True, True)] * 5, "before the second and the third, with nothing loaded, and after each load"
    assert not any(result.weights_kept for result, _ in one_by_one)


def test_base_and_tokenizer_are_read_once_for_all_subjects_that_are_made_of_the_base(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Base, adapters, and the base again, which the drift of each adapter from its base needs, too; a child at rest
    keeps the base."""
    tokenizers, load = list[str](), subject_loader.load_tokenizer
    monkeypatch.setattr(subject_loader, "load_tokenizer", lambda model: (tokenizers.append(model.path), load(model))[1])
    model, loader = resolved_model(checkpoint), SubjectLoader()
    base = jobs(model, tmp_path)[2]
    asked = [base]
    for number in range(3):
        folder = store_adapter(checkpoint, tmp_path / f"job{number}", number)
        asked.append(base.model_copy(update={"training": f"{number}", "training_path": str(folder)}))
    asked.append(base)
    alone = [scored(job, tmp_path / f"alone{number}", None) for number, job in enumerate(asked)]
    assert len(tokenizers) == len(asked)
    kept = list[tuple[EvalResult, bytes]]()
    for number, job in enumerate(asked):
        kept.append(scored(job, tmp_path / f"kept{number}", loader))
        loader.give_back()
    assert len(tokenizers) == len(asked) + 1
    assert [rows for _, rows in kept] == [rows for _, rows in alone]
    assert [result.drift for result, _ in kept] == [result.drift for result, _ in alone]
    assert [result.drift is not None for result, _ in kept] == [False, True, True, True, False]
    assert len({rows for _, rows in kept}) == 4
    if sys.platform.startswith("linux"):
        assert [result.base_loads for result, _ in alone] == [1] * 5
        assert [result.base_loads for result, _ in kept] == [1, 0, 0, 0, 0]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone tells where memory comes from")
def test_pages_of_a_whole_subjects_files_are_given_back_once_they_are_packed(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained weights took twice their size, packed and as pages of their file. Pages of a base that an adapter was
    merged into would lose the sum."""
    model, given_back = resolved_model(checkpoint), list[int]()
    give_back = subject_loader.give_back
    monkeypatch.setattr(
        subject_loader,
        "give_back",
        lambda pages: (given_back.append(sum(end - at for at, end in pages)), give_back(pages)),
    )
    tiny_model(seed=1).save_pretrained(tmp_path / "whole" / "weights")
    size = (tmp_path / "whole" / "weights" / "model.safetensors").stat().st_size
    base = jobs(model, tmp_path)[2]
    for name, folder in [
        ("whole", tmp_path / "whole"),
        ("adapter", store_adapter(checkpoint, tmp_path / "adapter", 1)),
    ]:
        scored(base.model_copy(update={"training": name, "training_path": str(folder)}), tmp_path / f"of {name}", None)
    scored(base, tmp_path / "of base", None)
    [bytes_given_back] = given_back
    assert bytes_given_back >= size


def test_a_subject_is_loaded_for_each_eval_where_code_from_elsewhere_runs(tmp_path: Path) -> None:
    """What code of a model or of a task leaves behind is unknown."""
    ordinary, own = (resolved_model(tmp_path, remote_code=code) for code in (None, "0" * 64))
    assert loss_job(ordinary, tmp_path / "r", 1).weights is not None
    assert loss_job(own, tmp_path / "r", 1).weights is None
    assert loss_job(ordinary, tmp_path / "r", 1, trust_task_code=True).weights is None
