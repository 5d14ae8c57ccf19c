"""`kind = "loss"`: negative log-likelihood of held-out rows."""

from __future__ import annotations

from typing import Literal

from bench.spec import Name, Spec
from bench.suite.tables.data import DataSpec
from bench.suite.tables.evals.common import Role, SliceColumns


class LossSpec(Spec):
    """`kind = "loss"`: held-out negative log-likelihood per supervised token. A diagnostic, not a ranking."""

    kind: Literal["loss"]
    """Loss on held-out rows."""
    name: Name
    """Name of the eval: claims and the report call it so."""
    data: DataSpec
    """The rows; `select = { by = "holdout", size = 500 }` takes them out of everything that trains."""
    slices: SliceColumns = ()
    """Columns of the rows by whose values the report shows the scores."""
    role: Role = "diagnostic"
