"""Devices and clusters to plan for: `8xH100`, `2x4090@0.40`, or a TOML file."""

import re
import tomllib
from functools import cache
from pathlib import Path

from pydantic import Field, ValidationError

from bench.errors import InputError, Problem, did_you_mean
from bench.spec import Count, Spec

_TABLE = Path(__file__).with_name("devices.toml")
_WRITTEN = re.compile(r"(?P<count>\d+)\s*[x×]\s*(?P<device>[\w.-]+?)(?:@(?P<price>\d+(?:\.\d+)?))?")


class Device(Spec):
    """One kind of device, by its data sheet."""

    memory: float = Field(gt=0)
    """GB (10⁹ bytes)."""
    bf16: float = Field(gt=0)
    """TFLOP/s of dense products."""
    link: float = Field(gt=0)
    """GB/s in one direction to the other devices of a node."""
    network: float = Field(gt=0)
    """GB/s for each device between nodes."""
    per_node: Count
    """Devices of a node."""
    source: str = ""
    """Where the figures are from."""


class Cluster(Spec):
    """So many devices of one kind."""

    count: Count
    name: str
    """The device's."""
    device: Device
    price: float | None = None
    """Price of one device for an hour."""

    @property
    def label(self) -> str:
        """The cluster in a few characters."""
        return f"{self.count}x{self.name}"


class _ClusterFile(Spec):
    """`count = 16`, and `device = "H100"` or a table of its own."""

    count: Count
    device: str | Device
    price: float | None = Field(default=None, gt=0)
    network: float | None = Field(default=None, gt=0)
    per_node: Count | None = None


@cache
def devices() -> dict[str, Device]:
    """All that are known, by name."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return {name: Device.model_validate(fields, strict=False) for name, fields in table.items()}


def read_cluster(text: str) -> Cluster:
    """The cluster that `text` writes or whose file it names. Raises `InputError` for anything else."""
    written = _WRITTEN.fullmatch(text.strip())
    if written is not None:
        count, price = int(written["count"]), written["price"]
        if count == 0:
            raise InputError(Problem(reference="plan.on", what=f"{text}: there is no device in it"))
        name, device = _known(written["device"])
        return Cluster(count=count, name=name, device=device, price=None if price is None else float(price))
    try:
        file = _ClusterFile.model_validate(tomllib.loads(Path(text).read_text(encoding="utf-8")), strict=False)
    except OSError as error:
        hint = 'write "8xH100", "8xH100@2.50" (price of one for an hour), or name a TOML file: see docs/scaling.md'
        raise InputError(Problem(reference="plan.on", what=f"{text!r} is no cluster", hint=hint)) from error
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        what = str(error).splitlines()[0] if isinstance(error, tomllib.TOMLDecodeError) else _first(error)
        raise InputError(Problem(reference="plan.on", what=what, where=text)) from error
    name, device = ("device", file.device) if isinstance(file.device, Device) else _known(file.device)
    better = {key: value for key, value in (("network", file.network), ("per_node", file.per_node)) if value}
    return Cluster(count=file.count, name=name, device=device.model_copy(update=better), price=file.price)


def _known(name: str) -> tuple[str, Device]:
    by_name = {key.lower(): key for key in devices()}
    device = by_name.get(name.lower()) or by_name.get(name.lower().removeprefix("rtx"))
    if device is None:
        hint = f"{did_you_mean(name, devices())}; or a TOML file with its figures"
        raise InputError(Problem(reference="plan.on", what=f"no device is called {name}", hint=hint))
    return device, devices()[device]


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
