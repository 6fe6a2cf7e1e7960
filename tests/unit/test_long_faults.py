"""Faults of docs/operations.md that last, or that come together, played over the whole bridge as Lambda calls it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from bridge.chunk import Chunk, decode, encode
from tests.fakes.faults import DENIED, LOST_AFTER
from tests.fakes.values import ACCOUNT_ID, message, message_id, number, text
from tests.fakes.vendor import answer, page
from tests.unit.harness import VALIDITY, Bridge, Handlers, metrics, taken_out

DAY = 86_400.0


def chunk_of(handlers: Handlers, *numbers: int, account: str = ACCOUNT_ID) -> str:
    now = handlers.clock()
    messages = [message(n, account=account, accepted_at=now) for n in numbers]
    [(body, _)] = encode(Chunk(account, now, 0, messages, request="request-1"))
    return body


def go_on(handlers: Handlers, seconds: float) -> None:
    """Time passes, and dispatch gets each chunk when it is due."""
    until = handlers.clock.now + seconds
    while due := [entry for entry in handlers.sqs.entries if entry.due <= until]:
        handlers.clock.now = max(handlers.clock.now, min(entry.due for entry in due))
        handlers.work(*taken_out(handlers.sqs, handlers.clock.now))
    handlers.clock.now = until


@pytest.mark.fault("vendor-502", "vendor-500")
@pytest.mark.parametrize("reply", [page(502), page(500), page(504), answer(200, 500)], ids=repr)
def test_a_message_that_may_have_been_sent_is_given_to_the_vendor_once_in_a_day(handlers: Handlers, reply: Any):
    handlers.transport.default = reply

    handlers.work(chunk_of(handlers, 1))
    go_on(handlers, 2 * DAY)

    assert len(handlers.transport.send_calls) == 1
    assert handlers.dynamodb.statuses() == ["unknown"]


@pytest.mark.fault("gateway-page")
@pytest.mark.parametrize("status", [302, 400, 404])
def test_an_hour_of_a_proxys_pages_rejects_nothing_and_all_is_sent_afterwards(handlers: Handlers, status: int):
    handlers.transport.default = page(status)
    handlers.work(*(chunk_of(handlers, *range(first, first + 50)) for first in (0, 50, 100)))
    go_on(handlers, 3_600)
    assert {*handlers.dynamodb.statuses()} == {"retrying"}

    handlers.transport.default = answer(200, 200, data={"verificationId": "1"})
    go_on(handlers, 3_600)

    assert handlers.dynamodb.statuses() == ["sent"] * 150


@pytest.mark.fault("table-refuses")
def test_a_table_that_refuses_sends_nothing_fails_its_chunks_and_lets_them_expire_when_it_is_back(
    handlers: Handlers, capsys: pytest.CaptureFixture[str]
):
    handlers.dynamodb.down("put_item", DENIED)
    body = chunk_of(handlers, 1, 2)

    for _ in range(5):  # as often as SQS delivers it before the dead letters
        assert handlers.work(body) == ["sqs-0"]
        handlers.clock.sleep(360)
    printed = capsys.readouterr().out
    assert metrics(printed)[ACCOUNT_ID, "LogRefused"]
    assert "AccessDeniedException" in printed
    assert handlers.sqs.entries == [], "copies would circle"

    handlers.dynamodb.heal()
    handlers.clock.sleep(VALIDITY)
    assert handlers.work(body) == [], "redriven from the dead letters"

    assert handlers.dynamodb.statuses() == ["expired"] * 2
    assert handlers.transport.send_calls == []


@pytest.mark.fault("bug")
@pytest.mark.parametrize("account", [ACCOUNT_ID, "FAULTY"])
def test_a_fault_of_ours_before_the_messages_fails_its_own_chunk_alone(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch, account: str
):
    look_up = handlers.secrets.get_secret_value

    def get(**options: Any) -> Any:
        if options["SecretId"] == "bridge/FAULTY":
            raise RuntimeError("a fault of ours")
        return look_up(**options)

    monkeypatch.setattr(handlers.secrets, "get_secret_value", get)

    failed = handlers.work(chunk_of(handlers, 1), chunk_of(handlers, 2, account=account), chunk_of(handlers, 3))

    assert failed == (["sqs-1"] if account == "FAULTY" else [])
    assert len(handlers.transport.send_calls) == 3 - len(failed)


@pytest.mark.fault("queue-in-doubt")
def test_of_a_batch_in_doubt_what_was_rejected_is_reported_though_a_worker_had_a_part_of_it(bridge: Bridge):
    # The queue took both chunks and never said so; a worker is quick with one of them.
    def work_once(point: str) -> None:
        if point == "after send_message_batch":
            bridge.sqs.around = lambda _point: None
            bridge.dispatch(decode(bridge.sqs.entries[0].body))

    bridge.sqs.around = work_once
    bridge.sqs.down("send_message_batch", LOST_AFTER)

    taken = bridge.post([{"to": number(n), "text": text(), "messageId": message_id(n)} for n in range(150)]).body

    assert (taken["status"], taken["accepted"], len(taken["rejected"])) == ("queued", 100, 50)
    rows = Counter((row.status.value, row.report) for row in bridge.dynamodb.rows())
    assert rows == {("sent", True): 100, ("rejected", True): 50}


@pytest.mark.fault("key-changed", "accounts-guessed")
@pytest.mark.parametrize(("account", "counted"), [(ACCOUNT_ID, ACCOUNT_ID), ("6K9-NOBODYS", "-")])
def test_calls_that_are_not_authenticated_are_counted_and_guesses_under_no_name(
    handlers: Handlers, capsys: pytest.CaptureFixture[str], account: str, counted: str
):
    handlers.post({"to": number(), "text": text()})  # the account is known from now on
    capsys.readouterr()

    for _ in range(3):
        status, _ = handlers.post({"to": number(), "text": text()}, {"account": account, "x-api-key": "the old key"})
        assert status == 401

    assert [name for name in metrics(capsys.readouterr().out) if name[1] == "RequestsUnauthorized"] == [
        (counted, "RequestsUnauthorized")
    ]
