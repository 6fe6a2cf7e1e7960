"""People look up messages: by any form of a number, one with its history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.operations.messages import HistoryEntry, history, masked, recipient_of
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, message_id, number, text

if TYPE_CHECKING:
    from tests.unit.harness import Bridge


def at(second: int) -> str:
    return f"2026-11-28T10:00:{second:02}.000Z"


@pytest.mark.parametrize("written", ["+919876500001", "919876500001", "00919876500001", " +91 98765-00001 "])
def test_a_number_is_found_however_it_is_written_with_its_country(written: str):
    assert recipient_of(written) == "+919876500001"


@pytest.mark.parametrize("written", ["12", "-", "no number", "98765 abc", ""])
def test_what_is_no_number_is_looked_up_as_it_came(written: str):
    assert recipient_of(written) == written


@pytest.mark.parametrize("other", ["OTHER", f"{ACCOUNT_ID}-2"])
def test_all_messages_of_an_account_to_a_number_are_found_the_newest_first(bridge: Bridge, other: str):
    bridge.dynamodb.page = 1
    bridge.dynamodb.put(row(1, "sent", accepted_at=at(1), message_id="first", text=text()))
    bridge.dynamodb.put(row(1, "expired", accepted_at=at(2), message_id="second"))
    bridge.dynamodb.put(row(1, "sent", account=other))
    bridge.dynamodb.put(row(2, "sent"))

    found = bridge.app_now.messages.to(number(1)[1:], ACCOUNT_ID)

    assert [(one.message_id, one.text) for one in found] == [("second", None), ("first", text())]


def test_one_message_is_found_by_its_id(bridge: Bridge):
    bridge.dynamodb.put(row(1, "sent"))
    bridge.dynamodb.put(row(1, "sent", account="OTHER", message_id="theirs"))

    found = bridge.app_now.messages.one(number(1), ACCOUNT_ID, message_id(1))

    assert found == row(1, "sent")
    assert bridge.app_now.messages.one(number(1), ACCOUNT_ID, "theirs") is None


@pytest.mark.parametrize(
    ("number_", "shown"), [("+919876500001", "+9198*****001"), ("+4712345", "********"), ("123", "***"), ("", "")]
)
def test_a_masked_number_does_not_tell_whose_it_is(number_: str, shown: str):
    assert masked(number_) == shown


HISTORIES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"status": "delivered", "sent_at": at(3), "final_at": at(9), "verification_id": "v1", "reason": "DELIVRD"},
        [
            "accepted",
            "a worker began to send it",
            "taken by Message Central, which calls it v1",
            "delivered: DELIVRD; CleverTap is told",
        ],
    ),
    (
        {"status": "rejected", "final_at": at(0), "code": "910", "reason": "no number", "report": False,
         "claimed_at": None},
        ["accepted", "rejected 910: no number"],
    ),
    (
        {"status": "retrying", "attempts": 3, "reason": "vendor busy"},
        ["accepted", "a worker began to send it, attempt 3", "retrying: vendor busy"],
    ),
    (
        {"status": "cancelled", "final_at": at(2), "code": "915", "reason": "stopped"},
        ["accepted", "cancelled 915: stopped; CleverTap is told"],
    ),
    ({"status": "expired", "attempts": 2, "final_at": at(2), "report": False}, ["accepted", "expired"]),
    ({"status": "unknown"}, ["accepted", "a worker began to send it", "unknown"]),
    ({"status": "sending"}, ["accepted", "a worker began to send it"]),
    (
        {"status": "sending", "resent_by": "arn:ana", "resent_at": at(0)},
        ["sent again by arn:ana", "a worker began to send it"],
    ),
]  # fmt: skip


@pytest.mark.parametrize("written", ["STOP", None])
def test_a_reply_stands_in_the_history_at_its_time_as_far_as_its_text_is_kept(written: str | None):
    times_ = {"accepted_at": at(0), "claimed_at": at(1), "sent_at": at(2), "final_at": at(4), "replied_at": at(3)}

    *_, replied, delivered = history(row(1, "delivered", reply_text=written, **times_))

    assert replied == HistoryEntry(at(3), "replied", written)
    assert delivered.at == at(4)


@pytest.mark.parametrize(("fields", "steps"), HISTORIES)
def test_a_message_tells_its_story(fields: dict[str, Any], steps: list[str]):
    common: dict[str, Any] = {"accepted_at": at(0), "claimed_at": at(2), "claimed_by": "w/1", "verification_id": None}

    found = history(row(1, **common | fields))

    assert [step.what for step in found] == steps
    assert found[0] == HistoryEntry(at(0), steps[0])
