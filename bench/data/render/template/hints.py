"""What helps where a template cannot print a row: the hint of its refusal.

Contract: a hint names nothing that the row does not have, and no setting that the template would refuse again.
"""

from collections.abc import Sequence

from bench.data.render.row import Turn
from bench.text import mentions_thinking

_OTHER = "choose another template (model.template)"
_DROP = 'odd_rows = "drop" in the data\'s table leaves out all that the template cannot print'
_CALLS = f'{_OTHER}, or leave such rows out: leave_out = ["tool_calls"] by what is in them; {_DROP}'
_BLOCKS = (
    "the template parts an answer at its tags of thinking and prints one part: leave one whole block at the answer's "
    f"beginning, or {_OTHER}; {_DROP}"
)
_INLINE = '"inline" (in the answer, between <think> tags) or reasoning = "drop"'


def hint_of(missing: str, turns: Sequence[Turn], *, inline: bool = False) -> str:
    """The hint for a row or prompt of which the template leaves out `missing`; empty: it refuses the row as a whole.

    `inline`: whether it would print the reasoning of the last turn in the answer's text.
    """
    if "reasoning" in missing:
        return _reasoning_hint(turns[-1], inline=inline)
    if any(turn.tools or turn.tool_calls or turn.role == "tool" for turn in turns):
        return _CALLS
    tagged = any(mentions_thinking(turn.content) for turn in turns if turn.role == "assistant")
    return _BLOCKS if missing and tagged else f"{_OTHER}; {_DROP}"


def in_text(turn: Turn) -> Turn:
    """The turn with the reasoning of its field between tags at the beginning of its text, as `reasoning = "inline"`
    reads it."""
    thought = (turn.reasoning or "").strip()
    inline = {"reasoning": None, "content": f"<think>\n{thought}\n</think>\n\n{turn.content}"}
    return turn.model_copy(update=inline) if thought else turn


def _reasoning_hint(turn: Turn, *, inline: bool) -> str:
    if not (turn.reasoning or "").strip():
        dropped = 'reasoning = "drop" leaves out those that come from a field of their own'
        return f"choose a template that prints thoughts in the answer's text (model.template); {dropped}; {_DROP}"
    setting = _INLINE if inline else '"drop"'
    return f"choose a template that prints it (model.template), or say in the data's table reasoning = {setting}"
