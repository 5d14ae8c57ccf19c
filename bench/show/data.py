"""`bench data show`: what an arm trains on, as the model will see it, measured in a child process."""

from pathlib import Path

from bench.errors import InputError, Problem, did_you_mean
from bench.record.results.training.preview import Preview
from bench.run.process.payloads import ShowRequest
from bench.run.process.server import ChildServer
from bench.run.resolve.suite import resolve
from bench.suite.load import LoadedSuite


class Shown(Preview):
    """What one arm trains on: its rows measured, where they come from, and how they are trained on."""

    arm: str
    source: str
    revision: str | None
    loss_on: str
    max_length: int
    source_rows: int
    """Rows of the source before selection."""
    dropped: dict[str, int]
    """Rows left out before selection, by reason."""
    notes: tuple[str, ...]
    """What a reader must know of the rows that stay: what nothing reads of them, what was changed in them."""
    parts: dict[str, int]
    """Rows from each table of a mix."""
    rows: int
    """Selected rows."""


def show_data(
    loaded: LoadedSuite,
    arm: str,
    *,
    rows: int,
    home: Path,
    server: ChildServer | None = None,
) -> Shown:
    """The data of `arm` (`data/recipe`), with its first `rows` rows in full.

    Raises `InputError` for an unknown arm, and all that `resolve` finds.
    """
    refs = {ref.name: ref for ref in loaded.suite.expand() if not ref.is_given}
    if arm not in refs:
        what, hint = f"the suite has no arm {arm!r}", did_you_mean(arm, refs)
        raise InputError(Problem(reference="run.unknown-arm", what=what, where=arm, hint=hint))
    server = server or ChildServer()
    server.warm()
    resolved = resolve(loaded, home=home, server=server)
    ref = refs[arm]
    data, model, recipe = resolved.data[ref.data], resolved.base_of(ref), loaded.suite.recipe[ref.recipe]
    request = ShowRequest(
        model=model,
        data=data,
        max_length=min(recipe.max_length or model.context_length, model.context_length),
        loss_on=recipe.loss_on,
        end_token=recipe.end_token,
        rows=rows,
    )
    fields = server.call("show", request, folder=home, log=home / "logs" / "show.txt")
    return Shown(
        arm=arm,
        source=data.source,
        revision=data.revision,
        loss_on=recipe.loss_on,
        max_length=request.max_length,
        source_rows=data.source_rows,
        dropped=data.dropped,
        notes=data.remarks,
        parts=data.parts,
        rows=data.rows,
        **dict(Preview.model_validate(fields)),
    )
