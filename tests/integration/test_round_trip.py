"""From CleverTap's request to CleverTap's callback, over real HTTP: one final event for each message."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
import urllib3

from bridge.aws import Aws
from bridge.campaigns.table import CampaignTable
from bridge.operations.audit import Auditor, Difference
from bridge.operations.kept_receipts import peek, redrive
from bridge.sqs import Queue
from local.bridge import ACCOUNT, CREDENTIALS, Bridge, Options
from local.http_server import HttpAnswer, HttpRequest, HttpServer
from local.ports import free_port
from local.simulator import Simulator, SimulatorSettings
from local.simulator.receipt_plans import plans
from local.sink import Sink
from local.template import REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMEOUT = 180  # seconds until a test gives up on something that happens in another process
OTHER, OTHER_KEY = "OTHER-ACCOUNT", "other-receipt-key"
SENDERS = {ACCOUNT: "ONE", OTHER: "TWO"}
FINAL = {"delivered", "undelivered", "rejected", "expired", "cancelled"}

http = urllib3.PoolManager(retries=False, timeout=TIMEOUT, maxsize=20)


class QuickQueues:
    """SQS with shorter delays: passes requests on to moto, and makes what is delayed due at once."""

    def __init__(self) -> None:
        self.server = HttpServer(self._pass_on, threads=16)
        self.aws_url = ""
        self.delays: list[int] = []

    def _pass_on(self, request: HttpRequest) -> HttpAnswer:
        body = self._hurried(request.body) if "SendMessage" in request.headers.get("x-amz-target", "") else request.body
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        answer = http.request(request.method, self.aws_url + request.path, body=body, headers=headers)
        return HttpAnswer(answer.status, answer.data, [("Content-Type", answer.headers["Content-Type"])])

    def _hurried(self, body: bytes) -> bytes:
        document = json.loads(body)
        for entry in document.get("Entries", [document]):
            self.delays.append(entry.get("DelaySeconds", 0))
            entry["DelaySeconds"] = min(1, self.delays[-1])
            message = json.loads(entry["MessageBody"])
            if "due" in message:
                entry["MessageBody"] = json.dumps({**message, "due": message["since"]})
        return json.dumps(document).encode()


@dataclass
class World:
    """The bridge with two accounts, and its neighbours."""

    bridge: Bridge
    vendor: Simulator
    clevertap: Sink
    others_clevertap: Sink
    queues: QuickQueues
    runs: int = 0

    def begin(self) -> None:
        """A new test: nobody remembers the last one."""
        self.runs += 1
        self.vendor.settings = SimulatorSettings()
        self.vendor.account.forget()  # but not the tokens: the functions would have to wait before they ask for others
        self.vendor._receipts.forget()
        self.clevertap.reset()
        self.others_clevertap.reset()
        self.queues.delays.clear()

    def messages(self, count: int, first: int = 0) -> list[dict[str, str]]:
        """Messages to numbers that no test had before, whose ends ask for nothing."""
        numbers = [f"91{7_000_000_000 + self.runs * 1_000_000 + first + n}" for n in range(count)]
        return [{"to": number, "text": "Hello", "messageId": f"{number}.165.{self.runs}.ä."} for number in numbers]

    def post(self, messages: list[dict[str, str]], account: str = ACCOUNT) -> dict[str, Any]:
        headers = {"account": account, "x-api-key": CREDENTIALS["apiKey"]}
        answer = http.request("POST", f"{self.bridge.url}/sms", json={"messages": messages}, headers=headers)
        assert answer.status == 200, answer.data
        found: dict[str, Any] = answer.json()
        return found

    def differences(self) -> list[Difference]:
        """Where the counters are not what the rows say."""
        client: Any = self.bridge.aws.dynamodb()
        campaigns = CampaignTable(self.bridge.stack.tables["CampaignTable"].name, client)
        return Auditor(self.bridge.table, client, campaigns).audit(ACCOUNT).differences

    def log(self, messages: list[dict[str, str]]) -> dict[str, dict[str, str]]:
        """The log's rows of these messages, by id."""
        pages = self.bridge.aws.dynamodb().get_paginator("scan").paginate(TableName=self.bridge.table)
        rows = ({k: next(iter(v.values())) for k, v in item.items()} for page in pages for item in page["Items"])
        ids = {message["messageId"] for message in messages}
        by_id = {row["messageId"].partition("/")[2]: row for row in rows}  # <account>/<id>
        return {name: row for name, row in by_id.items() if name in ids}


