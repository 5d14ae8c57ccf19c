"""What `bench models show` prints of a base."""

import io

from rich.console import Console

from bench.show.model import ShownModel, print_model
from bench.suite.tables.training.adapter import LoraSpec


def test_the_memory_of_a_large_base_is_a_figure_that_can_be_read() -> None:
    shown = ShownModel(
        name="large",
        card=None,
        architecture="LlamaForCausalLM",
        parameters=70_553_706_496,
        lora=LoraSpec(),
        lora_parameters=70_657_000_000,
        lora_trainable_parameters=103_293_504,
        memory_full_gib=1051.3,
        memory_lora_gib=0.25,
    )
    text = io.StringIO()
    print_model(shown, Console(file=text, width=200))
    assert "memory, full  1,051.3 GiB: weights" in text.getvalue()
    assert "memory, LoRA  256 MiB: " in text.getvalue()
