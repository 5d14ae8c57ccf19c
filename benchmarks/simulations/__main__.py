"""`python -m benchmarks.simulations [TABLE …] [--runs N] [--only PART] [--fresh N]`: tables as Markdown, one core."""

import argparse
import time
from collections.abc import Sequence

from benchmarks.simulations import (
    agree,
    arms,
    buying,
    corpus,
    decisions,
    evidence,
    intervals,
    judge,
    labels,
    missing,
    pairs,
    planning,
    rare,
    sequential,
    steps,
    verdicts,
)
from benchmarks.simulations.lean import fresh, lean
from benchmarks.simulations.table import RUNS, Table, Verdict

TABLES: dict[str, Sequence[Table]] = {
    "intervals": intervals.TABLES,
    "arms": (arms.TABLE,),
    "agree": (agree.TABLE,),
    "pairs": (pairs.TABLE,),
    "missing": (missing.TABLE,),
    "corpus": (corpus.TABLE,),
    "judge": (judge.TABLE,),
    "labels": (labels.TABLE,),
    "verdicts": verdicts.TABLES,
    "planning": (planning.TABLE,),
    "rare": (rare.TABLE,),
    "steps": (steps.TABLE,),
    "sequential": (sequential.TABLE,),
    "buying": (buying.TABLE,),
    "decisions": decisions.TABLES,
    "evidence": (evidence.TABLE,),
}


def main() -> None:
    """Prints every table, or those named, and at last how many promises were kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulations", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}; default: all")
    parser.add_argument("--runs", type=int, default=RUNS, help="of each case (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="PART", help="cases with this in their name")
    parser.add_argument("--fresh", type=int, default=0, metavar="N", help="other data: the N-th further draw of all")
    asked = parser.parse_args()
    if unknown := set(asked.tables) - set(TABLES):
        parser.error(f"no table {', '.join(sorted(unknown))}")
    found: list[Verdict] = []
    began = time.process_time()
    with lean(), fresh(asked.fresh):
        for table in (table for name in asked.tables or TABLES for table in TABLES[name]):
            for line in table.lines(asked.runs, asked.only, found):
                print(line, flush=True)
    counts = ", ".join(f"{found.count(verdict)} {verdict}" for verdict in ("kept", "within error", "missed"))
    seconds = time.process_time() - began
    print(f"\n{asked.runs:,} runs of each case, {seconds:,.0f} s of processor time. Promises of rows: {counts}.")


if __name__ == "__main__":
    main()
