"""`kind = "loss"`: negative log-likelihood of held-out rows."""

import math
from typing import ClassVar, Literal

from bench.spec import Name
from bench.suite.tables.data import DataSpec
from bench.suite.tables.evals.common import ClusterColumn, Role, SliceColumns
from bench.suite.tables.evals.kind import EvalKind


class LossSpec(EvalKind):
    """`kind = "loss"`: held-out negative log-likelihood per supervised token. A diagnostic, not a ranking."""

    higher_is_better: ClassVar = False
    scale: ClassVar = (0.0, math.inf)

    kind: Literal["loss"]
    """Loss on held-out rows."""
    name: Name
    """Name of the eval: claims and the report call it so."""
    data: DataSpec
    """The rows; `select = { by = "holdout", size = 500 }` takes them out of everything that trains."""
    slices: SliceColumns = ()
    """Columns of the rows by whose values the report shows the scores."""
    cluster: ClusterColumn = None
    role: Role = "diagnostic"

    @property
    def by_likelihood(self) -> bool:
        """The rows' own answers are scored."""
        return True
