"""Few-shot: the rows of the arm, through the same template, before every prompt; or the control would be no control."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.data.render.render import Renderer, make_renderer
from bench.data.render.row import Row, Turn
from bench.data.store import write_rows
from bench.errors import InputError
from bench.evals.subject.context import CONTEXT_SHARE, Context, ContextRenderer, draw_context
from bench.model.loading.load import load_tokenizer
from bench.record.jobs.eval_job import Shots
from bench.suite.resolved import ResolvedData, ResolvedModel
from tests.evals.jobs import evaluate, lm_eval_job, loss_job, resolved_model, write_task
from tests.fakes.checkpoints import tiny_checkpoint

ASKED = Turn(role="user", content="Where does the baker live?")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ResolvedModel:
    folder = tmp_path_factory.mktemp("tiny")
    return resolved_model(tiny_checkpoint(folder, positions=512), context_length=512)


@pytest.fixture(scope="module")
def renderer(model: ResolvedModel) -> Renderer:
    return make_renderer(load_tokenizer(model), model, model.context_length)


def shots(folder: Path, *, size: int = 3, seed: int = 0, rows: list[list[dict[str, str]]] | None = None) -> Shots:
    rows = rows if rows is not None else [question(n) for n in range(20)]
    path, sha256 = write_rows(((json.dumps(turns).encode(), f"d:{n}") for n, turns in enumerate(rows)), folder)
    data = ResolvedData(
        name="d", source="d", revision=None, rows=len(rows), source_rows=len(rows), dropped={}, sha256=sha256,
        path=str(path),
    )  # fmt: skip
    return Shots(data=data, size=size, seed=seed)


def question(number: int, *, answer: str = "") -> list[dict[str, str]]:
    return [
        {"role": "user", "content": f"Count the cows, {number}."},
        {"role": "assistant", "content": answer or f"There are {number} cows."},
    ]


def draw(asked: Shots, renderer: Renderer) -> Context:
    return draw_context(asked, renderer, context_length=512)


def test_a_prompt_is_the_drawn_rows_and_then_the_question(tmp_path: Path, renderer: Renderer) -> None:
    context = draw(shots(tmp_path), renderer)
    text = ContextRenderer.over(renderer, context.turns).prompt_text([ASKED])
    assert text == renderer.prompt_text([*context.turns, ASKED])
    assert text.endswith(renderer.prompt_text([ASKED]))
    assert text.count("Assistant:") == 4
    assert renderer.prompt_text([ASKED]).count("Assistant:") == 1, "the renderer underneath is as it was"


def test_the_ids_of_a_prompt_are_those_of_its_text(tmp_path: Path, renderer: Renderer) -> None:
    behind = ContextRenderer.over(renderer, draw(shots(tmp_path), renderer).turns)
    assert renderer.tokenizer.decode(behind.prompt([ASKED])).removeprefix("<s>") == behind.prompt_text([ASKED])


def test_a_system_prompt_stays_before_the_rows(tmp_path: Path, renderer: Renderer) -> None:
    behind = ContextRenderer.over(renderer, draw(shots(tmp_path), renderer).turns)
    text = behind.prompt_text([Turn(role="system", content="Be short."), ASKED])
    assert text.index("Be short.") < text.index("Count the cows")


def test_the_loss_is_that_of_the_answer_alone(tmp_path: Path, renderer: Renderer) -> None:
    row = Row(turns=(ASKED, Turn(role="assistant", content="In a town.")), origin="x")
    behind = ContextRenderer.over(renderer, draw(shots(tmp_path), renderer).turns)
    plain, shown = renderer.row(row), behind.row(row)
    assert len(shown.input_ids) > len(plain.input_ids)
    assert supervised(shown) == supervised(plain)


def test_plain_text_has_no_context(tmp_path: Path, renderer: Renderer) -> None:
    behind = ContextRenderer.over(renderer, draw(shots(tmp_path), renderer).turns)
    text = Row(turns=(Turn(role="text", content="A town near the river."),), origin="x")
    assert behind.row(text) == renderer.row(text)


def test_the_draw_is_the_seeds(tmp_path: Path, renderer: Renderer) -> None:
    origins = {seed: [row.origin for row in draw(shots(tmp_path, seed=seed), renderer).rows] for seed in (0, 0, 1, 2)}
    assert len({tuple(found) for found in origins.values()}) == 3
    assert origins[0] == [row.origin for row in draw(shots(tmp_path), renderer).rows]
    assert all(len(set(found)) == 3 for found in origins.values())


def test_half_of_the_positions_stay_free_for_question_and_answer(tmp_path: Path, renderer: Renderer) -> None:
    rows = [question(n, answer="word " * 200 if n % 2 else "") for n in range(40)]
    context = draw(shots(tmp_path, size=40, rows=rows), renderer)
    taken = len(renderer.prompt([*context.turns, ASKED])) - len(renderer.prompt([ASKED]))
    assert 0 < sum(row.tokens for row in context.rows) == taken <= 512 * CONTEXT_SHARE
    assert len(context.rows) < 40
    assert all(int(row.origin.partition(":")[2]) % 2 == 0 for row in context.rows), "long rows are passed over"


@pytest.mark.parametrize("rows", [[question(0, answer="word " * 600)], [[{"role": "text", "content": "A town."}]]])
def test_rows_of_which_none_can_be_shown_are_refused(tmp_path: Path, renderer: Renderer, rows: Any) -> None:
    with pytest.raises(InputError) as caught:
        draw(shots(tmp_path, rows=rows), renderer)
    assert caught.value.problems[0].reference == "few-shot.no-row"


def test_generation_choice_and_loss_are_scored_behind_the_rows(tmp_path: Path, model: ResolvedModel) -> None:
    """The ids stay those of the base's scores, or nothing could be paired."""
    rows = [{"q": f"Count {n}.", "choices": ["a cow", "a sheep"], "label": n % 2} for n in range(4)]
    tasks = tmp_path / "tasks"
    write_task(tasks, "say", rows, output_type="generate_until", doc_to_text="{{q}}", doc_to_target="{{label}}",
               generation_kwargs={"until": ["."], "max_gen_toks": 4})  # fmt: skip
    write_task(tasks, "choose", rows, output_type="multiple_choice", doc_to_text="{{q}}", doc_to_choice="choices",
               doc_to_target="label")  # fmt: skip
    held = shots(tmp_path, rows=[question(n) for n in range(3)])
    asked = shots(tmp_path)
    for name, job in {
        "lm": lm_eval_job(model, tasks, ["say", "choose"]),
        "loss": loss_job(model, Path(held.data.path), 3),
    }.items():
        folders = [tmp_path / name / kind for kind in ("base", "shots")]
        for folder in folders:
            folder.mkdir(parents=True)
        base, base_rows = evaluate(job, folders[0])
        shown, shown_rows = evaluate(job.model_copy(update={"shots": asked, "subject": "d/few#0"}), folders[1])
        assert base.shots is None
        assert shown.shots is not None
        assert len(shown.shots) == 3
        assert [(row.task, row.id) for row in base_rows] == [(row.task, row.id) for row in shown_rows]
        assert all("Count the cows" in row.prompt for row in shown_rows)
        assert [row.metrics for row in base_rows] != [row.metrics for row in shown_rows] or name == "lm"


def supervised(rendered: Any) -> list[int]:
    return [token for token, mask in zip(rendered.input_ids, rendered.labels_mask, strict=True) if mask]
