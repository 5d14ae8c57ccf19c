"""Token ids as runs of text that is supervised, or masked."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from bench.record.results.training.seen_row import Segment


def segments(tokenizer: Any, ids: Sequence[int], learned: Sequence[bool]) -> Iterator[Segment]:
    """Runs of tokens of one kind as text. Decoded from the start each time: some tokenizers drop a leading blank."""
    before, end = "", 0
    for supervised, run in groupby(learned):
        end += sum(1 for _ in run)
        text = str(tokenizer.decode(ids[:end], skip_special_tokens=False, clean_up_tokenization_spaces=False))
        yield Segment(text=text[len(before) :], supervised=supervised)
        before = text
