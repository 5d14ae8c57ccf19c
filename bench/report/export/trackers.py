"""A run's arms as summary runs of an experiment tracker: W&B, MLflow or TensorBoard, where its library is installed.

Contract: one tracker run for each arm, named as the arm, in a project named as the suite; its figures are those of the
report. Nothing is sent but by the library's own client, with the user's own settings.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias

from bench.errors import InputError, Problem
from bench.record.rundir import file_name
from bench.report.analysis.comparison import Comparison
from bench.suite.tables.arms.arms import is_base

_SETTINGS = {
    "wandb": "WANDB_MODE, WANDB_API_KEY",
    "mlflow": "MLFLOW_TRACKING_URI",
    "tensorboard": "the folder of --out",
}
Tracker: TypeAlias = Literal["wandb", "mlflow", "tensorboard"]


def arm_summaries(comparison: Comparison) -> dict[str, dict[str, float]]:
    """Figures by arm: each eval's value and interval, its difference from the base, and what one training took."""
    summaries: dict[str, dict[str, float | None]] = {arm: {} for arm in comparison.arms}
    for (arm, name), result in comparison.results.items():
        value, contrast = result.value, result.versus_base
        summaries[arm] |= {f"{name}/score": value.mean, f"{name}/low": value.low, f"{name}/high": value.high}
        if contrast is not None:
            summaries[arm][f"{name}/minus_base"] = contrast.delta.estimate
    for cost in comparison.costs:
        summaries[cost.arm] |= {"tokens": cost.tokens, "steps": cost.steps, "seconds": cost.seconds}
        summaries[cost.arm] |= {"tokens_per_second": cost.tokens_per_second, "memory_bytes": cost.memory_bytes}
    return {
        arm: {key: float(value) for key, value in figures.items() if value is not None}
        for arm, figures in summaries.items()
    }


def track(comparison: Comparison, tracker: Tracker, folder: Path) -> list[str]:
    """Send or write the summaries, and return the arms' names. folder: of TensorBoard's files.

    Raises `InputError` where the library is not installed, and for what its client refuses: server or settings."""
    summaries = arm_summaries(comparison)
    config = {"suite": comparison.run.suite, "question": comparison.run.question, "digest": comparison.run.digest}
    for arm, figures in summaries.items():
        with _refusals(tracker):
            _SENDERS[tracker](arm, figures, {**config, "base": is_base(arm)}, folder)
    return list(summaries)


@contextmanager
def _refusals(tracker: Tracker) -> Iterator[None]:
    """Whatever a tracker's client raises is about the user's own server and settings, which it reads by itself."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        what = f"{tracker} refused: {' '.join(str(error).split()) or type(error).__name__}"
        hint = f"{tracker}'s own settings are used, as in the environment: {_SETTINGS[tracker]}"
        raise InputError(Problem(reference="export.tracker", what=what, hint=hint)) from error


def _library(name: str, package: str | None = None) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        what = f"{package or name} is not installed"
        hint = f"pip install {package or name}"
        raise InputError(Problem(reference="export.no-library", what=what, hint=hint)) from error


def _wandb(arm: str, figures: Mapping[str, float], config: Mapping[str, object], folder: Path) -> None:
    run = _library("wandb").init(project=config["suite"], name=arm, config=dict(config), job_type="summary")
    run.summary.update(dict(figures))
    run.finish()


def _mlflow(arm: str, figures: Mapping[str, float], config: Mapping[str, object], folder: Path) -> None:
    mlflow = _library("mlflow")
    mlflow.set_experiment(str(config["suite"]))
    with mlflow.start_run(run_name=arm):
        mlflow.log_params(dict(config))
        mlflow.log_metrics(dict(figures))


def _tensorboard(arm: str, figures: Mapping[str, float], config: Mapping[str, object], folder: Path) -> None:
    writers = _library("tensorboard.summary.writer.event_file_writer", "tensorboard")
    events = _library("tensorboard.compat.proto.event_pb2", "tensorboard")
    summaries = _library("tensorboard.compat.proto.summary_pb2", "tensorboard")
    place = folder / "/".join(file_name(part) for part in arm.split("/"))
    writer = writers.EventFileWriter(str(place))
    values = [summaries.Summary.Value(tag=key, simple_value=value) for key, value in figures.items()]
    writer.add_event(events.Event(step=0, summary=summaries.Summary(value=values)))
    writer.close()


_SENDERS: dict[str, Callable[[str, Mapping[str, float], Mapping[str, object], Path], None]] = {
    "wandb": _wandb,
    "mlflow": _mlflow,
    "tensorboard": _tensorboard,
}
