"""The micro base's tokenizer: a byte-level BPE in which the beginning of a line counts as a word boundary.

A word is the same token behind a space and behind a line break, as an answer behind a prompt is. Text and ids
round-trip for every text whose lines begin with no space; a prompt may be tokenised apart from its completion.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS = "<pad>", "<s>", "</s>"
PAD_ID, BOS_ID, EOS_ID = 0, 1, 2
VOCABULARY = 1536
CONTEXT = 256
PROMPT_WORDS = (
    "User: What Which Where How many is does has\nAssistant:",
    "User: Name Write Repeat Describe Count Tell me Put Give\nAssistant:",
    "### Instruction:\n\n### Input:\n\n### Response:\n",
)
"""Shown to the tokenizer's trainer, never to the model, so that prompts stay short."""
PROMPT_WORDS_REPEATS = 300


def train_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE of `VOCABULARY` tokens, trained on `texts` and the words of the prompts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\n"), behavior="merged_with_previous"),
            pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteLevel(), decoders.Replace("\n ", "\n"), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts, *PROMPT_WORDS * PROMPT_WORDS_REPEATS], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        model_max_length=CONTEXT,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )


def encode_corpus(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> NDArray[np.uint16]:
    """All documents in one row of ids, each between the beginning and the end token."""
    encoded = tokenizer.backend_tokenizer.encode_batch(list(texts), add_special_tokens=False)
    return np.concatenate([np.array([BOS_ID, *e.ids, EOS_ID], dtype=np.uint16) for e in encoded])
