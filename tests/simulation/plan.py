"""What happens in a run: who posts what and when, and what goes wrong. Drawn by a seed, or written by a test."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random
from typing import Any

MINUTE, HOUR = 60.0, 3_600.0
CAMPAIGNS = (None, "spring", "autumn")

IN_DOUBT = ("drops", "hangs", "trickles", "502")
"""Troubles of the vendor's that leave every message in doubt that is written meanwhile."""


@dataclass(frozen=True)
class Post:
    """One request of CleverTap's, of `count` messages. `poison`: how many of them the vendor chokes on."""

    at: float
    account: int = 0
    count: int = 1
    poison: int = 0
    again: float | None = None
    """Posted once more, so many seconds later."""
    campaign: str | None = None


@dataclass(frozen=True)
class Decision:
    """A person pauses, stops or resumes a campaign, or without one the whole account."""

    at: float
    state: str
    account: int = 0
    campaign: str | None = None

    def __str__(self) -> str:
        return f"{self.campaign or 'the account'} of account {self.account} is {self.state}"


@dataclass(frozen=True)
class Resending:
    """A person has a campaign's messages sent again, or (`one`) those to one number; with `unknown` also those that may
    be out already. `again`: and once more, as they were seen the first time. `dies_after` so many calls on average.
    """

    at: float
    by: str
    account: int = 0
    campaign: str | None = None
    one: bool = False
    unknown: bool = False
    again: bool = False
    thinks: float = 5.0
    """Seconds between looking and saying so."""
    pause: float = 60.0
    """Seconds between one try and the next."""
    dies_after: float = 0.0
    resumes: bool = False
    """What is stopped, or has paused itself, is resumed for it."""

    @property
    def end(self) -> float:
        """When the last try is made, if nothing has to be waited for."""
        return self.at + 3 * (self.thinks + self.pause)


@dataclass(frozen=True, eq=False)
class Trouble:
    """What goes wrong with a neighbour from one time to another. `share` of its calls are hit.

    vendor: down drops hangs trickles 502 503 page rate slow lossy credentials credits logged-out lookup
    log, campaigns: throttled hangs unreached lossy refuses slow unprocessed
    queue: unreached lossy partial
    secrets: unreached hangs malformed deleted rotated
    """

    target: str
    kind: str
    start: float
    seconds: float
    share: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def end(self) -> float:
        return self.start + self.seconds

    @property
    def leaves_doubt(self) -> bool:
        """Whether promise 7 has something to say about it."""
        return self.target == "vendor" and self.kind in IN_DOUBT

    def __str__(self) -> str:
        what = f"{self.target} {self.kind}"
        share = "" if self.share == 1 else f", {self.share:.0%} of calls"
        return f"{what} from {self.start / MINUTE:.1f} for {self.seconds / MINUTE:.1f} min{share} {self.options or ''}"


@dataclass(frozen=True)
class Plan:
    """One run. Times in seconds from its begin."""

    posts: list[Post]
    troubles: list[Trouble] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    resendings: list[Resending] = field(default_factory=list)
    limits: dict[int, dict[str, str]] = field(default_factory=dict)
    """Further fields of accounts' secrets."""
    accounts: int = 1
    workers: int = 2
    singles: int = 5
    """How many workers single messages have that had to be queued."""
    concurrency: int = 32
    validity_hours: float = 24.0
    crashes: float = 0.0
    """The share of dispatch's invocations that die at some call."""
    accept_crashes: float = 0.0
    count_crashes: float = 0.0
    twice: float = 0.0
    """The share of chunks that SQS delivers a second time while a worker has them."""
    recycled: float = 0.0
    """The share of invocations that get a new environment though one is idle."""
    skew: float = 0.0
    """How far the clocks of workers may be off, in seconds."""
    latency: tuple[float, float] = (0.15, 0.6)
    """The vendor's, in seconds."""
    poison: str = "403"
    redrive: float = HOUR
    """How often a person moves the dead letters back."""
    overrule: float = HOUR / 2
    """How often a person resumes accounts that paused themselves."""

    @property
    def messages(self) -> int:
        """How many are posted."""
        return sum(post.count for post in self.posts)

    @cached_property
    def over(self) -> float:
        """When nothing goes wrong any more. Asked at each step of a run."""
        ends = [trouble.end for trouble in self.troubles] + [decision.at for decision in self.decisions]
        ends += [resending.end for resending in self.resendings]
        return max(ends + [post.at + (post.again or 0.0) for post in self.posts], default=0.0)


