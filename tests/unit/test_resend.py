"""Messages that came to an end are sent again on a person's word: each once, whatever happens to the resend."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bridge import times
from bridge.campaigns.control import State
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from bridge.chunk import Lane, decode
from bridge.errors import NothingAccepted, Refused
from bridge.message import Status
from bridge.message_central import verdicts
from tests.fakes.faults import LOST_AFTER, LOST_BEFORE, UNREACHED, silence
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, START, message, text
from tests.unit.harness import VALIDITY, Bridge, taken_out

if TYPE_CHECKING:
    from bridge.log.row import Row

END = times.iso(START - 60)
BY = "arn:aws:iam::1:user/ops"


def ended(index: int, status: str, **changes: Any) -> Row:
    """A row as a message left it that came to such an end."""
    fields: dict[str, Any] = {"text": text(), "campaign_id": "42", "sender_id": "SHOP", "template_id": "1107"}
    if status != "unknown":
        fields["final_at"] = END
    if status == "rejected":
        fields |= {"code": "904", "claimed_by": None, "segments": None}
    return row(index, status, **(fields | changes))


def lay(bridge: Bridge, *rows: Row) -> list[Row]:
    for one in rows:
        bridge.dynamodb.put(one)
    return [*rows]


def resend(bridge: Bridge, *, unknown: bool = False) -> None:
    resender = bridge.app_now.resend
    preview = resender.preview(bridge.dynamodb.rows(), unknown=unknown)
    assert resender.resend(preview.rows, BY).left == 0


def work(bridge: Bridge, *bodies: str) -> None:
    """Deliver chunks, by default all that are queued."""
    for body in bodies or taken_out(bridge.sqs):
        assert bridge.dispatch(decode(body)) == [True]


def statuses(bridge: Bridge) -> dict[str, str]:
    return {one.recipient[-1]: one.status.value for one in bridge.dynamodb.rows()}


def test_a_preview_tells_what_would_be_sent_again_and_what_is_left(bridge: Bridge):
    rows = lay(
        bridge,
        ended(0, "expired"),
        ended(1, "rejected", report=False),
        ended(2, "unknown"),
        ended(3, "rejected", code="910"),
        row(4, "sent"),
        row(5, "delivered"),
        row(6, "sending"),
        ended(7, "expired", text=None),
    )

    preview = bridge.app_now.resend.preview(rows)

    assert preview.statuses == {"expired": 1, "rejected": 1}
    assert preview.left == {"unknown": 1, "rejected": 1, "sent": 1, "delivered": 1, "sending": 1}
    assert (preview.textless, preview.told, preview.parts) == (1, 1, 2)
    assert bridge.app_now.resend.preview(rows, unknown=True).statuses == {"expired": 1, "rejected": 1, "unknown": 1}


@pytest.mark.parametrize("status", ["expired", "rejected", "unknown"])
def test_a_message_is_sent_again_as_it_was_and_its_row_says_on_whose_word(bridge: Bridge, status: str):
    lay(bridge, ended(0, status))

    resend(bridge, unknown=True)
    [body] = taken_out(bridge.sqs)
    work(bridge, body)

    [sent] = bridge.dynamodb.rows()
    assert (sent.status, sent.resent_by, sent.resent_at) == ("sent", BY, times.iso(START))
    assert (sent.text, sent.campaign_id, sent.sender_id, sent.template_id) == (text(), "42", "SHOP", "1107")
    assert sent.accepted_at == times.iso(START), "its validity starts again"
    [given] = decode(body).messages
    assert (given.text, given.country_code, given.sender_id, given.segments) == (text(), "91", "SHOP", 1)


def test_a_message_that_could_not_be_queued_keeps_all_that_it_takes_to_send_it_again(bridge: Bridge):
    bridge.sqs.fail("send_message_batch", *[LOST_BEFORE] * 20)
    fields = {"to": "919876500000", "text": "Hello", "messageId": "m1", "campaignId": "42"}
    more = {"templateId": "1107", "senderId": "SHOP", "messageType": "TRANSACTION"}
    with pytest.raises(NothingAccepted):
        bridge.post([fields | more, fields | more | {"to": "919876500001"}])
    bridge.sqs.heal()

    resend(bridge)

    given = decode(taken_out(bridge.sqs)[0]).messages[0]
    assert (given.template_id, given.sender_id, given.message_type) == ("1107", "SHOP", "TRANSACTION")


def test_one_message_travels_in_the_lane_of_those_that_somebody_waits_for(bridge: Bridge):
    lay(bridge, ended(0, "expired"))
    resend(bridge)
    lay(bridge, ended(1, "expired"))
    resend(bridge)

    assert [decode(body).lane for body in taken_out(bridge.sqs)] == [Lane.SINGLE, Lane.BATCH]


def test_a_resend_of_many_is_cut_into_chunks(bridge: Bridge):
    lay(bridge, *(ended(index, "expired") for index in range(1_250)))

    resend(bridge)

    chunks = [decode(body) for body in taken_out(bridge.sqs)]
    assert [len(one.messages) for one in chunks] == [*[100] * 12, 50]
    assert len({one.request for one in chunks}) == 1
    assert chunks[0].request.startswith("resend-")


def test_run_twice_it_sends_once(bridge: Bridge):
    lay(bridge, *(ended(index, status) for index, status in enumerate(["expired", "rejected", "unknown"])))

    resend(bridge, unknown=True)
    resend(bridge, unknown=True)
    work(bridge)

    assert {*bridge.vendor.sent.values()} == {1}
    assert bridge.counts() == {"MessagesSent": 3, "MessagesDuplicate": 3}


def test_a_chunk_that_is_delivered_again_sends_once(bridge: Bridge):
    lay(bridge, ended(0, "unknown"))
    resend(bridge, unknown=True)
    bodies = taken_out(bridge.sqs)

    work(bridge, *bodies)
    work(bridge, *bodies)

    assert {*bridge.vendor.sent.values()} == {1}


def test_cut_short_it_says_what_is_left_and_goes_on_when_it_is_run_again(bridge: Bridge):
    rows = lay(bridge, *(ended(index, "expired") for index in range(1_250)))
    bridge.sqs.fail("send_message_batch", None, *[UNREACHED] * 9)

    cut = bridge.app_now.resend.resend(rows, BY)
    [said] = bridge.app_now.controls.actions((ACCOUNT_ID, campaign_key(rows[0].campaign_id)))
    bridge.sqs.heal()
    work(bridge)
    resend(bridge)
    work(bridge)

    assert (cut.queued, cut.left) == (600, 650)
    assert said.what.startswith("messages sent again: 600 ")
    assert [*bridge.vendor.sent.values()] == [1] * 1_250


def test_what_the_queue_took_without_saying_so_counts_as_left_and_is_sent_once(bridge: Bridge):
    rows = lay(bridge, ended(0, "expired"))
    bridge.sqs.fail("send_message_batch", *[LOST_AFTER] * 9)

    assert bridge.app_now.resend.resend(rows, BY).left == 1
    bridge.sqs.heal()
    resend(bridge)
    work(bridge)

    assert {*bridge.vendor.sent.values()} == {1}


def test_what_came_to_another_end_meanwhile_is_left_alone(bridge: Bridge):
    lay(bridge, ended(0, "unknown"), ended(1, "unknown"), ended(2, "expired"))
    resend(bridge, unknown=True)
    lay(bridge, row(0, "delivered"), ended(1, "unknown", claimed_by="w/other"), ended(2, "expired", final_at="later"))

    work(bridge)

    assert not bridge.vendor.sent
    assert statuses(bridge) == {"0": "delivered", "1": "unknown", "2": "expired"}


def test_what_was_forgotten_meanwhile_is_not_sent(bridge: Bridge):
    lay(bridge, ended(0, "expired"), ended(1, "unknown"))
    resend(bridge, unknown=True)
    bridge.dynamodb.items.clear()

    work(bridge)

    assert not bridge.vendor.sent
    assert not bridge.dynamodb.items
    assert bridge.counts() == {"MessagesDuplicate": 2}


def test_a_message_whose_resend_fails_waits_as_any_other(bridge: Bridge):
    lay(bridge, ended(0, "expired"))
    resend(bridge)
    bridge.vendor.script.append(verdicts.BUSY)

    work(bridge)
    waiting = statuses(bridge)
    work(bridge)

    assert waiting == {"0": "retrying"}
    [sent] = bridge.dynamodb.rows()
    assert (sent.status, sent.resent_by, sent.attempts) == ("sent", BY, 2)


def test_a_message_in_doubt_whose_resend_fails_stays_unknown_and_is_sent_once_more(bridge: Bridge):
    lay(bridge, ended(0, "unknown"))
    resend(bridge, unknown=True)
    bridge.vendor.script.append(verdicts.BUSY)

    work(bridge)
    waiting = statuses(bridge)
    resend(bridge, unknown=True)
    work(bridge)

    assert waiting == {"0": "unknown"}, "the first time it may have been sent"
    assert statuses(bridge) == {"0": "sent"}
    assert {*bridge.vendor.sent.values()} == {1}


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("status", ["expired", "unknown"])
def test_a_resend_that_comes_too_late_expires_but_what_may_be_out_stays_unknown(
    bridge: Bridge,
    status: str,
    begun: bool,  # noqa: FBT001
):
    lay(bridge, ended(0, status))
    resend(bridge, unknown=True)
    if begun:
        bridge.vendor.script.append(verdicts.BUSY)
        work(bridge)
    bridge.clock.sleep(VALIDITY + 1)

    work(bridge)

    assert not bridge.vendor.sent
    assert statuses(bridge) == {"0": status}


def test_a_message_in_doubt_that_was_claimed_in_vain_is_unknown_again_when_it_is_too_old(bridge: Bridge):
    lay(bridge, ended(0, "unknown"))
    resend(bridge, unknown=True)
    bridge.dynamodb.fail("put_item", *[LOST_AFTER] * 3)  # the claim stands, and nobody was told so
    work(bridge)
    bridge.dynamodb.heal()
    claimed = statuses(bridge)
    bridge.clock.sleep(VALIDITY + 1)

    work(bridge)

    assert (claimed, statuses(bridge)) == ({"0": "sending"}, {"0": "unknown"})


@pytest.mark.fault("retry-unqueued", "answer-lost")
@pytest.mark.parametrize("status", ["expired", "unknown"])
def test_a_resend_that_was_claimed_in_vain_and_could_not_be_given_back_is_sent_when_it_comes_again(
    bridge: Bridge, status: str
):
    lay(bridge, ended(0, status))
    resend(bridge, unknown=True)
    [body] = taken_out(bridge.sqs)
    bridge.dynamodb.fail("put_item", *silence(LOST_AFTER))
    bridge.sqs.down("send_message_batch", UNREACHED)
    assert bridge.dispatch(decode(body)) == [False]
    bridge.sqs.heal()

    work(bridge, body)
    work(bridge, body)

    assert statuses(bridge) == {"0": "sent"}
    assert {*bridge.vendor.sent.values()} == {1}


def test_a_resend_of_a_message_in_doubt_whose_worker_dies_is_unknown_again(bridge: Bridge):
    lay(bridge, ended(0, "unknown"))
    resend(bridge, unknown=True)
    [body] = taken_out(bridge.sqs)
    claim = bridge.log.new_claim(decode(body).messages[0], "w/dead", report=True)
    bridge.log.claim(claim, bridge.clock.deadline(10))
    bridge.clock.sleep(100)

    work(bridge, body)

    [unknown] = bridge.dynamodb.rows()
    assert (unknown.status, unknown.resent_by) == (Status.UNKNOWN, BY)
    assert not bridge.vendor.sent


@pytest.mark.parametrize("key", [WHOLE_ACCOUNT, campaign_key("42")])
@pytest.mark.parametrize("state", [State.PAUSED, State.STOPPED])
def test_what_is_held_back_is_not_sent_again_before_it_is_resumed(bridge: Bridge, key: str, state: State):
    rows = lay(bridge, ended(0, "expired"))
    bridge.app_now.controls.change((ACCOUNT_ID, key), state, by="ana")
    held_by = "the account" if key == WHOLE_ACCOUNT else "campaign 42"

    with pytest.raises(Refused, match=f"^{held_by} is {state}: resume it first$"):
        bridge.app_now.resend.resend(rows, BY)
    assert not bridge.sqs.entries

    bridge.app_now.controls.change((ACCOUNT_ID, key), State.RUNNING, by="ana")
    assert bridge.app_now.resend.resend(rows, BY).queued == 1


def test_another_campaigns_pause_holds_back_nothing(bridge: Bridge):
    rows = lay(bridge, ended(0, "expired"))
    bridge.app_now.controls.change((ACCOUNT_ID, campaign_key("43")), State.STOPPED, by="ana")

    assert bridge.app_now.resend.resend(rows, BY).queued == 1


def test_clevertap_is_told_of_the_new_end(bridge: Bridge):
    lay(bridge, replace(ended(0, "expired"), report=True))
    resend(bridge)
    bridge.vendor.script.append(verdicts.BAD_NUMBER)

    work(bridge)

    [rejected] = bridge.dynamodb.rows()
    assert (rejected.status, rejected.report) == ("rejected", True)


def test_a_message_that_was_never_sent_again_says_nothing_of_it(bridge: Bridge):
    bridge.dispatch(replace(decode(_chunk_body()), messages=[message()]))

    [sent] = bridge.dynamodb.rows()
    assert (sent.resent_by, sent.resent_at) == (None, None)


def _chunk_body() -> str:
    return '{"account": "6K9-TST-XX7Z", "acceptedAt": "2023-11-14T22:13:20.000Z", "messages": []}'
