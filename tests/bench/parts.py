"""The parts of `make bench`: what is measured, and what each is compared with in the same run."""

from __future__ import annotations

import shutil
import statistics
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from tests.bench import artifact, cost, world
from tests.bench.lambda_api import live
from tests.bench.latency import latencies, share
from tests.bench.measure import measured
from tests.bench.stub import Stub
from tests.bench.table import Line, cpu_ms, stub_share, undisturbed_ratio, wall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.artifact import Artifacts
    from tests.bench.lambda_api import Life
    from tests.bench.measure import Round

COLD_STARTS = 10
WITHOUT_BYTECODE = 3  # of these, as each takes twice as long
AWS_MS = 5.0  # DynamoDB's answer, where the vendor takes any time at all
PROCESSES = 2  # one may be luckier than another with its threads
SCALE_MS = 350
PROMISE_SECONDS = 10  # GOV.UK's to who sends a single message
WORKERS = (1, 4)  # two cores carry no more of them, and the stub
MESSAGES = 1_000
GROWTH = (1_000, 100_000)
GROWTH_ROUNDS = 9  # of 1,000 messages, from each of these on
MOST_GROWTH = 1.03
GROWTH_BESIDE = 200  # messages of the bare contestant in turn with them: the machine changes its speed, too
MEMORY_MB = 200


class Turns(NamedTuple):
    """Rounds in a process, and the naive version's messages a round, which it sends one after the other.

    Where that is mostly waiting, `at_once` processes do it: what it costs one alone to wake up changes by half from one
    minute to the next.
    """

    rounds: int
    naive: int
    at_once: int


# By the vendor's latency in ms. Rounds are many and short, so that some of them are undisturbed.
DISPATCH = {0: Turns(16, 60, 1), 60: Turns(8, 6, 4), 350: Turns(4, 3, 4)}
OF_BARE = {0: 0.45, 60: 0.50, 350: 0.50}
"""The least that dispatch is to reach of the bare loop's messages per CPU-second."""
DISPATCHED = 10 * world.THREADS  # messages a round
TLS_ROUNDS = 5

figures: dict[str, float] = {}
"""What `costs` needs of accept, scale, and receipts and reports: seconds."""


def cold(built: Artifacts) -> Iterator[Line]:
    """Process start to first answer: a real first event, with all calls that it makes."""
    lives: dict[str, list[Life]] = {}
    with Stub() as stub:
        for number in range(COLD_STARTS):
            for handler in ("bare_nothing", "bare_boto"):
                environment = world.environment("accept", stub.url)
                lives.setdefault(handler, []).append(live(built.bare, f"{handler}.handler", [{}], environment))
            for function in world.FUNCTIONS:
                events, environment = [world.EVENTS[function](1)], world.environment(function, stub.url)
                lives.setdefault(function, []).append(live(built.built, world.handler(function), events, environment))
                if number >= WITHOUT_BYTECODE:
                    continue
                # On Lambda nothing can be written there; here it might be.
                read_only = {**environment, "PYTHONDONTWRITEBYTECODE": "1"}
                lives.setdefault(f"{function}, without", []).append(
                    live(built.without_bytecode, world.handler(function), events, read_only)
                )
    part = "Cold start, process start to first answer (ratios of CPU)"
    spent = {name: [life.cpu for life in its] for name, its in lives.items()}
    for function in world.FUNCTIONS:
        ours, figure = spent[function], _milliseconds(lives[function])
        bare = undisturbed_ratio(ours, spent["bare_boto"])
        plain = undisturbed_ratio(ours, spent[f"{function}, without"])
        yield Line(part, function, figure, "bare handler with boto3 and a client", bare, "≤ 1.2", bare <= 1.2)
        yield Line(part, function, figure, "the same without bytecode", plain, "≤ 0.5", plain <= 0.5)
    for handler, what in (("bare_boto", "bare handler with boto3"), ("bare_nothing", "bare handler with nothing")):
        ratio = undisturbed_ratio(spent[handler], spent["bare_nothing"])
        yield Line(part, what, _milliseconds(lives[handler]), "bare handler with nothing", ratio)


def _milliseconds(lives: list[Life]) -> str:
    wall_ms, cpu = (statistics.median(getattr(life, name) for life in lives) * 1_000 for name in ("answered", "cpu"))
    return f"{wall_ms:.0f} ms ({cpu:.0f} ms CPU)"


def accept(built: Artifacts) -> Iterator[Line]:
    """Requests of 1, 100 and 1,000 records."""
    part = "Accept, CPU a record"
    for records, rounds in ((1, 60), (100, 20), (1_000, 15)):
        with Stub() as stub:
            found = measured(built, stub.url, "accept", {"accept": records, "BareAccept": records}, rounds)
        ours, bare = found["accept"], found["BareAccept"]
        figures[f"accept {records}"] = cpu_ms(ours) / 1_000
        figure = f"{cpu_ms(ours):.3f} ms (request: {wall(ours) * 1_000:.1f} ms wall)"
        met = cpu_ms(ours) <= 0.05 if records == 1_000 else None
        what = "1 record: claimed, sent, logged" if records == 1 else f"{records:,} records"
        compared = "JSON, one number parsed, queued by boto3"
        yield Line(part, what, figure, compared, _cpu_ratio(ours, bare), "≤ 0.05 ms" if met is not None else "", met)


