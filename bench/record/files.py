"""Names of the files in a job's folder, and the steps that a training stored there."""

from pathlib import Path

JOB = "job.json"
LOG = "log.txt"
RESULT = "result.json"
MANIFEST = "manifest.json"
SCORES = "scores.jsonl"
"""A `ScoreRow` per line."""
SCORED = "scored"
"""Folder under the home, no job's: what subjects replied to evals that may grow, a file for each subject and eval."""
MEASURED = "measured"
"""Folder under the home, no job's: what was measured once of models and devices of this home."""
REPLIES = "replies"
"""Folder under the home, no job's: replies of endpoints and of local judges, by what was asked."""
TRACKING_LOGS = "logs"
"""Folder of the trackers' files (TensorBoard, W&B, Trackio)."""
WEIGHTS = "weights"
"""Folder of a training's adapter or model."""
STEPS = "steps"
"""Folder of a training with a folder for each step that is evaluated, which has `weights`."""
CHECKPOINT = "checkpoint"
"""Start of the names under which a training keeps what it can resume from."""
PARTIAL = "partial.jsonl"
"""Replies of an eval that goes on, which resumes from them."""
SHARE_REPLIES = "share.jsonl"
"""What a subject replied to a share of an eval's questions, as in `PARTIAL`."""
RANKS = "ranks"
"""Folder in which the processes of one training say why they failed, while it runs."""
REMOTE = "remote"
"""Folder of a job that another machine does: request, signs of life, events, end."""


def stored_steps(training: Path) -> list[tuple[int, Path]]:
    """Steps that are whole in a training's folder, ascending, with their folders."""
    folder = training / STEPS
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted((int(path.name), path) for path in found if path.name.isdigit())
