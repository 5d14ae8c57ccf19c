"""A small tokenizer with the special tokens of real ones, and renderers over it."""

from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from bench.data.render.render import Renderer
from bench.data.render.row import Row, Turn
from bench.suite.catalog.template import Template, load_template

BEGIN, END, PAD = "<s>", "</s>", "<pad>"

SPECIAL = [BEGIN, END, "<|im_start|>", "<|im_end|>", PAD]

TEXTS = [
    "User: What is it?\nAssistant: It is a small town.",
    "### Instruction:\nWrite.\n\n### Response:\n",
    "é 你好 🙂",
]

CHATML = load_template("chatml").text
TRIMMED = CHATML.replace("message.content", "message.content | trim")


def make_tokenizer(*, adds_bos: bool = False, adds_eos: bool = False, **settings: Any) -> PreTrainedTokenizerFast:
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    core.train_from_iterator(TEXTS * 5, trainer)
    if adds_bos or adds_eos:
        single = ("<s> " if adds_bos else "") + "$A" + (" </s>" if adds_eos else "")
        core.post_processor = processors.TemplateProcessing(single=single, special_tokens=[("<s>", 0), ("</s>", 1)])
    named = {"bos_token": "<s>", "eos_token": "</s>", "additional_special_tokens": ["<|im_start|>", "<|im_end|>"]}
    template = settings.pop("chat_template", None)
    fast = PreTrainedTokenizerFast(tokenizer_object=core, **{**named, **settings})
    fast.chat_template = template
    return fast


def _kinds() -> dict[str, PreTrainedTokenizerBase]:
    return {
        "no pad": make_tokenizer(),
        "pad is eos": make_tokenizer(pad_token=END),
        "adds bos": make_tokenizer(adds_bos=True),
        "adds bos and eos": make_tokenizer(adds_bos=True, adds_eos=True, pad_token=PAD),
    }


KINDS = _kinds()

TEMPLATES = ["alpaca", "chatml", "colon", "dialogue", "plain"]


def make_row(*contents: str, system: str | None = None, extra: str | None = None) -> Row:
    turns = [
        Turn(role="assistant" if position % 2 else "user", content=content, input=None if position else extra)
        for position, content in enumerate(contents)
    ]
    first = [Turn(role="system", content=system)] if system else []
    return Row(turns=(*first, *turns), origin="x.jsonl:1")


def make_renderer_of(tokenizer: PreTrainedTokenizerBase, template: str = "dialogue", **settings: Any) -> Renderer:
    return Renderer(tokenizer, load_template(template), **{"max_length": 10_000, **settings})


def own_renderer(template: str, **settings: Any) -> Renderer:
    tokenizer = make_tokenizer(chat_template=template, **settings)
    return Renderer(tokenizer, Template(name="tokenizer", text=template), max_length=10_000)


def supervised_ids(renderer: Renderer, row: Row) -> list[int]:
    rendered = renderer.row(row)
    return [token for token, learned in zip(rendered.input_ids, rendered.labels_mask, strict=True) if learned]


def decoded(renderer: Renderer, ids: list[int]) -> str:
    return str(renderer.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))
