"""A server generates a subject's answers only after it said what this program says, and the record has both."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from bench.data.render.row import Row, Turn
from bench.errors import InputError
from bench.evals.inference.engines import engine_generator
from bench.evals.inference.engines.engine_generator import EngineComparison
from bench.evals.inference.generation.generator import generate
from bench.evals.inference.generation.request import Generation, GenerationRequest
from bench.record.jobs.eval_job import EvalJob, ServerEngineJob
from bench.suite.tables.models.engine import EngineSpec
from tests.evals.jobs import evaluate, generation_job, resolved_model, sentence
from tests.evals.loud import loud
from tests.fakes.checkpoints import tiny_tokenizer
from tests.fakes.endpoint_server import Body, EndpointServer, Step

TOKENIZER = tiny_tokenizer()
ROWS = 12


class Served:
    """A server of a model on loopback, by prompts of token ids."""

    def __init__(self, model: PreTrainedModel, *, wrong_every: int = 0) -> None:
        torch.set_num_threads(1)
        self.model, self.wrong_every, self.answered = model, wrong_every, 0

    def __call__(self, body: Body) -> Step:
        request = GenerationRequest(
            prompt=tuple(body["prompt"]),
            stop_ids=frozenset(body.get("stop_token_ids", ())),
            until=tuple(body.get("stop", ())),
            max_new_tokens=body["max_tokens"],
        )
        self.answered += 1
        [answer] = generate(self.model, TOKENIZER, [request])
        wrong = self.wrong_every and self.answered % self.wrong_every == 0
        text = " ".join(map(str, (5, *answer.ids[1:]) if wrong else answer.ids))
        return Step(text=text, finish_reason="stop" if answer.ended else "length")


def job(folder: Path, checkpoint: Path, **changes: Any) -> EvalJob:
    path = folder / "rows.jsonl"
    turns = [
        (Turn(role="user", content=sentence(n, 2 + n % 7)), Turn(role="assistant", content="x")) for n in range(ROWS)
    ]
    path.write_text("".join(Row(turns=pair, origin="x:1").model_dump_json() + "\n" for pair in turns))
    return generation_job(resolved_model(checkpoint), path, ROWS, decoding={"max_new_tokens": 8}, **changes)


def through(job: EvalJob, server: EndpointServer, *, adapter: bool = False, **changes: Any) -> EvalJob:
    at = {"base_url": server.url, "model": "base", "concurrency": 1, "retries": 0}
    spec = EngineSpec.model_validate({"server": at, "adapters": adapter, "compared": 4, **changes})
    return job.model_copy(update={"engine": ServerEngineJob(spec=spec, adapter=adapter)})


def test_an_equal_server_gives_the_scores_that_this_program_gives(checkpoint: Path, tmp_path: Path) -> None:
    asked = job(tmp_path, checkpoint)
    _, ours = evaluate(asked, tmp_path / "ours")
    with EndpointServer(answer=Served(loud("llama"))) as server:
        result, theirs = evaluate(through(asked, server), tmp_path / "theirs")
        assert len(server.requests) == 4 + ROWS - 4, "what was compared is not asked again"
    assert theirs == ours
    assert (result.engine.compared, result.engine.equal, result.engine.model) == (4, 4, "base")
    assert min(result.engine.own_tokens_per_second, result.engine.tokens_per_second) > 0
    assert result.generated.checked == 0, "this program's batches had no part in it"


def test_both_speeds_are_of_the_compared_prompts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 2.0, 10.0, 14.0])
    monkeypatch.setattr(engine_generator.time, "perf_counter", lambda: next(clock))
    answers = [Generation(text="a b", ids=(1, 2, 3), ended=True), Generation(text="a", ids=(1,), ended=False)]
    comparison = EngineComparison(asked=2, tolerance=0.0)
    comparison.run(own=lambda: answers, engine=lambda: answers)
    assert (comparison.own_tokens_per_second, comparison.tokens_per_second) == (4 / 2, 4 / 4)


def test_a_server_of_other_answers_is_refused_beyond_the_tolerance(checkpoint: Path, tmp_path: Path) -> None:
    asked = job(tmp_path, checkpoint)
    with EndpointServer(answer=Served(loud("llama"), wrong_every=4)) as server:
        with pytest.raises(InputError, match="1 of 4 answers of the engine differ") as caught:
            evaluate(through(asked, server), tmp_path / "refused")
        assert len(server.requests) == 4, "nothing more is asked of it"
    assert caught.value.problems[0].reference == "engine.differs"
    with EndpointServer(answer=Served(loud("llama"), wrong_every=4)) as server:
        result, _ = evaluate(through(asked, server, tolerance=0.25), tmp_path / "tolerated")
    assert (result.engine.compared, result.engine.equal, result.engine.tolerance) == (4, 3, 0.25)


def test_an_adapter_is_loaded_by_the_server_before_it_is_asked(checkpoint: Path, tmp_path: Path) -> None:
    adapted = job(tmp_path, checkpoint).model_copy(update={"training": "abc" * 20, "training_path": str(checkpoint)})
    with EndpointServer(loads=False) as server, pytest.raises(InputError, match="does not load the adapter"):
        evaluate_adapter(through(adapted, server, adapter=True), server)
    with EndpointServer() as server:
        name = evaluate_adapter(through(adapted, server, adapter=True), server)
        assert server.loaded == [{"lora_name": name, "lora_path": str(checkpoint / "weights")}]
        later = adapted.model_copy(update={"training_path": str(checkpoint / "step")})
        assert evaluate_adapter(through(later, server, adapter=True), server) != name, "other weights, another name"


def evaluate_adapter(asked: EvalJob, server: EndpointServer) -> str:
    """Name under which the server has the subject."""
    from types import SimpleNamespace

    from bench.evals.inference.engines.server_engine import ServerEngine
    from bench.evals.subject.engines import with_engine
    from bench.evals.subject.subject import Subject

    assert asked.engine is not None
    nothing: Any = SimpleNamespace()
    subject = Subject(model=nothing, tokenizer=TOKENIZER, renderer=nothing, context_length=8)
    engine = with_engine(subject, asked, asked.engine, Path("unused")).engine
    assert isinstance(engine, ServerEngine)
    return engine.model
