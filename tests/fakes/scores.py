"""Per-example scores drawn from planted probabilities, and the measures that sum them up.

Examples share their difficulty over the subjects, as in a real eval, so that pairing pays.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.record.results.evals.evaluation import Measure, ScoreRow
from tests.fakes.flagship import LOSS
from tests.fakes.remembered import remembered

HOSTILE = "a|b `c` <script>alert(1)</script> [x](javascript:1) \x1b[31mred\x1b[0m [bold]B[/bold] \u202eevil\n# head"


def make_rows(
    name: str,
    arm: str,
    difficulty: np.ndarray,
    planted: float,
    shift: float,
    rng: np.random.Generator,
    *,
    missing: float,
    hostile: bool,
) -> list[ScoreRow]:
    """One `ScoreRow` per example. difficulty: in logits, per example. planted: the arm's probability of a right answer;
    shift: what its seed adds to that. missing: share of scores that are `None`."""
    rows, state = _known_rows(
        name, arm, difficulty, planted, shift, rng.bit_generator.state, missing=missing, hostile=hostile
    )
    rng.bit_generator.state = state
    return list(rows)


def _drawn_rows(
    name: str,
    arm: str,
    difficulty: np.ndarray,
    planted: float,
    shift: float,
    state: Mapping[str, Any],
    *,
    missing: float,
    hostile: bool,
) -> tuple[tuple[ScoreRow, ...], Mapping[str, Any]]:
    """The rows, and the generator's state after them."""
    rng = np.random.default_rng()
    rng.bit_generator.state = state
    rows = []
    for index, hard in enumerate(difficulty):
        gone = bool(rng.random() < missing)
        if name == "heldout":
            value: float = max(0.01, LOSS[arm] + shift + 0.5 * float(hard) + float(rng.normal(0, 0.1)))
            metrics = {"loss": None if gone else value, "bits_per_byte": None if gone else value / math.log(2) / 3.5}
            rows.append(
                ScoreRow(
                    task="heldout",
                    id=str(index),
                    metrics=metrics,
                    weight=float(10 + index % 20),
                    prompt=f"Held-out prompt {index}",
                    target="An answer.",
                )
            )
            continue
        rate = min(0.99, max(0.01, planted + shift))
        logit = 1.8 * math.log(rate / (1 - rate)) - float(hard)
        right = bool(rng.random() < 1 / (1 + math.exp(-logit)))
        task, example = _task(name, index, len(difficulty))
        prompt = f"User: Where does Person {index} live?\nAssistant:" if name != "cloze" else f"Person {index} lives in"
        target = f"Town {index}"
        output = target if right else ("Person lives lives lives" if arm == "base" else f"Town {index + 1}")
        if hostile:
            prompt, output = f"{HOSTILE} {index}", f"{HOSTILE} {output}"
        rows.append(
            ScoreRow(
                task=task,
                id=example,
                metrics={_metric(name): None if gone else float(right)},
                prompt=prompt,
                question=None if name == "cloze" or hostile else f"Where does Person {index} live?",
                target=target,
                options=(target, f"Town {index + 1}") if name == "choice" else (),
                output=output,
            )
        )
    return tuple(rows), rng.bit_generator.state


_known_rows = remembered(_drawn_rows, size=420)
"""Of equal arguments: runs that differ by one thing that was planted share nearly all of their rows."""


def make_measures(name: str, rows: list[ScoreRow]) -> tuple[Measure, ...]:
    """One measure per task and metric: the weighted mean of the scores that are there."""
    measures = []
    for task in dict.fromkeys(row.task for row in rows):
        mine = [row for row in rows if row.task == task]
        for position, metric in enumerate(mine[0].metrics):
            seen = [(row.metrics[metric], row.weight) for row in mine if row.metrics[metric] is not None]
            value = sum(v * w for v, w in seen if v is not None) / sum(w for _, w in seen) if seen else None
            measures.append(
                Measure(
                    task=task,
                    metric=metric,
                    value=value,
                    n=len(seen),
                    missing=len(mine) - len(seen),
                    higher_is_better=name != "heldout",
                    binary=name != "heldout",
                    chance=0.25 if name == "choice" else None,
                    headline=position == 0,
                )
            )
    return tuple(measures)


def _task(name: str, index: int, examples: int) -> tuple[str, str]:
    """The first third of qa belongs to one task, the rest to another, so that the macro average matters."""
    if name != "qa":
        return f"micro_{name}", str(index)
    first = examples // 3
    return ("micro_qa_people", str(index)) if index < first else ("micro_qa_towns", str(index - first))


def _metric(name: str) -> str:
    return {"qa": "exact_match", "instructions": "strict", "choice": "acc", "cloze": "acc"}[name]
