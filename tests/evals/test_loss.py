"""Held-out loss: the same number that a textbook computation gives, on the tokens that training supervises."""

import json
import math
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from bench.data.render.render import make_renderer
from bench.data.render.row import Row, Turn
from bench.data.store import load_rows
from bench.evals.inference.scoring.scored_text import ScoredText
from bench.evals.loss import summed_nll
from bench.model.loading.load import load_base
from tests.evals.jobs import evaluate, loss_job, resolved_model, sentence
from tests.evals.loud import loud
from tests.fakes.checkpoints import ARCHITECTURES, Architecture


def write_rows(path: Path, answers: list[str]) -> list[Row]:
    rows = [
        Row(
            turns=(
                Turn(role="user", content=sentence(n, 3 + n % 11)),
                Turn(role="assistant", content=answer, slices=(("topic", (f"t{n % 3}",)),)),
            ),
            origin=f"x:{n}",
        )
        for n, answer in enumerate(answers)
    ]
    path.write_text("".join(row.model_dump_json(include={"turns", "origin"}) + "\n" for row in rows))
    return rows


def test_loss_is_the_mean_over_supervised_tokens(checkpoint: Path, tmp_path: Path) -> None:
    """Otherwise long answers, prompts or padding would leak into the figure."""
    write_rows(tmp_path / "rows.jsonl", [sentence(3 * n, 1 + n % 9) for n in range(30)])
    model = resolved_model(checkpoint)
    asked = loss_job(model, tmp_path / "rows.jsonl", 30, slices=("topic",), cluster="topic")
    result, rows = evaluate(asked, tmp_path / "out")
    network = load_base(model, precision="fp32", device=torch.device("cpu"))
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    renderer = make_renderer(tokenizer, model, 256)
    total = tokens = size = 0.0
    for row, score in zip(load_rows(tmp_path / "rows.jsonl"), rows, strict=True):
        rendered = renderer.row(row)
        ids = torch.tensor([rendered.input_ids])
        labels = ids.masked_fill(~torch.tensor([rendered.labels_mask]), -100)
        with torch.no_grad():
            mean = float(network(input_ids=ids, labels=labels).loss)
        count = sum(rendered.labels_mask)
        assert score.metrics["nll"] == pytest.approx(mean, abs=1e-5)
        assert score.weight == count
        assert score.prompt == f"User: {row.turns[0].content}\nAssistant:"
        assert score.target == row.turns[1].content
        assert score.slices == dict(row.turns[1].slices) != {}
        assert score.slices["topic"] == (score.cluster,)
        total, tokens = total + mean * count, tokens + count
        size += len(f" {row.turns[1].content}".encode())
    by_name = {measure.metric: measure for measure in result.measures}
    assert by_name["nll"].value == pytest.approx(total / tokens, abs=1e-5)
    assert by_name["perplexity"].value == pytest.approx(math.exp(total / tokens), rel=1e-5)
    assert by_name["bits_per_byte"].value == pytest.approx(total / math.log(2) / size, rel=1e-5)
    weighted = sum((row.metrics["nll"] or 0) * row.weight for row in rows) / sum(row.weight for row in rows)
    assert weighted == pytest.approx(by_name["nll"].value, rel=1e-12)
    assert (by_name["nll"].headline, by_name["nll"].higher_is_better) == (True, False)
    assert not by_name["perplexity"].per_example
    assert result.template == "dialogue"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_batch_has_the_loss_of_its_rows_alone(architecture: Architecture) -> None:
    """Padding must not be attended to, in any architecture."""
    model = loud(architecture)
    draw = torch.Generator().manual_seed(1)
    texts = []
    for length in range(3, 40, 4):
        ids = tuple(torch.randint(2, 384, (length,), generator=draw).tolist())
        texts.append(ScoredText(ids=ids, scored=tuple(range(length // 2, length))))
    together = summed_nll(model, texts, slots=100)
    alone = [summed_nll(model, [text])[0] for text in texts]
    assert together == pytest.approx(alone, abs=1e-4)


def test_ids_do_not_depend_on_order_or_file(checkpoint: Path, tmp_path: Path) -> None:
    """Pairing across runs is by id; equal rows keep apart."""
    answers = [sentence(n, 3) for n in range(5)]
    rows = write_rows(tmp_path / "a.jsonl", answers)
    moved = [rows[i].model_copy(update={"origin": f"other:{i}"}) for i in (4, 3, 2, 1, 0, 0)]
    (tmp_path / "b.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in moved))
    model = resolved_model(checkpoint)
    _, first = evaluate(loss_job(model, tmp_path / "a.jsonl", 5), tmp_path / "out")
    _, second = evaluate(loss_job(model, tmp_path / "b.jsonl", 6), tmp_path / "out")
    assert [row.id for row in second][:5] == [row.id for row in first][::-1]
    assert second[5].id == f"{second[4].id}-2"


def test_rows_are_cut_at_the_context_and_counted(checkpoint: Path, tmp_path: Path) -> None:
    """A row whose answer lies beyond the context has no score; one that is cut has, and the result says so."""
    write_rows(tmp_path / "rows.jsonl", [sentence(n, 30) for n in range(12)])
    model = resolved_model(checkpoint, context_length=25)
    result, rows = evaluate(loss_job(model, tmp_path / "rows.jsonl", 12), tmp_path / "out")
    missing = [row for row in rows if row.metrics["nll"] is None]
    assert result.truncated == 12
    assert 0 < len(missing) == result.measures[0].missing < 12
    assert {row.unscored for row in missing} == {"nothing supervised is left within the context"}
    assert result.unscored == {"nothing supervised is left within the context": len(missing)}
    assert all(row.weight > 0 for row in rows), "statistics take no example of no weight"


def test_a_diverged_model_has_no_loss(checkpoint: Path, tmp_path: Path) -> None:
    broken = loud("llama")
    with torch.no_grad():
        broken.get_output_embeddings().weight.fill_(torch.nan)
    broken.save_pretrained(checkpoint)
    write_rows(tmp_path / "rows.jsonl", ["yes", "no"])
    result, _ = evaluate(loss_job(resolved_model(checkpoint), tmp_path / "rows.jsonl", 2), tmp_path / "out")
    assert [(m.value, m.n, m.missing) for m in result.measures] == [(None, 0, 2)] * 3
    assert all(json.loads(line) for line in (tmp_path / "out" / "scores.jsonl").read_text().splitlines())


def test_a_row_that_the_template_cannot_print_is_missing_with_its_reason(checkpoint: Path, tmp_path: Path) -> None:
    write_rows(path := tmp_path / "rows.jsonl", ["the baker", "the town"])
    turns = (Turn(role="user", content="2+2?"), Turn(role="assistant", content="4", reasoning="two and two"))
    path.write_text(path.read_text() + Row(turns=turns, origin="x:odd").model_dump_json() + "\n")
    result, rows = evaluate(loss_job(resolved_model(checkpoint), path, 3), tmp_path / "out")
    assert [row.unscored for row in rows] == [None, None, "the template cannot print the example"]
    assert (result.measures[0].n, result.measures[0].missing) == (2, 1)
