"""A version for the speed gate without torch: a tree whose step server answers the protocol with made-up times."""

import json
import sys
from pathlib import Path
from typing import Any

from bench.gate.speed.versions import STEP_SERVERS, Version

_STEP_SERVER = """
import bench, json, random, sys
from pathlib import Path
plan = json.loads({plan!r})
draw = random.Random(plan["seed"])
say = lambda kind, **fields: print(json.dumps({{"type": kind, **fields}}), flush=True)
request = json.loads(sys.stdin.readline())
if plan["fails"]:
    say("failed", message="no", problems=[{{"reference": "x.y", "what": plan["fails"], "where": None, "hint": None}}])
    sys.exit()
say("ready", protocol=plan["protocol"], version="0", package=str(Path(bench.__file__).parent),
    arm=request["arm"] or "first/arm", device=plan["device"], versions=plan["versions"], facts=plan["facts"],
    replicates=plan["replicates"])
for line in sys.stdin:
    command = json.loads(line)
    do = command["do"]
    if do == "begin":
        seed, step = command["replicate"], 0
        learned = {{"loss": 5.0 + 0.1 * seed, "gradient_norm": plan["gradient"] * (1 + 0.2 * seed)}}
        say("begun", **(learned if plan["learns"] is not None else {{}}))
    elif do == "end":
        say("ended", code=0)
    elif plan["dies"]:
        sys.exit("the step fell over")
    else:
        cpu = plan["cpu"] * draw.uniform(0.98, 1.02)
        step += 1
        loss = None if plan["learns"] is None else 5.0 + 0.1 * seed - plan["learns"] * step
        say("stepped", cpu=cpu, wall=cpu + plan["wait"] * draw.uniform(0.9, 1.1), tokens=plan["tokens"], loss=loss)
"""


def fake_version(folder: Path, *, module: str = STEP_SERVERS[-1], **changes: Any) -> Version:
    """A version whose steps take `cpu` seconds of work and `wait` of waiting, for `tokens` tokens, and whose loss falls
    by `learns` in each (`None`: it reports none), from 5 and a tenth for each seed. `module`: its step server's name.
    """
    plan = {
        "cpu": 0.1, "wait": 0.0, "tokens": 100, "seed": 0, "device": "cpu", "protocol": 1, "fails": None, "dies": False,
        "learns": 0.1, "gradient": 2.0, "replicates": True,
        "facts": {"steps": 29, "tokens": 2900}, "versions": {"torch": "2.13.0"}, **changes,
    }  # fmt: skip
    version = Version(name=folder.name, python=Path(sys.executable), tree=folder)
    server = step_server_of(version, module)
    server.parent.mkdir(parents=True)
    for package in server.relative_to(folder).parents[:-1]:
        (folder / package / "__init__.py").touch()
    server.write_text(_STEP_SERVER.format(plan=json.dumps(plan)))
    return version


def step_server_of(version: Version, module: str = STEP_SERVERS[-1]) -> Path:
    """The file of a version's step server."""
    return version.tree.joinpath(*module.split(".")).with_suffix(".py")
