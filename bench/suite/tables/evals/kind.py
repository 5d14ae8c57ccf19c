"""What the rest of the program asks about a kind of eval, beside the keys that it has."""

from typing import ClassVar

from bench.spec import Spec


class EvalKind(Spec):
    """An eval of any kind. A kind gives the facts in which it differs from these; that it has rows of its own, a
    limit or written answers is known by its keys (`eval_spec.py`)."""

    scored: ClassVar[bool] = True
    """Whether it has scores; else it only shows answers."""
    has_tasks: ClassVar[bool] = False
    """Whether it is several tasks with names of their own; else its one task has the eval's name."""
    loads_subject: ClassVar[bool] = True
    """Whether its job asks the model that it is about; else it reads answers of other jobs."""
    higher_is_better: ClassVar[bool] = True
    """Whether a higher score is better, where its measures do not say it themselves."""
    scale: ClassVar[tuple[float, float] | None] = None
    """Lowest and highest score of each of its measures; `None` where they depend on the measure."""
    no_step_scores: ClassVar[str | None] = None
    """Why the stored steps of a training cannot be scored by it; `None` where they can."""

    @property
    def by_likelihood(self) -> bool | None:
        """Whether its scores need the likelihood of a given text; `None` where its task files say it."""
        return False

    @property
    def against_controls(self) -> bool:
        """Whether each arm is compared with its own control, so that scores of arms have no common scale."""
        return False

    @property
    def examples_label(self) -> str:
        """Where its examples come from, for lists, if it has no rows of its own."""
        return "questions in the suite"
