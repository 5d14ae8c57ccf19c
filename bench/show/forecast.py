"""Shows a forecast in the terminal; all numbers come from `bench.run.estimate.forecast`."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.control_codes import visible
from bench.run.display import duration
from bench.run.estimate.forecast_types import ArmForecast, EvalForecast, Forecast, SubjectForecast
from bench.run.estimate.placement.types import DeviceLayout, Placement
from bench.units import plural, size_text

_MOST_ARMS = 100
"""Arms in the table; more would scroll away what is printed below it."""
_MOST_NAMED = 5
"""Arms that a sentence names."""


def print_forecast(expected: Forecast, console: Console) -> None:
    """Two tables (trainings, evals) between a headline and the sums."""
    headline = f"{expected.suite} ({expected.profile or 'no profile'}) on {expected.model}"
    console.print(Text(visible(headline), style="bold"))
    console.print(
        Text(
            f"{plural(expected.jobs, 'job')}: {expected.to_run} to run, {expected.cached} cached; "
            f"{expected.workers} × {expected.threads} thread on {visible(expected.device)}"
        )
    )
    console.print(Text(visible(("" if expected.budgets_match else "note: ") + expected.budget)))
    console.print(_arms(expected.arms[:_MOST_ARMS]))
    if len(expected.arms) > _MOST_ARMS:
        console.print(Text(f"and {len(expected.arms) - _MOST_ARMS:,} more arms, all counted below; --json has each"))
    console.print(_evals(expected.evals))
    if any(kind.to_load for kind in expected.subjects):
        console.print(_subjects(expected.subjects))
    if expected.placement is not None:
        _print_placement(expected.placement, console)
    for line in (*expected.unavailable, *expected.refused):
        console.print(Text(visible(line), style="bold"))
    for note in _notes(expected):
        console.print(Text(note))


def _print_placement(placement: Placement, console: Console) -> None:
    """The cheapest layout of each arm on a cluster; where none fits, what it would need."""
    table = _table((f"on {placement.cluster}", "trainings", "layout", "memory per device", "time each"))
    for arm in placement.arms:
        if arm.best is None:
            least = min(arm.layouts, key=lambda layout: layout.memory_bytes)
            table.add_row(
                Text(visible(arm.arm)), str(arm.trainings), "does not fit",
                f"{size_text(least.memory_bytes)} with {_layout(least)}", "",
            )  # fmt: skip
        else:
            table.add_row(
                Text(visible(arm.arm)), str(arm.trainings), _layout(arm.best), size_text(arm.best.memory_bytes),
                _hours(arm.best.hours),
            )  # fmt: skip
    console.print(table)
    cost = "" if placement.cost is None else f", {placement.cost:,.2f} at the price given"
    console.print(
        Text(
            f"All trainings, one after another on the devices that are free: {_hours(placement.hours)}; "
            f"{placement.device_hours:,.2f} device hours{cost}; evals not included. From shapes and the data sheet "
            f"({visible(placement.source)}), checked against published runs (docs/scaling.md)."
        )
    )


def _layout(layout: DeviceLayout) -> str:
    return f"{layout.devices} × {layout.strategy}" + (", offload" if layout.offload else "")


def _hours(hours: float) -> str:
    return duration(hours * 3600)


def print_pilot(expected: Forecast, arm: str, console: Console) -> None:
    """What one training of an arm with the base's evals takes, before it starts."""
    time = f"about {duration(expected.seconds)}" + (
        f", without {', '.join(expected.untimed)}" if expected.untimed else ""
    )
    jobs = plural(expected.to_run, "job")
    line = f"pilot: one training of {arm}, and the base twice; {jobs} to run, {time}; the run uses them"
    console.print(Text(visible(line)))


