"""Measures in a process of its own, on the built artifact: `python -m tests.bench.measure <JSON>` writes JSON.

The contestants take turns, round by round, so that what else the machine does hits all of them.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench import world
from tests.bench.stub import load_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.artifact import Artifacts

ROOT = Path(__file__).parents[2]
WARM_UP = 2 * world.THREADS  # messages


@dataclass(frozen=True)
class Round:
    """One contestant's turn: how many messages (or records), CPU and wall seconds, and the stub's CPU."""

    count: int
    cpu: float
    wall: float
    stub: float
    peak_mb: float
    """The process's peak memory so far."""


def measured(
    built: Artifacts, url: str, function: str, counts: dict[str, int], rounds: int, **environment: str
) -> dict[str, list[Round]]:
    """Rounds of each contestant, in a new process.

    `counts` are messages a round, by contestant: a function, or a class of `plain`.
    """
    task = {"function": function, "counts": counts, "rounds": rounds}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.measure", json.dumps(task)],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{built.bare}:{built.built}",  # the same code of ours, and AWS's SDK with its descriptions
            **world.environment(function, url),
            **environment,
        },
        stdout=subprocess.PIPE,
        check=True,
    )
    return {name: [Round(**item) for item in items] for name, items in json.loads(done.stdout).items()}


def _contestant(name: str) -> Callable[[dict[str, Any]], Any]:
    if name in world.FUNCTIONS:
        handler = importlib.import_module(world.MODULES[name]).handler
        return lambda event: handler(event, world.Context())
    plain = importlib.import_module("tests.bench.plain")
    contestant: Callable[[dict[str, Any]], Any] = getattr(plain, name)()
    return contestant


def _round(call: Callable[[dict[str, Any]], Any], function: str, count: int, least_calls: float) -> Round:
    gc.collect()
    url = os.environ["MESSAGE_CENTRAL_URL"]
    event, before = world.EVENTS[function](count), load_of(url)
    cpu, wall = time.process_time(), time.perf_counter()
    call(event)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    stub = load_of(url) - before
    if stub.requests < count * least_calls:
        raise RuntimeError(f"only {stub.requests} requests for {count} messages: the work was not done")
    return Round(count, cpu, wall, stub.cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _main(task: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    function = task["function"]
    contestants = {name: _contestant(name) for name in task["counts"]}
    for name, call in contestants.items():  # connections, caches, what the first call imports
        _round(call, function, min(WARM_UP, task["counts"][name]), world.LEAST_CALLS.get(name, 0))
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
    for _ in range(task["rounds"]):
        for name, call in contestants.items():
            done = _round(call, function, task["counts"][name], world.LEAST_CALLS.get(name, 0))
            results[name].append(asdict(done))
    return results


if __name__ == "__main__":
    output = sys.stdout
    with Path(os.devnull).open("w") as sink, contextlib.redirect_stdout(sink):
        found = _main(json.loads(sys.argv[1]))
    json.dump(found, output)
