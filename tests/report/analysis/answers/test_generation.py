"""Evals that draw answers, in the report: what drawing took, what it blurs, and the answers to read."""

from dataclasses import replace
from typing import Any

from bench.record.record import AnswersRecord, EvaluationRecord
from bench.record.results.evals.evaluation import Generated, ScoreRow
from bench.report.analysis.answers.generation import GenerationCost, engine_answers, generation_costs
from bench.report.analysis.comparison import Comparison
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.view import Paragraph, Table
from bench.report.sections.answers.generation import generation_section
from bench.report.sections.answers.side_by_side import answers_section
from bench.suite.tables.suite import Suite
from tests.fakes.records import FakeRun, make_run

DRAWN = Generated(
    answers=40,
    samples=2,
    temperature=0.7,
    tokens=900,
    seconds=3.0,
    tokens_per_second=300.0,
    first_token_seconds=0.012,
    checked=3,
    differed=0,
)


def asks(*, alone: bool = True, **changes: Any) -> FakeRun:
    """The fake run with its qa drawn by this program, and its last eval turned into questions."""
    run = make_run(examples=30, seeds=(0, 1))
    generated = DRAWN.model_copy(update=changes)
    suite = run.record.resolved.suite
    asked = [spec.model_dump(mode="json") for spec in suite.eval[:-1]]
    asked.append({"kind": "questions", "name": "heldout", "questions": ["Why <b>?", "How?"]})
    suite = Suite.model_validate({**suite.model_dump(mode="json"), "eval": asked})
    evaluations = tuple(_changed(evaluation, generated, alone=alone) for evaluation in run.record.evaluations)
    rows = {
        (name, subject): _answers(subject) if name == "heldout" else scored
        for (name, subject), scored in run.rows.items()
    }
    return run.with_suite(suite).changed(evaluations=evaluations, rows=rows)


def _changed(evaluation: EvaluationRecord, generated: Generated, *, alone: bool) -> EvaluationRecord:
    result = evaluation.result
    if result is None or evaluation.eval not in ("qa", "heldout"):
        return evaluation
    if evaluation.eval == "heldout":
        return evaluation.model_copy(update={"result": result.model_copy(update={"measures": ()})})
    measures = tuple(measure.model_copy(update={"decoding_error": 0.01}) for measure in result.measures)
    changes = {"measures": measures, "generated": generated}
    job = evaluation.job.model_copy(update={"alone": alone})
    return evaluation.model_copy(update={"result": result.model_copy(update=changes), "job": job})


def _answers(subject: str) -> list[ScoreRow]:
    return [
        ScoreRow(task="heldout", id=str(n), metrics={}, prompt=question, output=f"{subject} says {n}")
        for n, question in enumerate(("Why <b>?", "How?"), start=1)
    ]


def comparison(run: FakeRun) -> Comparison:
    return compare(run, replicates=200)


def test_questions_have_no_column_and_no_score() -> None:
    """A column of "no score" for every arm would look like a failure."""
    found = comparison(asks())
    assert [measurand.name for measurand in found.measurands] == ["qa", "choice", "instructions", "cloze"]
    assert found.completeness.complete


def test_every_question_of_the_suite_is_shown_first_with_every_arms_answer() -> None:
    found = comparison(asks())
    fixed = [exhibit for exhibit in found.exhibits if exhibit.metric is None]
    assert found.exhibits[: len(fixed)] == tuple(fixed)
    assert [exhibit.question for exhibit in fixed] == ["Why <b>?", "How?"]
    assert [answer.text for answer in fixed[0].answers[:2]] == ["base says 1", "lima_1k/full#0 says 1"]
    assert {answer.score for answer in fixed[0].answers} == {None}
    section = answers_section(found)
    intro, short, *full = section.blocks
    assert isinstance(intro, Paragraph)
    assert intro.text.startswith("2 questions of the suite's own, without a score; 10 questions, drawn")
    assert isinstance(short, Table)
    assert [cell.text for cell in short.rows[0]][2:] == ["base says 1", "lima_1k/full#0 says 1"]
    table = full[2]
    assert isinstance(table, Table)
    assert table.rows[0][0].text == "base says 1", "neither a mark nor `not scored`"


