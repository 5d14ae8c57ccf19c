"""Llamas of random weights with the embedded base's tokenizer, and rows drawn with a seed: nothing is downloaded."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MICRO = ROOT / "models" / "micro"
WORDS = ("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "jetty", "knoll", "lagoon")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A Llama of random weights, and what it is trained on."""

    name: str
    hidden: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int
    length: int
    """Tokens of a packed sequence."""
    batch_rows: int
    steps: int
    rows: int


SHAPES = (
    Shape(name="0.5B", hidden=896, inner=4864, layers=24, heads=14, key_heads=2, vocabulary=32_000, length=2048,
          batch_rows=8, steps=24, rows=3000),
    Shape(name="1.5B", hidden=1536, inner=8960, layers=28, heads=12, key_heads=2, vocabulary=32_000, length=2048,
          batch_rows=4, steps=16, rows=1500),
)  # fmt: skip
TINY = (
    Shape(name="tiny", hidden=32, inner=64, layers=2, heads=4, key_heads=2, vocabulary=1024, length=128, batch_rows=2,
          steps=6, rows=80),
)  # fmt: skip


def make_base(folder: Path, shape: Shape) -> Path:
    """Writes the model with the embedded base's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(MICRO)
    config = LlamaConfig(
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        vocab_size=max(shape.vocabulary, len(tokenizer)),
        max_position_embeddings=4096,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype=torch.bfloat16,
    )
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_rows(path: Path, shape: Shape) -> Path:
    """Writes rows of instruction and output, from a twentieth of a packed sequence to the whole of it."""
    draw = random.Random(0)
    with path.open("w") as file:
        for _ in range(shape.rows):
            words = [draw.choice(WORDS) for _ in range(draw.randint(shape.length // 40, shape.length // 6))]
            row = {"instruction": " ".join(words[: len(words) // 4]), "output": " ".join(words[len(words) // 4 :])}
            file.write(json.dumps(row) + "\n")
    return path
