"""What a deployed form of one training takes, and how far its next tokens are from the trained form's."""

from typing import Literal

from pydantic import Field

from bench.record.results.training.ledger import OtherLoad
from bench.spec import Spec
from bench.suite.tables.arms.deploy import DeployedForm


class FromTrained(Spec):
    """One form beside the trained one, as evals load both."""

    same_weights: bool
    """Whether both are the same numbers in the same modules, to the last bit: then every score is the same."""
    kl: float
    """Mean Kullback-Leibler divergence of its next token from the trained form's, in nats."""
    changed_top: float
    """Share of positions at which the most likely next token is another one than the trained form's."""
    rows: int = Field(gt=0)
    """Rows that both are measured on; none is of any training."""


class DeployResult(Spec):
    """One training in one form."""

    kind: Literal["deploy"] = "deploy"
    form: DeployedForm
    weights: str
    """Folder of what is shipped, relative to the job's folder."""
    disk_bytes: int
    """Size of its weights' files: of an adapter without the base that it is loaded into."""
    tensor_bytes: int
    """Size of its weights in memory, as it computes."""
    precision: str
    """Type that it computes in."""
    peak_process_bytes: int | None
    """Peak resident memory of the process while it answered, with the libraries."""
    peak_device_bytes: int | None
    """Peak allocated device memory; `None` on a processor."""
    prompt_tokens_per_second: float
    """Tokens of prompts read per second, in batches."""
    tokens_per_second: float
    """Tokens answered per second, over all rows of a batch, prompts read included."""
    other_load: OtherLoad
    """Beside the measurement of speed."""
    apart: FromTrained | None
    """The form beside the trained one; `None`: there was no memory for both."""
