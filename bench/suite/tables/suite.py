"""A suite: models, data, recipes, arms, evals and claims, as one frozen value."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bench.spec import Count, Name, Seed, Spec
from bench.suite.tables.arms.arms import BASE, ArmRef, Arms, DeployedArm
from bench.suite.tables.arms.deploy import FORMS, DeployOptions, Forms
from bench.suite.tables.conclusions.claim import Claim
from bench.suite.tables.conclusions.contamination import ContaminationOptions
from bench.suite.tables.conclusions.decision import DecisionOptions
from bench.suite.tables.conclusions.gate import GatePolicy
from bench.suite.tables.conclusions.sequential import SequentialOptions
from bench.suite.tables.data import CONTROL_SUFFIX, DataSpec
from bench.suite.tables.evals.eval_spec import EvalSpec, examples_asked, with_examples
from bench.suite.tables.evaluation import EvaluationOptions
from bench.suite.tables.models.endpoint import EndpointSpec
from bench.suite.tables.models.engine import EngineSpec
from bench.suite.tables.models.model import BaseSpec
from bench.suite.tables.training.adapter import VIRTUAL_TOKEN_METHODS
from bench.suite.tables.training.budget import Budget
from bench.suite.tables.training.evaluate_at import EvaluateAt
from bench.suite.tables.training.recipe import Recipe


class Limits(Spec):
    """`[run.limits]`: what one job may take before it is ended; its siblings go on. No part of any result."""

    seconds: float | None = Field(default=None, gt=0)
    """Wall time of one job, start included."""
    memory_gib: float | None = Field(default=None, gt=0)
    """Resident memory of one job's process, the libraries that all jobs share included."""


class RunOptions(Spec):
    """`[run]`: how the machine is used. Recorded, and part of a result only where it changes it (threads)."""

    workers: Annotated[int, Field(gt=0, le=256)] | Literal["auto"] = "auto"
    """Trainings side by side; `auto`: one per core for models below 20M parameters on a CPU, else one."""
    executor: Literal["local", "ray", "slurm"] = "local"
    """What runs the jobs: this machine, a Ray cluster, or Slurm; `--executor` also takes a file."""
    shares: dict[Name, Count] = Field(default_factory=dict)
    """Jobs that ask the questions of an eval in each subject's place, side by side on several workers or machines:
    `{ ifeval = 8 }`. The scores are those of one job."""
    steps_between_saves: Count | None = None
    """Save a resumable checkpoint every so many steps; `None`: none."""
    keep_weights: bool = True
    """Whether trained weights stay once everything that needs them is done; if not, a later eval trains again."""
    limits: Limits = Limits()
    """What ends a job that takes too much, as a failure of that job alone."""
    track: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = ()
    """Trackers that each training reports its steps to, through transformers' own integrations."""
    log_every: Count | None = None
    """Steps between reports to the trackers, each with the mean loss of these steps, as transformers' `logging_steps`;
    the report then lists these means. `None`: the trackers get every step, and the report a curve."""
    probe_steps: int = Field(default=8, ge=0, le=10_000)
    """Steps of each arm that are timed alone on the machine when trainings ran side by side; 0: no probe."""
    probe_rounds: int = Field(default=3, ge=1, le=100)
    """Rounds of probes at most, the arms in turn: they end where the arms' speeds are told apart."""
    price_per_hour: float | None = Field(default=None, gt=0)
    """Price of the whole machine, in `currency`; the report then says what each training and the run cost."""
    currency: str = Field(default="USD", min_length=1, max_length=8)
    """Currency of `price_per_hour`, as the report prints it."""


TO_TRAIN = ("data", "recipe", "budget")
"""Tables that a training needs."""
_MADE = ("data", "recipe", "include")
"""Keys of `[arms]` that name what the suite makes itself."""


