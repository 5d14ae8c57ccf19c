"""A GGUF file as a model that computes by llama.cpp, behind the interface that scoring and generation ask of a model.

Contract: logits are llama.cpp's own, in fp32, on the processor, for token ids that it is given. The head runs at the
read positions alone, and what rows of one pass begin with is computed once. There is no cache to pass around: whoever
generates uses `decode`, whose rows keep their places until `forget`.
"""

import logging
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PretrainedConfig
from transformers.modeling_outputs import CausalLMOutput

GGUF_FILE = "model.gguf"
"""Name of the file in a deployed form's folder."""
ROWS = 32
"""Rows in work at most, each a sequence of llama.cpp's."""
_TOGETHER = 512
"""Tokens of one pass over whole rows, where no single one is longer."""
_CELLS = 4096
"""Least number of tokens that a context holds."""


@dataclass(slots=True, kw_only=True)
class _Node:
    """One token of one pass, of all rows that are equal up to it."""

    token: int
    position: int
    rows: list[int] = field(default_factory=list)


class LlamaCppModel(torch.nn.Module):
    """The model of a GGUF file. Raises `RuntimeError` where llama.cpp cannot load it, or cannot compute."""

    def __init__(self, file: Path, config: PretrainedConfig) -> None:
        super().__init__()
        import llama_cpp  # an extra

        self._lib: Any = llama_cpp
        self.config, self.device, self.dtype = config, torch.device("cpu"), torch.float32
        logging.getLogger("llama-cpp-python").setLevel(logging.ERROR)  # else each tensor is a line of the job's log
        llama_cpp.llama_backend_init()
        settings = llama_cpp.llama_model_default_params()
        settings.n_gpu_layers = 0
        self._model: Any = llama_cpp.llama_model_load_from_file(str(file).encode(), settings)
        if self._model is None:
            raise RuntimeError(f"llama.cpp cannot load {file}")
        weakref.finalize(self, llama_cpp.llama_model_free, self._model)
        self._vocabulary: Any = llama_cpp.llama_model_get_vocab(self._model)
        self._context: Any = None
        self._cells = 0
        self._close: Any = None
        self.head = _PositionHead(self)
        self.register_parameter("weights", torch.nn.Parameter(torch.empty(0), requires_grad=False))
        """Stands for the place and the type of the weights, none of which are torch's."""

    @property
    def weight_bytes(self) -> int:
        """Bytes of all tensors as they are stored."""
        return int(self._lib.llama_model_size(self._model))

    def get_output_embeddings(self) -> torch.nn.Module:
        """The head, in front of which `bench.model.head` leaves out the positions that nobody reads."""
        return self.head

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, use_cache: bool = False
    ) -> CausalLMOutput:
        """Logits [rows, tokens, vocabulary] of whole rows, padded on the right; zero at what is padding by the mask."""
        lengths = [input_ids.shape[1]] * len(input_ids) if attention_mask is None else attention_mask.sum(1).tolist()
        if attention_mask is not None and not bool((attention_mask[:, 0] == 1).all()):
            raise ValueError("rows have to be padded on the right")
        self.head.rows = [ids[:length] for ids, length in zip(input_ids.tolist(), lengths, strict=True)]
        self.head.width = input_ids.shape[1]
        return CausalLMOutput(logits=self.head(torch.arange(input_ids.numel()).view(*input_ids.shape, 1)))

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, special tokens in it read as such, none added."""
        said = text.encode()
        ids = (self._lib.llama_token * (len(said) + 8))()
        count = self._lib.llama_tokenize(self._vocabulary, said, len(said), ids, len(ids), False, True)
        return list(ids[:count])

    def decode(self, new: Sequence[tuple[int, int, Sequence[int]]], *, cells: int) -> Tensor:
        """Logits [rows, vocabulary] behind more tokens of rows: each one's number, its tokens so far, and those to add.

        cells: tokens that all rows take at most; rows of an earlier call keep theirs while it is the same.
        """
        nodes = [
            _Node(token=token, position=before + at, rows=[row])
            for row, before, ids in new
            for at, token in enumerate(ids)
        ]
        ends = np.cumsum([len(ids) for *_, ids in new]) - 1
        return self._pass(nodes, ends.tolist(), cells)

    def forget(self, row: int) -> None:
        """Gives back the place of a row."""
        self._lib.llama_memory_seq_rm(self._lib.llama_get_memory(self._context), row, -1, -1)

    def whole_rows(self, rows: Sequence[Sequence[int]], reads: Sequence[tuple[int, int]]) -> Tensor:
        """Logits [reads, vocabulary] at (row, column) of whole rows, which no later call sees; zeros behind a row."""
        logits = torch.zeros((len(reads), self.config.vocab_size))
        wanted: dict[int, list[tuple[int, int]]] = {}
        for number, (row, column) in enumerate(reads):
            if column < len(rows[row]):
                wanted.setdefault(row, []).append((column, number))
        read = {row: rows[row][: max(asked)[0] + 1] for row, asked in wanted.items()}
        for together in _passes(read):
            nodes, paths = _tree([read[row] for row in together])
            targets = [
                (path[column], number)
                for row, path in zip(together, paths, strict=True)
                for column, number in wanted[row]
            ]
            outputs = {node: at for at, node in enumerate(sorted({node for node, _ in targets}))}
            found = self._pass(nodes, list(outputs), _CELLS)
            self._lib.llama_memory_clear(self._lib.llama_get_memory(self._context), True)
            logits[[number for _, number in targets]] = found[[outputs[node] for node, _ in targets]]
        return logits

    def _pass(self, nodes: Sequence[_Node], reads: Sequence[int], cells: int) -> Tensor:
        """Logits [reads, vocabulary] behind the nodes of these numbers, in rising order, of one pass."""
        self._hold(max(cells, len(nodes)))
        lib, batch = self._lib, self._lib.llama_batch_init(len(nodes), 0, ROWS)
        try:
            batch.n_tokens, read = len(nodes), set(reads)
            for at, node in enumerate(nodes):
                batch.token[at], batch.pos[at], batch.logits[at] = node.token, node.position, at in read
                batch.n_seq_id[at] = len(node.rows)
                for number, row in enumerate(node.rows):
                    batch.seq_id[at][number] = row
            status = lib.llama_decode(self._context, batch)
        finally:
            lib.llama_batch_free(batch)
        if status:
            raise RuntimeError(f"llama.cpp computes no pass of {len(nodes)} tokens (status {status})")
        logits = torch.empty((len(reads), self.config.vocab_size))
        for number, at in enumerate(reads):
            found = np.ctypeslib.as_array(lib.llama_get_logits_ith(self._context, at), (logits.shape[1],))
            logits[number] = torch.from_numpy(found)
        return logits

    def _hold(self, cells: int) -> None:
        """Has a context that holds `cells` tokens; another one's rows are gone."""
        if cells <= self._cells:
            return
        if self._close is not None:
            self._close()
        settings = self._lib.llama_context_default_params()
        settings.n_ctx = settings.n_batch = self._cells = cells
        settings.n_ubatch = _TOGETHER
        settings.n_seq_max, settings.kv_unified = ROWS, True
        settings.n_threads = settings.n_threads_batch = torch.get_num_threads()
        self._context = self._lib.llama_init_from_model(self._model, settings)
        if self._context is None:
            raise RuntimeError(f"llama.cpp has no memory for {cells:,} tokens")
        self._close = weakref.finalize(self, self._lib.llama_free, self._context)


