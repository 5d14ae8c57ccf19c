"""Loads a subject's weights once for all evals that one process does of it, and its base once for all subjects of it.

Contract: scores are those of a subject loaded for each eval, to the last bit: an eval changes neither model nor
tokenizer, and a subject is made of the base as its files have it. At most one subject is in memory: the last one is
given back before another is loaded.
"""

from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bench.evals.subject.prepared import PreparedEvals
from bench.machine.file_pages import give_back, pages_of
from bench.machine.freed_memory import give_back_freed
from bench.model.loading.deployed import load_form
from bench.model.loading.kept_base import KeptBase
from bench.model.loading.load import load_subject, load_tokenizer, load_tuned
from bench.model.loading.packed_linear import pack_linears
from bench.record.files import WEIGHTS
from bench.record.jobs.eval_job import EvalJob, LoadedWeights
from bench.suite.peft_files import ADAPTER_CONFIG


class SubjectLoader:
    """Loads subjects one after another; the last one stays for the next eval of it."""

    def __init__(self) -> None:
        self.base = KeptBase()
        self.prepared = PreparedEvals()
        self._name: LoadedWeights | None = None
        self._loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase] | None = None
        self._tokenizer: tuple[str, PreTrainedTokenizerBase] | None = None
        """The last one, with the folder of its base."""

    def has(self, job: EvalJob) -> bool:
        """Whether the job's subject is the one that stayed."""
        return self._loaded is not None and job.weights is not None and job.weights == self._name

    def load(self, job: EvalJob) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """Model, ready to compute, and tokenizer of the job's subject. What the eval before has freed is given back,
        and what the load has: memory limits and peaks are those of an eval that comes first."""
        kept = self._loaded if self.has(job) else None
        if self._loaded is not None:
            self._loaded = kept
            give_back_freed(circles=kept is None)
        if self._loaded is None:
            model = self._model(job)
            pack_linears(model)
            if _is_whole(job):
                give_back({pages for pages in pages_of(model.parameters()) if pages is not None})
            give_back_freed(circles=True)
            self._name, self._loaded = job.weights, (model, self._tokenizer_of(job))
        return self._loaded

    def give_back(self) -> None:
        """Ends the subject that stayed, and what is large of its evals' preparations; the base is kept."""
        self._name = self._loaded = None
        self.prepared.rest()
        give_back_freed(circles=True)

    def _tokenizer_of(self, job: EvalJob) -> PreTrainedTokenizerBase:
        """The base's tokenizer, which its subjects share; of a job that keeps no weights, its own."""
        if job.weights is None:
            return load_tokenizer(job.model)
        if self._tokenizer is None or self._tokenizer[0] != job.model.path:
            self._tokenizer = (job.model.path, load_tokenizer(job.model))
        return self._tokenizer[1]

    def _model(self, job: EvalJob) -> PreTrainedModel:
        if job.form is not None:
            assert job.training_path is not None, "a deployed form was written by a job"
            weights = Path(job.training_path) / WEIGHTS
            return load_form(job.model, weights, job.form, precision=job.precision, plain=self.base)
        if job.given is not None:
            return load_tuned(job.model, Path(job.given.path), precision=job.precision, plain=self.base)
        training = None if job.training_path is None else Path(job.training_path)
        return load_subject(job.model, training, precision=job.precision, plain=self.base)


def _is_whole(job: EvalJob) -> bool:
    """Whether the subject's weights are those of its own files, which nothing has written to: once they are packed,
    next to nothing reads the pages of these files."""
    if job.form is not None or job.model.remote_code is not None:
        return False
    if job.given is not None:
        return not (Path(job.given.path) / ADAPTER_CONFIG).is_file()
    return job.training_path is not None and not (Path(job.training_path) / WEIGHTS / ADAPTER_CONFIG).is_file()
