"""A whole bridge with everything around it, for one test: a stack of its own in the suite's AWS, a vendor, workers."""

from __future__ import annotations

import json
import os
import select
import signal
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import partial
from itertools import count
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3

from bridge.campaigns.table import CampaignTable
from bridge.operations.audit import Auditor
from local.function import Function
from local.gateway import Gateway
from local.queue_poller import QueuePoller, record
from local.simulator import Simulator
from local.stream_poller import StreamPoller
from local.template import read_stack
from tests.faults.aws_proxy import AwsProxy
from tests.faults.ledger import Findings, Row, Sms, compare, statuses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from random import Random
    from typing import Self

    from bridge.operations.audit import Audit
    from local.aws import LocalAws
    from tests.faults.scoreboard import Scoreboard

ACCOUNT = "TEST-ACCOUNT"
API_KEY = "fault-api-key"
SECRET = {"customerId": "C-LOCAL", "email": "dev@example.com", "password": "local-password", "apiKey": API_KEY}

# What the bridge promises, in numbers of its own: a change there that breaks them has to be seen here.
CONCURRENCY = 32  # SendConcurrency, the template's default
BATCH = 25  # rows in one BatchWriteItem
THRESHOLD = 5  # different messages in a row whose failures open the breaker
CLOCK_SKEW_SECONDS = 5  # between two workers
LEFT_BY_A_DEAD_WORKER = CONCURRENCY + BATCH
"""Messages that a worker may leave in doubt whenever it dies: those at the vendor, and one unwritten batch."""

LET_THROUGH_BY_THE_BREAKER = CONCURRENCY + THRESHOLD - 1
"""Messages that a worker tries while the vendor answers none: those at the vendor, and what follows the first. Later
there is one for each probe that works though sending fails."""

BREAKER: Any = {"account": {"S": ACCOUNT}, "campaign": {"S": "*"}}  # the key of its item in CampaignTable

# The dispatch function's queues by the `lane` of their chunks, in the order of its event sources.
LANES = {"batch": "DispatchQueue", "single": "SingleQueue"}

COUNT_KILLS = 2
"""How often the reader of the stream is killed while it counts, if it takes that long."""

TIMEOUT = 300  # seconds until a test gives up on something that is bound to happen

http = urllib3.PoolManager(maxsize=32, retries=False, timeout=60)


