"""What a GPU gives, in one command: trainings, evals, memory, equality, the micro flagship and the speed gate.

    python -m benchmarks.gpu                      writes gpu.json and prints a table; no part begins after seven minutes
    python -m benchmarks.gpu --tiny               the same parts on a processor, with shapes of a few thousand weights

Weights are random and rows are drawn with a seed, so that nothing is downloaded. Parts, each measured in processes of
its own: `training` (packed bf16, full and LoRA, at 0.5B and 1.5B Llama shapes: tokens/s, MFU against the measured
matmul peak, peak memory beside the plan's; TRL's `SFTTrainer` with its defaults on the same rows), `evals` (choices and
answers beside lm-evaluation-harness's own model class), `head` (the fused head against plain logits), `flagship` (the
micro suite's first seed on the device and on the processor), `gate` (the speed gate on equal versions and on a
planted 10%). A part that does not finish is in the table with its reason; none begins after `--seconds`.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.gpu.inference import evals, head
from benchmarks.gpu.shapes import SHAPES, TINY, Shape
from benchmarks.gpu.table import table
from benchmarks.gpu.trainings import default_trainer, training
from benchmarks.gpu.whole import flagship, gate

PARTS: dict[str, Callable[[Path, tuple[Shape, ...]], list[dict[str, Any]]]] = {
    "training": training, "evals": evals, "head": head, "flagship": flagship, "gate": gate,
}  # fmt: skip


def measured(parts: list[str], shapes: tuple[Shape, ...], seconds: float) -> list[dict[str, Any]]:
    """Rows of all parts; a part that fails, or would begin too late, is a row with its reason."""
    rows: list[dict[str, Any]] = []
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as name:
        for part in parts:
            if time.monotonic() - started > seconds:
                rows.append({"part": part, "case": "all", "failed": f"not begun: {seconds:.0f} s are over"})
                continue
            folder = Path(name) / part
            folder.mkdir()
            try:
                rows += PARTS[part](folder, shapes)
            except Exception as error:  # the other parts are still worth having
                rows.append({"part": part, "case": "all", "failed": f"{type(error).__name__}: {error}"[:400]})
    return rows


def device_name() -> str:
    """The GPU, or that there is none."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU: processor"


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="shapes of a few thousand weights")
    parser.add_argument("--parts", default="all", help=f"of {', '.join(PARTS)}, separated by commas")
    parser.add_argument("--seconds", type=float, default=420.0, help="after which no part begins")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--default-trainer", nargs=2, metavar=("FOLDER", "SHAPE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.default_trainer:
        folder, name = options.default_trainer
        shape = next(shape for shape in (*SHAPES, *TINY) if shape.name == name)
        print(json.dumps(default_trainer(Path(folder), shape)))
        return
    parts = list(PARTS) if options.parts == "all" else options.parts.split(",")
    started = time.monotonic()
    rows = measured(parts, TINY if options.tiny else SHAPES, options.seconds)
    result = {"device": device_name(), "seconds": round(time.monotonic() - started, 1), "rows": rows}
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{result['device']}, {result['seconds']} s\n\n{table(rows)}")


if __name__ == "__main__":
    main()
