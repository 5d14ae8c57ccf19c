"""Kills a real run at random moments, over and over, and compares what comes out with a run that nobody disturbed.

Each round takes a fresh folder, starts `run_suite` on a small suite of the embedded world (one LoRA arm, two seeds, a
held-out loss), kills it one to three times (SIGKILL to the run, to one of its processes, to its whole group; SIGTERM;
SIGINT to the group, as Ctrl-C), and then lets it end. Checked at each kill: the orphans end by themselves, what is on
disk is whole, and the training that was under way is taken up at most one save interval earlier. Checked at each end:
losses, scores and weights are those of the undisturbed run, to the last bit.

    python -m benchmarks.kill_fuzz --points 50 --seed 0 --out /some/file.jsonl

The heavy libraries are imported once, here; runs and their fork servers are forks of this process, so that a point
costs seconds. Each run still has a fork server and children of its own, as it has when started from a shell.
"""

import argparse
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

os.environ.update(
    OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE", GOMP_SPINCOUNT="0", HF_HUB_OFFLINE="1", TQDM_DISABLE="1",
    TOKENIZERS_PARALLELISM="false", HF_HUB_DISABLE_TELEMETRY="1",
)  # fmt: skip

# behind the environment, which libraries read while imported
from benchmarks.kill_fuzz.forked_server import fork_servers_from_here
from benchmarks.kill_fuzz.rounds import rounds


def main() -> None:
    """Run the fuzz; exit code 1 at the first loss."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="lines of JSON are appended here too")
    chosen = parser.parse_args()
    import bench.worker.kinds  # noqa: F401  # once for all runs

    fork_servers_from_here()

    def report(said: dict[str, Any]) -> None:
        line = json.dumps(said)
        print(line, flush=True)
        if chosen.out is not None:
            with chosen.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    try:
        report({"seed": chosen.seed, **rounds(chosen.points, random.Random(chosen.seed), report)})
    except AssertionError as error:
        report({"failed": str(error)})
        sys.exit(1)


if __name__ == "__main__":
    main()
