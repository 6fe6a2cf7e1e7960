"""What a message costs a function, and what comes after it, each beside the least code for the same calls."""

from __future__ import annotations

import atexit
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from tests.bench import artifact, world
from tests.bench.cores import on_core
from tests.bench.measure import GoesOn, measured
from tests.bench.stub import Stub
from tests.bench.table import Line, cpu_ms, figures, ratio_in_turn, stub_share, wall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.artifact import Artifacts
    from tests.bench.measure import Round

    Pair = tuple[Round, Round]

AWS_MS = 5.0  # DynamoDB's answer, where the vendor takes any time at all
PROCESSES = 3  # one may be luckier than another with its threads, by a tenth
SCALE_MS = 350
WORKERS = (1, 4)  # two cores carry no more of them, and the stub
MESSAGES = 1_000
# Rounds that an old process and a young one have behind them, messages in each, and rounds at the same time.
OLD_ROUNDS, YOUNG_ROUNDS, GROWTH_MESSAGES = 200, 2, 500
GROWTH_ROUNDS = {"accept": 14, "dispatch": 4}  # beside each young process; a round of accept is short
YOUNG_ONES = 3  # one after the other, beside the same old one
MOST_GROWTH = 1.03
ONE_CORE = 0  # an old process and a young one are compared on it, and the old one grows old there
FREE_CORE = 1  # beside it, for those who take turns
_growing: dict[str, tuple[Stub, GoesOn]] = {}
_to_end = ExitStack()  # whether or not anybody asks for them
atexit.register(_to_end.close)


class Turns(NamedTuple):
    """Rounds in a process, and the naive version's messages a round, which it sends one after the other."""

    rounds: int
    naive: int


# By the vendor's latency in ms. Rounds are many and short: those who take turns are compared round by round.
DISPATCH = {0: Turns(5, 60), 60: Turns(5, 4), SCALE_MS: Turns(3, 0)}
SLOW_PROCESSES = 6  # at once, where the vendor takes most of the time: three with each contestant
# With limits and without them: rounds of each of two pairs of processes, by the vendor's latency in ms. All at the same
# time, as the last mostly waits.
LIMITED, LIMITED_PAIRS = {0: 5, 60: 5, SCALE_MS: 3}, 2
MOST_FOR_LIMITS = 1.10
OF_BARE = {0: 0.45, 60: 0.50, SCALE_MS: 0.50}
"""The least that dispatch is to reach of the bare loop's messages per CPU-second."""
DISPATCHED = 10 * world.THREADS  # messages a round
TLS_ROUNDS = 4
MOST_ACCEPT = 4.2
"""0.05 ms a record where the bare one takes 0.012, as on the machine of 2026-11-23."""
# Of what comes after a message: processes, one after the other, as one may be luckier than another by a fifth; and
# rounds in each by how many come at once.
LUCK = 5
ROUNDS = {"receive": {1: 5, 100: 3}, "report": {1: 5, 100: 10}, "count": {1_000: 10}}


def accept(built: Artifacts) -> Iterator[Line]:
    """Requests of 1, 100 and 1,000 records."""
    part = "Accept, CPU a record"
    for records, rounds in ((1, 200), (100, 60), (1_000, 30)):
        with Stub() as stub, on_core(FREE_CORE):
            found = measured(built, stub.url, "accept", {"accept": records, "BareAccept": records}, rounds)
        ours, bare = found["accept"], found["BareAccept"]
        figures[f"accept {records}"] = cpu_ms(ours) / 1_000
        figure = f"{cpu_ms(ours):.3f} ms (request: {wall(ours) * 1_000:.1f} ms wall)"
        what = "1 record: claimed, sent, logged" if records == 1 else f"{records:,} records"
        compared = "JSON, one number parsed, queued by boto3"
        ratio = _cpu_ratio(ours, bare)
        target, met = (f"≤ {MOST_ACCEPT}", ratio <= MOST_ACCEPT) if records == 1_000 else ("", None)
        yield Line(part, what, figure, compared, ratio, target, met)


def dispatch(built: Artifacts) -> Iterator[Line]:
    """Beside the same calls without a log, and beside a naive version."""
    for latency in (0, 60):
        yield from _dispatch(built, latency)


def slow_vendor(built: Artifacts) -> Iterator[Line]:
    """The same with a vendor that takes its time."""
    yield from _dispatch(built, SCALE_MS)


