from bench.api import LoadedRun as LoadedRun
from bench.api import compare_runs as compare_runs
from bench.api import load_run as load_run
from bench.api import load_suite as load_suite
from bench.api import plan as plan
from bench.api import run as run
from bench.api import validate as validate

__version__: str
