"""The rows on which a subject is held against its base: fixed questions, so that no training has seen their answers.

Contract: the same for every suite, so that what was measured of a training does not depend on evals.
"""

from transformers import PreTrainedTokenizerBase

from bench.data.render.render import make_renderer
from bench.data.render.row import Turn
from bench.record.results.training.applied import QUESTION_TOKENS
from bench.suite.resolved import ResolvedModel

_FORMS = (
    "What is {}?",
    "Write a short story about {}.",
    "Name three facts about {}.",
    "How would you explain {} to a child?",
    "Translate '{}' into French.",
    "Why do people like {}?",
    "Write a line of Python that prints '{}'.",
    "Is it true that nobody has ever seen {}?",
)
_TOPICS = ("the moon", "bread", "a river", "music", "the number seven", "a red bicycle", "winter", "an honest friend")
QUESTIONS = tuple(form.format(topic) for form in _FORMS for topic in _TOPICS)
"""`QUESTION_ROWS` questions."""


def question_ids(tokenizer: PreTrainedTokenizerBase, model: ResolvedModel, positions: int) -> list[list[int]]:
    """Token ids of each question as a prompt of the suite, cut to `positions` and to `QUESTION_TOKENS`."""
    renderer = make_renderer(tokenizer, model, model.context_length)
    prompts = (renderer.prompt([Turn(role="user", content=question)]) for question in QUESTIONS)
    return [ids[: min(positions, QUESTION_TOKENS)] for ids in prompts]
