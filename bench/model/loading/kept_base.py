"""A base that stays in a process for all subjects that are made of it.

Method: the base is loaded once in the type of its files, so that its weights are pages of these files, and every
subject begins from a copy in the type that it asks for. So an adapter leaves nothing behind: the next one is merged
into the base, not into what is left of the one before.

Contract: a copy is the base as `from_files` loads it, to the last bit. Between copies a kept base takes no memory but
that of its modules; one whose weights are not pages of files is not kept.
"""

import copy
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench.machine.file_pages import Pages, file_pages, give_back
from bench.model.loading.load import from_files, runs_code
from bench.model.loading.stored_dtype import the_stored_dtype
from bench.model.transformers_private import stays_fp32
from bench.suite.resolved import ResolvedModel


class KeptBase:
    """Gives plain bases (`bench.model.loading.load.PlainBase`), and keeps the last one."""

    def __init__(self) -> None:
        self.loads = 0
        """How often a base was read from its files."""
        self._path: str | None = None
        self._base: PreTrainedModel | None = None
        self.pages: set[Pages] = set()
        """Mappings of its files."""

    def __call__(self, model: ResolvedModel, dtype: torch.dtype) -> PreTrainedModel:
        """The base on the processor in `dtype`."""
        if self._path != model.path:
            self._keep(model)
        if self._base is None:
            self.loads += 1
            return from_files(model, dtype)
        try:
            return _copied(self._base, dtype)
        finally:
            give_back(self.pages)

    def _keep(self, model: ResolvedModel) -> None:
        """Loads the base to stay, if its weights are then pages of its files."""
        self._path, self._base = model.path, None
        stored = None if runs_code(model) else the_stored_dtype(Path(model.path))
        if stored is None:
            return
        self.loads += 1
        base = from_files(model, stored)
        pages = file_pages(_stored(base).values())
        if pages is not None:
            self._base, self.pages = base, pages


def _stored(model: PreTrainedModel) -> dict[str, Tensor]:
    """Floating-point weights and buffers that files have."""
    names = model.state_dict().keys()
    tensors = chain(model.named_parameters(), model.named_buffers())
    return {name: tensor for name, tensor in tensors if name in names and tensor.is_floating_point()}


@torch.no_grad()
def _copied(base: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    """A copy with its stored weights in `dtype`, or in fp32 where transformers would have them so."""
    stays, copies = stays_fp32(base, dtype), dict[int, object]()
    for name, tensor in _stored(base).items():
        data = tensor.detach().to(torch.float32 if stays(name) else dtype, copy=True)
        copies[id(tensor)] = torch.nn.Parameter(data) if isinstance(tensor, torch.nn.Parameter) else data
    made = copy.deepcopy(base, copies)
    made.config.dtype = dtype
    return made