class Suite(Spec):
    """One TOML file after its profile and overrides were laid over it."""

    name: Name
    """Names the folder under `reports/`."""
    question: str = Field(min_length=1)
    """What the suite asks, in one sentence; the report opens with it."""
    seeds: tuple[Seed, ...] = Field(default=(0,), min_length=1)
    """One training of each arm per seed; each once."""
    more_seeds: dict[str, tuple[Seed, ...]] = Field(default_factory=dict)
    """Seeds of single arms beyond these: `{ "curated/full" = [3, 4] }`."""
    more_examples: dict[Name, Count] = Field(default_factory=dict)
    """Examples of single evals beyond their own `limit` or `select.size`: `{ qa = 200 }`."""
    control: str | None = None
    """An arm (`random_1k/full`), or a data name (`random_1k`): then each arm's control is that data with the arm's own
    recipe, where the suite has that arm."""
    model: BaseSpec | None = None
    """The one base."""
    models: dict[Name, BaseSpec] = Field(default_factory=dict)
    """In place of `model`: several bases by name, each trained by every arm."""
    data: dict[Name, DataSpec]
    """One table `[data.NAME]` for each data set: `source = "rows.jsonl"`."""
    recipe: dict[Name, Recipe]
    """One table `[recipe.NAME]` for each way to train: `method = "lora"`, `learning_rate = 1e-4`."""
    budget: Budget | None
    """What every training gets: `[budget]` with `unit = "tokens"`, `amount = 2_000_000`; none where nothing trains."""
    arms: Arms
    """What is trained, as names of tables: `[arms]` with `data = ["NAME"]`, `recipe = ["NAME"]`."""
    eval: tuple[EvalSpec, ...] = ()
    """One table `[[eval]]` for each; none where only speed and memory are asked for."""
    evaluation: EvaluationOptions = EvaluationOptions()
    """What all evals have in common: `[evaluation]` with `precision = "bf16"`."""
    evaluate_at: EvaluateAt | None = None
    """Scores of the trainings over their steps, on dev examples: `[evaluate_at]` with `steps = 8`, `evals = ["EVAL"]`;
    a step may be chosen by them."""
    claim: tuple[Claim, ...] = ()
    """One table `[[claim]]` for each: `says = "DATA/RECIPE >= base"`, `on = "EVAL"`."""
    deploy: DeployOptions | None = None
    """Forms in which the arms are shipped, each an arm too: `[deploy]` with `forms = ["merged-bf16", "int8"]`."""
    decision: DecisionOptions | None = None
    """What the arms are chosen by: `[decision]` with `weights = { EVAL = 1 }`; without it the report names no arm to
    take."""
    sequential: SequentialOptions | None = None
    """How often a growing run may be looked at: `[sequential]` with `max_seeds = 12`; without it a run is looked at
    once."""
    engine: EngineSpec | None = None
    """A running server that generates answers in place of this program: `[engine]` with `server = { … }`."""
    contamination: ContaminationOptions = ContaminationOptions()
    """What counts as an example that training rows contain: `[contamination]` with `ngram = 13`."""
    gate: GatePolicy = GatePolicy()
    """What `bench gate quality` accepts of a run: `[gate]` with `margin = 0.02`."""
    run: RunOptions = RunOptions()
    """How the machine is used, and what the run is tracked by: `[run]` with `workers = 2`."""

    @model_validator(mode="after")
    def _model_or_models(self) -> Self:
        if (self.model is None) == (not self.models):
            raise ValueError("give [model], or several as [models.NAME]" + (", not both" if self.models else ""))
        return self

    @model_validator(mode="before")
    @classmethod
    def _nothing_to_train(cls, table: Any) -> Any:
        """Fills in what a suite of given arms alone does not need; in every other an empty table is a missing one."""
        if not isinstance(table, dict):
            return table
        arms = table.get("arms")
        stated = {name: value for name, value in table.items() if name not in TO_TRAIN or value not in ({}, None)}
        only_given = isinstance(arms, dict) and arms.get("given") and not any(map(arms.get, _MADE))
        return {"data": {}, "recipe": {}, "budget": None, **stated} if only_given else stated

    def bases(self) -> dict[str | None, BaseSpec]:
        """The bases by the name that arms have them under: `None` where there is only one."""
        if self.model is not None:
            return {None: self.model}
        if len(self.models) == 1:
            return {None: next(iter(self.models.values()))}
        return {name: model for name, model in self.models.items()}  # noqa: C416  # dict() would keep the narrower type

    def expand(self) -> tuple[ArmRef, ...]:
        """All arms, in the order of the file, each once."""
        return tuple(self._arms.values())

    @property
    def arm_names(self) -> list[str]:
        """Names of all arms, in the order of the file."""
        return list(self._arms)

    @property
    def _arms(self) -> Mapping[str, ArmRef]:
        arms = self.arms.expand(tuple(self.models) if len(self.models) > 1 else ())
        if self.deploy is None:
            return arms
        each = ((arm, *self._forms(arm, self.deploy)) for arm in arms.values())
        return {arm.name: arm for forms in each for arm in forms}

    def _forms(self, arm: ArmRef, deploy: DeployOptions) -> list[DeployedArm]:
        """An arm's forms: those that name it, else the suite's that it has."""
        able = self.possible_forms(arm)
        forms = deploy.arms.get(arm.name, () if self._is_checkpoint(arm) else deploy.forms)
        parts = arm.model_dump()
        return [DeployedArm(**parts, form=form) for form in forms if form in able]

    def possible_forms(self, arm: ArmRef) -> Forms:
        """Forms that the weights of `arm` can be shipped in: an adapter only where there is one, a learned prompt in no
        other form."""
        if arm.is_given:
            given = self.arms.given[arm.recipe]
            if given.endpoint is not None:
                return ()
            return FORMS if given.form == "adapter" else tuple(form for form in FORMS if form != "adapter")
        recipe = self.recipe.get(arm.recipe)
        if recipe is None or recipe.method == "few_shot":
            return ()
        if recipe.method in VIRTUAL_TOKEN_METHODS:
            return ("adapter",)
        return tuple(form for form in FORMS if form != "adapter") if recipe.method == "full" else FORMS

    def _is_checkpoint(self, arm: ArmRef) -> bool:
        return arm.is_given and self.arms.given[arm.recipe].trajectory is not None

    def base_subjects(self) -> tuple[str, ...]:
        """`base`, or `base@MODEL` for each model that an arm trains, in the order of the arms."""
        return tuple(dict.fromkeys(arm.base for arm in self.expand())) or (BASE,)

    def seeds_of(self, arm: str) -> tuple[int, ...]:
        """The seeds of an arm: the suite's, then its own; of a given one, the position of each training; of a deployed
        one, those of its trainings, of which a server has the first alone."""
        ref = self._arms.get(arm)
        if ref is not None and ref.is_given:
            return tuple(range(1 if self.endpoint_of(ref) is not None else self.arms.given[ref.recipe].trainings))
        own = self.more_seeds.get(arm if ref is None else ref.trained, ())
        seeds = self.seeds + tuple(seed for seed in own if seed not in self.seeds)
        return seeds[:1] if ref is not None and self.endpoint_of(ref) is not None else seeds

    def evals_as_run(self) -> tuple[EvalSpec, ...]:
        """The evals with the examples that they have: their own, and those that were added."""
        return tuple(
            with_examples(spec, asked)
            if spec.name in self.more_examples and (asked := self.examples_of(spec)) is not None
            else spec
            for spec in self.eval
        )

    def evals_at_most(self) -> tuple[EvalSpec, ...]:
        """The evals that may grow, with their examples at the last planned look."""
        planned = {} if self.sequential is None else self.sequential.max_examples
        return tuple(
            with_examples(spec, planned[spec.name])
            for spec in self.eval
            if spec.name in planned and examples_asked(spec) is not None
        )

    def evals_at_steps(self) -> tuple[EvalSpec, ...]:
        """The evals that trainings are scored on over their steps, by dev examples; none without `evaluate_at`."""
        named = () if self.evaluate_at is None else self.evaluate_at.evals
        return tuple(spec for spec in self.evals_as_run() if spec.name in named)

    def examples_of(self, spec: EvalSpec) -> int | None:
        """How many examples an eval of this suite takes, of each task, the added ones included; `None`: all."""
        own = examples_asked(spec)
        return None if own is None else own + self.more_examples.get(spec.name, 0)

    def control_of(self, arm: ArmRef) -> str | None:
        """Name of the arm that `arm` is compared with; `None` where the suite has none or it is the control itself.

        The arm on the data's own random control (`[data.NAME] control = true`) comes before the suite's `control`; a
        deployed form is compared with the arm as it was trained.
        """
        names = self._arms
        if arm.deployed is not None:
            return arm.trained
        if arm.is_given:
            return self.control if self.control in names and self.control != arm.name else None
        own_control = f"{arm.data}{CONTROL_SUFFIX}/{arm.recipe}{arm.suffix}"
        if arm.data in self.data and self.data[arm.data].control and own_control in names:
            return own_control
        if self.control is None:
            return None
        name = self.control if "/" in self.control else f"{self.control}/{arm.recipe}"
        name = name if "@" in name else name + arm.suffix
        return name if name != arm.name and name in names else None

    def start_of(self, arm: ArmRef) -> ArmRef | None:
        """The arm that the trainings of `arm` begin from, on the same model; `None`: they begin from the base."""
        name = None if arm.is_given else self.recipe[arm.recipe].from_arm
        start = None if name is None else self._arms.get(name) or self._arms.get(name + arm.suffix)
        return None if start is None or start.deployed is not None else start

    def endpoint_of(self, arm: ArmRef | None, base: str = BASE) -> EndpointSpec | None:
        """The server that answers for `arm`, or where that is `None` for `base`; `None` of a model on this machine."""
        if arm is not None and arm.deployed == "endpoint" and self.deploy is not None:
            return self.deploy.endpoint.get(arm.trained)
        if arm is not None:
            return self.arms.given[arm.recipe].endpoint if arm.is_given else None
        model = self.bases().get(base.partition("@")[2] or None)
        return None if model is None else model.endpoint

    def in_order(self) -> tuple[ArmRef, ...]:
        """All arms, each after the one that it begins from; of a circle, which `bench validate` refuses, each once."""
        ordered: dict[str, ArmRef] = {}

        def add(arm: ArmRef, waiting: frozenset[str]) -> None:
            start = self.start_of(arm)
            if start is not None and start.name not in waiting:
                add(start, waiting | {arm.name})
            ordered.setdefault(arm.name, arm)

        for arm in self.expand():
            add(arm, frozenset({arm.name}))
        return tuple(ordered.values())

    def budget_of(self, arm: ArmRef) -> Budget:
        """The recipe's own budget, else the suite's; of an arm that this suite makes."""
        budget = self.recipe[arm.recipe].budget or self.budget
        assert budget is not None, "validated: something is made, so there is a budget"
        return budget

    def trains(self, arm: ArmRef) -> bool:
        """Whether the suite trains it: false of what is given, of a deployed form, and of `few_shot`."""
        return arm.deployed is None and not arm.is_given and self.recipe[arm.recipe].method != "few_shot"
