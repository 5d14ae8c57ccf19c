"""Jobs that write one training in a deployed form and measure it."""

from typing import Literal

from bench.spec import Spec
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.arms.deploy import DeployedForm


class DeployJob(Spec):
    """Write one training as it is shipped, and take its size, memory and speed."""

    kind: Literal["deploy"] = "deploy"
    subject: str
    """`ARM:FORM#SEED`."""
    form: DeployedForm
    model: ResolvedModel
    """The base, with what its training began from."""
    trained: str
    """Digest of the training, or of the files that were given."""
    weights: str
    """Folder of its adapter or model; not part of the digest."""
    precision: Literal["fp32", "bf16", "fp16", "auto"]
    """Precision of all evals, of every form that has none of its own."""
    threads: int
    digest: str

    @property
    def id(self) -> str:
        """`deploy:ARM:FORM#SEED`."""
        return f"deploy:{self.subject}"
