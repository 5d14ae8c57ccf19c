"""Results of instant jobs: of a training, of an eval, of a deployed form."""

from typing import Any

from bench.record.results.evals.evaluation import EvalResult, Measure
from bench.record.results.training.deployed import DeployResult, FromTrained
from bench.record.results.training.ledger import Ledger, OtherLoad, Seconds, Step
from bench.record.results.training.result import TrainResult
from bench.suite.tables.arms.deploy import DeployedForm


def training_result(*, diverged: bool = False, rate: float = 1e-3) -> TrainResult:
    """Three steps, the last without a finite loss where it diverged."""
    steps = tuple(
        Step(
            step=n,
            loss=None if diverged and n == 3 else 2.0 / n,
            gradient_norm=1.0,
            learning_rate=rate,
            tokens=10,
            supervised_tokens=5,
            slots=12,
            rows=2,
            seconds=0.1,
        )
        for n in (1, 2, 3)
    )
    return TrainResult(
        parameters=1000,
        trainable_parameters=100,
        precision="fp32",
        device="cpu",
        template="dialogue",
        template_note=None,
        head="all positions",
        steps=steps,
        tail_loss=None if diverged else 2.0 / 3,
        diverged=diverged,
        ledger=Ledger(
            rows=6, distinct_rows=6, epochs=1.0, steps=3, slots=36, tokens=30, supervised_tokens=15, truncated_rows=0,
            dropped_rows=0, seconds=Seconds(compute=0.3, wall=0.3), warmup_steps_left_out=1, tokens_per_second=100.0,
            peak_process_bytes=1, peak_device_bytes=None,
        ),
        weights="weights",
    )  # fmt: skip


def deploy_result(form: DeployedForm, **changes: Any) -> DeployResult:
    """A form on a machine without other load."""
    same = form != "int8"
    apart = FromTrained(same_weights=same, kl=0.0 if same else 0.01, changed_top=0.0 if same else 0.02, rows=64)
    figures: dict[str, Any] = {
        "disk_bytes": 10, "tensor_bytes": 20, "precision": "fp32", "peak_process_bytes": 1, "peak_device_bytes": None,
        "prompt_tokens_per_second": 200.0, "tokens_per_second": 100.0, "apart": apart,
        "other_load": OtherLoad(processor_share=0.0, gpu_processes=None),
    }  # fmt: skip
    return DeployResult(form=form, weights="weights", **{**figures, **changes})


def eval_result(score: float | None) -> EvalResult:
    """One binary measure of two examples, both missing without a score."""
    scored = 0 if score is None else 2
    measure = Measure(
        task="t", metric="acc", value=score, n=scored, missing=2 - scored, higher_is_better=True, binary=True,
        chance=None, headline=True,
    )  # fmt: skip
    return EvalResult(
        measures=(measure,), template="none", precision="fp32", batch="one", truncated=0, generated_tokens=None,
        seconds=Seconds(evaluation=0.1, wall=0.1), peak_process_bytes=1, versions={"t": "1"},
    )  # fmt: skip
