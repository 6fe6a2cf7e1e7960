"""What is promised to people: how soon a message is with Message Central, and what it costs, at the memory that each
function has.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.bench import cost
from tests.bench.latency import latencies, share
from tests.bench.measure import measured
from tests.bench.stub import Stub
from tests.bench.table import Line, figures, wall
from tests.bench.work import AWS_MS, MESSAGES, SCALE_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.artifact import Artifacts

AT_ONCE = 4  # processes, which mostly wait
SINGLES = 15  # in each of them
REQUESTS = 1  # of 1,000, in each of them
SOON_SECONDS = 10
"""GOV.UK Notify's promise for 95 % of its messages, and ours for those that come alone."""
LAST_SECONDS = 15
"""By when the last of 1,000 is with the vendor, with one worker and nothing before it."""

# Memory that a function could have, and which it has (cost.py, as the template).
ACCEPT_MB, DISPATCH_MB, RECEIVE_MB = (192, 288, 512, 1_024), (256, 512, 1_024), (192, 256, 512)


def latency(built: Artifacts) -> Iterator[Line]:
    """From accept to the vendor's call."""
    part = f"From accept to the vendor's call, vendor {SCALE_MS} ms, AWS {AWS_MS:.0f} ms"
    with Stub(SCALE_MS, AWS_MS) as stub:
        [accepted] = measured(built, stub.url, "accept", {"accept": MESSAGES}, 1).values()
    singles = [at for calls in _at_once(built, "accept", SINGLES) for at in calls]
    requests = [[wall(accepted) + at for at in calls] for calls in _at_once(built, "dispatch", REQUESTS)]
    yield _promised(part, "a single message", singles, SOON_SECONDS)
    first, last = [calls[0] for calls in requests], [calls[-1] for calls in requests]
    everything = [at for calls in requests for at in calls]
    yield Line(part, "1,000 in a request, one worker: all of them", _shares(everything))
    yield Line(part, "the first of them", _shares(first))
    yield _promised(part, "the last of them", last, LAST_SECONDS)


def _at_once(built: Artifacts, function: str, rounds: int) -> list[list[float]]:
    """Rounds of several processes, each with neighbours of its own."""

    def one(_: int) -> list[list[float]]:
        with Stub(SCALE_MS, AWS_MS) as stub:
            return latencies(built, stub.url, function, rounds)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [calls for process in pool.map(one, range(AT_ONCE)) for calls in process]


def _promised(part: str, what: str, values: list[float], most: float) -> Line:
    found = share(values, 0.95)
    return Line(part, what, _shares(values), "p95", None, f"≤ {most} s", found <= most)


def _shares(values: list[float]) -> str:
    return ", ".join(f"p{part:.0f} {share(values, part / 100):.2f} s" for part in (50, 95, 99))


def memory_settings(_: Artifacts) -> Iterator[Line]:
    """What other settings of memory would make of cost and latency: with less than 1,769 MB a function has its share of
    a CPU, and what it works takes as much longer. Computed from the CPU measured above.
    """
    found, part = _measured(), "Memory, and the share of a CPU that comes with it (computed)"
    for megabytes in ACCEPT_MB:
        price, slower = cost.single(found, megabytes / 1_024), _slower(megabytes)
        beside, cold = slower * found.accept_single * 1_000, slower * figures["cold accept"]
        figure = f"{beside:.0f} ms beside the vendor's; the first of an instance {cold:.1f} s"
        yield _choice(part, f"accept, {megabytes} MB: a single message", figure, price, cost.single(found))
    for megabytes in DISPATCH_MB:
        price, seconds = cost.batched(found, megabytes / 1_024), cost.dispatch_seconds(found, megabytes / 1_024)
        busy = _slower(megabytes) * found.dispatch_cpu / seconds
        figure = f"{seconds:.1f} s, {busy:.0%} of its CPU; the first of an instance "
        figure += f"{_slower(megabytes) * figures['cold dispatch']:.1f} s"
        yield _choice(part, f"dispatch, {megabytes:,} MB: 1,000 messages", figure, price, cost.batched(found))
    for megabytes in RECEIVE_MB:
        price, beside = cost.receipts(found, megabytes / 1_024), _slower(megabytes) * found.receipt * 1_000
        figure = f"{beside:.0f} ms beside the table's; the first of an instance "
        figure += f"{_slower(megabytes) * figures['cold receive']:.1f} s"
        yield _choice(part, f"receive, {megabytes:,} MB: a receipt", figure, price, cost.receipts(found))


def _slower(megabytes: float) -> float:
    return cost.slower(megabytes / 1_024)


def _choice(part: str, what: str, figure: str, price: dict[str, float], chosen: dict[str, float]) -> Line:
    total, now = sum(price.values()), sum(chosen.values())
    mark = " (the template's)" if total == now else ""
    return Line(part, f"{what}{mark}", f"{figure}; ${total:.2f} a million", "price of the template's", total / now)


def costs(_: Artifacts) -> Iterator[Line]:
    """AWS's list prices on what was measured above."""
    found, part = _measured(), "Cost of a million messages, AWS list prices"
    batched = sum(cost.batched(found).values())
    for what, parts, most in (
        ("batched", cost.batched(found), 1.75),
        ("single", cost.single(found), 5.00),
        ("receipts one by one, and callbacks: on top", cost.receipts(found), 2.25),
    ):
        total, shares = sum(parts.values()), ", ".join(f"{name} {value:.2f}" for name, value in parts.items())
        yield Line(part, what, f"${total:.2f} ({shares})", "batched", total / batched, f"≤ ${most:.2f}", total <= most)


def _measured() -> cost.Measured:
    return cost.Measured(
        accept_single=figures["accept 1"],
        accept_record=figures["accept 1000"],
        dispatch_thousand=figures["dispatch"],
        dispatch_cpu=figures["dispatch cpu"],
        receipt=figures["receive 1"],
        report=figures["report 100"],
        change=figures["count 1000"],
        logs={name.removeprefix("log "): size for name, size in figures.items() if name.startswith("log ")},
    )
