"""The dispatch function with its real wiring."""

from __future__ import annotations

import json

import pytest

from bridge.message_central.wire import Fate
from bridge.queues import Chunk, encode
from tests.fakes.values import ACCOUNT_ID, message, secret
from tests.fakes.vendor import answer
from tests.unit.doors import Context, Doors


def body(doors: Doors, count: int = 3, account: str = ACCOUNT_ID) -> str:
    now = doors.accept.time.time()
    messages = [message(n, account=account, accepted_at=now) for n in range(count)]
    [(text, _)] = encode(Chunk(account, now, 0, messages, request="request-1"))
    return text


def test_chunks_are_sent(doors: Doors):
    assert doors.work(body(doors)) == []

    assert doors.dynamodb.statuses() == ["sent"] * 3


def test_an_event_without_records_is_done(doors: Doors):
    assert doors.dispatch.handler({"Records": []}, Context()) == {"batchItemFailures": []}


@pytest.mark.parametrize("broken", ["", "no json", "{}", "[]", '{"account": "a", "messages": [1]}'])
def test_what_is_no_chunk_fails_alone(doors: Doors, broken: str):
    assert doors.work(body(doors), broken) == ["sqs-1"]

    assert doors.dynamodb.statuses() == ["sent"] * 3


def test_all_that_are_no_chunks_fail(doors: Doors):
    assert doors.work("x", "y") == ["sqs-0", "sqs-1"]


def test_messages_of_an_unknown_account_wait(doors: Doors):
    assert doors.work(body(doors, account="UNKNOWN")) == []

    [entry] = doors.sqs.entries
    assert entry.chunk["attempts"] == 1
    assert doors.wire.send_calls == []


def test_a_pasted_token_with_a_line_break_burns_no_messages(doors: Doors):
    doors.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(authToken="tok\nen")

    assert doors.work(body(doors)) == [], "they wait for a good token"
    assert doors.dynamodb.rows() == []


def test_a_token_is_fetched_once_for_all(doors: Doors):
    doors.work(body(doors, 50))

    assert len(doors.wire.token_calls) == 1


def test_an_outage_comes_back_as_one_chunk(doors: Doors):
    doors.wire.default = Fate.UNREACHED

    assert doors.work(body(doors, 60)) == []

    assert sum(len(chunk["messages"]) for chunk in doors.sqs.chunks) == 60
    assert {chunk["request"] for chunk in doors.sqs.chunks} == {"request-1"}


def test_one_line_tells_what_became_of_the_chunks(doors: Doors, capsys: pytest.CaptureFixture[str]):
    doors.wire.sends.extend([answer(400, 400), answer(400, 506)])

    doors.work(body(doors))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [logged] = [line for line in lines if line.get("message") == "dispatched"]
    assert logged["counts"] == {"MessagesRejected": 1, "MessagesRetrying": 1, "MessagesSent": 1}
    assert logged["verdicts"] == {"400": 1, "506": 1, "200": 1}
    assert logged["chunks"][0] == {
        "id": "sqs-0",
        "request": "request-1",
        "account": ACCOUNT_ID,
        "messages": 3,
        "attempts": 0,
    }


@pytest.mark.parametrize("count", [99, 100, 250])
def test_every_metric_has_service_and_account_however_many_were_sent(
    doors: Doors, capsys: pytest.CaptureFixture[str], count: int
):
    now = doors.accept.time.time()
    texts = [text for text, _ in encode(Chunk(ACCOUNT_ID, now, 0, [message(n, accepted_at=now) for n in range(count)]))]

    doors.work(*texts)

    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert metrics
    for document in metrics:
        [directive] = document["_aws"]["CloudWatchMetrics"]
        assert ["account", "service"] in [sorted(names) for names in directive["Dimensions"]]
        assert document["account"] == ACCOUNT_ID
    assert sum(sum(document.get("MessagesSent", [])) for document in metrics) == count
    assert 0 < sum(len(document.get("SendLatency", [])) for document in metrics) <= 100
