"""`python -m tests.simulation`: one run that is told by its options, or many small ones by their seeds."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "functions"), str(ROOT)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", help="first-last: one run each")
    parser.add_argument("--hours", type=float, default=None, help="within which messages come and things go wrong")
    parser.add_argument("--messages", type=int, default=None)
    parser.add_argument("--go-on", action="store_true", help="after a seed that failed")
    parser.add_argument("--rates", action="store_true", help="how much of a vendor's rate is used, as a table")
    parser.add_argument("--outages", action="store_true", help="what outages of 1, 6 and 24 hours cost, as a table")
    options = parser.parse_args()
    from tests.simulation import scenarios  # noqa: PLC0415 - once the path is set
    from tests.simulation.seeds import run_seed  # noqa: PLC0415

    if options.outages or options.rates:
        for line in scenarios.rates() if options.rates else scenarios.outages(tokens=True):
            print(line, flush=True)  # noqa: T201 - it talks to a person
        return 0
    first, _, last = (options.seeds or f"{options.seed}-{options.seed}").partition("-")
    failed = 0
    started = time.perf_counter()
    for seed in range(int(first), int(last or first) + 1):
        begun = time.perf_counter()
        result = run_seed(seed, messages=options.messages, hours=options.hours)
        print(f"seed {seed}: {time.perf_counter() - begun:.2f} s {result.text}", flush=True)  # noqa: T201 - it talks to a person
        failed += not result.green
        if failed and not options.go_on:
            break
    print(f"{'failed: ' + str(failed) if failed else 'all green'}, {time.perf_counter() - started:.0f} s")  # noqa: T201
    return bool(failed)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # else sets of texts are in another order each time
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
            os.environ | {"PYTHONHASHSEED": "0"},
        )
    sys.exit(main())