@pytest.fixture(scope="module")
def running():
    queues = QuickQueues()
    port = free_port()
    with Simulator() as vendor, Sink() as clevertap, Sink() as others, queues.server:
        quick = {"Properties": {"MaximumBatchingWindowInSeconds": 1}}
        options = Options(
            message_central_url=vendor.url,
            callback_url=clevertap.callback_url,
            port=port,
            secret={"senderId": SENDERS[ACCOUNT]},
            overrides={
                "ReportFunction": {"Events": {"FinalMessages": quick}},
                "CountFunction": {"Events": {"Changes": quick}},
            },
            variables={"AWS_ENDPOINT_URL_SQS": queues.server.url},
        )
        with Bridge(options) as bridge:
            queues.aws_url = bridge.aws.url
            secret = {**CREDENTIALS, "receiptKey": OTHER_KEY, "senderId": SENDERS[OTHER]}
            secret["callbackUrl"] = others.callback_url
            bridge.aws.secrets().create_secret(Name=f"local/{OTHER}", SecretString=json.dumps(secret))
            yield World(bridge, vendor, clevertap, others, queues)


@pytest.fixture
def world(running: World) -> World:
    running.begin()
    return running


def eventually(question: Callable[[], Any], told: Callable[[], Any] = lambda: "it never came") -> Any:
    deadline = time.monotonic() + TIMEOUT
    while not (answer := question()):
        assert time.monotonic() < deadline, told()
        time.sleep(0.3)
    return answer


def events_of(sink: Sink) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for event in list(sink.received.events):
        found.setdefault(event["meta"], []).append(event["event"])
    return found


def told_once(world: World, messages: list[dict[str, str]]) -> dict[str, str]:
    """Wait until CleverTap knows of all; its events by message, of which there is one each, as the log says."""
    ids = {message["messageId"] for message in messages}
    eventually(lambda: events_of(world.clevertap).keys() >= ids, lambda: Counter(
        row["status"] for row in world.log(messages).values()))  # fmt: skip
    eventually(lambda: world.vendor.requests()["receipts"]["waiting"] == 0)
    time.sleep(2)  # what is too much would come now
    events = events_of(world.clevertap)
    assert events.keys() == ids
    assert {len(names) for names in events.values()} == {1}
    assert world.clevertap.received.invalid == []
    rows = world.log(messages)
    assert {row["status"] for row in rows.values()} <= FINAL
    for meta, [name] in events.items():
        assert (name == "delivered") == (rows[meta]["status"] == "delivered")
    return {meta: name for meta, [name] in events.items()}