def dispatch(built: Artifacts) -> Iterator[Line]:
    """Beside the same calls without a log, and beside a naive version."""
    for latency, turns in DISPATCH.items():
        aws = AWS_MS if latency else 0.0
        counts = {"dispatch": DISPATCHED, "BareLoop": DISPATCHED}
        with Stub(latency, aws) as stub:
            runs = [
                measured(built, stub.url, "dispatch", counts, turns.rounds)
                | _at_once(built, stub.url, {"Naive": turns.naive}, turns.rounds, turns.at_once)
                for _ in range(PROCESSES)
            ]
        part = f"Dispatch, {DISPATCHED} messages, vendor {latency} ms, AWS {aws:.0f} ms"
        ours, bare, plain = _together(runs).values()
        of_bare = 1 / _cpu_ratio(ours, bare)
        compared = f"bare loop: {_per_cpu(bare)}"
        yield Line(
            part,
            "messages per CPU-second",
            _per_cpu(ours),
            compared,
            of_bare,
            f"≥ {OF_BARE[latency]:.2f}",
            of_bare >= OF_BARE[latency],
        )
        of_plain = 1 / _cpu_ratio(ours, plain)
        yield Line(part, "messages per CPU-second", _per_cpu(ours), f"naive version: {_per_cpu(plain)}", of_plain)
        faster = undisturbed_ratio([one.wall / one.count for one in plain], [one.wall / one.count for one in ours])
        compared = f"naive version: {turns.naive / wall(plain):.1f}"
        yield Line(part, "messages per second", f"{DISPATCHED / wall(ours):.0f}", compared, faster)
        yield Line(part, "stub's share of one core", f"{stub_share(ours):.0%}", f"bare loop: {stub_share(bare):.0%}")


def _at_once(built: Artifacts, url: str, counts: dict[str, int], rounds: int, processes: int) -> dict[str, list[Round]]:
    """Rounds of several processes that run at the same time, put together."""
    with ThreadPoolExecutor(processes) as pool:
        runs = [pool.submit(measured, built, url, "dispatch", counts, rounds) for _ in range(processes)]
        return _together([run.result() for run in runs])


def _together(runs: list[dict[str, list[Round]]]) -> dict[str, list[Round]]:
    return {name: [one for run in runs for one in run[name]] for name in runs[0]}


def workers(built: Artifacts) -> Iterator[Line]:
    """Several workers at once, each in a process of its own as on Lambda: whether they hinder each other."""
    part = f"Dispatch by several workers at once, vendor {SCALE_MS} ms, AWS {AWS_MS:.0f} ms"
    alone = 0.0
    for count in WORKERS:
        with Stub(SCALE_MS, AWS_MS) as stub:
            rounds = _at_once(built, stub.url, {"dispatch": MESSAGES}, 1, count)["dispatch"]
        seconds, together = wall(rounds), sum(one.count / one.wall for one in rounds)
        alone, target, met = alone or together, "", None
        if count == 1:
            figures["dispatch"], target, met = seconds, "< 15 s", seconds < 15
        figure = f"{together:.0f} messages per second ({seconds:.1f} s for 1,000 each)"
        compared, ratio = f"{count} times one alone: {count * alone:.0f}", together / alone / count
        yield Line(part, f"{count} workers" if count > 1 else "1 worker", figure, compared, ratio, target, met)


def tls(built: Artifacts) -> Iterator[Line]:
    """The same over TLS, as it is on AWS; the certificate is made for this run."""
    if not shutil.which("openssl"):
        return
    certificate = artifact.BUILD / "certificate.pem"
    name = ("-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1")
    key = artifact.BUILD / "key.pem"
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name)
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    both = artifact.BUILD / "both.pem"
    both.write_text(key.read_text() + certificate.read_text())
    trusted = {"SSL_CERT_FILE": str(certificate), "AWS_CA_BUNDLE": str(certificate)}
    with Stub(60, AWS_MS, both) as stub:
        counts = {"dispatch": DISPATCHED, "BareLoop": DISPATCHED}
        runs = [measured(built, stub.url, "dispatch", counts, TLS_ROUNDS, **trusted) for _ in range(PROCESSES)]
    ours, bare = _together(runs).values()
    part = "Dispatch over TLS, vendor 60 ms"
    yield Line(
        part, "messages per CPU-second", _per_cpu(ours), f"bare loop: {_per_cpu(bare)}", 1 / _cpu_ratio(ours, bare)
    )


