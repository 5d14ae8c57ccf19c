"""Work on one model beside jobs: its own code, its files and parameters, and its answers."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from bench.emit import Emit, StepDone
from bench.endpoint.local_model import CompleteRequest, WriterRequest
from bench.model.size.description import DescribeRequest, Description
from bench.run.process.payloads import BuildRequest, BuiltBase, CodeRequest, ExportRequest, TrustRequest, UnpackRequest
from bench.train.micro.pretrain import PretrainingProgress


def code(request: CodeRequest, folder: Path, emit: Emit) -> list[str]:
    """Parts of a checkpoint that need code of its own, of those asked about."""
    from bench.model.loading import remote_code  # few models bring code

    return remote_code.parts_that_need_code(request.path, request.classes)


def trust(request: TrustRequest, folder: Path, emit: Emit) -> None:
    """Load parts of a checkpoint with its own code. Raises `InputError` where that fails."""
    from bench.model.loading import remote_code  # few models bring code

    remote_code.check_trusted(request.path, request.parts)


def describe(request: DescribeRequest, folder: Path, emit: Emit) -> Description:
    """Count a model's parameters from its config."""
    from bench.model.size import describe as description  # only this kind of work needs it

    return description.describe(request)


def build(request: BuildRequest, folder: Path, emit: Emit) -> BuiltBase:
    """Build the micro base."""
    from bench.train.micro.build import build_micro  # only this kind of work needs it

    def tell(progress: PretrainingProgress) -> None:
        emit(StepDone(**dataclasses.asdict(progress)))

    card = build_micro(Path(request.out), seed=request.seed, progress=tell)
    return BuiltBase(
        parameters=card.parameters,
        loss=card.provenance["final_loss_nats_per_token"],
        tokens=card.provenance["training_tokens"],
        seconds=card.provenance["seconds"],
        sha256=card.provenance["sha256"],
    )


def unpack(request: UnpackRequest, folder: Path, emit: Emit) -> int:
    """Write the model of a GGUF file as safetensors. Returns its parameters."""
    from bench.model.loading import gguf  # only this kind of work needs it

    return gguf.unpack(Path(request.gguf), Path(request.out), reader=Path(request.reader))


def export(request: ExportRequest, folder: Path, emit: Emit) -> None:
    """Write trained weights as a folder that plain transformers loads."""
    from bench.train.saved.export import export_subject  # only this kind of work needs it

    training, out = Path(request.training), Path(request.out)
    export_subject(request.model, training, out, merge=request.merge, precision=request.precision)


def complete(wanted: WriterRequest, folder: Path, emit: Emit, requests: Iterator[CompleteRequest]) -> None:
    """Answer chat requests with a base, loaded once."""
    from bench.evals import completions

    completions.serve(wanted, emit, requests)
