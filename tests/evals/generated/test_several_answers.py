"""Several answers to one prompt: estimates without bias, against enumeration, and ties that are fair."""

from itertools import combinations
from pathlib import Path
from statistics import fmean

import pytest
from pydantic import ValidationError

from bench.data.render.row import Row, Turn
from bench.evals.generated.reference_metrics import Scored
from bench.evals.generated.several_answers import majority, pass_at_k, score_together
from bench.suite.catalog.metrics import REFERENCE, UNIT, scales_of
from bench.suite.tables.evals.generation import GenerationSpec
from tests.evals.jobs import evaluate, generation_job, resolved_model, sentence
from tests.evals.loud import loud
from tests.fakes.checkpoints import tiny_tokenizer

DRAWN = {"temperature": 1.0, "samples": 4, "max_new_tokens": 4, "seed": 3}


def spec(**fields: object) -> GenerationSpec:
    table = {"kind": "generation", "name": "g", "data": {"source": "x.jsonl"}, "metrics": ("numeric",)}
    return GenerationSpec.model_validate({**table, "decoding": DRAWN, **fields})


@pytest.mark.parametrize("right", range(6))
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_pass_at_k_is_the_share_of_draws_with_a_right_answer(right: int, k: int) -> None:
    answers = [True] * right + [False] * (5 - right)
    assert pass_at_k(5, right, k) == pytest.approx(fmean(any(draw) for draw in combinations(answers, k)))


def test_the_most_frequent_answer_counts_and_ties_are_shared() -> None:
    assert majority(["a", "b", "a"], [1.0, 0.0, 1.0]) == 1.0
    assert majority(["a", "b", "b"], [1.0, 0.0, 0.0]) == 0.0
    assert majority(["a", "b", "c", "d"], [1.0, 0.0, 0.0, 0.0]) == 0.25
    assert majority([None, None, "a"], [0.0, 0.0, 1.0]) == 1.0, "what is no answer has no vote"
    assert majority([None, None], [0.0, 0.0]) == 0.0


def test_numbers_that_are_equal_are_one_answer() -> None:
    texts = ["It is 1,200.", "#### 1200.0", "7", "about 9"]
    scored = [Scored(scale=REFERENCE["numeric"][0], scores=(1.0, 1.0, 0.0, 0.0))]
    by_name = {s.name: v for s, v in score_together(spec(pass_at=(2,), majority=True), scored, texts).items()}
    assert by_name["majority"] == (1.0,)
    assert by_name["pass@2"] == (pytest.approx(1 - 1 / 6),)


def test_an_answer_without_a_score_is_no_wrong_answer() -> None:
    scored = [Scored(scale=REFERENCE["numeric"][0], scores=(1.0, None, None, 0.0))]
    by_name = {s.name: v for s, v in score_together(spec(pass_at=(1, 3)), scored, ["1", None, None, "2"]).items()}
    assert by_name == {"pass@1": (0.5,), "pass@3": (None,)}


def test_a_job_has_a_score_of_each_prompt_and_the_measure_is_their_mean(tmp_path: Path) -> None:
    loud("llama").save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    rows = [
        Row(turns=(Turn(role="user", content=sentence(n, 4)), Turn(role="assistant", content=answer)), origin=f"x:{n}")
        for n, answer in enumerate(("a", "b", ""))
    ]
    (tmp_path / "rows.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in rows))
    job = generation_job(
        resolved_model(tmp_path / "model"), tmp_path / "rows.jsonl", 3, metrics=("exact_match",),
        pass_at=(1, 3), majority=True, metric="pass@3", decoding=DRAWN,
    )  # fmt: skip
    result, scores = evaluate(job, tmp_path)
    measures = {measure.metric: measure for measure in result.measures}
    assert [measure.metric for measure in result.measures if measure.headline] == ["pass@3"]
    for name in ("pass@1", "pass@3", "majority"):
        values = [row.metrics[name] for row in scores]
        assert values[2] is None, "no reference"
        assert measures[name].value == pytest.approx(fmean(value for value in values if value is not None))
        assert (measures[name].n, measures[name].missing) == (2, 1)
        assert scales_of(name) == (UNIT,)
    assert measures["pass@1"].value == pytest.approx(measures["exact_match"].value)


def test_too_few_answers_for_a_measure_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"pass@8 needs decoding\.samples = 8"):
        spec(pass_at=(8,))
    with pytest.raises(ValidationError, match="majority needs"):
        spec(majority=True, decoding={"temperature": 1.0, "samples": 2})
