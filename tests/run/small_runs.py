"""Runs of a small suite by the fake worker."""

from pathlib import Path
from typing import Any

from bench.record.record import JobRecord, Record
from bench.record.rundir import RunDirectory
from tests.fakes.orders import ORDERS
from tests.fakes.suites import fake_suite, run_below


def go(root: Path, *, only: tuple[str, ...] = (), fresh: bool = False, **changes: Any) -> RunDirectory:
    return run_below(root, fake_suite(root, **changes), only=only, fresh=fresh)


def recipes(order: str) -> dict[str, Any]:
    """`lora` as ever, `full` ending as ordered."""
    return {
        "full": {"method": "full", "learning_rate": ORDERS[order]},
        "lora": {"method": "lora", "learning_rate": 1e-3},
    }


def by_id(record: Record) -> dict[str, JobRecord]:
    return {job.id: job for job in record.jobs}
