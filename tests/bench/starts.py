"""What a function is before it does anything: how fast it starts, how large it is, how much memory it takes."""

from __future__ import annotations

import io
import statistics
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from tests.bench import world
from tests.bench.cores import cores, on_core
from tests.bench.lambda_api import live
from tests.bench.stub import Stub
from tests.bench.table import Line, figures, ratio_in_turn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.bench.artifact import Artifacts
    from tests.bench.lambda_api import Life

BARE, NOTHING, WITHOUT = (
    "bare handler with boto3 and a client",
    "bare handler with nothing",
    "the same without bytecode",
)
BARE_HANDLERS = {BARE: "bare_boto.handler", NOTHING: "bare_nothing.handler"}
COLD_STARTS = 8  # of each pair
PAIRS = (*((function, BARE) for function in world.FUNCTIONS), ("accept", WITHOUT), (BARE, NOTHING))
"""What starts, and what it is compared with: both at the same time on the same core."""
MESSAGES = 1_000
MEMORY_MB = 200
MOST_OF_BARE = 1.20
MB = 1_000_000
LOGGED = (
    ("accept", 1, "one message"),
    ("accept", 1_000, "1,000"),
    ("dispatch", 1_000, "1,000"),
    ("receive", 1, "one receipt"),
    ("report", 100, "100 reports"),
    ("count", 1_000, "1,000 changes"),
)


def cold(built: Artifacts) -> Iterator[Line]:
    """Process start to first answer: a real first event, with all calls that it makes."""
    with Stub() as stub, ThreadPoolExecutor(len(cores())) as pool:
        started = [*pool.map(partial(_start_both, built, stub.url), range(COLD_STARTS * len(PAIRS)))]
    part = "Cold start, CPU from process start to first answer"
    for place, (what, other) in enumerate(PAIRS):
        ours, theirs = zip(*started[place :: len(PAIRS)], strict=True)
        ratio, compared, target, met = ratio_in_turn(ours, theirs), f"{other}, {_milliseconds(theirs)}", "", None
        if other == BARE:
            figures[f"cold {what}"] = statistics.median(ours)
            target, met = f"≤ {MOST_OF_BARE:.2f}", ratio <= MOST_OF_BARE
        yield Line(part, what, _milliseconds(ours), compared, ratio, target, met)


def _start_both(built: Artifacts, url: str, number: int) -> list[float]:
    """The CPU seconds of a pair's members, which start at the same time on one core."""
    pair = PAIRS[number % len(PAIRS)]
    with on_core(number), ThreadPoolExecutor(len(pair)) as pool:  # what a thread starts is where the thread is
        return [life.cpu for life in pool.map(partial(_start, built, url), pair)]


def _start(built: Artifacts, url: str, what: str) -> Life:
    """The life of a function, or of what one is compared with."""
    if what in BARE_HANDLERS:
        return live(built.bare, BARE_HANDLERS[what], [{}], world.environment("accept", url))
    function = "accept" if what == WITHOUT else what
    directory, environment = built.built, world.environment(function, url)
    if what == WITHOUT:  # on Lambda nothing can be written there; here it might be
        directory, environment = built.without_bytecode, {**environment, "PYTHONDONTWRITEBYTECODE": "1"}
    return live(directory, world.handler(function), [world.EVENTS[function](1)], environment)


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds) * 1_000:.0f} ms"


def size(built: Artifacts) -> Iterator[Line]:
    """The artifact as it is uploaded: one for all functions."""
    ours, bare = _sizes(built.built), _sizes(built.bare)
    compared = f"bare handler with boto3, clients of two services: {_megabytes(bare)}"
    yield Line("Size of the artifact", "zipped (unpacked)", _megabytes(ours), compared, ours[0] / bare[0])
    without = tuple(all_of - part for all_of, part in zip(ours, _sizes(built.built / "compiled"), strict=True))
    yield Line(
        "Size of the artifact", "without cryptography, twice", _megabytes(without), compared, without[0] / bare[0]
    )


def logs(built: Artifacts) -> Iterator[Line]:
    """What an invocation writes into its log: an ordinary one that is not the first."""
    with Stub() as stub, ThreadPoolExecutor(len(cores())) as pool:
        written = [*pool.map(partial(_logged, built, stub.url), LOGGED)]
    for (function, count, what), size_of in zip(LOGGED, written, strict=True):
        figures[f"log {function} {count}"] = size_of
        yield Line("Log, bytes an invocation", f"{function}, {what}", f"{size_of:,}")


def _logged(built: Artifacts, url: str, of: tuple[str, int, str]) -> int:
    function, count, _ = of
    events = [world.EVENTS[function](count) for _ in range(2)]
    environment = world.environment(function, url)
    one, two = (live(built.built, world.handler(function), events[:n], environment).logged for n in (1, 2))
    return two - one


def _sizes(directory: Path) -> tuple[int, int]:
    """Bytes of a directory, zipped as SAM does it and as it stands."""
    packed, files = io.BytesIO(), [path for path in sorted(directory.rglob("*")) if path.is_file()]
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(directory))
    return packed.tell(), sum(path.stat().st_size for path in files)


def _megabytes(sizes: tuple[int, ...]) -> str:
    return f"{sizes[0] / MB:.1f} MB ({sizes[1] / MB:.0f})"


def memory(built: Artifacts) -> Iterator[Line]:
    """Three of the largest events through AWS's runtime client."""
    with Stub() as stub, ThreadPoolExecutor(len(cores())) as pool:
        bare = live(built.bare, "bare_boto.handler", [{}], world.environment("accept", stub.url)).peak_mb
        peaks = [*pool.map(partial(_peak_mb, built, stub.url), world.FUNCTIONS)]
    part, compared = "Peak memory, events of 1,000", f"bare handler with boto3: {bare:.0f} MB"
    for function, peak in zip(world.FUNCTIONS, peaks, strict=True):
        figure, met = f"{peak:.0f} MB", peak < MEMORY_MB
        yield Line(part, function, figure, compared, peak / bare, f"< {MEMORY_MB} MB", met)


def _peak_mb(built: Artifacts, url: str, function: str) -> float:
    events = [world.EVENTS[function](MESSAGES) for _ in range(3)]
    return live(built.built, world.handler(function), events, world.environment(function, url)).peak_mb