class _PositionHead(torch.nn.Module):
    """Takes the numbers of positions in place of hidden states, so that positions may be left out before anything is
    computed."""

    def __init__(self, model: LlamaCppModel) -> None:
        super().__init__()
        self._model = weakref.ref(model)  # no child of its own
        self.rows: list[list[int]] = []
        self.width = 0

    def forward(self, places: Tensor) -> Tensor:
        """Logits [..., vocabulary] at places [..., 1], numbered row by row."""
        model = self._model()
        assert model is not None, "called by it"
        reads = [divmod(place, self.width) for place in places.flatten().tolist()]
        return model.whole_rows(self.rows, reads).view(*places.shape[:-1], -1)


def _passes(rows: Mapping[int, Sequence[int]]) -> Iterator[list[int]]:
    """Rows in passes of at most `ROWS` rows and `_TOGETHER` tokens, those that begin alike side by side; a longer one
    alone."""
    together, tokens = list[int](), 0
    for row in sorted(rows, key=lambda row: tuple(rows[row])):
        if together and (tokens + len(rows[row]) > _TOGETHER or len(together) == ROWS):
            yield together
            together, tokens = [], 0
        together.append(row)
        tokens += len(rows[row])
    if together:
        yield together


def _tree(rows: Sequence[Sequence[int]]) -> tuple[list[_Node], list[list[int]]]:
    """The tokens of all rows, each once for the rows that are equal up to it; for each row the numbers of its tokens'
    nodes."""
    numbers: dict[tuple[int, int], int] = {}
    nodes, paths = list[_Node](), list[list[int]]()
    for row, ids in enumerate(rows):
        path = list[int]()
        for position, token in enumerate(ids):
            key = (path[-1] if path else -1, token)
            if key not in numbers:
                numbers[key] = len(nodes)
                nodes.append(_Node(token=token, position=position))
            path.append(numbers[key])
            nodes[path[-1]].rows.append(row)
        paths.append(path)
    return nodes, paths
