"""What the fork server of instant jobs imports, once: the command line, the parent's side, the fakes. No library that
computes: a fork of a process with torch costs several times as much as the job that it is for."""

import gc
from importlib import import_module

from bench.code_digest import own_code
from bench.run.plan.digests import ENTRIES

MODULES = (
    "bench.cli.main", "bench.draft.write", "bench.gate.exact", "bench.gate.quality", "bench.report.history",
    "bench.report.write", "bench.report.plots.draw", "bench.report.render.html", "bench.run.run",
    "jinja2", "rich.table", "tests.fakes.echo", "tests.fakes.failing_evals",
    "tests.fakes.suites", "tests.fakes.worker",
)  # fmt: skip

for name in MODULES:
    import_module(name)
for entries in ENTRIES.values():
    own_code().closure(*entries)  # parsed here, it is parsed in every fork

gc.collect()
gc.freeze()  # as in bench.worker.kinds
