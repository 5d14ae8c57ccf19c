"""Examples of an eval that the rows of arms contain, searched once after the run and kept in its record."""

from bench.spec import Spec


class ContaminationRecord(Spec):
    """One data set against one eval."""

    data: str
    """Name among the resolved data."""
    eval: str
    ngram: int
    """Words in a row that give an example away."""
    shortest: int
    """Words below which an example was not judged."""
    examples: int
    judged: int
    """Long enough to be judged."""
    found: tuple[tuple[str, str], ...]
    """(task, id) of the contaminated examples, in the eval's order."""
