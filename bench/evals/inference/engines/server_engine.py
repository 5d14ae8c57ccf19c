"""An OpenAI-compatible server as the engine of a subject's answers, by prompts of token ids.

Contract: token ids go to the server as this program's own passes get them, so that no template and no tokenizer of the
server's is between. Answers are cut at stop texts and split from their thinking by this program.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from transformers import PreTrainedTokenizerBase

from bench.endpoint.asking import ask_all
from bench.endpoint.client import EndpointClient, open_endpoint
from bench.endpoint.completion import MOST_STOPS, Completion, CompletionRequest
from bench.endpoint.usage import Usage
from bench.errors import InputError, Problem
from bench.evals.inference.generation.answer_row import answer_row, finish
from bench.evals.inference.generation.generator import Answered
from bench.evals.inference.generation.request import Generation, GenerationRequest
from bench.suite.tables.models.endpoint import EndpointSpec, Sampling

_TOGETHER = 64
"""Requests after which answers are kept."""


@dataclass(slots=True, kw_only=True)
class ServerEngine:
    """See the module."""

    client: EndpointClient
    tokenizer: PreTrainedTokenizerBase

    @classmethod
    def open(cls, server: EndpointSpec, tokenizer: PreTrainedTokenizerBase, *, cache: Path) -> Self:
        """An engine behind `server`; nothing is sent yet. cache: folder of this job's replies."""
        return cls(client=open_endpoint(server, table="engine.server", cache=cache), tokenizer=tokenizer)

    @property
    def model(self) -> str:
        """Name that the server has the subject under."""
        return self.client.spec.model

    @property
    def name(self) -> str:
        """Host and port."""
        return f"the server at {self.client.host}"

    def load_adapter(self, folder: Path, name: str) -> None:
        """Have the server load a LoRA adapter, by vLLM's protocol. Raises `InputError` where it refuses."""
        body = {"lora_name": name, "lora_path": str(folder.resolve())}
        response = self.client.post("/load_lora_adapter", body)
        if response.status != 200 and b"already been loaded" not in response.body:
            what = f"{self.client.host} does not load the adapter {folder}: HTTP {response.status}"
            what += f" ({' '.join(response.body.decode('utf-8', 'replace').split())[:200]})"
            hint = "start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, or set adapters = false"
            raise InputError(Problem(reference="engine.adapter", what=what, where="engine.adapters", hint=hint))
        self.client.spec = self.client.spec.model_copy(update={"model": name})

    def generate(
        self,
        requests: Sequence[GenerationRequest],
        *,
        report: Callable[[int], None] = lambda _: None,
        keep: Callable[[Sequence[Answered]], None] = lambda _: None,
    ) -> list[Generation | None]:
        """See `Engine`. Raises `InputError` or `IncompleteError` where the server stops answering."""
        answers: list[Generation | None] = []
        for start in range(0, len(requests), _TOGETHER):
            part = requests[start : start + _TOGETHER]
            asked = [_completion_request(request) for request in part]
            completions = ask_all(self.client, asked, Usage(price=None), report, role="engine")
            drawn = [self._read(request, answer) for request, answer in zip(part, completions, strict=True)]
            keep(list(zip(part, drawn, strict=True)))
            answers += drawn
        return answers

    def _read(self, request: GenerationRequest, completion: Completion) -> Generation | None:
        """The answer as this program's own, from the server's token ids; from its text where it gives none."""
        reply = completion.reply
        if reply is None:
            return None
        ids = reply.token_ids
        if ids is None:
            ids = tuple(self.tokenizer(reply.text, add_special_tokens=False)["input_ids"])
        row = answer_row(request)
        row.ids, row.ended = list(ids), not reply.cut
        return finish(self.tokenizer, row)


def _completion_request(request: GenerationRequest) -> CompletionRequest:
    drawing = request.sampling
    return CompletionRequest(
        messages=(),
        prompt=request.prompt,
        stop_ids=tuple(sorted(request.stop_ids)),
        top_k=None if drawing is None else drawing.top_k,
        sampling=Sampling(
            temperature=0.0 if drawing is None else drawing.temperature,
            top_p=None if drawing is None else drawing.top_p,
            max_tokens=request.max_new_tokens,
            stop=() if request.strip_thinking else request.until[:MOST_STOPS],
            seed=None if drawing is None else drawing.seed % 2**31,
        ),
    )
