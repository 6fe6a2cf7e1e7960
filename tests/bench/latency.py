"""From accept to the vendor's call, in a process of its own: `python -m tests.bench.latency <JSON>` writes JSON.

Without API Gateway's and SQS's own time, some ten milliseconds each on AWS.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench import world
from tests.bench.stub import sends_of

if TYPE_CHECKING:
    from tests.bench.artifact import Artifacts

ROOT = Path(__file__).parents[2]
MESSAGES = 1_000


def latencies(built: Artifacts, url: str, function: str, rounds: int) -> list[list[float]]:
    """For each round seconds from the request (or the chunks) to each call of the vendor's, in order."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.latency", json.dumps({"function": function, "rounds": rounds})],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(built.built), **world.environment(function, url)},
        stdout=subprocess.PIPE,
        check=True,
    )
    found: list[list[float]] = json.loads(done.stdout)
    return found


def share(values: list[float], part: float) -> float:
    """The value that so large a part of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def _main(function: str, rounds: int) -> list[list[float]]:
    handler = importlib.import_module(world.MODULES[function]).handler
    url = os.environ["MESSAGE_CENTRAL_URL"]
    handler(world.EVENTS[function](1), world.Context())  # connections, token, what the first call imports
    sends_of(url)
    found = []
    for _ in range(rounds):
        event: dict[str, Any] = world.EVENTS[function](1 if function == "accept" else MESSAGES)
        begun = time.time()
        handler(event, world.Context())
        found.append([at - begun for at in sends_of(url)])
    return found


if __name__ == "__main__":
    output = sys.stdout
    with Path(os.devnull).open("w") as sink, contextlib.redirect_stdout(sink):
        result = _main(**json.loads(sys.argv[1]))
    json.dump(result, output)
