"""Generation evals as jobs: means, noise and gaps, from the answers themselves."""

import json
from pathlib import Path
from statistics import fmean, variance

import pytest
import torch
from sacrebleu.metrics.chrf import CHRF

from bench.data.render.row import Row, Turn
from bench.errors import InputError
from bench.evals.outcome import row_ids
from bench.record.results.evals.evaluation import Measure, ScoreRow
from bench.stats.samples.corpus_metrics import bleu, chrf
from tests.evals.jobs import evaluate, generation_job, questions_job, resolved_model, sentence
from tests.evals.loud import loud
from tests.fakes.checkpoints import tiny_tokenizer

SAMPLED = {"temperature": 1.0, "samples": 4, "max_new_tokens": 8, "seed": 3}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    loud("llama").save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten prompts; the last two without a reference."""
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    made = [
        Row(
            turns=(
                Turn(role="user", content=sentence(n, 3 + n % 5)),
                Turn(role="assistant", content=sentence(n, 4) if n < 8 else ""),
            ),
            origin=f"x:{n}",
        )
        for n in range(10)
    ]
    path.write_text("".join(row.model_dump_json() + "\n" for row in made))
    return path


def by_metric(measures: tuple[Measure, ...]) -> dict[str, Measure]:
    return {measure.metric: measure for measure in measures}


def test_a_missing_reference_is_missing_and_never_zero(checkpoint: Path, rows: Path, tmp_path: Path) -> None:
    job = generation_job(
        resolved_model(checkpoint), rows, 10, metrics=("rouge", "chrf"), decoding={"max_new_tokens": 8}
    )
    result, scores = evaluate(job, tmp_path)
    measures = by_metric(result.measures)
    assert (measures["rouge_l"].n, measures["rouge_l"].missing) == (8, 2)
    assert (measures["chrf"].n, measures["chrf"].missing) == (8, 2)
    assert (measures["ended"].n, measures["ended"].missing) == (10, 0)
    assert [row.metrics["rouge_l"] is None for row in scores] == [False] * 8 + [True] * 2
    assert [row.target is None for row in scores] == [False] * 8 + [True] * 2
    assert ["chrf" in row.statistics for row in scores] == [True] * 8 + [False] * 2
    assert measures["rouge_l"].value == pytest.approx(fmean(row.metrics["rouge_l"] or 0 for row in scores[:8]))
    assert [measure.metric for measure in result.measures if measure.headline] == ["rouge_l"]
    assert result.generated_tokens == result.generated.tokens


def test_a_prompt_without_a_score_says_why(checkpoint: Path, tmp_path: Path) -> None:
    """Seen: an answer in emojis alone was missing from ROUGE without a word."""
    path = tmp_path / "rows.jsonl"
    replies = ("\N{DANCER}", "", "the cow")
    made = [
        Row(
            turns=(
                Turn(role="user", content="x"),
                Turn(role="assistant", content=reply, slices=(("topic", (f"t{n}",)),)),
            ),
            origin=f"x:{n}",
        )
        for n, reply in enumerate(replies)
    ]
    path.write_text("".join(row.model_dump_json() + "\n" for row in made))
    options = {"metrics": ("rouge",), "decoding": {"max_new_tokens": 4}, "slices": ("topic",), "cluster": "topic"}
    result, scores = evaluate(generation_job(resolved_model(checkpoint), path, 3, **options), tmp_path / "out")
    assert [row.cluster for row in scores] == ["t0", "t1", "t2"]
    nothing = "the reference has nothing to compare by rouge_l, rouge_1, rouge_2"
    assert [row.slices for row in scores] == [{"topic": ("t0",)}, {"topic": ("t1",)}, {"topic": ("t2",)}]
    assert [row.unscored for row in scores] == [nothing, "no reference", None]
    assert result.unscored == {nothing: 1, "no reference": 1}


@pytest.mark.parametrize(
    ("metrics", "reference", "by", "unread"),
    [
        (("numeric",), "7", None, True),
        (("tool_call",), '{"name": "f", "arguments": {}}', None, True),
        (("tool_call",), '{"name": "f", "arguments": {}}', "tool_name", True),
        (("token_f1", "numeric"), "7", None, False),
        (("exact_match",), "7", None, False),
    ],
)
def test_an_answer_without_what_the_measure_compares_is_unread(
    checkpoint: Path, tmp_path: Path, metrics: tuple[str, ...], reference: str, by: str | None, unread: bool
) -> None:
    """A base that never writes a number had 0 by `numeric`, as if it had answered wrongly."""
    turns = (Turn(role="user", content="the cow"), Turn(role="assistant", content=reference))
    (path := tmp_path / "rows.jsonl").write_text(Row(turns=turns, origin="x:1").model_dump_json() + "\n")
    lead = {} if by is None else {"metric": by}
    job = generation_job(resolved_model(checkpoint), path, 1, metrics=metrics, decoding={"max_new_tokens": 6}, **lead)
    _, [row] = evaluate(job, tmp_path / "out")
    assert row.output
    assert not any(character.isdigit() for character in row.output)
    assert row.unread is unread


def test_a_corpus_metric_can_be_computed_again_from_the_rows(checkpoint: Path, rows: Path, tmp_path: Path) -> None:
    """Its paired differences are resampled from these statistics, all samples of a prompt together."""
    job = generation_job(resolved_model(checkpoint), rows, 10, metrics=("chrf", "bleu"), decoding=SAMPLED)
    result, scores = evaluate(job, tmp_path)
    measures = by_metric(result.measures)
    for name, metric in (("bleu", bleu), ("chrf", chrf)):
        sums = torch.tensor([row.statistics[name] for row in scores[:8]]).sum(0).numpy()
        assert metric(sums) == pytest.approx(measures[name].value, rel=1e-5)
        assert not measures[name].per_example
    said = [text or "" for row in scores[:8] for text in row.samples]
    wanted = [row.target or "" for row in scores[:8] for _ in row.samples]
    assert measures["chrf"].value == pytest.approx(CHRF().corpus_score(said, [wanted]).score)


def test_noise_of_decoding_is_told_apart(checkpoint: Path, rows: Path, tmp_path: Path) -> None:
    """Without it, sampled answers' luck would look like the prompts' difficulty."""
    job = generation_job(resolved_model(checkpoint), rows, 10, decoding=SAMPLED)
    result, scores = evaluate(job, tmp_path)
    measure = by_metric(result.measures)["empty"]
    for row in scores:
        empty = [float(not (text or "").strip()) for text in row.samples]
        assert len(empty) == 4
        assert row.output == row.samples[0]
        assert row.metrics["empty"] == pytest.approx(fmean(empty))
        assert row.spread["empty"] == pytest.approx(variance(empty))
    noise = (sum(row.spread["length"] / 4 for row in scores)) ** 0.5 / 10
    assert by_metric(result.measures)["length"].decoding_error == pytest.approx(noise)
    assert not measure.binary, "a mean of four is no longer 0 or 1"
    assert result.measures[0].headline
    assert result.measures[0].metric == "ended"


def test_one_greedy_answer_has_no_noise_of_decoding(checkpoint: Path, rows: Path, tmp_path: Path) -> None:
    result, scores = evaluate(generation_job(resolved_model(checkpoint), rows, 10), tmp_path)
    assert {measure.decoding_error for measure in result.measures} == {None}
    assert all(row.samples == () and row.spread == {} for row in scores)
    assert by_metric(result.measures)["ended"].binary


def test_a_diverged_subject_has_no_score_at_all(rows: Path, tmp_path: Path) -> None:
    model = loud("llama")
    with torch.no_grad():
        model.get_output_embeddings().weight.fill_(torch.nan)
    model.save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    job = generation_job(resolved_model(tmp_path / "model"), rows, 10, metrics=("bleu", "squad"))
    result, scores = evaluate(job, tmp_path / "out")
    assert {(measure.value, measure.n, measure.missing) for measure in result.measures} == {(None, 0, 10)}
    assert all(row.output is None and set(row.metrics.values()) == {None} for row in scores)
    assert result.generated.checked == 0


def test_a_prompt_as_it_is(checkpoint: Path, rows: Path, tmp_path: Path) -> None:
    result, scores = evaluate(generation_job(resolved_model(checkpoint), rows, 10, template="none"), tmp_path)
    assert result.template == "none"
    assert scores[0].prompt == sentence(0, 3)


def test_code_from_the_hub_is_refused_before_it_is_fetched(checkpoint: Path, rows: Path, tmp_path: Path) -> None:
    job = generation_job(resolved_model(checkpoint), rows, 10, hub_metrics=({"name": "x", "key": "x"},))
    with pytest.raises(InputError, match="not allowed to run"):
        evaluate(job, tmp_path)


def test_ids_are_of_the_content_alone() -> None:
    """Two runs over the same rows must pair, whatever files they came from."""
    turns = (Turn(role="user", content="a"), Turn(role="assistant", content="b"))
    first, again, other = (Row(turns=turns, origin=f"x:{n}") for n in range(3))
    ids = row_ids([first, again, other.model_copy(update={"turns": turns[:1]})])
    assert ids[1] == f"{ids[0]}-2"
    assert ids[2] != ids[0]
    assert row_ids([again])[0] == ids[0]


def read(path: Path) -> list[ScoreRow]:
    return [ScoreRow.model_validate(json.loads(line)) for line in path.read_text().splitlines()]


def test_questions_are_answered_turn_by_turn_without_a_score(checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    said = (("user", "the cow"), ("assistant", ""), ("user", "the sheep"), ("assistant", ""))
    turns = tuple(Turn(role=role, content=text) for role, text in said)  # type: ignore[arg-type]
    path.write_text(Row(turns=turns, origin="x:1").model_dump_json() + "\n")
    result, lines = evaluate(
        questions_job(resolved_model(checkpoint), path, 1, decoding={"max_new_tokens": 6}), tmp_path
    )
    assert [(line.id, line.prompt) for line in lines] == [("1", "the cow"), ("1.2", "the sheep")]
    assert all(line.output is not None and line.metrics == {} for line in lines)
    assert result.measures == ()


def test_questions_of_the_suite_itself(checkpoint: Path, tmp_path: Path) -> None:
    job = questions_job(resolved_model(checkpoint), questions=("the cow", "the town"), decoding={"max_new_tokens": 6})
    _, lines = evaluate(job, tmp_path)
    assert [(line.id, line.prompt, line.target) for line in lines] == [("1", "the cow", None), ("2", "the town", None)]
