"""unsloth's interface over plain transformers and PEFT, in an environment as `bench engines add unsloth` builds it."""

from pathlib import Path

from bench.digest import digest_file
from bench.places import INSTALLED
from bench.suite.resolved import ProgramFile
from tests.fakes import forked_python

_MODULE = """
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM


class FastLanguageModel:
    @staticmethod
    def from_pretrained(model_name, max_seq_length, dtype, load_in_4bit, use_gradient_checkpointing):
        assert not load_in_4bit
        return AutoModelForCausalLM.from_pretrained(model_name, dtype=dtype), None

    @staticmethod
    def get_peft_model(model, *, use_gradient_checkpointing, random_state, **lora):
        print("Unsloth: patched 2 layers", end="")
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **lora))
        {with_adapter}
        return model

    @staticmethod
    def for_training(model):
        {in_training}
"""


def unsloth_environment(home: Path, *, with_adapter: str = "pass", in_training: str = "pass") -> ProgramFile:
    """Build the environment below `home`; the list of what is in it. with_adapter, in_training: statements about
    `model`, once it has an adapter and where it is to be trained."""
    folder = home / "engines" / "unsloth"
    (folder / "bin").mkdir(parents=True)
    package = folder / "packages" / "unsloth"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(_MODULE.format(with_adapter=with_adapter, in_training=in_training))
    forked_python.write(folder / "bin" / "python", package.parent)
    installed = folder / INSTALLED
    installed.write_text("peft==0.21.2\ntransformers==5.17.0\nunsloth==2026.10.9\n")
    return ProgramFile(name=INSTALLED, path=str(installed), sha256=digest_file(installed))