def test_what_drawing_took_and_its_noise_stand_in_the_report() -> None:
    (cost, *others) = generation_costs(asks().record)
    assert (cost.eval, cost.arm, cost.samples, cost.tokens_per_second) == ("qa", "base", 2, 300.0)
    assert cost.decoding_error == 0.01
    assert len(others) == 6
    section = generation_section(comparison(asks()))
    table = section.blocks[0]
    assert isinstance(table, Table)
    assert [cell.text for cell in table.rows[0]][2:] == ["40", "2", "900", "300", "12.0", "±0.010 exact_match"]


def test_a_speed_that_was_never_alone_is_no_speed() -> None:
    cost = generation_costs(asks(alone=False).record)[0]
    assert (cost.tokens_per_second, cost.shared_tokens_per_second, cost.first_token_seconds) == (None, 300.0, None)
    section = generation_section(comparison(asks(alone=False)))
    assert isinstance(section.blocks[0], Table)
    assert section.blocks[0].rows[0][5].whole == "300 shared"


def test_the_speed_of_judged_answers_is_that_of_the_job_that_drew_them() -> None:
    """A judge's eval asks an endpoint and draws nothing: whether it ran alone says nothing of the answers."""
    record = asks(alone=False).record
    drawn = tuple(
        AnswersRecord(
            subject=one.subject,
            arm=one.arm,
            seed=one.seed,
            eval=one.eval,
            job=one.job.model_copy(update={"alone": True}),
            result=one.result,
        )
        for one in record.evaluations
        if one.eval == "qa"
    )
    cost = generation_costs(record.model_copy(update={"answers": drawn}))[0]
    assert cost.tokens_per_second == 300.0


def test_a_run_without_such_evals_has_no_such_section() -> None:
    found = comparison(make_run(examples=20, seeds=(0,)))
    assert generation_section(found) is None
    assert "Generation" not in [section.title for section in compose(found).sections]


def test_a_batch_that_changed_answers_is_a_finding() -> None:
    assert not [finding for finding in comparison(asks()).sanity if finding.name == "batch matters"]
    found = [finding for finding in comparison(asks(differed=2)).sanity if finding.name == "batch matters"]
    assert len(found) == 13
    assert "base: 2 of 3 answers differed when computed alone (fp32)" in found[0].detail


def test_thinking_that_took_all_tokens_is_a_finding_above_one_in_twenty() -> None:
    """A low score would be read as wrong answers, where there were none."""
    for unfinished, found in ((2, 0), (3, 13)):
        run = asks()
        evaluations = tuple(
            one.model_copy(update={"result": one.result.model_copy(update={"unfinished_thinking": unfinished})})
            if one.eval == "qa" and one.result is not None
            else one
            for one in run.record.evaluations
        )
        changed = run.changed(evaluations=evaluations)
        cut = [finding for finding in comparison(changed).sanity if finding.name == "thinking cut off"]
        assert len(cut) == found
        assert all("3 of 40 answers ended inside the thinking" in finding.detail for finding in cut)


def test_a_servers_answers_are_counted_over_the_arms_that_it_answered_for() -> None:
    """The sentence under the table says both sums, and nothing of arms that this program answered for."""
    first, second, own = generation_costs(asks().record)[:3]
    costs = (
        replace(first, engine="server:1", engine_compared=8, engine_equal=7, **speeds(310.0, 90.0)),
        replace(second, engine="server:1", engine_compared=4, engine_equal=4, **speeds(290.0, 92.0)),
        own,
    )
    (answers,) = engine_answers(costs)
    assert (answers.arms, answers.compared, answers.equal) == ((first.arm, second.arm), 12, 11)
    said = "by the server at server:1; before that, 11 of 12 answers of it were this program's"
    assert f"{said}, at 300 tokens/s of the server and 91 of this program." in sentence_of(costs)
    unknown = tuple(replace(cost, **speeds(None, None)) for cost in costs)
    assert f"{said}." in sentence_of(unknown), "records from before speeds were measured"


def speeds(server: float | None, own: float | None) -> dict[str, Any]:
    return {"engine_tokens_per_second": server, "engine_own_tokens_per_second": own}


def sentence_of(costs: tuple[GenerationCost, ...]) -> str:
    """What the section says of the server."""
    section = generation_section(replace(comparison(asks()), generation=costs))
    assert section is not None
    assert isinstance(section.blocks[1], Paragraph)
    return section.blocks[1].text
