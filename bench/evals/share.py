"""One share of an eval's questions: the subject is asked, and its replies are left for the eval's own job.

Contract: batches are those of the whole eval, so that the scores of shared questions are those of an eval that was not
shared out. Of written answers that holds within rounding: they are generated beside those of their share.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.atomic import write_text
from bench.emit import Emit
from bench.record.files import PARTIAL, SHARE_REPLIES
from bench.record.jobs.eval_job import ShareJob
from bench.record.results.evals.evaluation import EvalResult
from bench.record.results.evals.share import ShareResult


def ask_share(job: ShareJob, folder: Path, emit: Emit, *, run_eval: Callable[..., EvalResult]) -> ShareResult:
    """Ask the share's questions and write the replies into `folder`. run_eval: as `bench.evals.job.run_eval`."""
    partial = folder / PARTIAL
    with tempfile.TemporaryDirectory(prefix="share-") as unread:  # scores, of placeholders for the other shares
        result = run_eval(job.asking, Path(unread), emit, partial=partial)
    replies = partial.read_text(encoding="utf-8") if partial.exists() else ""
    write_text(folder / SHARE_REPLIES, replies)
    return ShareResult(
        replies=sum(bool(line) for line in replies.splitlines()),
        tokens=result.tokens,
        slots=result.slots,
        seconds=result.seconds,
        peak_process_bytes=result.peak_process_bytes,
        peak_device_bytes=result.peak_device_bytes,
    )
