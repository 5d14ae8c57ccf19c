"""Which subjects a server generates for, in words for whoever plans a run."""

from bench.run.plan.types import Plan


def engine_notes(planned: Plan) -> tuple[str, ...]:
    """One line where the suite names an engine: for whose answers it is used, and for whose it is not."""
    engine = planned.resolved.suite.engine
    if engine is None:
        return ()
    jobs = [job for entry in planned.jobs if entry.selected and (job := entry.eval_job) is not None]
    scorings = [job for job in jobs if job.judging is None and job.served is None]
    served = {job.subject for job in scorings if job.engine is not None}
    evals = {job.eval.name for job in scorings if job.engine is not None}
    others = {job.subject for job in scorings if job.eval.name in evals} - served
    if not served:
        return (f"engine {engine.server.host}: not used, no eval to score has answers that it could generate",)
    line = f"engine {engine.server.host}: generates on {', '.join(sorted(evals))} for {_subjects(served)}"
    why = "their weights are not adapters" if engine.adapters else "it has the base's weights alone"
    return (f"{line}; not for {_subjects(others)}: {why}" if others else line,)


def _subjects(names: set[str]) -> str:
    shown = sorted(names)[:3]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
