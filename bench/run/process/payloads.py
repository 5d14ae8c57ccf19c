"""What a child is asked beside jobs, by kind of work. Parent and child share these types.

A training, sweep, probe, evaluation and drawing of answers is asked with its job (`bench.record`), a writer with
`bench.endpoint.local_model.WriterRequest`, a description with `bench.model.size.description.DescribeRequest`.
"""

from typing import Literal

from bench.errors import Problem
from bench.record.given_facts import GivenFacts
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import LargestPass, PlannedCounts, StepBytes
from bench.spec import Spec
from bench.suite.resolved import ResolvedData, ResolvedModel, ResolvedWeights
from bench.suite.tables.data import DataSpec


class CheckRequest(Spec):
    """Trainings to check before any work."""

    jobs: tuple[TrainJob, ...]
    """One of each recipe on each model."""
    rows: tuple[TrainJob, ...]
    """One of each way in which a table's rows are rendered."""


class SoundRequest(Spec):
    """Tables of which one part each is looked at, so that several children share out many rows."""

    rows: tuple[TrainJob, ...]
    """One training of each table, like `CheckRequest.rows`."""
    part: int
    """From 0."""
    parts: int


class SoundReply(Spec):
    """Whether all rows in the part of each table can be rendered, in the order of the tables."""

    sound: tuple[bool, ...]


class RefusedTraining(Spec):
    """A training that its model cannot do, while other trainings can."""

    digest: str
    reference: str
    what: str
    where: str | None
    hint: str | None

    @property
    def problem(self) -> Problem:
        """The refusal."""
        return Problem(reference=self.reference, what=self.what, where=self.where, hint=self.hint)


class CheckReply(Spec):
    """What a check found that is no fault of the whole suite."""

    refused: tuple[RefusedTraining, ...] = ()


class CountRequest(Spec):
    """Trainings to count in one child, so that what they share is rendered once."""

    jobs: tuple[TrainJob, ...]


class CountReply(Spec):
    """Counts of the trainings that were asked about, in their order."""

    counts: tuple[PlannedCounts, ...]


class StepRequest(Spec):
    """A step whose memory is asked for."""

    job: TrainJob
    largest_pass: LargestPass
    state_bytes: float
    """Bytes that its optimiser keeps of each trained parameter."""


class MemoryRequest(Spec):
    """Memory of trainings on a processor."""

    steps: tuple[StepRequest, ...]


class PrecisionRequest(Spec):
    """A base whose steps are to be timed in fp32 and bf16."""

    model: ResolvedModel
    threads: int


class MemoryReply(Spec):
    """Memory of the trainings that were asked about."""

    process_bytes: int
    """Resident bytes of a process that has the libraries and nothing else."""
    steps: tuple[StepBytes | None, ...]
    """Tensors of each training, in their order; `None` where they cannot be counted without numbers."""


class StandIn(Spec):
    """A subject that there is not yet, and something of its shape in its place."""

    job: EvalJob
    """An eval of it; a held-out loss where there is one, which compares a subject with its base."""
    training: TrainJob | None
    """What will make it; `None` of a base, and of weights that are there."""

    @property
    def compared(self) -> bool:
        """Whether the eval compares it with its base."""
        return self.job.eval.kind == "loss" and (self.training is not None or self.job.given is not None)


class StandInsRequest(Spec):
    """Subjects to load, as one process would, in this order."""

    subjects: tuple[StandIn, ...]


class SubjectMemory(Spec):
    """Memory of a process that has a subject, libraries included."""

    load_bytes: int | None
    """Peak while it was loaded."""
    resident_bytes: int | None
    """Once it is loaded."""
    comparison_bytes: int | None
    """Peak while it was compared with its base; `None` where it was not."""


class StandInsReply(Spec):
    """Memory of the subjects that were asked about, in their order; `None` where there is nothing in their place."""

    memory: tuple[SubjectMemory | None, ...]


class GivenRequest(Spec):
    """Weights from elsewhere to hold against the base that each belongs to."""

    weights: tuple[tuple[ResolvedModel, ResolvedWeights], ...]


class GivenReply(Spec):
    """Facts about the weights that were asked about, in their order."""

    facts: tuple[GivenFacts, ...]


class RehearsalRequest(Spec):
    """Evals to rehearse before any training: one job of each eval on each base and endpoint."""

    jobs: tuple[EvalJob, ...]
    ask_endpoints: bool = False
    """Whether served models are asked once; judges that are among the jobs always are."""


class FetchRequest(Spec):
    """Rows to download from the hub."""

    spec: DataSpec
    home: str


class CodeRequest(Spec):
    """Which parts of a checkpoint need code of its own."""

    path: str
    """The checkpoint's folder."""
    classes: dict[str, str]
    """Class that the checkpoint names, by part, such as `AutoModelForCausalLM`."""


class TrustRequest(Spec):
    """Parts of a checkpoint to load with its own code."""

    path: str
    parts: tuple[str, ...]


class BuildRequest(Spec):
    """An embedded base to build."""

    out: str
    """Folder to write."""
    seed: int


class UnpackRequest(Spec):
    """A GGUF file to write as a folder that plain transformers loads."""

    gguf: str
    reader: str
    """Folder with the Python package that reads GGUF files."""
    out: str


class BuiltBase(Spec):
    """An embedded base that was built."""

    parameters: int
    loss: float
    """Mean of the last steps, nats per token."""
    tokens: int
    seconds: float
    sha256: str


class ExportRequest(Spec):
    """Trained weights to write as a folder that plain transformers loads."""

    model: ResolvedModel
    """The base that was trained."""
    training: str
    """The job's folder."""
    out: str
    """An empty folder."""
    merge: bool
    precision: str
    """Precision that the training computed in."""


class ShowRequest(Spec):
    """Rows to render as a training will see them."""

    model: ResolvedModel
    data: ResolvedData
    max_length: int
    loss_on: Literal["completion", "assistant", "all"]
    end_token: bool
    rows: int
    """Rows to return in full."""
