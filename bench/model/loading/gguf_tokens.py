"""Whether a GGUF file's own tokenizer reads texts as the model's does."""

from collections.abc import Iterable

from transformers import PreTrainedTokenizerBase

from bench.errors import InputError, Problem
from bench.model.loading.llama_cpp import LlamaCppModel


def refuse_other_tokens(model: LlamaCppModel, tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> None:
    """Raises `InputError` where the file's tokenizer reads a text as other tokens than `tokenizer`."""
    said = list(texts)
    expected = tokenizer(said, add_special_tokens=False)["input_ids"] if said else []
    different = [text for text, ids in zip(said, expected, strict=True) if model.tokenize(text) != ids]
    if different:
        what = f"llama.cpp's tokenizer reads {len(different)} texts as other tokens, such as {different[0][:60]!r}"
        hint = "what would be shipped is another model: leave the form out"
        raise InputError(Problem(reference="deploy.tokens", what=what, where="deploy.forms", hint=hint))