class World:
    """One test's bridge.

    `dead_after`: how many seconds after a claim its worker counts as dead. SQS delivers a chunk again after
    `visibility` seconds, and `receives` times. `workers` dispatch batches at the same time, and one more single
    messages. `harms_log`: DynamoDB, too, is called through the proxy, so that it can be harmed; else only SQS and
    Secrets Manager are, which is faster. `overrides` stand over the template. `front` puts something before the vendor:
    it is given the vendor, and gives the URL that the bridge is told.
    """

    def __init__(
        self,
        name: str,
        aws: LocalAws,
        random: Random,
        scoreboard: Scoreboard,
        logs: Path,
        *,
        dead_after: float = 4.0,
        visibility: int = 1,
        receives: int = 5,
        workers: int = 1,
        harms_log: bool = False,
        overrides: Mapping[str, Any] | None = None,
        front: Callable[[Simulator], str] | None = None,
    ) -> None:
        self.random = random
        self.vendor = Simulator()
        self.proxy = AwsProxy(aws.url, random)
        self._name = name
        self._aws = aws
        self._scoreboard = scoreboard
        self._logs = logs
        self._workers = workers
        queue = {"VisibilityTimeout": visibility, "RedrivePolicy": {"maxReceiveCount": receives}}
        self._overrides = {**dict.fromkeys(LANES.values(), queue), **(overrides or {})}
        self._front = front
        self._lifetime = str(dead_after - CLOCK_SKEW_SECONDS)  # WORKER_LIFETIME_SECONDS
        self._harms_log = harms_log
        self._numbers = count()
        self._posted: dict[Sms, None] = {}
        self.acknowledged: set[Sms] = set()

    # ── Starting and ending ───────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> Self:
        self.vendor.start()
        self.proxy.start()
        url = self._front(self.vendor) if self._front else self.vendor.url
        parameters = {"AccountId": ACCOUNT, "MessageCentralUrl": url}
        self._stack = read_stack(self._name, parameters, self.proxy.url, overrides=self._overrides)
        self._aws.create(self._stack, {self.secret_name: SECRET})
        self.sqs, self.dynamodb, self.secrets = self._aws.sqs(), self._aws.dynamodb(), self._aws.secrets()
        self.queue_urls = {lane: self._queue_url(name) for lane, name in LANES.items()}
        self.dead_letters_url = self._queue_url("DispatchDeadLetters")
        self.table = self._stack.tables["SmsLogTable"].name
        self.breakers = self._stack.tables["CampaignTable"].name
        self._start_functions()
        return self

    def stop(self) -> None:
        self._stop_functions()
        self.proxy.stop()
        self.vendor.stop()
        for client in (self.sqs, self.dynamodb, self.secrets):
            client.close()

    def new_workers(self) -> None:
        """End all workers, which must be idle: what comes next meets new ones, which remember nothing."""
        self._stop_functions()
        self._start_functions()

    def _start_functions(self) -> None:
        self.accept = self._function("AcceptFunction", 4)
        self.dispatch = self._function("DispatchFunction", self._workers + 1)
        self._gateway = Gateway({"AcceptFunction": self.accept})
        self._gateway.start()

    def _stop_functions(self) -> None:
        self._gateway.stop()
        self.accept.stop()
        self.dispatch.stop()

    def _function(self, name: str, concurrency: int) -> Function:
        variables = {"AWS_ENDPOINT_URL": self.proxy.url, "WORKER_LIFETIME_SECONDS": self._lifetime}
        if not self._harms_log:
            variables["AWS_ENDPOINT_URL_DYNAMODB"] = self._aws.url
        return Function(self._stack.functions[name], variables, concurrency=concurrency, log=self._log_of(name))

    def _log_of(self, function: str) -> Path:
        return self._logs / f"{self._name}-{function}.log"

    def _queue_url(self, name: str) -> str:
        return self.sqs.get_queue_url(QueueName=self._stack.queues[name].name)["QueueUrl"]

    # ── Posting, as CleverTap does ────────────────────────────────────────────────────────────────────────────────

    def messages(self, number: int) -> list[Sms]:
        """Messages that nobody has posted yet, each to a number of its own."""
        return [
            Sms(f"9198765{nth:05}", f"Hello {nth}", f"9198765{nth:05}.1656678144.20230607.{self._name}.")
            for nth in (next(self._numbers) for _ in range(number))
        ]

    def post(self, messages: Sequence[Sms], account: str = ACCOUNT) -> tuple[int, dict[str, Any]]:
        """Post messages in one request; gives status and body of the answer. 0: there was none."""
        self._posted |= dict.fromkeys(messages)
        body = json.dumps({"campaignId": "faults", "messages": [asdict(sms) for sms in messages]})
        headers = {"account": account, "x-api-key": API_KEY, "Content-Type": "application/json"}
        answer = http.request("POST", f"{self._gateway.url}/sms", headers=headers, body=body)
        document = answer.json()
        if document.get("status") in ("sent", "queued", "unknown"):  # not `duplicate`: that says how it stood before
            refused = {item["messageId"] for item in document.get("rejected", ())}
            self.acknowledged |= {sms for sms in messages if sms.messageId not in refused}
        return answer.status, document

    def campaign(self, number: int) -> list[Sms]:
        """Post so many new messages, as one batch that has to be taken."""
        messages = self.messages(number)
        status, body = self.post(messages)
        assert (status, body) == (200, {"status": "queued", "accepted": number, "rejected": []})
        return messages

    # ── Working off the queues ────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def polling(self) -> Iterator[None]:
        """The dispatch function is fed from its queues while the block runs."""
        sources = zip(self._stack.functions["DispatchFunction"].queues, (self._workers, 1), strict=True)
        pollers = [QueuePoller(self._aws, source, self.dispatch, workers) for source, workers in sources]
        for poller in pollers:
            poller.start()
        try:
            yield
        finally:
            for poller in pollers:
                poller.stop()
            for poller in pollers:
                poller.join()

    def drain(self) -> None:
        """Work until the queues hold nothing any more. An open breaker is probed at once, and not when it is due."""
        with self.polling():
            self.probe_until(self.is_drained)

    def is_drained(self) -> bool:
        """Whether nothing waits, nothing is delayed, and nothing is in a worker's hands.

        Looked at twice: moto counts one after the other, and a message whose delay ends in between is in neither count.
        """
        return not any(any(self._counts(url)) for _ in range(2) for url in self.queue_urls.values())

    def dead_letters(self) -> int:
        """Chunks in the dead-letter queue."""
        return self._counts(self.dead_letters_url)[0]

    def _counts(self, url: str) -> tuple[int, ...]:
        names = ("", "NotVisible", "Delayed")
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return tuple(int(attributes[f"ApproximateNumberOfMessages{name}"]) for name in names)

    def receive(self, lane: str = "batch") -> dict[str, Any]:
        """What is on the queue of a lane now, as one event for the dispatch function."""
        messages = self.sqs.receive_message(
            QueueUrl=self.queue_urls[lane], MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        ).get("Messages", [])
        arn = self._stack.functions["DispatchFunction"].queues[[*LANES].index(lane)].arn
        return {"Records": [record(message, arn) for message in messages]}

    def copies(self) -> list[str]:
        """The chunks on the queues, which stay there."""
        return [body for lane in LANES for body in self._copies(lane)]

    def _copies(self, lane: str) -> Iterable[str]:
        for one in self.receive(lane)["Records"]:
            self.sqs.change_message_visibility(
                QueueUrl=self.queue_urls[lane], ReceiptHandle=one["receiptHandle"], VisibilityTimeout=0
            )
            yield one["body"]

    def redrive(self) -> int:
        """Move the dead letters back to where they came from, as *Start DLQ redrive* in the console does."""
        moved = 0
        receive = partial(self.sqs.receive_message, QueueUrl=self.dead_letters_url, MaxNumberOfMessages=10)
        while messages := receive().get("Messages"):
            for message in messages:
                url = self.queue_urls[json.loads(message["Body"])["lane"]]
                self.sqs.send_message(QueueUrl=url, MessageBody=message["Body"])
                self.sqs.delete_message(QueueUrl=self.dead_letters_url, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
        return moved

    def kill_busy(self, function: Function) -> int:
        """SIGKILL the workers that have an event in hand; how many there were. They are dead then: one that has just
        answered would else be given the next event.
        """
        workers = [os.pidfd_open(pid) for pid in function.pids(busy=True)]
        for worker in workers:
            signal.pidfd_send_signal(worker, signal.SIGKILL)
        for worker in workers:
            select.select([worker], [], [])  # readable once the process has ended
            os.close(worker)
        return len(workers)

    # ── The account's secret ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def secret_name(self) -> str:
        return f"{self._name}/{ACCOUNT}"

    def add_account(self, account: str) -> None:
        """Make a secret for another account, with the same login."""
        self.secrets.create_secret(Name=f"{self._name}/{account}", SecretString=json.dumps(SECRET))

    def change_secret(self, **changes: str | None) -> None:
        """Write the secret with changes; None takes a field out."""
        secret = {name: value for name, value in {**SECRET, **changes}.items() if value is not None}
        self.write_secret(json.dumps(secret))

    def write_secret(self, text: str) -> None:
        self.secrets.put_secret_value(SecretId=self.secret_name, SecretString=text)

    # ── The account's breaker ─────────────────────────────────────────────────────────────────────────────────────

    def next_probe(self) -> float | None:
        """When the vendor may be probed next, in epoch seconds; None: the breaker is closed."""
        item = self.dynamodb.get_item(TableName=self.breakers, Key=BREAKER, ConsistentRead=True).get("Item", {})
        return int(item["probeAt"]["N"]) / 1_000 if "probeAt" in item else None

    def make_probe_due(self) -> None:
        """Let as much time pass for an open breaker as it waits for its next probe."""
        self._set_probe(time.time(), "probeAt > :at")

    def put_off_probe(self) -> None:
        """Let no time pass for an open breaker until `make_probe_due`, however long the test takes."""
        self._set_probe(time.time() + TIMEOUT, "attribute_exists(probeAt)")

    def _set_probe(self, at: float, condition: str) -> None:
        with suppress(self.dynamodb.exceptions.ConditionalCheckFailedException):
            self.dynamodb.update_item(
                TableName=self.breakers,
                Key=BREAKER,
                UpdateExpression="SET probeAt = :at",
                ConditionExpression=condition,
                ExpressionAttributeValues={":at": {"N": str(int(at * 1_000))}},
            )

    def probe_until(self, happened: Callable[[], bool]) -> None:
        """Let workers probe again and again until something has happened."""

        def has_happened() -> bool:
            self.make_probe_due()
            return happened()

        self.wait_until(has_happened)

    def probe(self) -> None:
        """Let a worker probe now, and wait until it has begun to."""
        self.make_probe_due()
        due = time.time()
        self.wait_until(lambda: (self.next_probe() or inf) > due)

    # ── Looking ───────────────────────────────────────────────────────────────────────────────────────────────────

    def wait_until(self, happened: Callable[[], bool], timeout: float = TIMEOUT) -> None:
        end = time.monotonic() + timeout
        while not happened():
            assert time.monotonic() < end, f"waited {timeout} s in vain; the log: {self.statuses()}"
            time.sleep(0.1)

    def sleep(self, shortest: float, longest: float) -> None:
        """Wait for a random time."""
        threading.Event().wait(self.random.uniform(shortest, longest))

    def rows(self) -> dict[tuple[str, str], Row]:
        """The log."""
        rows = {}
        for page in self.dynamodb.get_paginator("scan").paginate(TableName=self.table):
            for item in page["Items"]:
                key = item["recipient"]["S"], item["messageId"]["S"].partition("/")[2]  # <account>/<id>
                rows[key] = Row(
                    item["status"]["S"], item.get("verificationId", {}).get("S", ""), int(item["attempts"]["N"])
                )
        return rows

    def statuses(self) -> dict[str, int]:
        """How many rows stand where."""
        return dict(statuses(self.rows()))

    def sent_of(self, messages: Iterable[Sms]) -> int:
        """How many of these the vendor has accepted."""
        numbers = {sms.to for sms in messages}
        return sum(f"{one.countryCode}{one.mobileNumber}" in numbers for one in list(self.vendor.accepted))

    def sent(self) -> int:
        """How many messages the vendor has accepted."""
        return len(self.vendor.accepted)

    def counted(self, metric: str) -> int:
        """How often the functions have counted something so far."""
        lines = (line for name in self._stack.functions for line in _lines(self._log_of(name)) if f'"{metric}"' in line)
        return int(sum(sum(json.loads(line)[metric]) for line in lines if '"_aws"' in line))

    def threads(self) -> int:
        """The most threads that one dispatch worker has now."""
        return max((len([*Path(f"/proc/{pid}/task").iterdir()]) for pid in self.dispatch.pids()), default=0)

    # ── The counters ──────────────────────────────────────────────────────────────────────────────────────────────

    def count(self) -> None:
        """Have count read the stream twice from its beginning, cut differently, by workers that are killed."""
        description = self._stack.functions["CountFunction"]
        for _ in range(2):
            source = replace(description.streams[0], window=0.0, batch_size=self.random.randint(10, 400))
            variables = {"AWS_ENDPOINT_URL": self._aws.url}
            function = Function(description, variables, concurrency=1, log=self._log_of("CountFunction"))
            poller, ended = StreamPoller(self._aws, source, function), threading.Event()
            killer = threading.Thread(target=self._kill_now_and_then, args=(function, ended))
            killer.start()
            try:
                while poller.poll():
                    pass
            finally:
                ended.set()
                killer.join()
                function.stop()

    def audit(self) -> Audit:
        """The counters beside the rows."""
        client: Any = self.dynamodb
        return Auditor(self.table, client, CampaignTable(self.breakers, client)).audit(ACCOUNT)

    def _kill_now_and_then(self, function: Function, ended: threading.Event) -> None:
        for _ in range(COUNT_KILLS):
            if ended.wait(self.random.uniform(0.5, 1.5)):
                return
            self.kill_busy(function)

    # ── The end ───────────────────────────────────────────────────────────────────────────────────────────────────

    def judge(self, fault: str, *, unknown_at_most: int = 0, may_be_rejected: bool = False) -> Findings:
        """Nothing twice, nothing lost, nothing untrue, no dead letters, few unknown; counted for the table."""
        findings = compare(
            self._posted, self.acknowledged, self.rows(), self.vendor.accepted, may_be_rejected=may_be_rejected
        )
        self._scoreboard.add(fault, findings, unknown_at_most)
        assert not findings.twice
        assert not findings.lost
        assert not findings.untrue
        assert findings.unknown <= unknown_at_most
        assert self.is_drained()
        assert self.dead_letters() == 0
        self.count()
        assert self.audit().differences == []
        return findings


def _lines(log: Path) -> Iterable[str]:
    """The lines of a log that somebody may be writing at this moment: the last one is left out until it is whole."""
    return log.read_text().split("\n")[:-1] if log.exists() else ()
