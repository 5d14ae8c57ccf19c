"""What the fork server of instant jobs imports and digests, once: the command line, the parent's side, the fakes. No
library that computes: a fork of a process with torch costs several times as much as the job that it is for."""

import gc
from importlib import import_module

from bench.code_digest import own_code
from bench.run.plan.digests import ENTRIES, PLANNER

MODULES = (
    "bench.cli.main", "bench.design.until_decided", "bench.draft.write", "bench.gate.exact", "bench.gate.quality",
    "bench.data.selected",
    "bench.report.history", "bench.report.write", "bench.report.plots.draw", "bench.report.render.html",
    "bench.run.estimate.forecast", "bench.run.executors.choose", "bench.run.overlap_search", "bench.run.run",
    "jinja2", "rich.table", "tests.fakes.echo", "tests.fakes.failing_evals",
    "tests.fakes.suites", "tests.fakes.worker",
)  # fmt: skip

for name in MODULES:
    import_module(name)
ASKED = (
    PLANNER, "bench.data.resolve", "bench.evals.rehearsal.rehearse", "bench.run.recording.recorder",
    "bench.train.planning.check", "bench.train.planning.exact_counts",
)  # fmt: skip
"""Modules whose code decides whether a run asks again for what an earlier one found out."""
for entries in (*ENTRIES.values(), *((module,) for module in ASKED)):
    own_code().digest(*entries)  # parsed and digested here, it is so in every fork

gc.collect()
gc.freeze()  # as in bench.worker.kinds
