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
from typing import TYPE_CHECKING, Any, Self, TextIO

from tests.bench import world
from tests.bench.lambda_api import peak_mb
from tests.bench.stub import load_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.artifact import Artifacts

ROOT = Path(__file__).parents[2]
WARM_UP = 2 * world.THREADS  # messages


@dataclass(frozen=True)
class Round:
    """One contestant's turn: when it began (epoch seconds), how many messages (or records), CPU and wall seconds, and
    the stub's CPU.
    """

    begun: float
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
    return {name: [Round(**item) for item in items] for name, items in json.loads(line).items()}


class GoesOn:
    """A contestant in a process of its own that goes on: so many rounds by itself, then one whenever it is asked."""

    def __init__(
        self, built: Artifacts, url: str, function: str, messages: int, before: int, name: str | None = None
    ) -> None:
        task = {"function": function, "name": name or function, "messages": messages, "before": before}
        self._process = _started(built, url, task)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def round(self) -> Round:
        """One more round, once those before are done."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return Round(**json.loads(self._process.stdout.readline()))


def _started(built: Artifacts, url: str, task: dict[str, Any], **environment: str) -> subprocess.Popen[bytes]:
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{built.bare}:{built.built}",  # the same code of ours, and AWS's SDK with its descriptions
        **world.environment(task["function"], url),
        **environment,
    }
    command = [sys.executable, "-m", "tests.bench.measure", json.dumps(task)]
    return subprocess.Popen(command, cwd=ROOT, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


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
    begun, cpu, wall = time.time(), time.process_time(), time.perf_counter()
    call(event)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    stub = load_of(url) - before
    if stub.requests < count * world.LEAST_CALLS.get(name, 0):
        raise RuntimeError(f"only {stub.requests} requests for {count} messages: the work was not done")
    return Round(begun, count, cpu, wall, stub.cpu, peak_mb("self"))


def _in_turn(function: str, counts: dict[str, int], rounds: int) -> dict[str, list[dict[str, Any]]]:
    contestants = {name: _contestant(name) for name in counts}
    for name, call in contestants.items():  # connections, caches, what the first call imports
        _round(call, name, function, min(WARM_UP, counts[name]))
    gc.freeze()  # no round is to search what is there to stay
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, call in contestants.items():
            results[name].append(asdict(_round(call, name, function, counts[name])))
    return results


def _go_on(function: str, name: str, messages: int, before: int) -> Iterator[dict[str, Any]]:
    call = _contestant(name)
    for _ in range(before):
        _round(call, name, function, messages)
    gc.freeze()  # no round is to search what is there to stay
    for _ in sys.stdin:
        yield asdict(_round(call, name, function, messages))


def _main(task: dict[str, Any], output: TextIO) -> None:
    for result in _go_on(**task) if "before" in task else [_in_turn(**task)]:
        output.write(json.dumps(result) + "\n")
        output.flush()


if __name__ == "__main__":
    written = sys.stdout
    with Path(os.devnull).open("w") as sink, contextlib.redirect_stdout(sink):
        _main(json.loads(sys.argv[1]), written)