def growth(built: Artifacts) -> Iterator[Line]:
    """One process that goes on and on: cost and memory must not grow."""
    part = "Growth, in one process"
    for function, bare in (("accept", "BareAccept"), ("dispatch", "BareLoop")):
        counts = {function: MESSAGES, bare: GROWTH_BESIDE}
        with Stub() as stub:
            found = measured(built, stub.url, function, counts, GROWTH[-1] // MESSAGES + GROWTH_ROUNDS)
        windows = [slice(count // MESSAGES, count // MESSAGES + GROWTH_ROUNDS) for count in GROWTH]
        to_bare = [_cpu_ratio(found[function][window], found[bare][window]) for window in windows]
        peaks = [found[function][window][-1].peak_mb for window in windows]
        for count, window, ratio, peak in zip(GROWTH, windows, to_bare, peaks, strict=True):
            figure = f"{cpu_ms(found[function][window]):.3f} ms CPU each, peak {peak:.0f} MB"
            compared = f"after the first {GROWTH[0]:,} (peak {peaks[0]:.0f} MB)"
            grown = ratio / to_bare[0]
            target, met = ("≤ 1.03", grown <= MOST_GROWTH) if count == GROWTH[-1] else ("", None)
            yield Line(part, f"{function}, after {count:,} messages", figure, compared, grown, target, met)


def receipts(built: Artifacts) -> Iterator[Line]:
    """What comes after a message was sent."""
    for function, bare, one, compared in (
        ("receive", "BareReceive", "receipt", "one query and one update by boto3"),
        ("report", "BareReport", "report", "the same posts by urllib3"),
    ):
        for count in (1, 100):
            with Stub() as stub:
                found = measured(built, stub.url, function, {function: count, bare: count}, 40)
            ours, theirs = found[function], found[bare]
            figures[f"{function} {count}"] = cpu_ms(ours) / 1_000
            what = f"{one}s per CPU-second, {count} in a call"
            yield Line(
                "Receipts and reports",
                what,
                _per_cpu(ours),
                f"{compared}: {_per_cpu(theirs)}",
                1 / _cpu_ratio(ours, theirs),
            )


def memory(built: Artifacts) -> Iterator[Line]:
    """Three of the largest events through AWS's runtime client."""
    with Stub() as stub:
        bare = live(built.bare, "bare_boto.handler", [{}], world.environment("accept", stub.url)).peak_mb
        for function in world.FUNCTIONS:
            events = [world.EVENTS[function](MESSAGES) for _ in range(3)]
            peak = live(built.built, world.handler(function), events, world.environment(function, stub.url)).peak_mb
            compared = f"bare handler with boto3: {bare:.0f} MB"
            yield Line(
                "Peak memory, events of 1,000",
                function,
                f"{peak:.0f} MB",
                compared,
                peak / bare,
                f"< {MEMORY_MB} MB",
                peak < MEMORY_MB,
            )


def costs(_: Artifacts) -> Iterator[Line]:
    """AWS's list prices on what was measured above."""
    found = cost.Measured(
        accept_single=figures["accept 1"],
        accept_record=figures["accept 1000"],
        dispatch_thousand=figures["dispatch"],
        receipt=figures["receive 1"],
        report=figures["report 100"],
    )
    part = "Cost of a million messages, AWS list prices"
    batched = sum(cost.batched(found).values())
    for what, parts, most in (
        ("batched", cost.batched(found), 1.75),
        ("single", cost.single(found), 5.00),
        ("receipts one by one, and callbacks: on top", cost.receipts(found), 2.25),
    ):
        total, shares = sum(parts.values()), ", ".join(f"{name} {value:.2f}" for name, value in parts.items())
        yield Line(part, what, f"${total:.2f} ({shares})", "batched", total / batched, f"≤ ${most:.2f}", total <= most)


def _cpu_ratio(ours: list[Round], theirs: list[Round]) -> float:
    return undisturbed_ratio([one.cpu / one.count for one in ours], [one.cpu / one.count for one in theirs])


def _per_cpu(rounds: list[Round]) -> str:
    return f"{1_000 / cpu_ms(rounds):,.0f}"


def latency(built: Artifacts) -> Iterator[Line]:
    """From accept to the vendor's call."""
    part = f"From accept to the vendor's call, vendor {SCALE_MS} ms, AWS {AWS_MS:.0f} ms"
    with Stub(SCALE_MS, AWS_MS) as stub:
        singles = [at for calls in latencies(built, stub.url, "accept", 30) for at in calls]
        [calls] = latencies(built, stub.url, "dispatch", 1)
        [accepted] = measured(built, stub.url, "accept", {"accept": MESSAGES}, 1).values()
    calls = [wall(accepted) + at for at in calls]
    yield Line(
        part, "a single message", _shares(singles), target="p95 ≤ 10 s", met=share(singles, 0.95) <= PROMISE_SECONDS
    )
    yield Line(part, "1,000 in a request, one worker", _shares(calls))
    yield Line(part, "the first of them, and the last", f"{calls[0]:.2f} s, {calls[-1]:.2f} s")


def _shares(values: list[float]) -> str:
    return ", ".join(f"p{part:.0f} {share(values, part / 100):.2f} s" for part in (50, 95, 99))


PARTS: dict[str, Callable[[Artifacts], Iterator[Line]]] = {
    part.__name__: part for part in (cold, accept, dispatch, tls, workers, latency, growth, receipts, memory, costs)
}
NEEDED = {"costs": ("accept", "workers", "receipts")}
"""Parts whose figures another one reckons with."""
