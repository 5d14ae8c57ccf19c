"""What one job brought back, of whatever kind: `result.json`, written by the child beside its scores in JSON Lines."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter

from bench.record.evaluation import EvalResult
from bench.record.training import ProbeResult, SweepResult, TrainResult

JobResult = Annotated[TrainResult | SweepResult | ProbeResult | EvalResult, Field(discriminator="kind")]
result_adapter: TypeAdapter[JobResult] = TypeAdapter(JobResult)
