"""Replies: a text and a number on the receipts' URL become CleverTap's `replied`; and nothing else does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge import times
from bridge.clevertap.seal import Seal
from bridge.message_central.receipts import BESIDE_A_REPLY, MAX_TEXT, Unrecognised, read_receipts
from tests.fakes.clevertap import answer
from tests.fakes.faults import DENIED, LOST_BEFORE, THROTTLED, Fault
from tests.fakes.values import START, message_id, number, secret, text
from tests.unit.receipt_harness import OTHER_ACCOUNT, SECRET, URL, ReceiptHarness, change, receipt, rounds, row

YES = text("yes, please")


def reply(index: int = 0, words: str = YES, **changes: Any) -> dict[str, Any]:
    return {"mobileNumber": number(index)[3:], "text": words, **changes}


def told(harness: ReceiptHarness) -> list[dict[str, Any]]:
    """What CleverTap is told of what receive passed on."""
    bodies = [entry.body for entry in harness.passed_on]
    harness.parked.entries = [entry for entry in harness.parked.entries if entry.queue != "reports"]
    if bodies:
        assert harness.retry_delayed(*bodies) == []
    return harness.clevertap.taken


def test_a_reply_is_told_clevertap_with_the_last_message_to_its_number(harness: ReceiptHarness):
    earlier = times.iso(START - 3_600)
    harness.put(row(0, "delivered", message_id="first.", claimed_at=earlier), row(0, "sent"), row(1))

    assert harness.post(reply()) == (200, {"status": "ok", "processed": 1, "kept": 0})

    item = {"ts": int(START), "meta": message_id(), "description": "Reply", "incomingText": YES}
    assert told(harness) == [{**item, "event": "replied"}]
    [(url, _)] = harness.clevertap.calls
    assert url == URL
    assert harness.status() == "sent"
    assert harness.counts == {"RepliesReceived": 1, "ReportsPosted": 1}


@pytest.mark.parametrize(
    "changes",
    [{}, {"countryCode": "91"}, dict.fromkeys(BESIDE_A_REPLY, "5"), {"TEXT": YES, "text": None}],
    ids=repr,
)
def test_a_reply_is_read_with_what_may_stand_beside_it(harness: ReceiptHarness, changes: dict[str, Any]):
    harness.put(row())

    harness.post({name: value for name, value in reply(**changes).items() if value is not None})

    assert [item["incomingText"] for item in told(harness)] == [YES]


@pytest.mark.parametrize("name", ["to", "shortCode", "LONGCODE"])
def test_clevertap_is_told_the_number_that_was_replied_to(harness: ReceiptHarness, name: str):
    """CleverTap's page on Generic SMS: `toPhone` is "the number to which the user replied", like 5555."""
    harness.put(row())
    harness.dynamodb.down("query", LOST_BEFORE)
    harness.post(reply(**{name: " 5555 "}))
    harness.dynamodb.heal()

    assert harness.retry_parked() == []

    assert [item["toPhone"] for item in told(harness)] == ["5555"]


def test_a_reply_to_a_message_that_came_encrypted_goes_back_encrypted_likewise(harness: ReceiptHarness):
    harness.put(row(0, "delivered", encryption=str(Seal("key-1"))))

    harness.post(reply())

    [passed_on] = harness.passed_on
    [item] = passed_on.chunk["items"]
    assert item["encryption"] == str(Seal("key-1"))


def test_replies_and_receipts_come_together_one_level_deep(harness: ReceiptHarness):
    harness.put(row(0), row(1))

    _, taken = harness.post([{"data": [reply(0), reply(1)]}, receipt(0)])

    assert taken == {"status": "ok", "processed": 3, "kept": 0}
    assert harness.status() == "delivered"
    assert [item["meta"] for item in told(harness)] == [message_id(0), message_id(1)]


def test_a_long_text_is_cut_and_half_a_character_replaced(harness: ReceiptHarness):
    harness.put(row())

    harness.post(reply(words="ü" * 600 + "\ud800"))
    harness.post(reply(words="\ud800"))

    assert [item["incomingText"] for item in told(harness)] == ["ü" * MAX_TEXT, "?"]


def test_the_messages_row_shows_the_last_reply_and_its_status_stays(harness: ReceiptHarness):
    harness.put(row(0, "delivered"))

    harness.post(reply())
    harness.clock.sleep(60)
    harness.post(reply(words="no"))

    [found] = harness.dynamodb.rows()
    assert (found.reply_text, found.replied_at) == ("no", times.iso(START + 60))
    assert found.status == "delivered"
    assert harness.stream(change(found, row(0, "delivered"))) == []
    assert harness.clevertap.calls == [], "the end was told before"


def test_without_stored_texts_the_row_shows_only_when():
    harness = ReceiptHarness(STORE_TEXT="false")
    harness.put(row())

    harness.post(reply())

    [found] = harness.dynamodb.rows()
    assert (found.reply_text, found.replied_at) == (None, times.iso(START))


@pytest.mark.parametrize("fault", [LOST_BEFORE, DENIED], ids=repr)
def test_a_reply_that_cannot_be_shown_is_told_once_all_the_same(harness: ReceiptHarness, fault: Fault, capsys: Any):
    harness.put(row())
    harness.dynamodb.down("update_item", fault)

    assert harness.post(reply())[0] == 200

    assert "reply not written into its message's row" in capsys.readouterr().out
    assert [entry.queue for entry in harness.parked.entries] == ["reports"]


