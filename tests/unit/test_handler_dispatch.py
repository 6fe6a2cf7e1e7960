"""The dispatch function, put together as on Lambda."""

from __future__ import annotations

import json

import pytest

from bridge.chunk import Chunk, encode
from tests.fakes.values import ACCOUNT_ID, message, secret
from tests.fakes.vendor import NOT_SENT, answer
from tests.unit.harness import Context, Handlers


def body(handlers: Handlers, count: int = 3, account: str = ACCOUNT_ID) -> str:
    now = handlers.clock()
    messages = [message(n, account=account, accepted_at=now) for n in range(count)]
    [(text, _)] = encode(Chunk(account, now, 0, messages, request="request-1"))
    return text


def test_chunks_are_sent(handlers: Handlers):
    assert handlers.work(body(handlers)) == []

    assert handlers.dynamodb.statuses() == ["sent"] * 3


def test_an_event_without_records_is_done(handlers: Handlers):
    assert handlers.dispatch({"Records": []}, Context()) == {"batchItemFailures": []}


@pytest.mark.fault("chunk-malformed")
@pytest.mark.parametrize("broken", ["", "no json", "{}", "[]", '{"account": "a", "messages": [1]}'])
def test_a_malformed_chunk_fails_alone(handlers: Handlers, broken: str):
    assert handlers.work(body(handlers), broken) == ["sqs-1"]

    assert handlers.dynamodb.statuses() == ["sent"] * 3


@pytest.mark.fault("bug")
@pytest.mark.parametrize("where", ["a message", "a chunk", "a body"])
def test_a_fault_of_ours_is_counted_at_once_and_not_when_its_chunk_is_a_dead_letter(
    handlers: Handlers, where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError

    if where == "a message":
        monkeypatch.setattr("bridge.send.Sender.send", fails)
    elif where == "a chunk":
        monkeypatch.setattr("bridge.batch.Batch.add", fails)
    given = "no json" if where == "a body" else body(handlers, 1)

    assert handlers.work(given) == ["sqs-0"]

    assert '"Faults":[1.0]' in capsys.readouterr().out


def test_all_malformed_chunks_fail(handlers: Handlers):
    assert handlers.work("x", "y") == ["sqs-0", "sqs-1"]


@pytest.mark.fault("secret-deleted")
def test_messages_of_an_unknown_account_wait(handlers: Handlers):
    assert handlers.work(body(handlers, account="UNKNOWN")) == []

    [entry] = handlers.sqs.entries
    assert entry.chunk["attempts"] == 0, "nothing was attempted"
    assert handlers.transport.send_calls == []


def test_a_pasted_token_with_a_line_break_burns_no_messages(handlers: Handlers):
    handlers.secrets.secrets[f"bridge/{ACCOUNT_ID}"] = secret(authToken="tok\nen")

    assert handlers.work(body(handlers)) == [], "they wait for a good token"
    assert handlers.dynamodb.rows() == []


def test_a_token_is_fetched_once_for_all(handlers: Handlers):
    handlers.work(body(handlers, 50))

    assert len(handlers.transport.token_calls) == 1


def test_an_outage_comes_back_as_one_chunk(handlers: Handlers):
    handlers.transport.default = NOT_SENT

    assert handlers.work(body(handlers, 60)) == []

    assert sum(len(chunk["messages"]) for chunk in handlers.sqs.chunks) == 60
    assert {chunk["request"] for chunk in handlers.sqs.chunks} == {"request-1"}


def test_one_line_tells_what_became_of_the_chunks(handlers: Handlers, capsys: pytest.CaptureFixture[str]):
    handlers.transport.sends.extend([answer(400, 400), answer(400, 506)])

    handlers.work(body(handlers))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [logged] = [line for line in lines if line.get("message") == "dispatched"]
    counts = {"MessagesRejected": 1, "MessagesRetrying": 1, "MessagesPostponed": 1, "MessagesSent": 1}
    assert logged["counts"] == counts
    assert logged["postponed"] == {"same number again": 1}
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
    handlers: Handlers, capsys: pytest.CaptureFixture[str], count: int
):
    now = handlers.clock()
    texts = [text for text, _ in encode(Chunk(ACCOUNT_ID, now, 0, [message(n, accepted_at=now) for n in range(count)]))]

    handlers.work(*texts)

    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert metrics
    for document in metrics:
        directive, of_stack = document["_aws"]["CloudWatchMetrics"]
        assert (of_stack["Dimensions"], [one["Name"] for one in of_stack["Metrics"]]) == ([[]], ["BatchTimeToVendor"])
        assert ["account", "service"] in [sorted(names) for names in directive["Dimensions"]]
        assert document["account"] == ACCOUNT_ID
    assert sum(sum(document.get("MessagesSent", [])) for document in metrics) == count
    assert 0 < sum(len(document.get("SendLatency", [])) for document in metrics) <= 100
