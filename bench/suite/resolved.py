"""Pinned inputs: models by the hash of their files, data by the hash of the selected rows, judges by their prompt."""

from typing import Any, Literal

from pydantic import Field

from bench.errors import Problem
from bench.spec import Spec
from bench.suite.tables.arms.weights_form import WeightsForm
from bench.suite.tables.data import OddRows
from bench.suite.tables.models.precision import Precision
from bench.units import plural

UNREACHABLE = "hub.unreachable"
"""Reference of the one problem that is not the user's: it may pass by itself."""


class Unavailable(Spec):
    """Why an input could not be had this time: what was asked for may be right, the hub did not give it. Or it
    `is_wrong`, which a problem reports."""

    what: str
    where: str | None
    hint: str | None
    log: str
    """File that says how it was tried; empty where the input is wrong. Not part of any digest."""

    @property
    def is_wrong(self) -> bool:
        """Whether the user has to fix it: a run with such an input is refused."""
        return not self.log

    @property
    def problem(self) -> Problem:
        """The problem that is raised where the input is needed at once."""
        return Problem(reference=UNREACHABLE, what=self.what, where=self.where, hint=self.hint)


class WarmStart(Spec):
    """Weights of an arm that a training begins from."""

    arm: str
    digest: str
    """Digest of the arm's training, or of its files where it was trained elsewhere."""
    path: str
    """Folder of an adapter or a whole model. Not part of any digest."""


class ResolvedModel(Spec):
    """A base whose files are on this machine, unless it is `unavailable`: then it has no files and runs nothing."""

    name: str
    source: str
    """`card:NAME`, `repo:ID` or `path:FOLDER`, as the suite gave it."""
    revision: str | None
    """Commit of the hub snapshot, or the package that the weights came in; `None` for a folder."""
    path: str
    """Local folder. Not part of any digest."""
    sha256: str
    """Hash of the weights, config and tokenizer files by content; of an unavailable model, of what was asked for."""
    remote_code: str | None = None
    """SHA-256 of the Python files that it brings and may run; `None`: it runs none."""
    context_length: int
    parameters: int | None
    """From the card; without one, counted from the headers of the weights."""
    template: str | None
    """Template name that the suite or card asks for; `None`: the tokenizer's own, else `dialogue`."""
    template_sha256: str | None
    """Hash of the template's text (of the fallback's, where none is named); `None` for the tokenizer's own."""
    end_of_turn: str | None
    thinking: bool = False
    """Whether the template's thinking switch is on."""
    lora_target_modules: tuple[str, ...] | Literal["all-linear"]
    simulation: str | None
    starts: tuple[WarmStart, ...] = ()
    """What an arm's trainings begin from, each upon those before it; empty: the base itself."""
    unavailable: Unavailable | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """All of a base that can change a result: what else is kept of a model is kept under this."""
        return {
            "sha256": self.sha256,
            "remote_code": self.remote_code,
            "context_length": self.context_length,
            "template": self.template_sha256,
            "end_of_turn": self.end_of_turn,
            "thinking": self.thinking,
            "starts": [start.digest for start in self.starts],
        }


class ResolvedData(Spec):
    """Selected rows, stored once as JSON Lines of `bench.data.render.row.Row` under the cache; none if
    `unavailable`."""

    name: str
    source: str
    revision: str | None
    rows: int
    """Selected rows."""
    source_rows: int
    """Rows of the source before selection; of a mix, of the selections that it is drawn from."""
    dropped: dict[str, int]
    """Rows left out before selection, by reason, such as `empty answer` or `held out`."""
    notes: dict[str, int] = Field(default_factory=dict)
    """What a reader must know of the source's rows that stay, with their number: columns and message keys that nothing
    reads, turns merged, questions left out."""
    parts: dict[str, int] = Field(default_factory=dict)
    """Rows that a mix draws from each of its tables; empty for other data."""
    odd_rows: OddRows = "repair"
    """What becomes of rows that a template cannot print. Not part of any digest: it decides whether such rows refuse
    the data, not which rows are trained on."""
    sha256: str
    """Hash of the selected rows, in order; of unavailable ones, of what was asked for."""
    path: str
    """The stored selection. Not part of any digest."""
    unavailable: Unavailable | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """`notes` as sentences: the number of rows, and what became of them."""
        return tuple(f"{plural(count, 'row')}: {note}" for note, count in self.notes.items())


class ResolvedWeights(Spec):
    """One training that was made elsewhere: an adapter or a whole model on this machine."""

    source: str
    """Folder or hub id, as the suite gave it."""
    form: WeightsForm
    revision: str | None
    """Commit of the hub snapshot; `None` for a folder."""
    path: str
    """Local folder. Not part of any digest."""
    sha256: str
    """Hash of its weights and configuration by content."""


class ProgramFile(Spec):
    """A file that another program trains with."""

    name: str
    """Name of it in the recipe, or in the engine's environment."""
    path: str
    """Absolute. Not part of any digest."""
    sha256: str


class ResolvedJudge(Spec):
    """What a judge eval's judge is asked, and the judge where it is a model on this machine."""

    prompt: str
    """The Jinja text."""
    prompt_sha256: str
    model: ResolvedModel | None = None
    """`None`: the judge is an endpoint."""


class PrecisionChoice(Spec):
    """Precision that `auto` stands for, of trainings of one base."""

    precision: Precision
    why: str
    """What was measured."""
