"""Requests of one job to one model, all or none: an outage is never a score.

Contract: a request that is refused for itself, whatever is tried, is counted; requests that got no reply after all
retries end the job, whose replies so far are stored.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from bench.endpoint.completion import Completer, Completion, CompletionRequest
from bench.endpoint.usage import Usage
from bench.errors import BenchError, IncompleteError, Problem


def ask_all(
    completer: Completer,
    requests: Sequence[CompletionRequest],
    usage: Usage,
    report: Callable[[int], None],
    *,
    role: str,
) -> list[Completion]:
    """Completions in the order of `requests`, added to `usage`. role: what the model is, such as `judge`.

    Raises `InputError` or `IncompleteError` where the model stops answering, or refuses every request.
    """
    completions = list[Completion]()
    try:
        for completion in completer.complete(requests):
            usage.add(completion)
            completions.append(completion)
            report(1)
    except BenchError as error:
        raise type(error)(
            [replace(problem, what=f"{_place(completer, role)}: {problem.what}") for problem in error.problems]
        ) from error
    failed = [completion for completion in completions if completion.reply is None and not completion.rejected]
    refused = [completion for completion in completions if completion.rejected]
    lost = failed or (refused if len(refused) == len(completions) else [])
    if lost:
        what = f"{len(lost):,} of {len(completions):,} requests got no reply, the last: {lost[-1].failure}"
        hint = "replies so far are stored; run the same command again to continue"
        where = _place(completer, role)
        raise IncompleteError(Problem(reference=f"{role}.no-reply", what=what, where=where, hint=hint))
    return completions


def _place(completer: Completer, role: str) -> str:
    return f"{role} {completer.name} at {completer.host}" if completer.host else f"{role} {completer.name}"