def test_every_message_of_a_batch_ends_in_one_event(world: World):
    """Receipts in any order, some twice, some contradicted, some before the message's outcome is in the log."""
    shuffled = {"delay_seconds": 1, "spread_seconds": 2, "failures": 0.2, "duplicates": 0.2, "intermediate": 0.3}
    world.vendor.change(seed=4, receipts={"url": world.bridge.receipts_url, "contradictions": 0.2, **shuffled})
    messages = world.messages(120)
    refused = [one | {"to": f"9188{n}99400"} for n, one in enumerate(world.messages(10, 500), 10_000 // 100)]
    early = [one | {"to": f"9188{n}98008"} for n, one in enumerate(world.messages(5, 600), 10_000 // 100)]
    unreadable = [one | {"to": "no number"} for one in world.messages(1, 700)]
    everything = messages + refused + early + unreadable

    answer = world.post(everything)
    told = told_once(world, everything)

    assert (answer["accepted"], len(answer["rejected"])) == (len(everything) - 1, 1)
    words = {
        one.number: [receipt["status"] for _, receipt in plans(one, world.vendor.settings)]
        for one in world.vendor.accepted
    }
    finals = {number: [word for word in found if word != "ENROUTE"] for number, found in words.items()}
    assert any(len(found) > 1 for found in finals.values()), "the settings make duplicates"
    certain = [one for one in messages if len(set(finals[one["to"]])) == 1]
    for one in certain:
        delivered = finals[one["to"]][0] == "DELIVRD"
        assert told[one["messageId"]] == ("delivered" if delivered else "failed")
    split = Counter(told[one["messageId"]] for one in certain)
    assert split["delivered"] > split["failed"] > 0
    assert {told[one["messageId"]] for one in early} == {"delivered"}
    assert {told[one["messageId"]] for one in refused + unreadable} == {"failed"}
    codes = {event["code"] for event in world.clevertap.received.events if event["event"] == "failed"}
    assert {"910", "914", "916", "900"} >= codes > {"910"}
    eventually(lambda: world.differences() == [], world.differences)


@pytest.mark.fault("clevertap-down")
def test_while_clevertap_is_down_reports_wait_and_then_all_arrive_once(world: World):
    world.vendor.change(receipts={"url": world.bridge.receipts_url, "delay_seconds": 0.5, "failures": 0.5})
    world.clevertap.change(answer="unavailable_503")
    messages = world.messages(100)

    world.post(messages)
    eventually(lambda: world.vendor.requests()["receipts"].get("answered 200") == 100)
    eventually(lambda: world.clevertap.received.calls >= 3)
    assert world.clevertap.received.events == []
    world.clevertap.change(answer="drop")
    calls = world.clevertap.received.calls
    eventually(lambda: world.clevertap.received.calls >= calls + 2)
    world.clevertap.change(answer="success")

    told_once(world, messages)
    assert 600 in world.queues.delays, "CleverTap asks for ten minutes"


def test_receipts_of_two_accounts_do_not_mix(world: World):
    ours, theirs = world.messages(15), world.messages(15, 500)
    world.post(ours)
    world.post(theirs, OTHER)
    eventually(lambda: len(world.vendor.accepted) == 30)
    eventually(lambda: {row["status"] for row in world.log(ours + theirs).values()} == {"sent"})
    keys = {ACCOUNT: CREDENTIALS["receiptKey"], OTHER: OTHER_KEY}

    def report(account: str, key: str, senders: set[str]) -> list[int]:
        url = f"{world.bridge.url}/receipts/{account}/{key}"
        fields = [
            {"verificationId": one.verificationId, "mobileNumber": one.number, "status": "DELIVRD"}
            for one in world.vendor.accepted
            if one.senderId in senders
        ]
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda form: http.request("GET", url, fields=form).status, fields))

    assert {*report(ACCOUNT, keys[ACCOUNT], {SENDERS[OTHER]})} == {200}
    assert {*report(OTHER, keys[OTHER], {SENDERS[ACCOUNT]})} == {200}
    assert {*report(ACCOUNT, keys[OTHER], {*SENDERS.values()})} == {404}
    assert {row["status"] for row in world.log(ours + theirs).values()} == {"sent"}, "nothing was touched"
    for account, key in keys.items():
        assert {*report(account, key, {SENDERS[account]})} == {200}

    ids, other_ids = ({one["messageId"] for one in some} for some in (ours, theirs))
    eventually(lambda: len(world.clevertap.received.events) + len(world.others_clevertap.received.events) >= 30)
    assert events_of(world.clevertap).keys() == ids
    assert events_of(world.others_clevertap).keys() == other_ids


@pytest.mark.fault("receipt-unreadable")
def test_what_is_not_recognised_is_kept_shown_by_its_shape_and_redriven_once(world: World):
    """The same call before and after: no table is fixed in a function that runs."""
    [message] = world.messages(1)
    world.post([message])
    eventually(lambda: {row["status"] for row in world.log([message]).values()} == {"sent"})
    sqs, queues = world.bridge.aws.sqs(), world.bridge.aws.url + "/123456789012/local-"
    kept, parked = queues + "UnrecognisedReceipts", queues + "ReceiptQueue"
    document = {"ref": "v0", "msisdn": message["to"], "state": {"name": "Handed over"}}

    answer = http.request("POST", world.bridge.receipts_url, json=[document] * 3)

    assert (answer.status, answer.json()) == (200, {"status": "ok", "processed": 0, "kept": 3})
    [shape] = peek(sqs, kept)
    assert (shape.account, shape.method, shape.content_type) == (ACCOUNT, "POST", "application/json")
    assert shape.fields == ("msisdn", "ref", "state.name")
    with environment_of(world.bridge):
        assert redrive(sqs, kept, Queue(parked, Aws().sqs(), time.sleep)) == 1
    eventually(lambda: peek(sqs, kept) == {shape: 1})
    assert {row["status"] for row in world.log([message]).values()} == {"sent"}


def test_a_reply_reaches_clevertap(world: World):
    [message] = world.messages(1)
    world.post([message])
    eventually(lambda: {row["status"] for row in world.log([message]).values()} == {"sent"})

    reply = {"mobileNumber": message["to"], "text": "Yes, ü", "to": "5555"}
    answer = http.request("POST", world.bridge.receipts_url, fields=reply, encode_multipart=False)

    assert answer.json() == {"status": "ok", "processed": 1, "kept": 0}
    [event] = eventually(lambda: list(world.clevertap.received.events))
    assert (event["event"], event["meta"], event["incomingText"]) == ("replied", message["messageId"], "Yes, ü")
    assert event["toPhone"] == "5555"
    assert world.clevertap.received.invalid == []


@contextmanager
def environment_of(bridge: Bridge) -> Iterator[None]:
    """The environment of an operator whose AWS is the one of this machine."""
    names = {"AWS_ENDPOINT_URL": bridge.aws.url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
    with patch.dict(os.environ, {**names, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}):
        yield
