"""Jobs of a base, an arm, a given arm and its judges, with their digests and what each waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.record.environment import cores
from bench.record.files import REPLIES, SCORED, WEIGHTS
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.eval_job import AnswerJob, EvalJob, Served, ServerEngineJob, Shots
from bench.record.jobs.job import Job
from bench.record.jobs.planned_training import PlannedTraining
from bench.record.jobs.train_job import Candidate, ProbeJob, SweepJob, TrainJob
from bench.record.results.training import ProbeResult
from bench.record.store import JobStore
from bench.run.plan.digests import (
    CodeDigest,
    eval_digest,
    probe_digest,
    served_digest,
    sweep_digest,
    training_digest,
)
from bench.run.plan.form_jobs import form_job
from bench.run.plan.judge_jobs import is_asked, shared
from bench.run.plan.step_jobs import example_part, keep_best, trajectory_jobs
from bench.run.plan.types import JobEntry, PlannedJob
from bench.run.resolve.data_specs import sweep_data
from bench.suite.catalog.answered_in_text import answered_in_text, surely_writes
from bench.suite.checks.data.subset_draws import trained_on
from bench.suite.resolved import ResolvedData, ResolvedModel, ResolvedWeights, WarmStart
from bench.suite.resolved_suite import ResolvedSuite
from bench.suite.tables.arms import ArmRef, DeployedArm
from bench.suite.tables.endpoint import EndpointSpec
from bench.suite.tables.evals import ChoiceSpec, EvalSpec, JudgeSpec, LmEvalSpec, data_of
from bench.suite.tables.given_arm import GIVEN
from bench.suite.tables.precision import Precision
from bench.suite.tables.training.sweep import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class JobBuilder:
    """Builds the jobs of a suite, with their digests."""

    resolved: ResolvedSuite
    store: JobStore
    workers: int
    threads: int
    precision: Precision | Literal["auto"]
    """Precision of all evals."""
    trust_task_code: bool
    code: CodeDigest
    fresh: bool
    """Reuse nothing."""

    def base(self, subject: str, model: ResolvedModel) -> list[JobEntry]:
        """A base's evals, the dev examples included."""
        endpoint = self.resolved.suite.endpoint_of(None, subject)
        if endpoint is not None:
            return self._served(subject, model, endpoint, arm=None, seed=None)
        evals = self._evals(subject, model, arm=None, seed=None)
        return evals + [
            JobEntry(job=job, after=(), arm=None, seed=None) for job in trajectory_jobs(self, subject, model, None)
        ]

    def few_shot(self, arm: ArmRef, seed: int) -> list[JobEntry]:
        """The evals of the base with rows of the arm's data in its context, drawn with `seed`."""
        size = self.resolved.suite.recipe[arm.recipe].shots
        assert size is not None, "validated"
        shots = Shots(data=self._data(arm, seed), size=size, seed=seed)
        model = self.resolved.base_of(arm)
        return self._evals(f"{arm.name}#{seed}", model, arm=arm.name, seed=seed, shots=shots)

    def given(self, arm: ArmRef, seed: int) -> list[JobEntry]:
        """The evals of one training that was made elsewhere, or of an endpoint."""
        model, endpoint = self.resolved.base_of(arm), self.resolved.suite.endpoint_of(arm)
        if endpoint is not None:
            return self._served(f"{arm.name}#{seed}", model, endpoint, arm=arm.name, seed=seed)
        weights = self.resolved.given[arm.name][seed]
        return self._evals(f"{arm.name}#{seed}", model, arm=arm.name, seed=seed, given=weights)

    def deployed(self, arm: DeployedArm) -> list[JobEntry]:
        """For each training of an arm: the job that writes it in a form, and the evals of that."""
        entries = list[JobEntry]()
        sweep = [] if arm.is_given else self._sweep(arm)
        for seed in self.resolved.suite.seeds_of(arm.name):
            if arm.is_given:
                job, after = form_job(self, arm, seed, self.resolved.given[arm.trained][seed]), tuple[str, ...]()
            else:
                training = self._training(arm, seed, sweep)
                job, after = form_job(self, arm, seed, training), (training.digest, *_starts(training))
            entries.append(JobEntry(job=job, after=after, arm=arm.name, seed=seed))
            entries += self._evals(job.subject, job.model, arm=arm.name, seed=seed, deployment=job)
        return entries

    def trained(self, arm: ArmRef, *, probed: bool) -> list[JobEntry]:
        """All jobs of an arm that trains: sweep, probe, and a training with its evals for each seed."""
        suite, sweep = self.resolved.suite, self._sweep(arm)
        entries = [
            JobEntry(job=job, after=_starts(job.training), arm=arm.name, seed=job.training.seed) for job in sweep
        ]
        for seed in suite.seeds_of(arm.name):
            training = self._training(arm, seed, sweep)
            if probed and training.recipe.command is None and suite.run.probe_steps > 0 and seed == suite.seeds[0]:
                entries += [self._probe(training, number) for number in range(1, suite.run.probe_rounds + 1)]
            after = (*(job.digest for job in sweep), *_starts(training))
            entries.append(JobEntry(job=training, after=after, arm=arm.name, seed=seed))
            subject, model = f"{arm.name}#{seed}", training.model
            entries += self._evals(subject, model, arm=arm.name, seed=seed, training=training)
            entries += [
                JobEntry(job=job, after=_needed(training), arm=arm.name, seed=seed)
                for job in trajectory_jobs(self, subject, model, training)
            ]
        return entries

    def _data(self, arm: ArmRef, seed: int) -> ResolvedData:
        """What the arm learns from with this seed: its draw, where the data has several."""
        return self.resolved.data[trained_on(self.resolved.suite, arm, seed)]

    def _sweep(self, arm: ArmRef) -> list[SweepJob]:
        """One job per setting; none where the recipe has no sweep."""
        suite = self.resolved.suite
        recipe = suite.recipe[arm.recipe]
        if recipe.sweep is None:
            return []
        part, dev = (self.resolved.data[name] for name in sweep_data(arm.data, recipe.sweep.on))
        jobs = []
        for setting in recipe.settings:
            training = self._training(arm, suite.seeds[0], (), data=part, setting=setting)
            digest = sweep_digest(training=training.digest, dev=dev, code=self.code)
            jobs.append(SweepJob(training=training, setting=setting, dev=dev, digest=digest))
        return jobs

    def _training(
        self,
        arm: ArmRef,
        seed: int,
        sweep: Sequence[SweepJob],
        *,
        data: ResolvedData | None = None,
        setting: Setting | None = None,
    ) -> PlannedTraining:
        suite, model = self.resolved.suite, self._model(arm, seed)
        recipe = suite.recipe[arm.recipe].with_defaults(model.lora_target_modules)
        if recipe.command is None:
            recipe = recipe.model_copy(update={"precision": self.resolved.precision_of(arm)})
        last_alone = setting is not None or recipe.command is not None  # a sweep's training, and a program's
        asked = None if last_alone else suite.evaluate_at
        evaluated = None if asked is None else asked.plan
        kept, scoring = (None if asked is None else keep_best(self, model)) or (None, None)
        budget, data = suite.budget_of(arm), data or self._data(arm, seed)
        program = self.resolved.programs.get(arm.recipe, ())
        threads = max(1, cores() // max(self.workers, recipe.launch.per_node))  # of each process
        if setting is not None:
            recipe = recipe.with_setting(setting)
        return PlannedTraining(
            arm=arm.name,
            seed=seed,
            model=model,
            data=data,
            recipe=recipe,
            budget=budget,
            threads=threads,
            steps_between_saves=suite.run.steps_between_saves,
            track=suite.run.track,
            log_every=suite.run.log_every or 1,
            evaluated=evaluated,
            keep_best=kept,
            scoring=scoring,
            program=program,
            candidates=tuple(
                Candidate(setting=job.setting, digest=job.digest, path=str(self.store.folder(job.digest)))
                for job in sweep
            ),
            digest=training_digest(
                model=model,
                data=data,
                recipe=recipe,
                budget=budget,
                seed=seed,
                threads=threads,
                code=self.code,
                sweep=[job.digest for job in sweep],
                evaluated=evaluated,
                keep_best=kept,
                program=[file.sha256 for file in program],
            ),
        )

    def _model(self, arm: ArmRef, seed: int) -> ResolvedModel:
        """What the arm's training with this seed begins from."""
        suite, model = self.resolved.suite, self.resolved.base_of(arm)
        start = suite.start_of(arm)
        if start is None:
            return model
        own, others = suite.seeds_of(arm.name), suite.seeds_of(start.name)
        other = seed if seed in others and not start.is_given else others[own.index(seed) % len(others)]
        if start.is_given:
            weights = self.resolved.given[start.name][other]
            return _begun(model, WarmStart(arm=start.name, digest=weights.sha256, path=weights.path))
        training = self._training(start, other, self._sweep(start))
        folder = str(self.store.folder(training.digest) / WEIGHTS)
        return _begun(training.model, WarmStart(arm=start.name, digest=training.digest, path=folder))

    def measured(self, planned: PlannedJob) -> ProbeResult | None:
        """Result of a probe of an earlier run that this run reuses."""
        return None if planned.to_do else self.store.probe_result(planned.digest)

    def _probe(self, training: TrainJob, number: int) -> JobEntry:
        """With the first setting of a sweep: a speed hardly depends on it, and need not wait for the choice."""
        steps = self.resolved.suite.run.probe_steps
        first_setting = training.from_base().with_setting(training.recipe.settings[0])
        job = ProbeJob(
            training=first_setting,
            steps=steps,
            round=number,
            digest=probe_digest(training=training.digest, steps=steps, number=number, code=self.code),
        )
        return JobEntry(job=job, after=(), arm=training.arm, seed=training.seed)

    def _evals(
        self,
        subject: str,
        model: ResolvedModel,
        *,
        arm: str | None,
        seed: int | None,
        training: TrainJob | None = None,
        deployment: DeployJob | None = None,
        shots: Shots | None = None,
        given: ResolvedWeights | None = None,
    ) -> list[JobEntry]:
        made = training or deployment
        after = () if made is None else _needed(made)
        jobs: list[Job] = []
        for spec in self.resolved.suite.evals_as_run():
            if not isinstance(spec, JudgeSpec):
                jobs.append(self.eval_job(spec, subject, model, made=made, shots=shots, given=given))
            elif is_asked(spec, arm):
                asking = self.eval_job(spec.asking(), subject, model, made=made, shots=shots, given=given)
                jobs.append(AnswerJob(asking=asking, digest=asking.digest))
        return [JobEntry(job=job, after=after, arm=arm, seed=seed) for job in jobs]

    def _served(
        self, subject: str, model: ResolvedModel, endpoint: EndpointSpec, *, arm: str | None, seed: int | None
    ) -> list[JobEntry]:
        """The evals of a served model that text is enough for; the others have no score of it."""
        jobs: list[Job] = []
        for spec in self.resolved.suite.evals_as_run():
            folder = self.resolved.tasks_path.get(spec.name)
            if not answered_in_text(spec, None if folder is None else Path(folder)):
                continue
            if not isinstance(spec, JudgeSpec):
                jobs.append(self._served_eval(spec, subject, model, endpoint))
            elif is_asked(spec, arm):
                asking = self._served_eval(spec.asking(), subject, model, endpoint)
                jobs.append(AnswerJob(asking=asking, digest=asking.digest))
        return [JobEntry(job=job, after=(), arm=arm, seed=seed) for job in jobs]

    def _served_eval(self, spec: EvalSpec, subject: str, model: ResolvedModel, endpoint: EndpointSpec) -> EvalJob:
        data = None if data_of(spec) is None else self.resolved.data[f"eval:{spec.name}"]
        return EvalJob(
            subject=subject,
            eval=spec,
            model=model,
            data=data,
            part=example_part(self.resolved.suite, spec, "test"),
            tasks_path=self.resolved.tasks_path.get(spec.name),
            training=None,
            training_path=None,
            served=Served(endpoint=shared(endpoint, self.workers), replies=str(self.store.home / REPLIES)),
            precision=self.precision,
            threads=self.threads,
            trust_task_code=self.trust_task_code,
            digest=served_digest(
                evaluation=spec,
                endpoint=endpoint,
                data=data,
                tasks_sha256=self.resolved.tasks_sha256.get(spec.name),
                code=self.code,
                part=example_part(self.resolved.suite, spec, "test"),
            ),
        )

    def eval_job(
        self,
        spec: EvalSpec,
        subject: str,
        model: ResolvedModel,
        *,
        part: Literal["dev", "test"] = "test",
        made: TrainJob | DeployJob | None = None,
        shots: Shots | None = None,
        given: ResolvedWeights | None = None,
    ) -> EvalJob:
        """One subject on one eval. part: of the examples, where the eval has dev examples. made: the job that brings
        the subject's weights."""
        data = None if data_of(spec) is None else self.resolved.data[f"eval:{spec.name}"]
        needed = None if made is None else made.digest
        if getattr(spec, "template", "suite") == "none":
            shots = None  # no template, no place for turns: the subject is the base, and shares its result
        engine = self._engine(spec, model, made=made, given=given)
        same: dict[str, Any] = {
            "engine": engine,
            "model": model,
            "tasks_sha256": self.resolved.tasks_sha256.get(spec.name),
            "training": needed,
            "precision": self.precision,
            "threads": self.threads,
            "code": self.code,
            "shots": shots,
            "given": given,
            "part": example_part(self.resolved.suite, spec, part),
        }
        return EvalJob(
            subject=subject,
            eval=spec,
            model=model,
            data=data,
            part=same["part"],
            tasks_path=self.resolved.tasks_path.get(spec.name),
            training=needed,
            training_path=None if needed is None else str(self.store.folder(needed)),
            form=made.form if isinstance(made, DeployJob) else None,
            given=given,
            engine=engine,
            shots=shots,
            precision=self.precision,
            threads=self.threads,
            trust_task_code=self.trust_task_code,
            replies=self._replies(spec, same),
            digest=eval_digest(evaluation=spec, data=data, **same),
        )

    def _engine(
        self,
        spec: EvalSpec,
        model: ResolvedModel,
        *,
        made: TrainJob | DeployJob | None,
        given: ResolvedWeights | None,
    ) -> ServerEngineJob | None:
        """The server that generates the subject's answers: those of the base, and of LoRA adapters where it loads
        them; `None` where this program does."""
        engine = self.resolved.suite.engine
        folder = self.resolved.tasks_path.get(spec.name)
        if engine is None or model.starts or not surely_writes(spec, None if folder is None else Path(folder)):
            return None
        if made is None and given is None:
            return ServerEngineJob(spec=engine, adapter=False)
        lora = isinstance(made, TrainJob) and made.recipe.method == "lora"
        adapter = lora or (given is not None and given.form == "adapter")
        return ServerEngineJob(spec=engine, adapter=True) if adapter and engine.adapters else None

    def _replies(self, spec: EvalSpec, same: Mapping[str, Any]) -> str | None:
        """Where a subject's replies to an eval that may grow are kept: one file, whatever the number of examples."""
        plan = self.resolved.suite.sequential
        if plan is None or spec.name not in plan.max_examples or self.fresh:
            return None
        any_number = spec.model_copy(update={"limit": None}) if isinstance(spec, LmEvalSpec | ChoiceSpec) else spec
        return str(self.store.home / SCORED / f"{eval_digest(evaluation=any_number, data=None, **same)}.jsonl")


def _begun(model: ResolvedModel, start: WarmStart) -> ResolvedModel:
    return model.model_copy(update={"starts": (*model.starts, start)})


def _needed(job: TrainJob | DeployJob) -> tuple[str, ...]:
    """Digests of the jobs without which the subject of `job` cannot be loaded."""
    return (job.digest, *_starts(job))


def _starts(job: TrainJob | DeployJob) -> tuple[str, ...]:
    """Digests of the trainings of this suite whose weights this one begins from."""
    return tuple(start.digest for start in job.model.starts if not start.arm.startswith(f"{GIVEN}/"))
