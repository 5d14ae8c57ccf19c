"""Work on rows beside jobs: downloaded, and rendered."""

from pathlib import Path

from bench.emit import Emit
from bench.record.results.training.preview import Preview
from bench.run.process.payloads import FetchRequest, ShowRequest


def fetch(request: FetchRequest, folder: Path, emit: Emit) -> str:
    """Download hub data. Returns the local file's path."""
    from bench.data.sources import hub

    return str(hub.fetch(request.spec, home=Path(request.home)))


def show(request: ShowRequest, folder: Path, emit: Emit) -> Preview:
    """Render rows as a training will see them."""
    from bench.train.planning.preview import preview  # only this kind of work needs it

    return preview(
        request.model,
        request.data,
        max_length=request.max_length,
        loss_on=request.loss_on,
        end_token=request.end_token,
        rows=request.rows,
        emit=emit,
    )
