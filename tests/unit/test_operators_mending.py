"""`receipts`, `receipts redrive`, `report-again` and `rotate-key`, against moto."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from bridge import times
from bridge.kept import ReceiptCall
from local.template import read_stack
from scripts.operators.aws import OperatorAws
from scripts.operators.cli import main
from scripts.operators.target import Target, is_queue
from tests.fakes.values import ACCOUNT_ID, API_KEY, START, message_id, number, secret
from tests.unit.operators import Ended
from tests.unit.receipt_harness import row

if TYPE_CHECKING:
    from collections.abc import Iterator

QUEUES = ("ReceiptQueue", "UnrecognisedReceipts", "ReportQueue", "DispatchQueue", "SingleQueue")


class World:
    """A stack on moto, and its command line."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.aws = OperatorAws(boto3.Session())
        self.sqs, self.dynamodb = self.aws.client("sqs"), self.aws.client("dynamodb")
        self.secrets = self.aws.client("secretsmanager")
        self.urls = {name: self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in QUEUES}
        definition = read_stack("s", {"AccountId": "A"}, "https://x").tables["SmsLogTable"].definition
        self.dynamodb.create_table(TableName="SmsLogTable", **definition)
        self.secrets.create_secret(Name=f"bridge/{ACCOUNT_ID}", SecretString=json.dumps(secret()))
        self.target = Target(
            stack="bridge",
            aws=self.aws,
            base_url="https://api.example",
            outputs={},
            resource=lambda place: self.urls.get(place, place),
            who=lambda: "ana",
        )

    def __call__(self, *words: str) -> Ended:
        self._capsys.readouterr()
        code = main(["--stack", "bridge", *words], lambda _stack, _local: self.target)
        out, err = self._capsys.readouterr()
        return Ended(code, out, err)

    def keep(self, document: Any) -> None:
        call = ReceiptCall(ACCOUNT_ID, json.dumps(document).encode(), "", "POST", "application/json", START)
        self.sqs.send_message(QueueUrl=self.urls["UnrecognisedReceipts"], MessageBody=call.encode())

    def bodies(self, queue: str) -> list[Any]:
        answer = self.sqs.receive_message(QueueUrl=self.urls[queue], MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    with mock_aws():
        yield World(capsys)


def test_the_shapes_are_shown_without_values(world: World):
    world.keep({"ref": "v0", "mobile": number(), "status": "DELIVRD"})
    world.keep({"messageId": "v0", "mobile": number(), "status": "HANDED OVER"})

    ended = world("receipts")

    assert ended.code == 0
    assert "mobile, ref, status" in ended.out
    assert "missing: verificationId" in ended.out
    assert "unknown status; HANDED OVER" in ended.out
    assert number()[3:] not in ended.out
    shapes = world("receipts", "--json").document()
    assert {(one["count"], one["readable"]) for one in shapes} == {(1, False)}


@pytest.mark.parametrize("switch", ["false", "true"])
def test_a_receipt_without_a_number_is_readable_where_the_stack_reads_it(world: World, switch: str):
    world.target = replace(world.target, parameters={"ReceiptsWithoutNumber": switch})
    world.keep({"messageId": "v0", "status": "DELIVRD"})

    assert [one["readable"] for one in world("receipts", "--json").document()] == [switch == "true"]


def test_nothing_kept_is_said(world: World):
    assert world("receipts").out == "Nothing is kept: all receipts were recognised.\n"
    assert world("receipts", "--json").document() == []
    assert world("receipts", "redrive").out == "Nothing is kept: all receipts were recognised.\n"


def test_what_is_kept_is_redriven(world: World):
    for _ in range(12):
        world.keep({"ref": "v0"})

    assert world("receipts", "redrive", "--json").document() == {"redriven": 12}

    redriven = world.bodies("ReceiptQueue") + world.bodies("ReceiptQueue")  # ten at a time
    assert ["kept" in body for body in redriven] == [True] * 12
    assert world.bodies("UnrecognisedReceipts") == []


def test_a_new_key_is_made_and_said_where_it_goes(world: World):
    ended = world("rotate-key", "apiKey", "--yes")

    held = json.loads(world.secrets.get_secret_value(SecretId=f"bridge/{ACCOUNT_ID}")["SecretString"])
    assert ended.code == 0
    assert f"x-api-key: {held['apiKey']}" in ended.out
    assert held == secret(apiKey=held["apiKey"])
    assert held["apiKey"] != API_KEY


def test_who_would_be_shut_out_is_said_before(world: World):
    ended = world("rotate-key", "receiptKey")

    assert ended.code == 3
    assert "made or changed within the last day" in ended.err
    assert world("rotate-key", "password", "--yes").code == 2


def ends(world: World, *minutes: int) -> None:
    for index, minute in enumerate(minutes):
        one = row(index, "delivered", final_at=times.iso(START + 60 * minute))
        world.dynamodb.put_item(TableName="SmsLogTable", Item=one.to_item())


HOUR = (times.iso(START), times.iso(START + 3_600))


def test_a_span_is_counted_asked_about_and_then_queued(world: World):
    ends(world, 1, 2, 59, 61)

    asked = world("report-again", *HOUR)
    done = world("report-again", *HOUR, "--yes", "--json")

    assert asked.code == 3
    assert f"Report 3 delivered of {ACCOUNT_ID} once more. CleverTap counts twice" in asked.err
    assert done.document() == {"delivered": 3, "notQueued": 0}
    [waiting] = world.bodies("ReportQueue")
    assert {item["meta"] for item in waiting["items"]} == {message_id(n) for n in range(3)}


def test_an_empty_span_asks_nothing(world: World):
    assert world("report-again", *HOUR).out == "0 reports are queued.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("yesterday", "2026-11-28T10:00"), "yesterday is not a time"),
        (("2026-11-28T10:00", "2026-11-28T09:00"), "is after"),
    ],
)
def test_a_span_that_is_none_is_refused(world: World, words: tuple[str, str], said: str):
    ended = world("report-again", *words, "--yes")

    assert ended.code == 2
    assert said in ended.err


def test_on_this_machine_every_queue_of_the_template_is_known_as_one():
    stack = read_stack("s", {"AccountId": "A"}, "https://x")
    used = {name for name in stack.queues if not name.endswith("DeadLetters")}

    assert {name for name in used if is_queue(name)} == used
    assert not any(map(is_queue, stack.tables))