def draw(seed: int, *, messages: int, hours: float) -> Plan:
    """A plan by chance: about so many messages, and trouble within so many hours."""
    rng = Random(seed)
    accounts = rng.choice([1, 1, 2])
    span = hours * HOUR
    troubles = _troubles(rng, accounts, span)
    people = Random(f"people {seed}")
    return Plan(
        posts=[
            replace(post, campaign=people.choice(CAMPAIGNS)) for post in _posts(rng, accounts, messages, span, troubles)
        ],
        troubles=troubles,
        decisions=_decisions(people, accounts, span),
        resendings=_resendings(Random(f"resends {seed}"), accounts, span),
        limits=_limits(people, accounts, messages),
        accounts=accounts,
        workers=rng.choice([1, 2, 2, 3, 5]),
        singles=rng.choice([1, 2, 5]),
        concurrency=rng.choice([2, 4, 8, 16, 32]),
        validity_hours=rng.choice([24.0, 24.0, 24.0, 3.0]),
        crashes=rng.choice([0.0, 0.0, 0.05, 0.2]),
        accept_crashes=rng.choice([0.0, 0.05]),
        count_crashes=people.choice([0.0, 0.1, 0.3]),
        twice=rng.choice([0.0, 0.02, 0.1]),
        recycled=rng.choice([0.0, 0.0, 0.1]),
        skew=rng.choice([0.0, 1.0]),
        latency=rng.choice([(0.05, 0.2), (0.15, 0.6), (0.3, 3.0)]),
        poison=rng.choice(["403", "500"]),
    )


def _decisions(rng: Random, accounts: int, span: float) -> list[Decision]:
    """Pauses end, after a while, in a resumption or a stop; stops are taken back or not."""
    decisions = []
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        about: dict[str, Any] = {"account": rng.randrange(accounts), "campaign": rng.choice(CAMPAIGNS)}
        at, seconds = rng.uniform(0, span * 0.8), rng.choice([3, 30, 300, 1_800]) * rng.uniform(0.5, 2)
        first, *then = rng.choice([["paused", "running"], ["paused", "stopped"], ["stopped"], ["stopped", "running"]])
        decisions.append(Decision(at, first, **about))
        decisions += [Decision(at + seconds, state, **about) for state in then]
    # The last word on each is no pause, else nothing would come to rest.
    return sorted(decisions, key=lambda decision: decision.at) + _last_words(decisions, span)


def _last_words(decisions: list[Decision], span: float) -> list[Decision]:
    last = {(one.account, one.campaign): one for one in sorted(decisions, key=lambda one: one.at)}
    return [replace(one, at=max(span, one.at) + 60, state="running") for one in last.values() if one.state == "paused"]


def _resendings(rng: Random, accounts: int, span: float) -> list[Resending]:
    """Some while things go wrong, some when all is over; two persons at once, and the same person twice."""
    resendings: list[Resending] = []
    for number in range(rng.choice([0, 1, 2, 4, 6])):
        one = Resending(
            at=rng.uniform(0.2, 1.3) * span,
            by=f"person-{number}",
            account=rng.randrange(accounts),
            campaign=rng.choice(CAMPAIGNS),
            one=rng.random() < 0.2,
            unknown=rng.random() < 0.7,
            again=rng.random() < 0.5,
            thinks=rng.choice([1, 30, 600]),
            pause=rng.choice([2, 60, 900]),
            dies_after=rng.choice([0, 0, 3, 8]),
            resumes=rng.random() < 0.5,
        )
        resendings.append(one)
        if rng.random() < 0.3:
            resendings.append(replace(one, at=one.at + rng.uniform(0, 10), by=f"{one.by}-too"))
    return resendings


