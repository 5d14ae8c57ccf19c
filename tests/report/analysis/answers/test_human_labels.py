"""Rates of a judge, corrected by people: from the rows of an arm to one estimate."""

from bench.record.labels import EvalLabels, HumanLabel
from bench.record.results.evals.evaluation import ScoreRow
from bench.report.analysis.answers.human_labels import corrected_by_people, labels_of_eval
from bench.suite.tables.evals.judge_measures import WIN_RATE
from tests.fakes.records import make_run

NAMES = ("a/full#0", "a/full#1")


def row(number: int, score: float | None) -> ScoreRow:
    return ScoreRow(
        task="judged", id=str(number), metrics={WIN_RATE: score}, weight=1.0, cluster=None, prompt="p", target=None,
        output="o",
    )  # fmt: skip


def test_an_example_is_one_unit_and_pairs_without_a_score_are_left_out() -> None:
    scored = [[row(n, 1.0) for n in range(30)], [row(n, 0.0 if n < 29 else None) for n in range(30)]]
    labels = {(NAMES[0], str(n)): HumanLabel(id=str(n), subject=NAMES[0], score=0.0) for n in range(12)}
    found = corrected_by_people(NAMES, scored, labels)
    assert (found.labelled, found.judged, found.agreement) == (12, 30, 0.0)
    assert found.rate < 0.2
    assert found.high is not None


def test_an_arm_without_a_label_has_no_corrected_rate() -> None:
    labels = {("b#0", "1"): HumanLabel(id="1", subject="b#0", score=1.0)}
    assert corrected_by_people(NAMES, [[row(1, 1.0)], []], labels) is None


def test_labels_belong_to_their_eval() -> None:
    record = make_run(examples=5).record
    label = HumanLabel(id="1", subject="a/full#0", score=0.5)
    record = record.model_copy(update={"labels": (EvalLabels(eval="judged", labels=(label,)),)})
    assert labels_of_eval(record, "judged") == {("a/full#0", "1"): label}
    assert labels_of_eval(record, "other") == {}
