"""What the fork server of real jobs imports, once: what instant ones need, and the real worker with its libraries and
what it imports when it is first asked, which every fork would do again."""

import gc

import pytest

import bench.evals.rehearsal.rehearse
import bench.train.planning.check
import bench.worker.jobs
import bench.worker.kinds
import tests.fakes.light
from bench.suite.catalog.template import load_template
from tests.fakes.known_peak import know_peak

know_peak(pytest.MonkeyPatch())
load_template("dialogue").variables()  # the environment of templates and its patterns are compiled
gc.freeze()

__all__ = ["bench", "tests"]
