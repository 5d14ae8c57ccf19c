"""What the tests' fork server imports, once: the libraries, the real worker, the fakes, and the command line."""

from importlib import import_module

from bench.code_digest import own_code
from bench.run.plan.digests import ENTRIES

MODULES = (
    "bench.worker", "bench.cli.main", "bench.draft.write", "bench.gate.exact", "bench.gate.quality",
    "bench.gate.trend", "bench.report.write", "bench.report.plots.draw", "bench.report.render.html", "bench.run.run",
    "jinja2", "rich.table", "tests.fakes.echo", "tests.fakes.failing_evals",
    "tests.fakes.suites", "tests.fakes.worker",
)  # fmt: skip

for name in MODULES:
    import_module(name)
for entries in ENTRIES.values():
    own_code().closure(*entries)  # parsed here, it is parsed in every fork
