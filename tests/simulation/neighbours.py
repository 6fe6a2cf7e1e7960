"""AWS in virtual time: the tests' own fakes, with latencies, troubles, and queues that deliver."""

from __future__ import annotations

import heapq
import json
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from bridge.errors import AwsRefused
from tests.fakes.dynamodb import CAMPAIGNS, LOG, FakeDynamoDB, _key
from tests.fakes.faults import (
    DENIED,
    LOST_AFTER,
    LOST_BEFORE,
    THROTTLED,
    UNREACHED,
    Fault,
    client_error,
)
from tests.fakes.sqs import _validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.plan import Trouble
    from tests.simulation.world import World

VISIBILITY_SECONDS = 360.0
MOST_RECEIVES = 5
READ_SECONDS = 2.0

# How a call ends in a trouble, and after how many seconds.
_ENDINGS: dict[str, tuple[Fault, float]] = {
    "throttled": (THROTTLED, 0.01),
    "unreached": (UNREACHED, 0.01),
    "hangs": (LOST_BEFORE, READ_SECONDS),
    "lossy": (LOST_AFTER, READ_SECONDS),
    "refuses": (DENIED, 0.01),
}


def call(world: World, target: str, effect: Callable[[], Any]) -> Any:
    """One call of AWS from a worker."""
    world.reach()
    rng, runtime = world.rng, world.runtime
    trouble = world.trouble(target)
    fault, seconds = _ENDINGS.get(trouble.kind, (None, 0.0)) if trouble else (None, 0.0)
    if trouble and trouble.kind == "slow":
        seconds = rng.uniform(0.3, 1.9)
    runtime.sleep(seconds or rng.uniform(0.003, 0.012))
    if fault is None:
        result = effect()
        if rng.random() < 0.2:
            runtime.sleep(0.004)
        return result
    world.hit(target)
    if fault.applied:
        with suppress(AwsRefused):
            effect()
    raise fault.error()


class Tables(FakeDynamoDB):
    """DynamoDB. Every write of the log's is judged at once."""

    page = 5_000

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._target = "log"

    def put_item(self, **options: Any) -> dict[str, Any]:
        return self._at(options["TableName"]) and super().put_item(**options)

    def update_item(self, **options: Any) -> dict[str, Any]:
        return self._at(options["TableName"]) and super().update_item(**options)

    def query(self, **options: Any) -> dict[str, Any]:
        return self._at(options["TableName"]) and super().query(**options)

    def scan(self, **options: Any) -> dict[str, Any]:
        return self._at(options["TableName"]) and super().scan(**options)

    def batch_get_item(self, **options: Any) -> dict[str, Any]:
        [table] = options["RequestItems"]
        return self._at(table) and super().batch_get_item(**options)

    def batch_write_item(self, **options: Any) -> dict[str, Any]:
        trouble = self._at(LOG) and self._world.trouble("log")
        if trouble and trouble.kind == "unprocessed":
            self.unprocessed.append(self._world.rng.randrange(len(options["RequestItems"][LOG])))
        return super().batch_write_item(**options)

    def _at(self, table: str) -> bool:
        self._target = "campaigns" if table == CAMPAIGNS else "log"
        return True

    def _call(self, operation: str, effect: Callable[[], Any]) -> Any:  # noqa: ARG002 - as the fake's
        return call(self._world, self._target, effect)

    def _write(self, table: str, item: Any) -> None:
        before = self.tables[table].get(_key(table, item))
        super()._write(table, item)
        if table == LOG:
            self._world.stream.write(_key(table, item), before, item)
            key, before, after = self.history.pop()
            self._world.ledger.note_row(key, before, after, item)


class SecretsManager:
    """Secrets, by their full names. A trouble of kind malformed or deleted changes what is read."""

    def __init__(self, world: World, secrets: dict[str, dict[str, str]]) -> None:
        self._world = world
        self.secrets = secrets

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        def effect() -> dict[str, Any]:
            trouble = self._world.trouble("secrets")
            mine = trouble and SecretId.endswith(self._world.account(trouble.options.get("account", 0)))
            if trouble and mine and trouble.kind == "deleted":
                raise client_error("ResourceNotFoundException")
            text = json.dumps(self.secrets[SecretId])
            return {"SecretString": text[:-1] if trouble and mine and trouble.kind == "malformed" else text}

        return call(self._world, "secrets", effect)


