"""Message Central in virtual time, at the height of its HTTP calls."""

from __future__ import annotations

import json
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from bridge.breaker import BATCH_FAILURES, SINGLE_FAILURES
from bridge.errors import MaybeSent, NotSent
from bridge.message_central.tokens import PATH as TOKEN_PATH
from bridge.timed_connections import CONNECT_SECONDS, READ_SECONDS
from tests.fakes.vendor import accepted, answer, page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.permit import Permit
    from bridge.times import Deadline
    from bridge.transport import Response
    from tests.simulation.plan import Trouble
    from tests.simulation.world import World

POISON = "poison"
SAME_NUMBER_SECONDS = 60.0


@dataclass
class Loss:
    """What one worker lost of an account's messages until its breaker for it had to open."""

    worker: Any
    doubts: int = 0
    invocation: int = 0


@dataclass
class Window:
    """What one trouble that leaves doubt has cost: `first`, by worker and account, until its
    breaker had to open; `later`, when it
    was tried whether the vendor works again.
    """

    first: dict[tuple[str, str], Loss] = field(default_factory=dict)
    later: int = 0

    @property
    def doubts(self) -> int:
        return self.later + sum(loss.doubts for loss in self.first.values())

    def add(self, worker: Any, customer: str) -> None:
        """A worker lost one message more."""
        failures = SINGLE_FAILURES if worker.kind == "accept" else BATCH_FAILURES
        loss = self.first.setdefault((worker.name, customer), Loss(worker))
        if loss.doubts < failures or loss.invocation == worker.invocations:
            loss.doubts += 1
            loss.invocation = worker.invocations
        else:
            self.later += 1


