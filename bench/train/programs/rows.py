"""The rows that another program trains on: a file in training order, repeats included."""

import json
from pathlib import Path
from typing import Any

from bench.data.render.row import Turn
from bench.data.store import load_rows
from bench.record.jobs.train_job import TrainJob
from bench.train.batches.schedule import Schedule

ROWS = "rows.jsonl"


def write_rows(path: Path, job: TrainJob, schedule: Schedule) -> None:
    """One JSON object a line, in training order: `step`, `batch` (the forward pass), `input_ids`, `labels` (-100 where
    nothing is learned) and the `messages` that they were rendered from."""
    stored = load_rows(Path(job.data.path))
    with path.open("w", encoding="utf-8") as file:
        for place, batch in enumerate(schedule.batches):
            for (example,) in batch:
                row = {
                    "step": place // schedule.accumulation + 1,
                    "batch": place + 1,
                    "input_ids": example.ids.tolist(),
                    "labels": example.labels.tolist(),
                    "messages": [message(turn) for turn in stored[example.rows[0]].turns],
                }
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def message(turn: Turn) -> dict[str, Any]:
    """A turn as chat templates read it; Alpaca's second field follows the instruction."""
    content = turn.content if turn.input is None else f"{turn.content}\n\n{turn.input}"
    return {"role": turn.role, "content": content}
