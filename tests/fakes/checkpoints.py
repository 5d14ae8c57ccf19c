"""Tiny random checkpoints of real architectures, written to a folder: config, safetensors, tokenizer.

Contract: the same arguments give the same bytes. The tokenizer is a byte-level BPE that knows every byte, so any text
can be encoded; it has `<s>`, `</s>` and, unless told otherwise, no pad token and no chat template.
"""

from pathlib import Path
from typing import Any, Literal

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from bench.record.files import WEIGHTS

Architecture = Literal["llama", "gpt2", "qwen2", "opt"]
ARCHITECTURES: tuple[Architecture, ...] = ("llama", "gpt2", "qwen2", "opt")

BOS, EOS = "<s>", "</s>"

_TEXT = (
    "User: What is the capital of the country where the baker lives?",
    "Assistant: The baker lives in a small town near the river.",
    "Write a short answer to the question below. Count the words in the sentence and give the number.",
    "The farmer has three cows and two sheep; the weaver has seven.",
)


def tiny_tokenizer(*, vocabulary: int = 384, chat_template: str | None = None) -> PreTrainedTokenizerFast:
    """A byte-level BPE of fewer than `vocabulary` tokens, trained on a few sentences."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 4,  # room for tokens that a tokenizer class adds on loading
        special_tokens=[BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_TEXT, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS)
    if chat_template is not None:
        fast.chat_template = chat_template
    return fast


def tiny_model(
    architecture: Architecture = "llama",
    *,
    vocabulary: int = 384,
    width: int = 32,
    layers: int = 2,
    heads: int = 4,
    positions: int = 256,
    tied: bool = True,
    seed: int = 0,
) -> PreTrainedModel:
    """A randomly initialised causal language model in fp32, with no dropout."""
    common: dict[str, Any] = {
        "vocab_size": vocabulary,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": None,
        "tie_word_embeddings": tied,
    }
    wide: dict[str, Any] = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "max_position_embeddings": positions,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if architecture == "llama":
            return LlamaForCausalLM(
                LlamaConfig(**common, **wide, intermediate_size=3 * width, num_key_value_heads=max(1, heads // 2))
            )
        if architecture == "qwen2":
            return Qwen2ForCausalLM(
                Qwen2Config(**common, **wide, intermediate_size=3 * width, num_key_value_heads=max(1, heads // 2))
            )
        if architecture == "gpt2":
            return GPT2LMHeadModel(
                GPT2Config(
                    **common,
                    n_embd=width,
                    n_layer=layers,
                    n_head=heads,
                    n_positions=positions,
                    resid_pdrop=0.0,
                    embd_pdrop=0.0,
                    attn_pdrop=0.0,
                )
            )
        return OPTForCausalLM(
            OPTConfig(
                **{**common, "pad_token_id": 1}, **wide, ffn_dim=4 * width, word_embed_proj_dim=width, dropout=0.0
            )
        )


def tiny_checkpoint(
    folder: Path,
    architecture: Architecture = "llama",
    *,
    vocabulary: int = 384,
    width: int = 32,
    layers: int = 2,
    heads: int = 4,
    positions: int = 256,
    tied: bool = True,
    seed: int = 0,
    chat_template: str | None = None,
) -> Path:
    """Writes model and tokenizer into `folder` (made if missing) and returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    model = tiny_model(
        architecture,
        vocabulary=vocabulary,
        width=width,
        layers=layers,
        heads=heads,
        positions=positions,
        tied=tied,
        seed=seed,
    )
    model.save_pretrained(folder)
    tiny_tokenizer(vocabulary=vocabulary, chat_template=chat_template).save_pretrained(folder)
    return folder


def store_adapter(base: Path, job: Path, seed: int, **settings: Any) -> Path:
    """Stores a LoRA adapter on `base`, far from where it begins, as the weights of the training in `job`."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", **settings))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                torch.nn.init.normal_(parameter, std=0.2)
    adapted.eval().save_pretrained(job / WEIGHTS)
    return job