class Vendor:
    """Takes messages, and knows what it took."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = count(1)
        self._tokens: dict[str, str] = {}
        self._recent: deque[float] = deque()
        self._last: dict[str, float] = {}
        self.passwords: dict[str, str] = {}
        """By customer."""
        self.taken: Counter[int] = Counter()
        self.windows: dict[Trouble, Window] = {}
        self.scattered = 0
        """Messages that were left in doubt by single faults."""
        self.sent_at: dict[int, float] = {}
        self.calls = 0
        self.doubtful: set[int] = set()
        self.by_account: dict[str, list[float]] = defaultdict(list)

    def factory(self, url: str, connections: int, clock: Any) -> Vendor:  # noqa: ARG002 - as `HttpTransport`
        """What stands in for the class `HttpTransport`."""
        return self

    def log_out(self) -> None:
        """No token is good any more."""
        self._tokens.clear()

    def request(
        self,
        method: str,  # noqa: ARG002 - as the real one
        path: str,
        headers: Mapping[str, str],
        deadline: Deadline,
        *,
        body: str | bytes | None = None,
        permit: Permit | None = None,
    ) -> Response:
        world = self._world
        world.reach()
        trouble = world.trouble("vendor")
        if trouble and trouble.kind == "down":
            seconds = CONNECT_SECONDS if trouble.options.get("silent") else 0.01
            world.runtime.sleep(min(seconds, deadline.remaining()))
            raise NotSent("scripted: no connection")
        if trouble and trouble.kind == "lookup":
            looked_up_for = world.rng.uniform(0.5, 60)
            world.runtime.sleep(looked_up_for)  # nothing interrupts it
            if looked_up_for > CONNECT_SECONDS:
                raise NotSent("scripted: the name was found too late to connect")
        if not deadline.remaining():
            raise NotSent("no time")
        if path.startswith(TOKEN_PATH):
            return self._token(path, deadline, trouble)
        if permit and not permit.begin():
            raise NotSent("the permit was revoked")
        assert isinstance(body, str)
        return self._send({name: value for name, [value] in parse_qs(body).items()}, headers, deadline)

    # ── Tokens ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _token(self, path: str, deadline: Deadline, trouble: Trouble | None) -> Response:
        fields = {name: value for name, [value] in parse_qs(path.partition("?")[2]).items()}
        runtime = self._world.runtime
        if trouble and not trouble.options.get(
            "tokens", trouble.kind in ("rate", "slow", "lossy", "credits", "lookup")
        ):
            if trouble.kind in ("hangs", "trickles", "drops"):
                runtime.sleep(min(0.05 if trouble.kind == "drops" else READ_SECONDS, deadline.remaining()))
                raise MaybeSent("scripted: no answer")
            if trouble.kind in ("502", "503", "page"):
                runtime.sleep(0.05)
                return page(404 if trouble.kind == "page" else int(trouble.kind))
        runtime.sleep(0.1)
        customer = fields.get("customerId", "")
        refused = trouble and trouble.kind == "credentials"
        if refused or fields.get("key") != self.passwords.get(customer):
            return answer(401, status=401, token=None)
        token = f"token-{next(self._numbers)}"
        self._tokens[token] = customer
        return answer(200, status=200, token=token)

    # ── Messages ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _send(self, fields: dict[str, str], headers: Mapping[str, str], deadline: Deadline) -> Response:
        world = self._world
        runtime, rng = world.runtime, world.rng
        self.calls += 1
        number, customer = int(fields["message"].rpartition(" ")[2]), fields["customerId"]
        world.ledger.note_begin(number)
        least, most = world.plan.latency
        seconds = rng.uniform(least, most)
        until = runtime.now + min(READ_SECONDS, deadline.remaining())
        self._wait(seconds / 2, until, number)
        trouble = world.trouble("vendor", customer)
        if trouble and trouble.leaves_doubt:
            return self._doubt(trouble, number, customer, until)
        if trouble and trouble.kind == "slow":
            seconds = rng.uniform(*trouble.options.get("latency", (2, 10)))
        response = self._judge(number, fields, headers, trouble)
        if trouble and trouble.kind == "lossy":
            runtime.sleep(0.1)
            self._note_doubt(number)
            raise MaybeSent("scripted: the answer was lost")
        self._wait(seconds / 2, until, number)
        began = world.trouble("vendor", customer)
        if began and began.leaves_doubt and began is not trouble:
            return self._doubt(began, number, customer, until, judged=True)
        return response

    def _wait(self, seconds: float, until: float, number: int) -> None:
        """Let time pass; the client does not wait for longer than `until`."""
        runtime = self._world.runtime
        if runtime.now + seconds >= until:
            runtime.sleep(until - runtime.now)
            self._note_doubt(number)
            raise MaybeSent("scripted: too late")
        runtime.sleep(seconds)

    def _note_doubt(self, number: int) -> None:
        self.scattered += 1
        self.doubtful.add(number)

    def _doubt(self, trouble: Trouble, number: int, customer: str, until: float, *, judged: bool = False) -> Response:
        """Leave a message in doubt; `judged`: only the answer was on its way when the trouble began."""
        runtime = self._world.runtime
        window = self.windows.setdefault(trouble, Window())
        window.add(runtime.current.owner, customer)
        self.doubtful.add(number)
        self._world.ledger.note(number, f"the vendor {trouble.kind}")
        if not judged and self._world.rng.random() < 0.5:
            self._take(number)
        if trouble.kind in ("hangs", "trickles"):
            runtime.sleep(until - runtime.now)
            raise MaybeSent("scripted: no whole answer")
        if trouble.kind == "drops":
            raise MaybeSent("scripted: dropped")
        return page(502)

    def _judge(  # noqa: PLR0911 - one for each of its ways
        self, number: int, fields: dict[str, str], headers: Mapping[str, str], trouble: Trouble | None
    ) -> Response:
        """The vendor's answer, and what it does."""
        kind = trouble.kind if trouble else ""
        if kind == "page":
            return page(self._world.rng.choice([302, 400, 404]))
        if kind == "503":
            return page(503)
        if kind == "rate" and trouble and not self._admits(trouble.options["rate"]):
            retry_after = trouble.options.get("retry_after")
            return page(429, retry_after=retry_after)
        if POISON in fields["message"]:
            if self._world.plan.poison == "500":
                self._note_doubt(number)
            return answer(200, int(self._world.plan.poison))
        if kind == "credits":
            return answer(200, 508, message="insufficient credits")
        if kind == "credentials" or self._tokens.get(headers["authToken"]) != fields["customerId"]:
            return answer(401, 401)
        now = self._world.runtime.now
        mobile = fields["mobileNumber"]
        if now - self._last.get(mobile, 0.0) < SAME_NUMBER_SECONDS:
            return answer(200, 506, data={"timeout": "60"})
        self._last[mobile] = now
        self._take(number)
        self.by_account[fields["customerId"]].append(now)
        return accepted(f"v{number}")

    def _take(self, number: int) -> None:
        self.taken[number] += 1
        self.sent_at[number] = self._world.runtime.now
        self._world.ledger.note(number, "the vendor takes it")
        if self.taken[number] > self._world.ledger.takes_allowed[number]:
            self._world.ledger.violate(f"the vendor took message {number} {self.taken[number]} times", number)

    def _admits(self, rate: int) -> bool:
        """Whether fewer than `rate` were taken in the last second."""
        now = self._world.runtime.now
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        if len(self._recent) >= rate:
            return False
        self._recent.append(now)
        return True


def secret(customer: str, password: str, key: str) -> dict[str, str]:
    """What an account's secret holds."""
    return {"customerId": customer, "email": "a@b.c", "password": password, "apiKey": key, "senderId": "BRIDGE"}


def body_of(records: list[dict[str, str]]) -> str:
    """CleverTap's request: one record alone, many as an array."""
    return json.dumps(records if len(records) > 1 else records[0])
