"""`bench chat`: the base and a trained arm answer the same messages, each in a conversation of its own.

Contract: both answer through the prompts and the generation of every eval; a model is loaded once, in a child of its
own. A message that one of them cannot answer is reported, and both conversations go on without it.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.emit import RequestCompleted
from bench.endpoint.completion import CompletionRequest, Message
from bench.endpoint.local_model import CompleteRequest, WriterRequest
from bench.record.jobs.train_job import TrainJob
from bench.run.commands.weights import TrainedWeights
from bench.run.local_completer import LoadedModel
from bench.run.process.server import ChildServer
from bench.suite.tables.models.endpoint import Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """How both answer."""

    system: str | None = None
    max_new_tokens: int = 256
    temperature: float = 0.0
    """0: greedy."""
    seed: int = 0


@dataclass(slots=True, kw_only=True)
class Speaker:
    """One side of the chat: a model and the messages of its conversation."""

    name: str
    loaded: LoadedModel
    writer: WriterRequest
    options: ChatOptions
    turns: list[Message] = field(default_factory=list)

    def answer(self, text: str) -> str | None:
        """The answer to the next message; `None` where the conversation is longer than the model's context."""
        conversation = [*self.turns, Message(role="user", content=text)]
        system = [] if self.options.system is None else [Message(role="system", content=self.options.system)]
        sampling = Sampling(temperature=self.options.temperature, max_tokens=self.options.max_new_tokens)
        request = CompletionRequest(messages=(*system, *conversation), sampling=sampling)
        reply: str | None = None
        for event in self.loaded.ask(self.writer, CompleteRequest(seeds=(self.options.seed,), requests=(request,))):
            if isinstance(event, RequestCompleted):
                reply = event.text
        if reply is not None:
            self.turns = [*conversation, Message(role="assistant", content=reply)]
        return reply

    def reset(self) -> None:
        """Forget the conversation."""
        self.turns = []


@contextmanager
def open_chat(trained: TrainedWeights, options: ChatOptions, *, home: Path) -> Iterator[tuple[Speaker, Speaker]]:
    """The base and the arm, ready to answer. Raises `InputError` where a model cannot be loaded, once it is asked."""
    server = ChildServer()
    server.warm()
    with ExitStack() as stack:

        def speaker(name: str, training: Path | None) -> Speaker:
            loaded = stack.enter_context(LoadedModel(server=server, logs=home / "logs"))
            return Speaker(name=name, loaded=loaded, writer=_writer(trained.job, training), options=options)

        yield speaker("base", None), speaker(trained.job.arm, trained.folder)


def _writer(job: TrainJob, training: Path | None) -> WriterRequest:
    return WriterRequest(
        model=job.model if training is not None else job.model.model_copy(update={"starts": ()}),
        training=None if training is None else str(training),
        precision=job.recipe.precision,
        threads=job.threads,
    )
