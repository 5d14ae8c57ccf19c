"""Choices and answers beside lm-evaluation-harness's own model class, and the head that training picks here."""

from pathlib import Path
from typing import Any

from benchmarks.gpu.shapes import Shape, make_base


def evals(folder: Path, shapes: tuple[Shape, ...]) -> list[dict[str, Any]]:
    """Choices and answers of the smallest shape beside lm-evaluation-harness's own model class."""
    import torch

    from benchmarks import evaluation

    tiny = not torch.cuda.is_available()
    base = make_base(folder / "evaluated", shapes[0])
    dtype = torch.float32 if tiny else torch.bfloat16
    ours = evaluation.ours(base, "fp32" if tiny else "bf16")
    other = evaluation.theirs(base, 4 if tiny else 64, dtype)
    asked = evaluation.generating(evaluation.prompts(4 if tiny else 64), 8 if tiny else 64)
    pairs = evaluation.choosing(evaluation.questions(4 if tiny else 200))
    rows = []
    for name, method, requests, agreement in (
        ("answers", "generate_until", asked, evaluation.equal_text),
        ("choices", "loglikelihood", pairs, evaluation.equal_argmax),
    ):
        ways = [evaluation.Timed(at, lambda lm=lm, m=method, r=requests: getattr(lm, m)(r))
                for at, lm in (("theirs", other), ("ours", ours))]  # fmt: skip
        evaluation.interleaved(ways, 2)
        rows.append({
            "part": "evals", "case": f"{shapes[0].name} {name}", "seconds": min(ways[1].wall),
            "ratio": min(ways[0].wall) / min(ways[1].wall), "agree": agreement(ways[0].result, ways[1].result),
        })  # fmt: skip
    return rows


def head(folder: Path, shapes: tuple[Shape, ...]) -> list[dict[str, Any]]:
    """The largest difference of log-probabilities between the head that training picks here and plain logits."""
    import torch
    from transformers import AutoModelForCausalLM

    from bench.train.loop.loss.lm_head import log_probabilities, pick_head

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = AutoModelForCausalLM.from_pretrained(make_base(folder / "headed", shapes[0]), dtype=torch.float32).to(
        device
    )
    ids = torch.randint(2, 300, (4, 64), generator=torch.Generator().manual_seed(0))
    labels = ids.clone()
    labels[:, :20] = -100
    rows, columns = (labels[:, 1:] != -100).nonzero(as_tuple=True)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels, "rows": rows,
             "columns": columns, "targets": labels[rows, columns + 1]}  # fmt: skip
    picked = pick_head(model, batch, device=device, compiled=False)
    placed = {key: value.to(device) for key, value in batch.items()}
    with torch.no_grad():
        plain = log_probabilities(model, placed, "all positions")
        other = log_probabilities(model, placed, picked)
    kept = other[other != 0] if picked == "fused" else other
    return [{"part": "head", "case": picked, "difference": float((kept.flatten() - plain).abs().max())}]
