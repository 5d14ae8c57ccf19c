"""A resolved suite without the folders of one machine."""

from pathlib import Path

from bench.suite.resolved import ResolvedData, ResolvedModel, Unavailable
from bench.suite.resolved_suite import ResolvedSuite


def portable(resolved: ResolvedSuite, root: Path) -> ResolvedSuite:
    """The suite, paths below `root` made relative: a record names what was used, not where somebody's folders are."""

    def shorten(path: str) -> str:
        return Path(path).relative_to(root).as_posix() if Path(path).is_relative_to(root) else path

    def shorten_model(model: ResolvedModel) -> ResolvedModel:
        template = None if model.template is None else shorten(model.template)
        return model.model_copy(
            update={"path": shorten(model.path), "template": template, "unavailable": shorten_why(model.unavailable)}
        )

    def shorten_data(data: ResolvedData) -> ResolvedData:
        return data.model_copy(update={"path": shorten(data.path), "unavailable": shorten_why(data.unavailable)})

    def shorten_why(why: Unavailable | None) -> Unavailable | None:
        return None if why is None else why.model_copy(update={"log": shorten(why.log)})

    return resolved.model_copy(
        update={
            "model": shorten_model(resolved.model),
            "models": {name: shorten_model(model) for name, model in resolved.models.items()},
            "data": {name: shorten_data(data) for name, data in resolved.data.items()},
            "given": {
                arm: tuple(weights.model_copy(update={"path": shorten(weights.path)}) for weights in trainings)
                for arm, trainings in resolved.given.items()
            },
            "tasks_path": {name: shorten(path) for name, path in resolved.tasks_path.items()},
            "judges": {
                name: judge if judge.model is None else judge.model_copy(update={"model": shorten_model(judge.model)})
                for name, judge in resolved.judges.items()
            },
        }
    )
