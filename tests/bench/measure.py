"""Measures in a process of its own, on the built artifact: `python -m tests.bench.measure <JSON>` writes JSON.

The contestants take turns, round by round, so that what else the machine does hits all of them.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from tests.bench import world
from tests.bench.lambda_api import peak_mb
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
    process = _started(built, url, task, **environment)
    line, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{function} could not be measured")
    return _rounds(line)


class Growing:
    """A function that goes on and on in a process of its own: measured in turn with a bare contestant, then through so
    many more rounds by itself, then measured again.
    """

    def __init__(
        self, built: Artifacts, url: str, function: str, counts: dict[str, int], rounds: int, more: int
    ) -> None:
        task = {"function": function, "counts": counts, "rounds": rounds, "more": more}
        self._process = _started(built, url, task)
        self._first = self._read()

    def measured(self) -> list[dict[str, list[Round]]]:
        """What was measured first, and again, once it has gone on."""
        self._read()
        assert self._process.stdin
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        again = self._read()
        self._process.wait()
        return [self._first, again]

    def _read(self) -> dict[str, list[Round]]:
        assert self._process.stdout
        return _rounds(self._process.stdout.readline())


def _started(built: Artifacts, url: str, task: dict[str, Any], **environment: str) -> subprocess.Popen[bytes]:
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{built.bare}:{built.built}",  # the same code of ours, and AWS's SDK with its descriptions
        **world.environment(task["function"], url),
        **environment,
    }
    command = [sys.executable, "-m", "tests.bench.measure", json.dumps(task)]
    return subprocess.Popen(command, cwd=ROOT, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _rounds(line: bytes) -> dict[str, list[Round]]:
    return {name: [Round(**item) for item in items] for name, items in json.loads(line).items()}


def _contestant(name: str) -> Callable[[dict[str, Any]], Any]:
    function = name.partition(",")[0]
    if function in world.FUNCTIONS:
        handler = importlib.import_module(world.MODULES[function]).handler
        return lambda event: handler(event, world.Context())
    plain = importlib.import_module("tests.bench.plain")
    contestant: Callable[[dict[str, Any]], Any] = getattr(plain, name)()
    return contestant


def _round(call: Callable[[dict[str, Any]], Any], name: str, function: str, count: int) -> Round:
    gc.collect()
    url = os.environ["MESSAGE_CENTRAL_URL"]
    event, before = world.EVENTS.get(name, world.EVENTS[function])(count), load_of(url)
    cpu, wall = time.process_time(), time.perf_counter()
    call(event)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    stub = load_of(url) - before
    if stub.requests < count * world.LEAST_CALLS.get(name, 0):
        raise RuntimeError(f"only {stub.requests} requests for {count} messages: the work was not done")
    return Round(count, cpu, wall, stub.cpu, peak_mb("self"))


def _main(task: dict[str, Any], output: TextIO) -> None:
    function, counts = task["function"], task["counts"]
    contestants = {name: _contestant(name) for name in counts}
    for name, call in contestants.items():  # connections, caches, what the first call imports
        _round(call, name, function, min(WARM_UP, counts[name]))

    def write() -> None:
        results: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
        for _ in range(task["rounds"]):
            for name, call in contestants.items():
                results[name].append(asdict(_round(call, name, function, counts[name])))
        output.write(json.dumps(results) + "\n")
        output.flush()

    write()
    if more := task.get("more"):
        for _ in range(more):
            _round(contestants[function], function, function, counts[function])
        output.write("{}\n")
        output.flush()
        sys.stdin.readline()
        write()


if __name__ == "__main__":
    written = sys.stdout
    with Path(os.devnull).open("w") as sink, contextlib.redirect_stdout(sink):
        _main(json.loads(sys.argv[1]), written)
