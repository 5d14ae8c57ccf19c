"""Generation and questions from a suite file to the report, on the embedded base: one process, as a user runs it."""

import pytest

from bench.record.record import Record
from bench.record.results.evals.evaluation import ScoreRow
from bench.record.rundir import RunDirectory
from tests.fakes.process import bench

SUITE = """
name = "asks"
question = "Do eight steps teach it to answer?"
model = { card = "micro" }
budget = { unit = "steps", amount = 8 }
arms = { data = ["few"], recipe = ["full"] }

[data]
few = { source = "micro:curated", select = { by = "first", size = 64 } }

[recipe.full]
method = "full"
learning_rate = 1e-3

[run]
workers = 1

[[eval]]
name = "answers"
kind = "generation"
data = { source = "micro:heldout", select = { by = "first", size = 24 } }
metrics = ["chrf", "exact_match", "rouge"]
decoding = { max_new_tokens = 16 }

[[eval]]
name = "drawn"
kind = "generation"
data = { source = "prompts.jsonl" }
decoding = { temperature = 0.8, samples = 3, max_new_tokens = 32 }

[[eval]]
name = "said"
kind = "questions"
questions = ["Where does Koso live?"]
decoding = { max_new_tokens = 16 }

[[eval]]
name = "heldout"
kind = "loss"
data = { source = "micro:heldout", select = { by = "first", size = 40 } }

[evaluate_at]
every = 3
evals = ["heldout"]
keep = "best on heldout"
target = { eval = "heldout", value = 6 }

[[claim]]
says = "few/full > base"
on = "answers"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """One run; `--set` changes what one eval draws."""
    folder = tmp_path_factory.mktemp("asks")
    (folder / "suite.toml").write_text(SUITE)
    (folder / "prompts.jsonl").write_text('{"prompt": "Name a river."}\n{"prompt": "Name a town."}\n')
    done = bench(folder, "run", "suite.toml", "--reports", "reports", "--set", "question=Does it answer?")
    assert done.returncode == 0, done.stdout + done.stderr
    return RunDirectory.find("asks", folder / "reports")


def rows(run: RunDirectory, record: Record, name: str, subject: str) -> list[ScoreRow]:
    found = next(e for e in record.evaluations if (e.eval, e.subject) == (name, subject))
    return run.scores(found)


def test_every_subject_answered_everything(run: RunDirectory) -> None:
    record = run.load()
    assert record.all_done
    for subject in ("base", "few/full#0"):
        assert len(rows(run, record, "answers", subject)) == 24
        assert all(len(row.samples) == 3 for row in rows(run, record, "drawn", subject))
        assert [row.prompt for row in rows(run, record, "said", subject)] == ["Where does Koso live?"]
    for evaluation in (evaluation for evaluation in record.evaluations if evaluation.eval != "heldout"):
        assert evaluation.result.generated.differed == 0
        assert evaluation.job.alone, "one worker: nothing ran beside it, so its speed counts"


def test_base_and_arm_were_asked_the_same(run: RunDirectory) -> None:
    record = run.load()
    asked = [
        [(row.id, row.prompt, row.target) for row in rows(run, record, "answers", subject)]
        for subject in ("base", "few/full#0")
    ]
    assert asked[0] == asked[1]
    assert rows(run, record, "answers", "base") != rows(run, record, "answers", "few/full#0")


def test_the_report_shows_scores_their_difference_and_the_answers(run: RunDirectory) -> None:
    text = (run.path / "report.md").read_text(encoding="utf-8")
    record = run.load()
    said = rows(run, record, "said", "few/full#0")[0].output
    assert "Where does Koso live?" in text
    assert said.split("\n")[0] in text
    assert "drawn by the run's digest" in text
    assert "<b>Generation</b>" in text
    section = text.split("### answers")[1].split("### ")[0]
    assert section.strip().startswith("chrf; 24 examples")
    line = next(line for line in section.splitlines() if line.startswith("| **few/full**"))
    assert "[" in line.split("|")[3], "a corpus metric has a paired difference with an interval"
    assert "### said" not in text


def test_the_training_is_scored_over_its_steps_and_keeps_the_best(run: RunDirectory) -> None:
    """On dev examples; the eval's own score is of the others and of the kept step."""
    record = run.load()
    base, trained = record.trajectories
    assert [step.step for step in base.steps] == [0]
    assert [step.step for step in trained.steps] == [3, 6, 8]
    result = record.trainings[0].result
    assert {point.step: point.score for point in result.dev} == {step.step: step.value for step in trained.steps}
    losses = {step.step: step.value for step in trained.steps if step.value is not None}
    assert (result.kept_step or 8) == min(losses, key=lambda step: losses[step])
    dev = {row.id for row in run.scores(trained.steps[0])}
    test = {row.id for row in rows(run, record, "heldout", "few/full#0")}
    assert dev == {row.id for row in run.scores(base.steps[0])}
    assert dev
    assert test
    assert not dev & test
    assert len(dev | test) == 40
    report = (run.path / "report.md").read_text(encoding="utf-8")
    assert "Over the steps" in report
    assert "plots/trajectory.svg" in report