@dataclass(slots=True)
class Entry:
    """A message on a queue."""

    id: str
    body: str
    group: str
    queue: str
    receives: int = 0
    place: int = 0


class LambdaQueue:
    """One standard queue with fair groups, and Lambda's poller: up to `most` workers, each with up to 10 messages."""

    def __init__(self, world: World, name: str, most: int) -> None:
        self.name = name
        self._world = world
        self._free = most
        self._places = count()
        self._due: list[tuple[float, int, Entry]] = []
        self._ready: dict[str, deque[Entry]] = defaultdict(deque)
        self._out: dict[str, int] = defaultdict(int)
        self.entries: dict[str, Entry] = {}
        self._news = world.runtime.threading.Event()
        world.runtime.spawn(self._poll)

    def add(self, entry: Entry, delay: float) -> None:
        self.entries[entry.id] = entry
        self._hide(entry, delay)

    def _hide(self, entry: Entry, seconds: float) -> None:
        entry.place = next(self._places)
        heapq.heappush(self._due, (self._world.runtime.now + seconds, entry.place, entry))
        self._news.set()

    def _poll(self) -> None:
        runtime = self._world.runtime
        while True:
            self._news.clear()
            self._surface()
            while self._free and (entries := self._receive()):
                self._free -= 1
                self._world.dispatch(self.name, entries, lambda failed, entries=entries: self._done(entries, failed))
            self._news.wait(self._due[0][0] - runtime.now if self._due else None)
            runtime.sleep(0.05)

    def _surface(self) -> None:
        """What is visible by now."""
        while self._due and self._due[0][0] <= self._world.runtime.now:
            _, place, entry = heapq.heappop(self._due)
            if entry.place == place and entry.id in self.entries:
                self._ready[entry.group].append(entry)

    def _receive(self) -> list[Entry]:
        rng = self._world.rng
        entries: list[Entry] = []
        while len(entries) < 10 and (groups := [group for group, ready in self._ready.items() if ready]):
            group = min(groups, key=lambda one: (self._out[one], rng.random()))
            ready = self._ready[group]
            place = rng.randrange(min(5, len(ready)))  # a standard queue keeps no order
            ready[0], ready[place] = ready[place], ready[0]
            entry = ready.popleft()
            if entry.id not in self.entries or entry in entries:
                continue
            entry.receives += 1
            if entry.receives > MOST_RECEIVES:
                del self.entries[entry.id]
                self._world.bury(entry)
                continue
            self._out[group] += 1
            entries.append(entry)
            twice = rng.random() < self._world.plan.twice
            self._hide(entry, rng.uniform(0.1, 30) if twice else VISIBILITY_SECONDS)
        return entries

    def _done(self, entries: list[Entry], failed: set[str] | None) -> None:
        """A worker has answered, or died (None)."""
        self._free += 1
        for entry in entries:
            self._out[entry.group] -= 1
            if failed is not None and entry.id not in failed:
                self.entries.pop(entry.id, None)
        self._news.set()


class Sqs:
    """SQS's client."""

    def __init__(self, world: World, queues: dict[str, LambdaQueue]) -> None:
        self._world = world
        self._queues = queues
        self._numbers = count()

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        world = self._world
        _validate(QueueUrl, Entries)
        queue = self._queues[QueueUrl.rpartition("/")[2]]
        partial = _partial(world.trouble("queue"))

        def effect() -> dict[str, Any]:
            answer: dict[str, Any] = {"Successful": [], "Failed": []}
            for entry in Entries:
                if partial and world.rng.random() < 0.5:
                    world.hit("queue")
                    answer["Failed"].append({"Id": entry["Id"], "Code": "InternalError"})
                    continue
                name = f"m{next(self._numbers)}"
                queue.add(Entry(name, entry["MessageBody"], entry["MessageGroupId"], queue.name), entry["DelaySeconds"])
                answer["Successful"].append({"Id": entry["Id"], "MessageId": name})
            return answer

        return call(world, "queue", effect)


def _partial(trouble: Trouble | None) -> bool:
    return trouble is not None and trouble.kind == "partial"


class Aws:
    """The clients, as `bridge.aws.Aws` makes them."""

    def __init__(self, tables: Tables, sqs: Sqs, secrets: SecretsManager) -> None:
        self._tables, self._sqs, self._secrets = tables, sqs, secrets

    def dynamodb(self) -> Any:
        return self._tables

    def sqs(self) -> Any:
        return self._sqs

    def secrets_manager(self) -> Any:
        return self._secrets
