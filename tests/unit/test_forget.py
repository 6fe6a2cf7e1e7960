"""A person is forgotten: nothing of a number stays but counts, and nothing of it is sent again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bridge import times
from bridge.campaigns.keys import WHOLE_ACCOUNT
from bridge.chunk import decode, encode
from bridge.message import Status
from bridge.operations import forget
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, START, number, text
from tests.unit.harness import Bridge, chunk, taken_out
from tests.unit.test_template import TEMPLATE

if TYPE_CHECKING:
    from bridge.log.row import Row
    from bridge.operations.forget import Forgotten

HOUR = 3_600.0
OLD = times.iso(START - 74 * HOUR)
YOUNG = times.iso(START - 2 * HOUR)


def forget_number(bridge: Bridge, *rows: Row) -> Forgotten:
    for one in rows:
        bridge.dynamodb.put(one)
    forgetter = bridge.app_now.forget
    return forgetter.forget(forgetter.find(number(), ACCOUNT_ID), "Ann")


@pytest.mark.parametrize("status", ["sent", "delivered", "rejected", "expired", "unknown", "sending", "retrying"])
@pytest.mark.parametrize("claimed_by", ["w/1", None])
def test_what_no_worker_could_send_again_is_deleted(bridge: Bridge, status: str, claimed_by: str | None):
    done = forget_number(bridge, row(0, status, accepted_at=OLD, claimed_by=claimed_by), row(1))

    assert (done.deleted, done.emptied, done.under_way) == (1, 0, 0)
    assert [one.recipient for one in bridge.dynamodb.rows()] == [number(1)]


@pytest.mark.parametrize("status", ["sent", "delivered", "rejected", "expired", "unknown"])
def test_a_row_that_is_still_needed_is_emptied_and_goes_by_itself(bridge: Bridge, status: str):
    replied = {"replied_at": YOUNG, "reply_text": "It is me, Asha"}
    done = forget_number(bridge, row(0, status, accepted_at=YOUNG, text=text(), campaign_id="42", **replied))

    [left] = bridge.dynamodb.rows()
    assert left.reply_text is None
    assert (done.deleted, done.emptied, done.gone_by) == (0, 1, times.iso(START + 71 * HOUR))
    assert (left.text, left.expires_at, left.status, left.campaign_id) == (None, int(START + 71 * HOUR), status, "42")


@pytest.mark.parametrize("status", ["sending", "retrying"])
def test_a_message_that_is_under_way_is_left(bridge: Bridge, status: str):
    done = forget_number(bridge, row(0, status, accepted_at=YOUNG, text=text()))

    assert (done.deleted, done.emptied, done.under_way) == (0, 0, 1)
    assert bridge.dynamodb.rows()[0].text == text()


@pytest.mark.parametrize("accepted_at", [OLD, YOUNG])
def test_a_row_that_changed_meanwhile_is_left(bridge: Bridge, accepted_at: str):
    seen = row(0, "unknown", accepted_at=accepted_at)
    bridge.dynamodb.put(replace(seen, claimed_by="w/other"))

    assert bridge.app_now.forget.forget([seen], "Ann").under_way == 1
    assert len(bridge.dynamodb.rows()) == 1


@pytest.mark.parametrize("other", ["OTHER", f"{ACCOUNT_ID}-2"])
def test_another_accounts_messages_are_not_forgotten(bridge: Bridge, other: str):
    forget_number(bridge, row(0, accepted_at=OLD), row(0, accepted_at=OLD, account=other))

    assert [one.account for one in bridge.dynamodb.rows()] == [other]


def test_a_copy_of_its_chunk_does_not_send_a_forgotten_message_again(bridge: Bridge):
    first = chunk(1)
    [(body, _)] = encode(first)
    bridge.dispatch(first)
    forgetter = bridge.app_now.forget

    for hours in (0, 40, 40):
        bridge.clock.sleep(hours * HOUR)
        forgetter.forget(forgetter.find(number(), ACCOUNT_ID), "Ann")
        bridge.dispatch(decode(body))

    assert [*bridge.vendor.sent.values()] == [1]


@pytest.mark.parametrize("status", ["expired", "rejected", "unknown"])
def test_what_was_to_be_sent_again_is_not_once_its_person_is_forgotten(bridge: Bridge, status: str):
    ended = {"final_at": None, "code": None} if status == "unknown" else {"final_at": YOUNG, "code": "904"}
    claim = {} if status == "unknown" else {"claimed_by": None}
    bridge.dynamodb.put(row(0, status, accepted_at=YOUNG, text=text(), **ended, **claim))
    resender = bridge.app_now.resend
    assert resender.resend(resender.preview(bridge.dynamodb.rows(), unknown=True).rows, "Ben").queued == 1

    assert forget_number(bridge).emptied == 1
    for body in taken_out(bridge.sqs):
        assert bridge.dispatch(decode(body)) == [True]

    assert not bridge.vendor.sent
    assert [(left.status, left.text) for left in bridge.dynamodb.rows()] == [(status, None)]


def test_who_knows_that_a_forgotten_message_was_not_sent_does_not_send_it(bridge: Bridge):
    waiting = chunk(1)
    waiting = replace(waiting, messages=[replace(waiting.messages[0], unsent_claims=("w/0",))])

    assert forget_number(bridge, row(0, "unknown", accepted_at=YOUNG, text=text())).emptied == 1
    assert bridge.dispatch(waiting) == [True]

    assert not bridge.vendor.sent
    assert [(left.status, left.text) for left in bridge.dynamodb.rows()] == [("unknown", None)]


def test_a_late_outcome_brings_no_text_back(bridge: Bridge):
    unknown = row(0, "unknown", accepted_at=YOUNG, text=text())
    late = replace(chunk(1), messages=(), outcomes=[replace(unknown, status=Status.SENT, verification_id="v0")])

    assert forget_number(bridge, unknown).emptied == 1
    assert bridge.dispatch(late) == [True]

    assert [left.text for left in bridge.dynamodb.rows()] == [None]


def test_the_worker_of_a_forgotten_message_can_still_be_found(bridge: Bridge):
    forget_number(bridge, row(0, accepted_at=YOUNG, claimed_by="3f6e0b3c/1a2b"))

    assert bridge.dynamodb.rows()[0].claimed_by == "3f6e0b3c/forgotten"


def test_the_account_knows_that_somebody_was_forgotten_and_by_whom_but_not_who(bridge: Bridge):
    forget_number(bridge, row(0, "sent", accepted_at=OLD), row(0, "sent", message_id="other", accepted_at=OLD))

    [action] = bridge.app_now.controls.actions((ACCOUNT_ID, WHOLE_ACCOUNT))
    assert (action.by, action.what, action.at) == ("Ann", "messages of a number forgotten: 2", times.iso(START))


def test_done_again_it_does_no_harm(bridge: Bridge):
    young = row(0, accepted_at=YOUNG, text=text())

    assert forget_number(bridge, young).emptied == 1
    assert forget_number(bridge).emptied == 1


def test_the_longest_validity_is_the_templates():
    longest = TEMPLATE["Parameters"]["MessageValidityHours"]["MaxValue"]
    assert longest == forget.LONGEST_VALIDITY_HOURS
