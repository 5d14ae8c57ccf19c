"""Whole commands on this device: the micro flagship, and the speed gate on equal and on slower versions."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.gpu.command import bench, record
from benchmarks.gpu.shapes import ROOT, TINY, Shape


def flagship(folder: Path, shapes: tuple[Shape, ...]) -> list[dict[str, Any]]:
    """The micro suite's first seed, on the device and on the processor: largest difference of a score."""
    cut = ["--profile", "micro", "--quiet"]
    changes = ["seeds=[0]", "budget.amount=6000"]
    if shapes is TINY:
        cut += ["--only", "lima_1k/full"]
        changes += [f"eval.{place}.limit=8" for place in range(3)]
    cut += [word for change in changes for word in ("--set", change)]
    values = []
    for name in ("device", "processor"):
        place = folder / name
        place.mkdir()
        bench("run", "lima_vs_alpaca", *cut, home=place, hidden_gpu=name == "processor")
        values.append({
            (row["eval"], row["subject"], measure["metric"]): measure["value"]
            for row in record(place, "lima_vs_alpaca")["evaluations"] if row["result"]
            for measure in row["result"]["measures"]
        })  # fmt: skip
    common = [key for key in values[0] if values[0][key] is not None and values[1].get(key) is not None]
    apart = max(abs(values[0][key] - values[1][key]) for key in common)
    return [{"part": "flagship", "case": f"{len(common)} scores, device and processor", "difference": apart}]


def gate(folder: Path, shapes: tuple[Shape, ...]) -> list[dict[str, Any]]:
    """The speed gate on equal versions, and on one that does 10% more work in each step."""
    seconds = "3" if shapes is TINY else "20"
    rows: list[dict[str, Any]] = []
    for name, options in (("equal versions", ["--same", "1"]), ("10% more work", ["--slower", "0.10:1"])):
        out = folder / f"{len(rows)}.jsonl"
        command = [sys.executable, "-m", "benchmarks.gate_proof", *options, "--seconds", seconds, "--out", str(out)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-400:])
        line = json.loads(out.read_text().splitlines()[0])
        ratio = next(iter(line["clocks"].values()))[1]
        rows.append(
            {"part": "gate", "case": name, "answer": line["answer"], "ratio": ratio, "seconds": line["seconds"]}
        )
    return rows
