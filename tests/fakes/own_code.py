"""Checkpoints that bring Python files of their own; each file leaves a mark when it is executed.

The mark is a file in the folder that `MARKS` (an environment variable) names, so that a test sees what ran in a child.
"""

import json
from pathlib import Path
from typing import Any

from tests.fakes.checkpoints import tiny_checkpoint

_MARK = """import os, pathlib
if "MARKS" in os.environ:
    pathlib.Path(os.environ["MARKS"], __name__.rpartition(".")[2]).touch()
"""
CONFIG_PY = _MARK + "from transformers import LlamaConfig\nclass OwnConfig(LlamaConfig):\n    model_type = 'own'\n"
MODEL_PY = _MARK + (
    "from transformers import LlamaForCausalLM\nfrom .configuration_own import OwnConfig\n"
    "class OwnForCausalLM(LlamaForCausalLM):\n    config_class = OwnConfig\n"
)
TOKENIZER_PY = _MARK + (
    "from transformers import PreTrainedTokenizerFast\nclass OwnTokenizer(PreTrainedTokenizerFast):\n    pass\n"
)


def with_own_model(folder: Path) -> Path:
    """A small Llama under a name that only its own files know."""
    tiny_checkpoint(folder)
    (folder / "configuration_own.py").write_text(CONFIG_PY)
    (folder / "modeling_own.py").write_text(MODEL_PY)
    edit(
        folder / "config.json",
        model_type="own",
        architectures=["OwnForCausalLM"],
        auto_map={"AutoConfig": "configuration_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnForCausalLM"},
    )
    return folder


def with_own_tokenizer(folder: Path) -> Path:
    """An ordinary model whose tokenizer is a class of its own."""
    tiny_checkpoint(folder)
    (folder / "tokenization_own.py").write_text(TOKENIZER_PY)
    edit(
        folder / "tokenizer_config.json",
        tokenizer_class="OwnTokenizer",
        auto_map={"AutoTokenizer": [None, "tokenization_own.OwnTokenizer"]},
    )
    return folder


def edit(path: Path, **changes: Any) -> None:
    """Set keys of a JSON object on disk."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