def _dispatch(built: Artifacts, latency: int) -> Iterator[Line]:
    turns, aws = DISPATCH[latency], AWS_MS if latency else 0.0
    counts = dict.fromkeys(("dispatch", "BareLoop"), DISPATCHED)
    naive = {"Naive": turns.naive} if turns.naive else {}
    part = f"Dispatch, {DISPATCHED} messages, vendor {latency} ms, AWS {aws:.0f} ms"
    with Stub(latency, aws) as stub:
        if latency == SCALE_MS:
            runs = [at_once(built, stub.url, counts, turns.rounds, SLOW_PROCESSES)]
        else:
            runs = one_by_one(built, stub.url, counts | naive, turns.rounds)
    ours, bare, *plain = together(runs).values()
    yield _of_bare(part, ours, bare, OF_BARE[latency])
    for its in plain:
        # What it costs to wake up after each wait, and how fast a stub without waits is called, is the machine's.
        yield _faster(part, ours, its) if latency else _cheaper(part, ours, its)
    yield Line(part, "stub's share of one core", f"{stub_share(ours):.0%}", f"bare loop: {stub_share(bare):.0%}")


def _of_bare(part: str, ours: list[Round], bare: list[Round], least: float) -> Line:
    ratio, compared = 1 / _cpu_ratio(ours, bare), f"bare loop: {_per_cpu(bare)}"
    return Line(part, "messages per CPU-second", _per_cpu(ours), compared, ratio, f"≥ {least:.2f}", ratio >= least)


def _cheaper(part: str, ours: list[Round], plain: list[Round]) -> Line:
    what, compared = "messages per CPU-second", f"naive version: {_per_cpu(plain)}"
    return Line(part, what, _per_cpu(ours), compared, _cpu_ratio(plain, ours))


def _faster(part: str, ours: list[Round], plain: list[Round]) -> Line:
    figure, compared = (f"{its[0].count / wall(its):.{places}f}" for its, places in ((ours, 0), (plain, 1)))
    ratio = ratio_in_turn(*([one.wall / one.count for one in its] for its in (plain, ours)))
    return Line(part, "messages per second", figure, f"naive version: {compared}", ratio)


def one_by_one(
    built: Artifacts, url: str, counts: dict[str, int], rounds: int, **environment: str
) -> list[dict[str, list[Round]]]:
    """Rounds of a few processes, one after the other, beside what goes on on the other core."""
    with on_core(FREE_CORE):
        return [measured(built, url, "dispatch", counts, rounds, **environment) for _ in range(PROCESSES)]


def at_once(built: Artifacts, url: str, counts: dict[str, int], rounds: int, processes: int) -> dict[str, list[Round]]:
    """Rounds of several processes that run at the same time, put together. Each begins with another contestant, so that
    what else the machine does at any time hits all of them.
    """

    def one(number: int) -> dict[str, list[Round]]:
        first = number % len(counts)
        order = dict([*counts.items()][first:]) | counts
        return measured(built, url, "dispatch", order, rounds)

    with ThreadPoolExecutor(processes) as pool:
        return together([*pool.map(one, range(processes))])


def together(runs: list[dict[str, list[Round]]]) -> dict[str, list[Round]]:
    """Rounds of several processes as they began: those that are compared with each other are of the same time."""
    return {name: sorted((one for run in runs for one in run[name]), key=attrgetter("begun")) for name in runs[0]}


def workers(built: Artifacts) -> Iterator[Line]:
    """Several workers at once, each in a process of its own as on Lambda: whether they hinder each other."""
    part = f"Dispatch by several workers at once, vendor {SCALE_MS} ms, AWS {AWS_MS:.0f} ms"
    alone = 0.0
    for count in WORKERS:
        with Stub(SCALE_MS, AWS_MS) as stub:
            rounds = at_once(built, stub.url, {"dispatch": MESSAGES}, 1, count)["dispatch"]
        seconds, together = wall(rounds), sum(one.count / one.wall for one in rounds)
        alone, target, met = alone or together, "", None
        if count == 1:
            figures["dispatch"], target, met = seconds, "< 15 s", seconds < 15
            figures["dispatch cpu"] = MESSAGES * cpu_ms(rounds) / 1_000
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
        ours, bare = together(one_by_one(built, stub.url, counts, TLS_ROUNDS, **trusted)).values()
    part = "Dispatch over TLS, vendor 60 ms"
    yield Line(
        part, "messages per CPU-second", _per_cpu(ours), f"bare loop: {_per_cpu(bare)}", 1 / _cpu_ratio(ours, bare)
    )


