"""Names of the files in a job's folder."""

from __future__ import annotations

JOB = "job.json"
LOG = "log.txt"
RESULT = "result.json"
MANIFEST = "manifest.json"
SCORES = "scores.jsonl"
"""A `ScoreRow` per line."""
TRACKING_LOGS = "logs"
"""Folder of the trackers' files (TensorBoard, W&B, Trackio)."""
WEIGHTS = "weights"
"""Folder of a training's adapter or model."""
CHECKPOINT = "checkpoint"
"""Start of the names under which a training keeps what it can resume from."""
RANKS = "ranks"
"""Folder in which the processes of one training say why they failed, while it runs."""
