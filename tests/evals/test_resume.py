"""An eval that is killed resumes where it was: no example is asked twice, and the scores are those of a whole run."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.data.render.row import Row, Turn
from bench.emit import Event, ExamplesDone
from bench.evals import loss
from bench.evals.inference.generation import generator
from bench.evals.inference.generation.answer_row import AnswerRow
from bench.evals.inference.generation.continuous_batch import ContinuousBatch
from bench.evals.inference.generation.request import GenerationRequest
from bench.evals.inference.partial_replies import PartialReplies
from bench.evals.inference.scoring import layer_rows, layer_trees, native_trees, scored_text, scorer
from bench.evals.inference.scoring.scored_text import Score, ScoredText, ScoringPass
from bench.evals.inference.scoring.scorer import SCORE
from bench.evals.job import run_eval
from bench.evals.share import ask_share
from bench.record.files import PARTIAL, SCORES, SHARE_REPLIES
from bench.record.jobs.eval_job import EvalJob, QuestionShare, ShareJob
from bench.record.store import JobStore, write_result
from tests.evals.jobs import generation_job, lm_eval_job, loss_job, resolved_model, sentence, write_choice

ROWS = 24


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several passes for a few examples."""

    def small(passes: Callable[..., Iterator[ScoringPass]]) -> Callable[..., Iterator[ScoringPass]]:
        return lambda *of, slots, **rest: passes(*of, slots=100, **rest)

    for name in ("native_passes", "tree_passes"):
        monkeypatch.setattr(scorer, name, small(getattr(scorer, name)))
    monkeypatch.setattr(loss, "row_passes", small(loss.row_passes))
    monkeypatch.setattr(generator, "ContinuousBatch", lambda *of, slots: ContinuousBatch(*of, slots=300))


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What reaches the model: choices, texts and prompts."""
    seen: list[object] = []
    answer_row = generator.answer_row

    def summed(texts: Sequence[ScoredText], *of: Any) -> list[Score]:
        seen.extend(texts)
        return scored_text.summed(texts, *of)

    def begun(request: GenerationRequest) -> AnswerRow:
        seen.append(request.prompt)
        return answer_row(request)

    for passes in (native_trees, layer_trees, layer_rows):
        monkeypatch.setattr(passes, "summed", summed)
    monkeypatch.setattr(generator, "answer_row", begun)
    return seen


def job_of(kind: str, checkpoint: Path, folder: Path) -> EvalJob:
    model = resolved_model(checkpoint)
    if kind == "choice":
        write_choice(folder / "tasks", count=ROWS)
        return lm_eval_job(model, folder / "tasks", ["choice"])
    path = folder / "rows.jsonl"
    texts = [(sentence(n, 2 + n % 7), sentence(n + 50, 4)) for n in range(ROWS)]
    turns = [(Turn(role="user", content=asked), Turn(role="assistant", content=said)) for asked, said in texts]
    path.write_text("".join(Row(turns=pair, origin="x:1").model_dump_json() + "\n" for pair in turns))
    if kind == "loss":
        return loss_job(model, path, ROWS)
    # nothing is computed again alone: that is no example asked twice
    job = generation_job(model, path, ROWS, decoding={"max_new_tokens": 12})
    return job.model_copy(update={"checks_batches": False})


def killed_half_way(job: EvalJob, folder: Path) -> None:
    """Runs the job in a child that is killed once half of its examples are done."""

    def kill(event: Event) -> None:
        if isinstance(event, ExamplesDone) and event.done >= ROWS // 2:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        run_eval(job, folder, kill, partial=folder / PARTIAL)
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("kind", ["choice", "loss", "generation"])
def test_what_was_computed_before_the_kill_is_not_computed_again(
    kind: str, checkpoint: Path, tmp_path: Path, computed: list[object]
) -> None:
    job, store = job_of(kind, checkpoint, tmp_path), JobStore(home=tmp_path / "home")
    whole = tmp_path / "whole"
    whole.mkdir()
    run_eval(job, whole, lambda _: None)
    everything = list(computed)
    computed.clear()

    killed_half_way(job, store.begin(job))
    before = PartialReplies(store.folder(job.digest) / PARTIAL).replies
    assert 0 < len(before) < len(set(everything)), "stopped in the middle"
    folder = store.begin(job)  # the next run's attempt
    done: list[int] = []

    def hear(event: Event) -> None:
        if isinstance(event, ExamplesDone):
            done.append(event.done)

    result = run_eval(job, folder, hear, partial=folder / PARTIAL)
    assert len(computed) == len(everything) - len(before)
    assert len(set(computed)) == len(computed)
    assert (folder / SCORES).read_bytes() == (whole / SCORES).read_bytes()
    assert result.recalled_share == pytest.approx(len(before) / len(everything))
    assert done[-1] == ROWS
    write_result(folder, result)
    store.commit(job.digest, started="", seconds=1.0, alone=True)
    assert not (folder / PARTIAL).exists()


@pytest.mark.parametrize("kind", ["choice", "loss", "generation"])
def test_shares_of_an_eval_give_its_very_file_and_no_question_is_asked_twice(
    kind: str, checkpoint: Path, tmp_path: Path, computed: list[object]
) -> None:
    job, shares = job_of(kind, checkpoint, tmp_path), 3
    whole, merged = tmp_path / "whole", tmp_path / "merged"
    whole.mkdir()
    merged.mkdir()
    expected = run_eval(job, whole, lambda _: None)
    everything = sorted(map(repr, computed))
    computed.clear()

    folders, sizes = [], []
    for number in range(1, shares + 1):
        asking = job.model_copy(update={"share": QuestionShare(number=number, shares=shares)})
        folder = tmp_path / str(number)
        folder.mkdir()
        folders.append(str(folder))
        taken = ask_share(ShareJob(asking=asking, digest="0" * 64), folder, lambda _: None, run_eval=run_eval)
        sizes.append(taken.replies)
    assert sorted(map(repr, computed)) == everything
    assert all(sizes)
    assert sum(sizes) == len(everything)
    computed.clear()
    result = run_eval(job.model_copy(update={"shares": tuple(folders)}), merged, lambda _: None)
    assert not computed
    assert (merged / SCORES).read_bytes() == (whole / SCORES).read_bytes()
    assert (result.measures, result.recalled_share) == (expected.measures, 1.0)

    (tmp_path / "2" / SHARE_REPLIES).unlink()  # what a share lacks is asked by the eval itself
    again = run_eval(job.model_copy(update={"shares": tuple(folders)}), merged, lambda _: None)
    assert len(computed) == sizes[1]
    assert again.measures == expected.measures
    assert (merged / SCORES).read_bytes() == (whole / SCORES).read_bytes()


def test_a_text_that_is_there_twice_is_computed_once(checkpoint: Path, tmp_path: Path, computed: list[object]) -> None:
    job = job_of("loss", checkpoint, tmp_path)
    rows = Path(job.data.path)
    rows.write_text(rows.read_text() * 2)
    run_eval(job, tmp_path, lambda _: None)
    assert len(computed) == len(set(computed)) == ROWS


def test_a_torn_or_altered_line_is_no_reply(tmp_path: Path) -> None:
    path, pairs = tmp_path / PARTIAL, [((n,), (n + 1,)) for n in range(4)]

    def finished() -> Iterator[bool]:
        replies = PartialReplies(path).of(SCORE, lambda _: True)
        return (replies.get([pair]) is not None for pair in pairs)

    written = PartialReplies(path).of(SCORE, lambda score: score.greedy)
    written.add((pair, Score(logprob=-1.0, greedy=pair != pairs[3])) for pair in pairs)
    assert [*finished()] == [True, True, True, False], "what is no reply is not kept"
    lines = path.read_text().split("\n")
    path.write_text("\n".join([lines[1], lines[2].replace("-1.0", "-2.0"), lines[3][:-9]]))
    assert [*finished()] == [True, False, False, False]
    PartialReplies(path).of(SCORE, lambda _: True).add([(pairs[1], Score(logprob=-3.0, greedy=True))])
    assert [*finished()] == [True, True, False, False], "a line after a torn one is a line of its own"
