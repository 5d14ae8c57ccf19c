"""Whether the names in a suite mean something: arms, data, recipes, control, claims. Pure: looks at the suite alone."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bench.errors import Problem, did_you_mean
from bench.suite.catalog.metrics import BEHAVIOUR, FORMAT, REFERENCE, several_answers
from bench.suite.checks.data.data_dependencies import need_problems
from bench.suite.checks.names.claim_names import claim_problems
from bench.suite.checks.names.decision_names import decision_problems
from bench.suite.checks.names.deployed_forms import deploy_problems
from bench.suite.checks.names.evaluated_steps import step_problems
from bench.suite.checks.names.gate_names import gate_problems
from bench.suite.checks.names.seed_plan import seed_problems
from bench.suite.checks.names.unknown import unknown_name
from bench.suite.checks.names.warm_starts import start_problems
from bench.suite.tables.arms.given_arm import GIVEN
from bench.suite.tables.data import MICRO_SOURCES, DataSpec
from bench.suite.tables.evals.eval_spec import data_of, reference_of
from bench.suite.tables.evals.generation import GenerationSpec
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.suite import Suite


def name_problems(suite: Suite) -> Iterator[Problem]:
    """Everything that names something which is not there, or the same thing twice."""
    arms = tuple(arm.name for arm in suite.expand())
    yield from _repeats(suite)
    yield from _arm_problems(suite)
    yield from _given_problems(suite)
    yield from start_problems(suite)
    yield from _control_problems(suite, arms)
    for index, evaluation in enumerate(suite.eval):
        if evaluation.kind == "generation":
            yield from _metric_problems(evaluation, f"eval[{index}]")
        if evaluation.kind == "judge":
            yield from _judge_problems(evaluation, suite, f"eval[{index}]")
    for name in suite.run.shares:
        if name not in {spec.name for spec in suite.eval}:
            yield unknown_name("eval", name, f"run.shares.{name}", [spec.name for spec in suite.eval])
    yield from claim_problems(suite)
    yield from step_problems(suite)
    yield from decision_problems(suite)
    yield from deploy_problems(suite)
    yield from seed_problems(suite)
    yield from gate_problems(suite)
    for where, table in data_tables(suite):
        yield from _micro_problems(table, where)
        yield from need_problems(table, where, suite.data)


def data_tables(suite: Suite) -> Iterator[tuple[str, DataSpec]]:
    """Every data table with its key path, those of evals too."""
    yield from ((f"data.{name}", spec) for name, spec in suite.data.items())
    for index, spec in enumerate(suite.eval):
        tables = ((f"eval[{index}].data", data_of(spec)), (f"eval[{index}].reference", reference_of(spec)))
        yield from ((where, data) for where, data in tables if data is not None)


def _repeats(suite: Suite) -> Iterator[Problem]:
    lists: list[tuple[str, Iterable[object]]] = [
        ("seeds", suite.seeds),
        ("eval", (spec.name for spec in suite.eval)),
        ("arms.data", suite.arms.data),
        ("arms.recipe", suite.arms.recipe),
        ("arms.model", suite.arms.model),
        *((f"eval[{i}].tasks", spec.tasks) for i, spec in enumerate(suite.eval) if spec.kind == "lm_eval"),
        *((f"eval[{i}].metrics", spec.metrics) for i, spec in enumerate(suite.eval) if spec.kind == "generation"),
    ]
    for where, items in lists:
        for item, count in Counter(items).items():
            if count > 1:
                what = f"{'eval name' if where == 'eval' else where} {item!r} is given {count} times"
                yield Problem(reference="suite.repeated", what=what, where=where, hint="give each once")


def _arm_problems(suite: Suite) -> Iterator[Problem]:
    named: list[tuple[str, str, str]] = [
        *(("data", name, "arms.data") for name in suite.arms.data),
        *(("recipe", name, "arms.recipe") for name in suite.arms.recipe),
        *(("model", name, "arms.model") for name in suite.arms.model),
    ]
    for key, refs in (("include", suite.arms.include), ("exclude", suite.arms.exclude)):
        for index, ref in enumerate(refs):
            named.append(("data", ref.data, f"arms.{key}[{index}].data"))
            named.append(("recipe", ref.recipe, f"arms.{key}[{index}].recipe"))
            if ref.model is not None:
                named.append(("model", ref.model, f"arms.{key}[{index}].model"))
    for kind, name, where in named:
        tables: dict[str, Iterable[str]] = {"data": suite.data, "recipe": suite.recipe, "model": suite.models}
        names = tuple(tables[kind])
        if name not in names:
            yield unknown_name(kind, name, where, names)
    product = suite.model_copy(update={"arms": suite.arms.model_copy(update={"include": (), "exclude": ()})}).expand()
    for index, ref in enumerate(suite.arms.exclude):
        if not any(ref.covers(arm) for arm in product):
            what = f"arms.exclude names {ref.name!r}, which is not among the arms"
            hint = did_you_mean(ref.name, (arm.name for arm in product), none="leave it out")
            yield Problem(reference="suite.arms", what=what, where=f"arms.exclude[{index}]", hint=hint)
    if not suite.expand():
        hint = 'for example data = ["curated"], recipe = ["full"]'
        yield Problem(reference="suite.arms", what="the suite has no arm", where="arms", hint=hint)
    held_out = {arm.data for arm in suite.expand() if arm.data in suite.data}
    for name in sorted(name for name in held_out if suite.data[name].select.by == "holdout"):
        what = f"data {name!r} is held out, so no arm can train on it"
        hint = 'hold out in the data of an eval; train on another selection, such as by = "random"'
        yield Problem(reference="suite.holdout", what=what, where=f"data.{name}.select.by", hint=hint)


def _given_problems(suite: Suite) -> Iterator[Problem]:
    """Given arms without their one of several models, and a data name that is theirs."""
    for name, arm in suite.arms.given.items():
        where = f"arms.given.{name}.model"
        if arm.model is not None and arm.model not in suite.models:
            yield unknown_name("model", arm.model, where, suite.models)
        elif arm.model is None and len(suite.models) > 1:
            what, hint = "weights belong to one of the suite's models", f"name it: one of {', '.join(suite.models)}"
            yield Problem(reference="suite.arms", what=what, where=where, hint=hint)
    if suite.arms.given and GIVEN in suite.data:
        what = f"data {GIVEN!r} would share its name with the arms of [arms.given]"
        yield Problem(reference="suite.arms", what=what, where=f"data.{GIVEN}", hint="give the table another name")


def _control_problems(suite: Suite, arms: Sequence[str]) -> Iterator[Problem]:
    control = suite.control
    if control is None:
        return
    if "/" in control:
        if control not in arms and f"{control}@" not in {arm.partition("@")[0] + "@" for arm in arms if "@" in arm}:
            yield unknown_name("arm", control, "control", arms)
    elif control not in suite.data:
        yield unknown_name("arm or data", control, "control", [*suite.data, *arms])
    elif not any(arm.partition("/")[0] == control for arm in arms):
        what = f"the control {control!r} is in no arm"
        yield Problem(reference="suite.control", what=what, where="control", hint="add it to arms.data")


def _micro_problems(spec: DataSpec, where: str) -> Iterator[Problem]:
    name = (spec.source or "").partition(":")[2]
    if spec.source_kind == "micro" and name not in MICRO_SOURCES:
        what = f"there is no embedded data {spec.source!r}"
        hint = did_you_mean(spec.source or "", [f"micro:{row_set}" for row_set in MICRO_SOURCES])
        yield Problem(reference="data.unknown-micro", what=what, where=f"{where}.source", hint=hint)


def _metric_problems(spec: GenerationSpec, where: str) -> Iterator[Problem]:
    """Unknown metrics, and a headline that none of the eval's metrics gives."""
    for position, name in enumerate(spec.metrics):
        if name not in REFERENCE:
            what = f'eval "{spec.name}": there is no metric {name!r}'
            known = did_you_mean(name, REFERENCE)
            if not known.startswith("did you mean"):
                known += f'; one of the hub: hub_metrics = [{{ name = "{name}", key = "…" }}]'
            yield Problem(reference="eval.unknown-metric", what=what, where=f"{where}.metrics[{position}]", hint=known)
    offered = [scale.name for name in spec.metrics for scale in REFERENCE.get(name, ())]
    offered += [metric.measure for metric in spec.hub_metrics]
    together = several_answers(spec.metrics, pass_at=spec.pass_at, majority=spec.majority)
    offered += [scale.name for scale in together]
    if (spec.pass_at or spec.majority) and not together:
        what = f'eval "{spec.name}": pass_at and majority need a metric by which an answer is right or wrong'
        names = ", ".join(name for name, scales in REFERENCE.items() if any(scale.binary for scale in scales))
        yield Problem(reference="eval.unknown-metric", what=what, where=f"{where}.metrics", hint=f"one of {names}")
    offered += [scale.name for scale in BEHAVIOUR if scale.may_lead and (scale.name != FORMAT or spec.format)]
    if spec.metric is not None and spec.metric not in offered:
        what = f'eval "{spec.name}": none of its metrics gives a measure {spec.metric!r} to be decided by'
        hint = did_you_mean(spec.metric, offered)
        yield Problem(reference="eval.unknown-metric", what=what, where=f"{where}.metric", hint=hint)


def _judge_problems(spec: JudgeSpec, suite: Suite, where: str) -> Iterator[Problem]:
    """Against controls: arms that have none."""
    if spec.against != "control":
        return
    controls = {suite.control_of(arm) for arm in suite.expand()} - {None}
    if not controls:
        what = f'eval "{spec.name}" compares with controls, and no arm has one'
        hint = 'name a control in the suite (control = "random_1k"), or say against = "base"'
        yield Problem(reference="suite.control", what=what, where=f"{where}.against", hint=hint)
        return
    for arm in suite.expand():
        if suite.control_of(arm) is None and arm.name not in controls:
            what = f'eval "{spec.name}" compares with controls, and {arm.name} has none'
            hint = 'leave the arm out, give it one, or say against = "base"'
            yield Problem(reference="suite.control", what=what, where=f"{where}.against", hint=hint)
