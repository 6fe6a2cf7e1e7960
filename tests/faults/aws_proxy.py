"""What stands between the functions and AWS: passes every call on, and does to some of them what AWS might.

`moto` alone is an AWS that never fails. Harm is chosen by operation, by rate (drawn from a seeded random) or for so
many calls: `with proxy.harming("Claim", lose_answer, share=0.3): …`. Operations have AWS's names; but a `PutItem` is
called `Claim` when it writes a row that is `sending`, and `Settle` otherwise. Queue delays are cut short, so that tests
need not wait.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import urllib3

from local.http_server import Drop, HttpAnswer, HttpRequest, HttpServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    Forward = Callable[["Call"], HttpAnswer]
    Harm = Callable[["Call", Forward, Random], HttpAnswer | Drop]

THREADS = 80  # more than two workers have connections, so that a call that hangs holds up no other


@dataclass(slots=True)
class Call:
    """One call of a function to AWS: the HTTP request, its operation, and its document."""

    request: HttpRequest
    operation: str
    document: dict[str, Any]


@dataclass(slots=True)
class Rule:
    """What is done to calls: to a share of them, and to `times` at most. `hits` counts them."""

    operation: str
    harm: Harm
    share: float
    times: int | None
    hits: int = 0

    def hits_call(self, call: Call, chance: float) -> bool:
        is_due = call.operation == self.operation and (self.times is None or self.hits < self.times)
        is_hit = is_due and chance < self.share
        self.hits += is_hit
        return is_hit


class AwsProxy:
    """An AWS endpoint in front of another one. Delays in queues are at most `longest_delay` seconds."""

    def __init__(self, upstream: str, random: Random, *, longest_delay: int = 1) -> None:
        self.calls: Counter[str] = Counter()
        self.delays: list[int] = []
        self.longest_delay = longest_delay
        self._upstream = upstream
        self._random = random
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._http = urllib3.PoolManager(maxsize=THREADS, retries=False, timeout=60)
        self._server = HttpServer(self._handle, threads=THREADS)

    @property
    def url(self) -> str:
        return self._server.url

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()
        self._http.clear()

    @contextmanager
    def harming(self, operation: str, harm: Harm, *, share: float = 1.0, times: int | None = None) -> Iterator[Rule]:
        """Do harm while the block runs."""
        rule = Rule(operation, harm, share, times)
        with self._lock:
            self._rules.append(rule)
        try:
            yield rule
        finally:
            with self._lock:
                self._rules.remove(rule)

    def _handle(self, request: HttpRequest) -> HttpAnswer | Drop:
        call = _read(request)
        with self._lock:
            self.calls[call.operation] += 1
            rule = next((one for one in self._rules if one.hits_call(call, self._random.random())), None)
        if call.operation == "SendMessageBatch":
            self._shorten(call.document["Entries"])
        return rule.harm(call, self._forward, self._random) if rule else self._forward(call)

    def _shorten(self, entries: list[dict[str, Any]]) -> None:
        for entry in entries:
            self.delays.append(entry.get("DelaySeconds", 0))
            entry["DelaySeconds"] = min(self.longest_delay, self.delays[-1])

    def _forward(self, call: Call) -> HttpAnswer:
        headers = {name: value for name, value in call.request.headers.items() if name != "content-length"}
        answer = self._http.request(
            call.request.method, self._upstream + call.request.path, headers=headers, body=json.dumps(call.document)
        )
        # Not the checksum: harm may change the body.
        return HttpAnswer(answer.status, answer.data, [("Content-Type", answer.headers["Content-Type"])])


def _read(request: HttpRequest) -> Call:
    document = json.loads(request.body)
    operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
    if operation == "PutItem":
        operation = "Claim" if document["Item"]["status"]["S"] == "sending" else "Settle"
    return Call(request, operation, document)


def error(status: int, kind: str) -> HttpAnswer:
    """An error as AWS's JSON protocols write it."""
    body = json.dumps({"__type": kind, "message": "done by a test"}).encode()
    return HttpAnswer(status, body, [("Content-Type", "application/x-amz-json-1.0")])


def throttle(*_: Any) -> HttpAnswer:
    """Not done: too many calls."""
    return error(400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException")


def refuse(*_: Any) -> HttpAnswer:
    """Not done: forbidden, for instance by a policy that was changed."""
    return error(400, "AccessDeniedException")


def fail(*_: Any) -> HttpAnswer:
    """Not done: an error inside AWS."""
    return error(500, "InternalServerError")


def lose_call(*_: Any) -> Drop:
    """Not done: the connection is cut before the call gets there."""
    return Drop()


def hang(*_: Any) -> Drop:
    """Not done, and no answer: the caller waits for its own time-out (2 s)."""
    return Drop(after=4)


def lose_answer(call: Call, forward: Forward, _: Random) -> Drop:
    """Done, but the connection is cut before the answer."""
    forward(call)
    return Drop()


def answer_late(call: Call, forward: Forward, _: Random) -> HttpAnswer:
    """Done, and answered just before the caller's time-out."""
    return replace(forward(call), after=1.5)


def fail_after(call: Call, forward: Forward, _: Random) -> HttpAnswer:
    """Done, but the answer is an error inside AWS."""
    forward(call)
    return error(500, "InternalServerError")


def leave_unprocessed(call: Call, forward: Forward, random: Random) -> HttpAnswer:
    """BatchWriteItem: some of the items are not written, and named in the answer."""
    [(table, items)] = call.document["RequestItems"].items()
    done, left = _split(items, random)
    if done:
        answer = forward(replace(call, document={**call.document, "RequestItems": {table: done}}))
        document = json.loads(answer.body)
    else:
        document = {}
    return replace(
        error(200, ""), body=json.dumps({**document, "UnprocessedItems": {table: left} if left else {}}).encode()
    )


def fail_entries(call: Call, forward: Forward, random: Random) -> HttpAnswer:
    """SendMessageBatch: some of the entries are not queued, and named in the answer, which is a 200."""
    done, left = _split(call.document["Entries"], random)
    document = json.loads(forward(replace(call, document={**call.document, "Entries": done})).body) if done else {}
    failed = [{"Id": one["Id"], "SenderFault": False, "Code": "InternalError"} for one in left]
    return replace(error(200, ""), body=json.dumps({**document, "Failed": failed}).encode())


def fail_all_entries(call: Call, forward: Forward, _: Random) -> HttpAnswer:
    """SendMessageBatch: none is queued, and yet the answer is a 200."""
    failed = [{"Id": one["Id"], "SenderFault": False, "Code": "InternalError"} for one in call.document["Entries"]]
    return replace(error(200, ""), body=json.dumps({"Successful": [], "Failed": failed}).encode())


def _split(items: list[Any], random: Random) -> tuple[list[Any], list[Any]]:
    done = [item for item in items if random.random() < 0.5]
    return done, [item for item in items if item not in done]