def _notes(expected: Forecast) -> list[str]:
    """What the figures rest on, and their sums."""
    rough = [arm.arm for arm in expected.arms if arm.seconds_from == "rough"]
    sources = [*(arm.seconds_from for arm in expected.arms), *(timed.seconds_from for timed in expected.evals)]
    without = f", without {', '.join(expected.untimed)} (never timed here)" if expected.untimed else ""
    total = f"about {duration(expected.seconds)}{without}"
    notes = ["Counts are per seed and exact.", _memory_note(expected)]
    notes += map(visible, expected.precisions)
    if any(arm.sweep for arm in expected.arms):
        notes.append("Seeds + trainings of a sweep; counts are those of its first setting.")
    notes += [
        visible(f"sweep of {arm.arm}: {'; '.join(arm.settings)}; the loss on {arm.dev_rows:,} dev rows chooses")
        for arm in expected.arms
        if arm.settings
    ]
    if "probe" in sources:
        notes.append("~: from a few steps or examples, timed here for a plan.")
    if rough:
        notes.append(visible(f"No earlier training like {_named(rough)} here: time is a rough estimate (?)."))
    if expected.may_buy:
        notes.append("bench run --until-decided may buy more, what shrinks the widest open claim most per second:")
        notes += [visible(f"  {line}") for line in expected.may_buy]
    if expected.new:
        notes.append("Jobs that ran before and are new now:")
        notes += [visible(f"  {group.jobs}: {group.reason}") for group in expected.new]
    sums = f"{expected.training_tokens:,} tokens to train on; time: {total}; {_disk(expected)}"
    return [*notes, sums, *map(visible, expected.warnings), *(visible(f"advice: {line}") for line in expected.advice)]


def _named(arms: list[str]) -> str:
    """The first arms by name, and how many more there are."""
    more = len(arms) - _MOST_NAMED
    return ", ".join(arms) if more <= 1 else f"{', '.join(arms[:_MOST_NAMED])} and {more:,} more arms"


def _memory_note(expected: Forecast) -> str:
    """What the column of memory is of, and what its marks mean."""
    of = "of a GPU's tensors" if expected.device.startswith("cuda") else "of a job's processes with their libraries"
    return f"Memory is the peak {of}: of earlier jobs here, ~ measured while timing, ? counted from shapes."


def _disk(expected: Forecast) -> str:
    needed, free = expected.disk_bytes, expected.disk_free_bytes
    sentence = f"disk: at least {size_text(needed)}"
    if free is None:
        return sentence
    return f"{sentence} of {size_text(free)} free" + (
        "" if free >= needed else ", which is too little: bench run will refuse"
    )


def _arms(arms: tuple[ArmForecast, ...]) -> Table:
    table = _table(("arm", "seeds", "steps", "tokens", "supervised", "padding", "trainable", "time", "memory"))
    for arm in arms:
        table.add_row(
            Text(visible(arm.arm)),
            f"{arm.seeds - arm.cached}/{arm.seeds}" + (f" + {arm.sweep}" if arm.sweep else ""),
            f"{arm.steps:,}",
            f"{arm.tokens:,}",
            f"{arm.supervised_tokens:,}",
            f"{1 - arm.tokens / arm.slots:.0%}" if arm.slots else "n/a",
            f"{arm.trainable_parameters:,}",
            _time(arm.seconds, arm.seconds_from),
            _memory(arm.memory_bytes, arm.memory_from),
        )
    return table


def _time(seconds: float, source: str | None) -> str:
    """`8.2 s` from earlier jobs, `~8.2 s` from a short timing, `8.2 s?` from operations over an assumed rate."""
    return ("~" if source == "probe" else "") + duration(seconds) + ("?" if source == "rough" else "")


def _memory(count: int, source: str | None) -> str:
    """Marked as times are."""
    return ("~" if source == "probe" else "") + size_text(count) + ("?" if source == "shapes" else "")


def _evals(evals: tuple[EvalForecast, ...]) -> Table:
    table = _table(("eval", "to score", "time per subject", "memory"))
    for forecast in evals:
        seconds = "not known" if forecast.seconds is None else _time(forecast.seconds, forecast.seconds_from)
        memory = "" if forecast.memory_bytes is None else _memory(forecast.memory_bytes, forecast.seconds_from)
        scored = f"{forecast.subjects - forecast.cached}/{forecast.subjects}"
        table.add_row(Text(visible(forecast.eval)), scored, seconds, memory)
    return table


def _subjects(subjects: tuple[SubjectForecast, ...]) -> Table:
    table = _table(("beside its scoring, a subject", "to load", "load", "drift from the base", "memory"))
    for kind in subjects:
        load = "not known" if kind.load_seconds is None else _time(kind.load_seconds, kind.seconds_from)
        drift, compared = kind.comparison_seconds, kind.to_compare > 0
        peak = max(kind.load_memory_bytes or 0, kind.comparison_memory_bytes or 0)
        memory = _memory(peak, kind.seconds_from) if peak else ""
        table.add_row(
            Text(visible(kind.kind)), f"{kind.to_load}/{kind.subjects}", load,
            "" if drift is None or not compared else _time(drift, kind.seconds_from), memory,
        )  # fmt: skip
    return table


def _table(columns: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    return table