# ── what is not a reply ─────────────────────────────────────────────────────────

NO_REPLIES = {
    "a receipt with its text": receipt(0, text=YES),
    "a receipt on its way, with its text": receipt(0, "SENT", text=YES),
    "a receipt with an unknown word": receipt(0, "HANDED OVER", text=YES),
    "a receipt without its id": receipt(0, verificationId=None, text=YES),
    "a receipt without its status": receipt(0, status=None, text=YES),  # type: ignore[arg-type] # left out
    "a field that is not known": reply(dlr="1"),
    "an error": reply(errorCode="0"),
    "a message's id": reply(messageId="v0"),
    "a word in another field": reply(keyword="DELIVRD"),
    "a word for a text": reply(words=" delivered "),
    "an SMPP receipt for a text": reply(words="id:v0 sub:001 dlvrd:001 submit date:1 done date:1 stat:DELIVRD err:0"),
    "no number": {"text": YES},
    "no text": {"mobileNumber": number()},
    "an empty text": reply(words="  "),
    "a nested text": {"mobileNumber": number(), "text": {"body": YES}},
}


@pytest.mark.parametrize("name", NO_REPLIES)
def test_nothing_else_is_taken_for_a_reply(harness: ReceiptHarness, name: str):
    document = {key: value for key, value in NO_REPLIES[name].items() if value is not None}
    harness.put(row())

    assert harness.post(document)[0] == 200

    assert harness.passed_on == []
    read = [one for one in read_receipts(json.dumps(document).encode(), "") if not isinstance(one, Unrecognised)]
    assert len(harness.kept) == (not read), "a receipt, or kept"


# ── whose it is ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row(1)],
        [row(0, account=OTHER_ACCOUNT)],
        [row(0, message_id="bridge-1")],
        [row(0, "rejected"), row(0, "expired", message_id="2."), row(0, "retrying", message_id="3.")],
        [row(0, "cancelled")],
        [row(0, claimed_at=times.iso(START + 60))],
        [row(0, claimed_at=None)],
    ],
    ids=[
        "none",
        "another number",
        "another account",
        "our own id",
        "never sent",
        "cancelled",
        "later",
        "never claimed",
    ],
)
def test_a_reply_to_no_message_that_clevertap_knows_is_counted_and_told_nobody(
    harness: ReceiptHarness, rows: list[Any]
):
    harness.put(*rows)

    assert harness.post(reply())[0] == 200

    assert harness.parked.entries == []
    assert harness.counts == {"RepliesUnmatched": 1}


def test_without_a_callback_url_nobody_is_told(harness: ReceiptHarness):
    harness.secrets.secrets[SECRET] = secret(callbackUrl=None)
    harness.put(row())

    assert harness.post(reply())[0] == 200

    assert harness.parked.entries == []
    assert harness.counts == {}


# ── nothing lost ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", [LOST_BEFORE, THROTTLED, DENIED], ids=repr)
def test_while_the_log_does_not_answer_a_reply_waits(harness: ReceiptHarness, fault: Fault):
    harness.put(row())
    harness.dynamodb.down("query", fault)
    assert harness.post(reply())[0] == 200
    assert [entry.queue for entry in harness.parked.entries] == ["receipts"]

    assert harness.retry_parked() == []
    harness.dynamodb.heal()
    assert harness.retry_parked() == []

    assert [item["incomingText"] for item in told(harness)] == [YES]
    assert harness.counts["LogRefused"] == (2 if fault is DENIED else 0)


def test_with_hardly_any_time_a_reply_waits(harness: ReceiptHarness):
    harness.put(row())

    assert harness.post(reply(), seconds=4.5)[0] == 200

    assert harness.dynamodb.calls == {}
    assert harness.retry_parked() == []
    assert len(told(harness)) == 1


def test_a_malformed_row_makes_a_reply_wait_until_it_is_mended(harness: ReceiptHarness, capsys: Any):
    harness.put(row())
    [key] = harness.dynamodb.items
    harness.dynamodb.items[key]["segments"] = {"N": "1.5"}

    assert harness.post(reply())[0] == 200
    assert "malformed row: a reply waits until it is fixed" in capsys.readouterr().out
    harness.put(row())
    for _ in rounds(harness.parked):
        if harness.passed_on:
            told(harness)
        else:
            harness.retry_parked()

    assert harness.clevertap.metas == {message_id(): 1}


def test_what_sqs_does_not_take_has_to_come_again(harness: ReceiptHarness):
    harness.put(row())
    harness.parked.down("send_message_batch", THROTTLED)

    assert harness.post(reply())[0] == 503
    assert harness.passed_on == []


def test_a_reply_that_clevertap_cannot_take_waits_for_it(harness: ReceiptHarness):
    harness.put(row())
    harness.post(reply())
    [entry] = harness.passed_on
    harness.clevertap.script.append(answer(503))

    assert harness.retry_delayed(entry.body) == []
    assert harness.next_delayed() == []

    assert harness.clevertap.metas == {message_id(): 1}


def test_the_text_is_in_no_log_line(harness: ReceiptHarness, capsys: Any):
    harness.put(row())
    harness.post(reply())
    told(harness)

    assert YES not in capsys.readouterr().out
