"""What must hold, whatever goes wrong, and the story of each message for the day on which it does not."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from bridge.breaker import BATCH_FAILURES, SINGLE_FAILURES
from bridge.campaigns.control import State
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from bridge.campaigns.shared_breaker import FIRST_PROBE_SECONDS, interval
from bridge.chunk import MAX_MESSAGES
from tests.fakes.dynamodb import CAMPAIGNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.log.row import Row
    from tests.simulation.plan import Trouble
    from tests.simulation.vendor import Window
    from tests.simulation.world import World

# Which status may follow on which: written down anew, so that a change of the bridge's own table is seen here.
MAY_FOLLOW: dict[str | None, set[str]] = {
    None: {"sending", "expired", "cancelled", "rejected"},
    "sending": {
        "sending",
        "sent",
        "rejected",
        "retrying",
        "unknown",
        "expired",
        "cancelled",
        "delivered",
        "undelivered",
    },
    "retrying": {"sending", "expired", "cancelled", "retrying", "rejected"},
    "unknown": {"unknown", "sending", "expired", "cancelled", "sent", "rejected", "delivered", "undelivered"},
    "sent": {"sent", "delivered", "undelivered"},
    "rejected": {"rejected", "sending", "expired", "cancelled"},
    "expired": {"expired", "sending", "cancelled"},
    "cancelled": {"cancelled", "sending", "expired"},
    "delivered": set(),
    "undelivered": set(),
}
OVER_THESE = {"expired", "cancelled"}
"""Ends that only a person's word takes back."""
AT_REST = {"sent", "rejected", "unknown", "expired", "cancelled", "delivered", "undelivered"}
NOT_SENT = {"retrying", "rejected", "expired", "cancelled"}
FOLLOWED_WITHIN = 21.0
"""How soon nothing begins any more of what is paused or stopped: accept goes on for 5 s with what it read, a look takes
up to 3, and what was begun just then may take 12 until the vendor has it, if DynamoDB is slow."""
CALM_WITHIN = 9.0
"""The same while nothing is wrong with anybody: the skew of two clocks comes on top."""
ONE_BATCH = 25  # outcomes that a worker may hold unwritten beside what is in flight
REST_SECONDS = 7_200.0
"""How soon after the last trouble everything has come to rest: a quarter of an hour for the longest delay, the longest
wait of the breaker and a redelivery each, and an hour until a person moves the dead letters."""

Key = tuple[str, str]


class Violation(AssertionError):
    """Something that must hold did not."""


