"""An executor file: which machines run the jobs of a run, and how they are asked. Given on the command line alone."""

from string import Template
from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, field_validator, model_validator

from bench.spec import Count, Spec

PLACEHOLDERS = frozenset(
    {"name", "folder", "command", "command_json", "gpus", "cores", "minutes", "memory_gib", "manifest", "handle"}
)
"""What a template may hold, as `${name}`."""

CommandWords = tuple[str, ...]
"""A program and its arguments; no shell reads them."""


class _Remote(Spec):
    """What all executors on other machines have."""

    jobs: Count = 16
    """Jobs that are submitted and not ended, at most."""
    gpus: Annotated[int, Field(ge=0, le=64)] = 0
    """GPUs of each process of a job; 0: the nodes compute on processors."""
    python: str | None = None
    """Python on the nodes, with this program installed; default: the path of the one that runs here."""
    attempts: Annotated[int, Field(gt=0, le=100)] = 3
    """Submissions of a job whose node goes away."""


class CommandExecutor(_Remote):
    """`kind = "command"`: programs of your own, such as kubectl, sky or ssh."""

    kind: Literal["command"]
    submit: CommandWords = Field(min_length=1)
    """Starts `${command}` on some machine and returns. The last line that it prints is the handle, else `${name}`."""
    cancel: CommandWords = Field(min_length=1)
    """Ends the job `${handle}`."""
    alive: CommandWords = ()
    """Exits with 0 as long as the job waits or runs; without it a node that is silent for a minute is lost."""
    logs: CommandWords = ()
    """Prints what the machine has of the job's output."""
    manifest: str | None = None
    """A template file beside this one; `${manifest}` is the path of the file that it becomes."""

    @field_validator("submit", "cancel", "alive", "logs")
    @classmethod
    def _known(cls, words: CommandWords) -> CommandWords:
        for word in words:
            check_template(word)
        return words

    @model_validator(mode="after")
    def _used(self) -> Self:
        if not any("${command" in word or "${manifest}" in word for word in self.submit):
            raise ValueError("submit starts nothing: it needs ${command} or ${manifest}")
        if self.manifest is None and any("${manifest}" in word for word in self.submit):
            raise ValueError("submit has ${manifest}: name the template file as manifest")
        return self


class SlurmExecutor(_Remote):
    """`kind = "slurm"`: jobs that are ready together by one `sbatch --array`, requeued where they are preempted."""

    kind: Literal["slurm"] = "slurm"
    jobs: Count = 128
    """Jobs that are submitted and not ended, at most; Slurm lets them wait."""
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    options: CommandWords = ()
    """Further options of `sbatch`, such as `--exclusive`; `--time` or `--mem` take the place of the plan's."""


class RayExecutor(_Remote):
    """`kind = "ray"`: tasks of a Ray cluster; needs `pip install "sft-bench[ray]"`."""

    kind: Literal["ray"] = "ray"
    shared: bool = True
    """Whether all nodes see `BENCH_HOME`, and the files that a suite names by path; if not, a job's inputs and result
    travel through Ray's object store, and each node works below its own `BENCH_HOME`."""
    address: str = "auto"
    """A running cluster; `auto`: the one that Ray finds here; `local`: start one on this machine, for this run, which
    listens on loopback alone."""


ExecutorSpec = Annotated[CommandExecutor | SlurmExecutor | RayExecutor, Field(discriminator="kind")]
executor_adapter: TypeAdapter[CommandExecutor | SlurmExecutor | RayExecutor] = TypeAdapter(ExecutorSpec)


def check_template(text: str) -> None:
    """Raises `ValueError` for a placeholder that nothing fills."""
    template = Template(text)
    if not template.is_valid():
        raise ValueError(f"{text!r}: write $$ for a dollar sign")
    unknown = set(template.get_identifiers()) - PLACEHOLDERS
    if unknown:
        raise ValueError(f"no placeholder ${{{min(unknown)}}}; there are {', '.join(sorted(PLACEHOLDERS))}")
