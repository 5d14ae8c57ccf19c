"""The rows on which a subject is held against its base: fixed questions, so that no training has seen their answers.

Contract: the same for every suite, so that what was measured of a training does not depend on evals.
"""

from collections.abc import Sequence

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
"""All questions, form by form."""
OF_EACH_FORM = tuple(
    QUESTIONS[len(_TOPICS) * place + (place + further) % len(_TOPICS)]
    for place in range(len(_FORMS))
    for further in (0, 1)
)
"""`QUESTION_ROWS` of them, in which each form and each topic is twice: SmolLM2-135M's divergences after trainings of 20
steps were within 0.6% of those on all, for a third of the processor time."""


def question_ids(
    tokenizer: PreTrainedTokenizerBase,
    model: ResolvedModel,
    positions: int,
    questions: Sequence[str] = OF_EACH_FORM,
) -> list[list[int]]:
    """Token ids of each question as a prompt of the suite, cut to `positions` and to `QUESTION_TOKENS`."""
    renderer = make_renderer(tokenizer, model, model.context_length)
    prompts = (renderer.prompt([Turn(role="user", content=question)]) for question in questions)
    return [ids[: min(positions, QUESTION_TOKENS)] for ids in prompts]