def _limits(rng: Random, accounts: int, messages: int) -> dict[int, dict[str, str]]:
    limits: dict[int, dict[str, str]] = {account: {} for account in range(accounts)}
    for fields in limits.values():
        if rng.random() < 0.3:
            fields["partsPerSecond"] = str(rng.choice([2, 5, 20, 100]))
        if rng.random() < 0.2:
            fields["partsPerDay"] = str(int(messages * rng.choice([0.2, 0.5, 0.9])))
    return limits


def _posts(rng: Random, accounts: int, messages: int, span: float, troubles: list[Trouble]) -> list[Post]:
    """Some come alone, the others in batches, and many of both when something is about to go wrong."""
    alone = int(messages * rng.choice([0.02, 0.1, 0.3]))
    sizes = [1] * alone
    left = messages - alone
    while left > 0:
        sizes.append(min(left, rng.choice([2, 30, 150, 400, 1_000])))
        left -= sizes[-1]

    def when() -> float:
        if rng.random() < 0.5:
            return rng.uniform(0, span * 0.8)
        trouble = rng.choice(troubles)
        return max(0.0, trouble.start + rng.choice([rng.uniform(-5, 1), rng.uniform(0, trouble.seconds)]))

    posts = [
        Post(
            at=when(),
            account=rng.randrange(accounts),
            count=size,
            poison=int(rng.random() < 0.02),
            again=rng.choice([0.0, 1.0, 70.0, 2_000.0]) if rng.random() < 0.05 else None,
        )
        for size in sizes
    ]
    return sorted(posts, key=lambda post: post.at)


_KINDS = {
    "vendor": [
        *("down", "503", "page", "rate", "slow", "lossy", "credentials", "credits", "logged-out", "lookup"),
        *IN_DOUBT * 2,
    ],
    "log": ["throttled", "hangs", "unreached", "lossy", "refuses", "slow", "unprocessed"],
    "campaigns": ["throttled", "hangs", "unreached", "lossy", "refuses"],
    "queue": ["unreached", "lossy", "partial"],
    "secrets": ["unreached", "hangs", "malformed", "deleted", "rotated"],
}


def _troubles(rng: Random, accounts: int, span: float) -> list[Trouble]:
    troubles = []
    for _ in range(rng.randint(2, 8)):
        target = rng.choice(["vendor", "vendor", "vendor", "log", "log", "campaigns", "queue", "secrets"])
        kind = rng.choice(_KINDS[target])
        seconds = min(span / 2, rng.choice([20, 120, 600, 1_800, 5_400]) * rng.uniform(0.5, 2))
        share = rng.choice([1.0, 1.0, 0.5, 0.1])
        options: dict[str, Any] = {}
        if target == "vendor":
            share = rng.choice([0.05, 0.3]) if kind in ("lossy", "slow", "lookup") else 1.0
            options = {"tokens": rng.random() < 0.5} if kind in IN_DOUBT else {}
            options |= {"rate": rng.choice([1, 5, 50])} if kind == "rate" else {}
        elif target == "secrets":
            options, share = {"account": rng.randrange(accounts)}, 1.0
        elif target == "log":
            seconds = min(seconds, 1_800)  # each claim is tried thrice: much to play, and nothing new
        elif kind == "lossy" and target == "queue":
            # Each lost answer is a copy of the chunk, and copies have copies until their messages are sent.
            share, seconds = rng.choice([(1.0, 90.0), (0.2, 240.0), (0.02, seconds)])
        troubles.append(Trouble(target, kind, rng.uniform(0, span - seconds), seconds, share, options))
    return sorted(troubles, key=lambda trouble: trouble.start)