def limits(built: Artifacts) -> Iterator[Line]:
    """Dispatch for an account with a rate and a daily cap, beside one without, on one core at the same time."""
    with ThreadPoolExecutor(len(LIMITED)) as pool:
        found = [*pool.map(partial(_limited, built), LIMITED, LIMITED.values(), range(len(LIMITED)))]
    for latency, (limited, ours) in zip(LIMITED, found, strict=True):
        part, what = "Dispatch with a rate and a daily cap, messages per CPU-second", f"vendor {latency} ms"
        slower, compared = _cpu_ratio(limited, ours), f"CPU a message without them: {_per_cpu(ours)}"
        yield Line(part, what, _per_cpu(limited), compared, slower, f"≤ {MOST_FOR_LIMITS}", slower <= MOST_FOR_LIMITS)


def _limited(built: Artifacts, latency: int, rounds: int, place: int) -> tuple[list[Round], list[Round]]:
    pairs: list[Pair] = []
    with Stub(latency, AWS_MS if latency else 0.0) as stub, on_core(place):
        begin = partial(GoesOn, built, stub.url, "dispatch", DISPATCHED, 1)
        for _ in range(LIMITED_PAIRS):
            with begin(name=world.LIMITED_DISPATCH) as limited, begin() as ours:
                pairs += _side_by_side(limited, ours, rounds)
    return _apart(pairs)


def _side_by_side(one: GoesOn, other: GoesOn, rounds: int) -> list[Pair]:
    """Rounds of both, each of which they begin together."""
    with ThreadPoolExecutor() as pool:
        return [(first, second) for first, second in (pool.map(GoesOn.round, (one, other)) for _ in range(rounds))]


def _apart(pairs: list[Pair]) -> tuple[list[Round], list[Round]]:
    """The rounds of the first, and those of the second."""
    return [one for one, _ in pairs], [other for _, other in pairs]


def growing(built: Artifacts) -> Iterator[Line]:
    """Begin what `growth` ends: accept and dispatch work off their messages beside other parts."""
    for function in GROWTH_ROUNDS:
        _grow(built, function)
    yield from ()


def _grow(built: Artifacts, function: str) -> None:
    stub = _to_end.enter_context(Stub())
    with on_core(ONE_CORE):
        old = _to_end.enter_context(GoesOn(built, stub.url, function, GROWTH_MESSAGES, OLD_ROUNDS))
    _growing[function] = stub, old


def growth(built: Artifacts) -> Iterator[Line]:
    """A process that went on and on, beside a young one at the same time: cost and memory must not grow."""
    for function, rounds in GROWTH_ROUNDS.items():
        stub, old = _growing[function]
        old.round()  # once it is old
        pairs: list[Pair] = []
        for _ in range(YOUNG_ONES):
            with on_core(ONE_CORE):
                new = GoesOn(built, stub.url, function, GROWTH_MESSAGES, YOUNG_ROUNDS)
            with new as young:
                pairs += _side_by_side(old, young, rounds)
        yield _grown(function, *_apart(pairs))


def _grown(function: str, old: list[Round], young: list[Round]) -> Line:
    many, few = (f"{GROWTH_MESSAGES * rounds:,}" for rounds in (OLD_ROUNDS, YOUNG_ROUNDS))
    figure = f"{cpu_ms(old):.3f} ms CPU each, peak {old[-1].peak_mb:.0f} MB"
    compared = f"a young one at the same time, after {few}: {cpu_ms(young):.3f} ms, peak {young[-1].peak_mb:.0f} MB"
    part, what, grown = "Growth, in an old process", f"{function}, after {many} messages", _cpu_ratio(old, young)
    return Line(part, what, figure, compared, grown, f"≤ {MOST_GROWTH}", grown <= MOST_GROWTH)


def receipts(built: Artifacts) -> Iterator[Line]:
    """What comes after a message was sent."""
    for function, bare, one, compared in (
        ("receive", "BareReceive", "receipt", "one query and one update by boto3"),
        ("report", "BareReport", "report", "the same posts by urllib3"),
        ("count", "BareCount", "change", "rows read, a sum by status and one update by boto3"),
    ):
        for count, rounds in ROUNDS[function].items():
            with on_core(FREE_CORE), Stub() as stub:
                task = built, stub.url, function, {function: count, bare: count}, rounds
                ours, theirs = together([measured(*task) for _ in range(LUCK)]).values()
            figures[f"{function} {count}"] = cpu_ms(ours) / 1_000
            what = f"{one}s per CPU-second, {count:,} in a call"
            yield Line(
                "Receipts, reports and counters",
                what,
                _per_cpu(ours),
                f"{compared}: {_per_cpu(theirs)}",
                1 / _cpu_ratio(ours, theirs),
            )


def _cpu_ratio(ours: list[Round], theirs: list[Round]) -> float:
    return ratio_in_turn([one.cpu / one.count for one in ours], [one.cpu / one.count for one in theirs])


def _per_cpu(rounds: list[Round]) -> str:
    return f"{1_000 / cpu_ms(rounds):,.0f}"
