"""The evidence of a published claim: a run's record and scores without texts and without this machine's folders.

Contract: what `evidence_of` writes is a run's folder; comparing it gives the numbers of the original run.
"""

import json
from pathlib import Path
from typing import Any

from bench.atomic import write_text
from bench.digest import digest_json
from bench.record.record import Record
from bench.record.results.evals.evaluation import ScoreRow
from bench.record.rundir import RECORD
from bench.report.analysis.aligned.score_rows import ScoreRows
from bench.report.share import without_folders

_TEXTS = {
    "question": None, "target": None, "options": (), "output": None, "thinking": None, "samples": (), "verdicts": (),
}  # fmt: skip


def write_evidence(record: Record, rows: ScoreRows, folder: Path) -> Path:
    """Write the run's numbers into `folder`, and return the path of its record."""
    for evaluation in record.evaluations:
        if evaluation.scores is not None:
            path = folder / evaluation.scores
            path.parent.mkdir(parents=True, exist_ok=True)
            scored = rows.get((evaluation.eval, evaluation.subject), ())
            write_text(path, "".join(_without_texts(row).model_dump_json() + "\n" for row in scored))
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RECORD, json.dumps(_plain(json.loads(record.model_dump_json())), indent=1) + "\n")
    return folder / RECORD


def _without_texts(row: ScoreRow) -> ScoreRow:
    """The row with a hash in the place of its prompt and target, so that repeated examples stay repeated."""
    return row.model_copy(update={**_TEXTS, "prompt": f"sha256:{digest_json([row.prompt, row.target])}"})


def _plain(value: Any) -> Any:
    """The value with every absolute path cut to its last name."""
    if isinstance(value, str):
        return without_folders(value)
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return {key: _plain(entry) for key, entry in value.items()} if isinstance(value, dict) else value
