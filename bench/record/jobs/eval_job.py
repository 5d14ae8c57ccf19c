"""Jobs that score a subject on an eval, or get its answers for a judge."""

import json
from dataclasses import dataclass
from typing import Any, Literal, Self

from bench.spec import Spec
from bench.suite.resolved import ResolvedData, ResolvedJudge, ResolvedModel, ResolvedWeights
from bench.suite.tables.arms.deploy import DeployedForm
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.suite.tables.models.endpoint import EndpointSpec
from bench.suite.tables.models.engine import EngineSpec


class Shots(Spec):
    """Rows of an arm's data that are put before every prompt of a `few_shot` subject."""

    data: ResolvedData
    size: int
    """Rows to draw."""
    seed: int
    """Seed of the draw."""


class Judging(Spec):
    """What one subject's answers are compared with, and by what judge."""

    judge: ResolvedJudge
    answers: str
    """Digest of the `AnswerJob` whose answers are judged."""
    answers_path: str
    """Folder of the job of `answers`; not part of the digest."""
    against: str
    """Whose answers they are compared with: a subject, or the source of stored ones."""
    reference: str | None
    """Digest of the `AnswerJob` of `against`; `None` for stored answers."""
    reference_path: str | None
    """Folder of the job of `reference`; not part of the digest."""
    stored: ResolvedData | None
    """Stored answers; `None` where they are another subject's, or the eval's own rows have them."""
    replies: str
    """Folder of kept replies; not part of the digest."""

    @property
    def by_definition(self) -> bool:
        """Whether both sides are the same answers: a tie each, which no judge is asked about."""
        return self.reference == self.answers


class Served(Spec):
    """A model behind a server, and where what it was asked before is kept."""

    endpoint: EndpointSpec
    replies: str
    """Folder of kept replies; not part of the digest."""


class ExamplePart(Spec):
    """The examples of an eval that a job scores, where the eval has dev examples."""

    which: Literal["dev", "test"]
    dev_share: float
    """Share of all examples that are dev examples."""


class ServerEngineJob(Spec):
    """A server that generates the answers of a subject on this machine."""

    spec: EngineSpec
    adapter: bool
    """Whether the subject is an adapter, which the server has to load."""


class QuestionShare(Spec):
    """Which of an eval's questions one job asks, where they are shared out."""

    number: int
    """From 1."""
    shares: int


@dataclass(frozen=True, slots=True)
class LoadedWeights:
    """Names of what a process has loaded for an eval."""

    base: str
    """Name of the base, which several subjects may be made of."""
    subject: str | None
    """Name of the subject, which several evals score; `None` where the process has the base alone."""


class EvalJob(Spec):
    """Score one subject on one eval."""

    kind: Literal["eval"] = "eval"
    subject: str
    """`base` or `ARM#SEED`."""
    eval: EvalSpec
    model: ResolvedModel
    data: ResolvedData | None
    """Rows of an eval that has its own."""
    part: ExamplePart | None = None
    """`None`: all examples."""
    tasks_path: str | None
    """Folder of task files, or file of a `choice` eval, absolute; not part of the digest, its content is."""
    training: str | None
    """Digest of the training whose weights are scored; `None` for the base."""
    training_path: str | None
    """Folder of the training; not part of the digest."""
    form: DeployedForm | None = None
    """The form in which the weights are shipped: then `training` is the `DeployJob` that wrote it. Not in the digest of
    its own: the job's digest has it."""
    given: ResolvedWeights | None = None
    """In place of a training of this suite's: weights from elsewhere."""
    served: Served | None = None
    """In place of any weights: the server that answers."""
    engine: ServerEngineJob | None = None
    """What generates answers in place of this program."""
    shots: Shots | None = None
    """Rows in the context of a `few_shot` subject, which is the base otherwise."""
    judging: Judging | None = None
    """Both sides of a judge eval, for which no model of the suite is loaded."""
    precision: Literal["fp32", "bf16", "fp16", "auto"]
    """One for all subjects of a run."""
    trust_task_code: bool = False
    """Whether code from outside this program and its libraries may run: task files' Python, hub metrics. Not in the
    digest."""
    checks_batches: bool = True
    """Whether some answers are computed again alone: one eval of each subject does so. Not in the digest."""
    replies: str | None = None
    """File of what the subject gave when it was asked fewer, or more, of these examples, and to which this job adds;
    not part of the digest."""
    measured: str | None = None
    """Folder of what is known of this home's devices, such as the slots that a pass is fast with; not part of the
    digest."""
    share: QuestionShare | None = None
    """Questions that are asked; `None`: all. Of a `ShareJob` alone, which has it in its digest."""
    shares: tuple[str, ...] = ()
    """Folders of the `ShareJob`s that asked the questions; not part of the digest: the scores are equal."""
    threads: int
    digest: str

    @property
    def id(self) -> str:
        """`eval:NAME:SUBJECT`."""
        return f"eval:{self.eval.name}:{self.subject}"

    @property
    def weights(self) -> LoadedWeights | None:
        """What it loads; `None` where that is nothing, and where code of the model or of a task may leave something
        behind."""
        if self.judging is not None or self.served is not None:
            return None
        if self.model.remote_code is not None or self.trust_task_code:
            return None
        tuned = self.training_path if self.given is None else self.given.path
        starts = [start.path for start in self.model.starts]
        subject = json.dumps([starts, tuned, self.training, self.form, self.precision])
        return LoadedWeights(self.model.path, subject)

    def asked_anew(self, **changes: Any) -> Self:
        """The job with `changes`, without what the subject was asked before."""
        return self.model_copy(update={**changes, "replies": None, "shares": ()})


class AnswerJob(Spec):
    """Get one subject's answers for a judge. Its result is that of a `questions` eval, whose digest it has."""

    kind: Literal["answer"] = "answer"
    asking: EvalJob
    digest: str

    @property
    def id(self) -> str:
        """`answer:NAME:SUBJECT`."""
        return f"answer:{self.asking.eval.name}:{self.asking.subject}"

    @property
    def weights(self) -> LoadedWeights | None:
        """Like an `EvalJob`'s."""
        return self.asking.weights

    def asked_anew(self) -> Self:
        """Like an `EvalJob`'s."""
        return self.model_copy(update={"asking": self.asking.asked_anew()})


class ShareJob(Spec):
    """Ask one subject a share of an eval's questions; the eval's own job scores the replies of all shares."""

    kind: Literal["share"] = "share"
    asking: EvalJob
    digest: str

    @property
    def id(self) -> str:
        """`share:NAME:SUBJECT:2/4`."""
        share = self.asking.share
        assert share is not None, "a share job has one"
        return f"share:{self.asking.eval.name}:{self.asking.subject}:{share.number}/{share.shares}"

    @property
    def weights(self) -> LoadedWeights | None:
        """Like an `EvalJob`'s."""
        return self.asking.weights