class Ledger:
    """What was promised, and what became of it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.begin = world.runtime.now
        self.keys: dict[int, Key] = {}
        """Of each message by the number that its text ends with."""
        self.numbers: dict[Key, int] = {}
        self.posts: Counter[int] = Counter()
        """How often CleverTap posted a message."""
        self.accepted: dict[int, float] = {}
        """Answered with a 200 that did not except it."""
        self.refused: set[int] = set()
        """Answered that nothing was accepted."""
        self.poison: set[int] = set()
        self.unrecordable: set[int] = set()
        """Neither the log nor the queue took a single message's outcome, or no time was left for the queue. An error
        line said so, and an alarm; the row says `sending` for good (docs/reliability.md, known limits).
        """
        self.status: dict[int, str] = {}
        self.stories: dict[int, list[tuple[float, str, str]]] = defaultdict(list)
        self.events: list[tuple[float, str]] = []
        self.crashes: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.lines: Counter[str] = Counter()
        self.unrecorded = 0
        self.dead_letters = 0
        self.violations: list[tuple[float, str, int | None]] = []
        self.expired_at: dict[int, float] = {}
        self.steered_by: dict[int, tuple[Key, Key]] = {}
        """Of each message its account's key and its campaign's."""
        self.decisions: dict[Key, list[tuple[float, State]]] = defaultdict(list)
        self.takes_in_doubt: dict[tuple[int, str], int] = {}
        """How often the vendor had taken a message when the log called it `unknown` under a claim."""
        self.takes_allowed: dict[int, int] = defaultdict(lambda: 1)
        """A person who wants a message to be sent again of which nobody knows allows one more than had been then."""
        self.said_again: dict[int, list[float]] = {}
        """When people said that a message be sent again."""
        self.ends: dict[int, tuple[Any, ...]] = {}
        """What its row shows of the end a message came to."""
        self.expected_again: list[tuple[int, tuple[Any, ...]]] = []
        """Messages that were queued again over such an end."""
        self.counted: Counter[Key] = Counter()
        """How many messages of a campaign were accepted, by the answers."""
        self.uncertain: Counter[Key] = Counter()
        """How many of them at most accept could not count, or could not know whether they were counted."""
        self.again: Counter[Key] = Counter()
        """How many of a campaign's messages came in requests that were posted again: each request counts them."""
        self.begun: dict[str, list[float]] = defaultdict(list)
        """When the vendor was given an account's messages."""

    # ── While it goes on ──────────────────────────────────────────────────────────────────────────────────────────

    def add(self, number: int, key: Key, account: str, campaign: str | None, *, poison: bool) -> None:
        """A message is going to be posted."""
        self.keys[number] = key
        self.steered_by[number] = ((account, WHOLE_ACCOUNT), (account, campaign_key(campaign)))
        self.numbers[key] = number
        if poison:
            self.poison.add(number)

    def decide(self, key: Key, state: State, asked_at: float) -> None:
        """A person has decided. What is held is so from now on, what is resumed perhaps since it was asked."""
        now = self._world.runtime.now
        self.decisions[key].append((asked_at if state is State.RUNNING else now, state))
        self.happen(f"{key} is {state}")

    def note_begin(self, number: int) -> None:
        """The vendor is given a message."""
        now = self._world.runtime.now
        for key in self.steered_by[number]:
            at, state = self.decisions[key][-1] if self.decisions[key] else (now, State.RUNNING)
            within = CALM_WITHIN if self._world.calm_since(at - FOLLOWED_WITHIN) else FOLLOWED_WITHIN
            if state is not State.RUNNING and now - at > within and self._world.calm_since(at, "campaigns"):
                self.violate(f"message {number} is begun {now - at:.1f} s after {key} was {state}", number)
        self.begun[self.steered_by[number][0][0]].append(now)

    def say_again(self, rows: Iterable[Row]) -> None:
        """A person is about to have messages sent again, over the ends that their rows show."""
        for row in rows:
            number = self.numbers[row.recipient, row.message_id]
            self.said_again.setdefault(number, []).append(self._world.runtime.now)
            self.note(number, f"is to be sent again over {row.status}")
            if row.status == "unknown":
                had = self.takes_in_doubt[number, row.claimed_by or ""]
                self.takes_allowed[number] = max(self.takes_allowed[number], had + 1)
            self.refused.discard(number)

    def expect_again(self, rows: Iterable[Row]) -> None:
        """All of them are queued."""
        for row in rows:
            number = self.numbers[row.recipient, row.message_id]
            self.accepted.setdefault(number, self._world.runtime.now)
            self.expected_again.append((number, (row.status.value, row.claimed_by, row.final_at)))

    def happen(self, what: str) -> None:
        """Note something that concerns no single message."""
        self.events.append((self._world.runtime.now, what))

    def note(self, number: int, what: str) -> None:
        """Note something in a message's story."""
        self.stories[number].append((self._world.runtime.now, self._world.who(), what))

    def violate(self, what: str, number: int | None = None) -> None:
        """Something did not hold. The run ends soon."""
        self.violations.append((self._world.runtime.now, what, number))

    def note_row(self, key: Key, before: str | None, after: str, item: dict[str, Any]) -> None:
        """The log wrote a row."""
        number = self.numbers.get((key[0], key[1].rpartition("/")[2]))  # the key names the account as well
        if number is None:
            return
        self.status[number] = after
        self.stories[number].append((self._world.runtime.now, self._world.who(), f"{before} -> {after}"))
        if before == "rejected" and after != "rejected" and "resentBy" in item:
            self.counted[self.steered_by[number][1]] += 1  # it was refused before
        self.ends[number] = (after, *(item.get(name, {}).get("S") for name in ("claimedBy", "finalAt")))
        if before in OVER_THESE and after != before and number not in self.said_again:
            self.violate(f"message {number} went from {before} to {after}, and nobody wanted it", number)
        if after not in MAY_FOLLOW[before]:
            self.violate(f"message {number} went from {before} to {after}", number)
        taken = self._world.vendor.taken[number]
        if after in NOT_SENT and taken:
            self.violate(f"message {number} is {after}, and the vendor took it", number)
        if after == "sent" and not taken:
            self.violate(f"message {number} is sent, and the vendor never took it", number)
        if after == "cancelled" and not self._was_stopped(number):
            self.violate(f"message {number} is cancelled, and nobody stopped it", number)
        if after == "expired":
            self.expired_at[number] = self._world.runtime.now
        if after == "unknown":
            self.takes_in_doubt[number, item.get("claimedBy", {}).get("S", "")] = taken
            self.note(number, item.get("reason", {}).get("S", ""))

    def judge_event(self, metrics: Any, messages: int, errors: int) -> None:
        """An event of dispatch's is over: each of its messages came to something that was counted."""
        counts = sum(metrics.counts.values(), Counter())
        ends = sum(
            counts[f"Messages{name}"]
            for name in ("Sent", "Rejected", "Unknown", "Expired", "Cancelled", "Duplicate", "Postponed")
        )
        causes = sum(metrics.causes.values())
        if counts["MessagesPostponed"] != causes:
            self.violate(f"{counts['MessagesPostponed']} messages wait, {causes} of them for a cause")
        if ends != messages and not errors:
            self.violate(f"an event had {messages} messages, and counted what became of {ends}")

    # ── In the end ────────────────────────────────────────────────────────────────────────────────────────────────

    def judge(self) -> None:
        """Whether all promises were kept, now that everything is at rest.

        Raises:
            Violation: with the story that leads to it.
        """
        if not self.violations:
            self._judge_rest()
            self._judge_refused()
            self._judge_unknown()
            self._judge_expired()
            self._judge_limits()
            self._judge_again()
            self._judge_accepted()
        if self.violations:
            raise Violation(self.report())

    def _judge_rest(self) -> None:
        for number in self.accepted:
            status = self.status.get(number)
            if status not in AT_REST and not (status == "sending" and number in self.unrecordable):
                self.violate(f"message {number} was accepted, and is {status or 'lost'}", number)

    def _judge_again(self) -> None:
        """Nothing that was queued again is lost. What may be out already stays as it is when it is not sent again."""
        for number, end in self.expected_again:
            if self.ends[number] == end and not (end[0] == "unknown" and self._may_end_unsent(number)):
                self.violate(f"message {number} was queued again, and is {end[0]} as before", number)

    def _may_end_unsent(self, number: int) -> bool:
        """Whether it may have been stopped, or have become too old."""
        return self._was_stopped(number) or self._world.runtime.now - self.said_again[number][0] > self._validity

    def _judge_accepted(self) -> None:
        """The counters of what was accepted are what CleverTap was answered, and with what was refused they are the
        rows.
        """
        items = self._world.tables.tables[CAMPAIGNS]
        for key in {campaign for _, campaign in self.steered_by.values()}:
            item = {name: int(value["N"]) for name, value in items.get(key, {}).items() if "N" in value}
            counted, refused = item.get("accepted", 0), item.get("refused", 0)
            rows = sum(number for name, number in item.items() if name.startswith("n_"))
            if abs(counted - self.counted[key]) > self.uncertain[key]:
                self.violate(f"{self.counted[key]} messages of {key} were accepted, {counted} are counted so")
            if abs(counted + refused - rows) > self.uncertain[key] + self.again[key]:
                self.violate(f"{counted} messages of {key} were accepted and {refused} refused, {rows} are in the log")

    @property
    def _validity(self) -> float:
        return self._world.plan.validity_hours * 3_600

    def _judge_refused(self) -> None:
        for number in self.refused:
            if self._world.vendor.taken[number]:
                self.violate(f"message {number} was refused, and sent", number)

    def unknown(self) -> list[int]:
        """The messages whose outcome nobody knows."""
        return [number for number in self.accepted if self.status.get(number) == "unknown"]

    def allowed_unknown(self) -> int:
        """How many may be: what the vendor left in doubt, and who died or could write nowhere."""
        doubtful = len(self._world.vendor.doubtful & {*self.accepted})
        each = self._world.plan.concurrency + ONE_BATCH
        dead = self.crashes["batch"] + self.crashes["single"]
        unreleased = self.lines["unsent messages may end as unknown: the log does not answer"]
        return doubtful + dead * each + self.crashes["accept"] + self.unrecorded + unreleased * MAX_MESSAGES

    def _judge_unknown(self) -> None:
        unknown = self.unknown()
        if len(unknown) > self.allowed_unknown():
            self.violate(f"{len(unknown)} messages are unknown; {self.allowed_unknown()} may be", unknown[-1])
        for trouble, window in self._world.vendor.windows.items():
            if trouble.share == 1:
                self._judge_window(trouble, window)

    def _judge_window(self, trouble: Trouble, window: Window) -> None:
        """Promise 7: what was in flight when it began, and one message after each probe that worked."""
        for loss in window.first.values():
            most = self._most_in_flight(loss.worker)
            if loss.doubts > most:
                self.violate(f"{loss.doubts} messages of one worker in doubt by: {trouble}; promised are {most}")
        most = self._most_later(trouble)
        if window.later > most:
            self.violate(f"{window.later} messages in doubt after it began, by: {trouble}; promised are {most}")

    def _most_in_flight(self, worker: Any) -> int:
        """As many as it sends at once, and those that begin while the first few fail."""
        at_once, failures = (
            (1, SINGLE_FAILURES) if worker.kind == "accept" else (self._world.plan.concurrency, BATCH_FAILURES)
        )
        return at_once + failures

    def _most_later(self, trouble: Trouble) -> int:
        """One after each probe that works. A worker that cannot read or write the shared breaker finds out alone."""
        plan = self._world.plan
        alone = self._world.hits(trouble, "campaigns") * (plan.concurrency + BATCH_FAILURES)
        probes = plan.accounts * (probes_within(trouble.seconds) + 2) if trouble.options.get("tokens") else 0
        return alone + probes

    def bound(self, trouble: Trouble, window: Window) -> int:
        """How many messages a trouble may leave in doubt."""
        return sum(self._most_in_flight(loss.worker) for loss in window.first.values()) + self._most_later(trouble)

    def _judge_expired(self) -> None:
        validity = self._validity
        for number, at in self.expired_at.items():
            words = [said for said in self.said_again.get(number, ()) if said < at]
            accepted = max(words, default=self.accepted.get(number))
            if number in self.poison or accepted is None:
                continue
            if at - min(words, default=accepted) < validity:
                self.violate(f"message {number} expired {at - accepted:.0f} s after it was accepted", number)
            if self._was_held(number):
                continue
            if self._world.longest_calm(accepted, min(at, accepted + validity)) > REST_SECONDS:
                self.violate(f"message {number} expired, though there was time to send it", number)

    def _was_stopped(self, number: int) -> bool:
        states = (state for key in self.steered_by[number] for _, state in self.decisions[key])
        # Its write may be seen before the person knows that it was made.
        return any(state is State.STOPPED for state in states) or self._world.deciding

    def _was_held(self, number: int) -> bool:
        """Whether people, or the account itself, held it back for a while."""
        limits = self._world.limits(self.steered_by[number][0][0])
        return "partsPerDay" in limits or any(self.decisions[key] for key in self.steered_by[number])

    def _judge_limits(self) -> None:
        if not self._world.calm_since(self.begin, "campaigns"):
            return  # a worker whose table is silent keeps to the limits alone
        for account, begun in self.begun.items():
            limits = self._world.limits(account)
            if rate := float(limits.get("partsPerSecond", 0)):
                self._judge_rate(account, begun, rate)
            if cap := int(limits.get("partsPerDay", 0)):
                self._judge_cap(account, cap)

    def _judge_rate(self, account: str, begun: list[float], rate: float) -> None:
        """In no 30 seconds more than the rate and what slots allow: some are used late, and clocks are not the same."""
        most = rate * 30 * 1.1 + rate * (2 + 2 * self._world.plan.skew) + self._world.plan.concurrency
        first = 0
        for place, at in enumerate(begun):
            while begun[first] <= at - 30:
                first += 1
            if place - first >= most:
                self.violate(f"{place - first + 1} messages of {account} begin in 30 s at a rate of {rate}")
                return

    def _judge_cap(self, account: str, cap: int) -> None:
        """Until a person overrules it no more are sent than the cap, in the account's first day."""
        overruled = [at for at, state in self.decisions[account, WHOLE_ACCOUNT] if state is State.RUNNING]
        until = min([*overruled, self._world.midnight()])
        sent = self._world.vendor.sent_at.items()
        count = sum(1 for number, at in sent if self.steered_by[number][0][0] == account and at < until)
        if count > cap:
            self.violate(f"{count} messages of {account} are sent in a day of {cap}")

    # ── For who reads it ──────────────────────────────────────────────────────────────────────────────────────────

    def report(self) -> str:
        """What did not hold, and what led to it."""
        lines = [f"seed {self._world.seed}: {len(self.violations)} violations"]
        told: set[int] = set()
        for at, what, number in self.violations[:5]:
            lines.append(f"{self._time(at)} {what}")
            if number is not None and number not in told:
                told.add(number)
                lines.append(f"  the story of message {number} {self.keys[number]}:")
                lines += [f"    {self._time(when)} {who:<12} {said}" for when, who, said in self.stories[number][-40:]]
        lines.append("what happened:")
        lines += [f"  {trouble}" for trouble in self._world.plan.troubles]
        lines += [f"  {self._time(at)} {what}" for at, what in self.events[-60:]]
        return "\n".join(lines)

    def _time(self, at: float) -> str:
        minutes, seconds = divmod(at - self.begin, 60)
        hours, minutes = divmod(int(minutes), 60)
        return f"{hours:02}:{minutes:02}:{seconds:06.3f}"

    def summary(self) -> dict[str, Any]:
        """The run in numbers."""
        statuses = Counter(self.status.get(number, "lost") for number in self.accepted)
        return {
            "accepted": len(self.accepted),
            **statuses,
            "may be unknown": self.allowed_unknown(),
            "crashes": sum(self.crashes.values()),
            "dead letters": self.dead_letters,
            "hours": round((self._world.runtime.now - self.begin) / 3_600, 1),
        }


def probes_within(seconds: float) -> int:
    """How many probes an account's breaker makes in that time, if each works and the message after it fails."""
    at, losses = float(FIRST_PROBE_SECONDS), 0
    while at < seconds:
        losses += 1
        at += interval(0, losses)
    return losses
