"""Many records in one request: queued, rejected one by one, and counted."""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from bridge import times
from bridge.aws import CALL_SECONDS
from bridge.breaker import SINGLE_FAILURES
from bridge.campaigns.counters import Campaigns
from bridge.campaigns.table import CampaignTable
from bridge.chunk import decode
from bridge.errors import NothingAccepted
from bridge.message import Status
from bridge.message_central import verdicts
from bridge.promotional_hours import PromotionalHours
from tests.fakes.dynamodb import CAMPAIGNS
from tests.fakes.faults import (
    APPLIED,
    DENIED,
    LOST_AFTER,
    LOST_BEFORE,
    NOT_APPLIED,
    THROTTLED,
    UNREACHED,
    Fault,
    silence,
)
from tests.fakes.values import ACCOUNT_ID, message_id, number, text
from tests.unit.harness import queued, taken_out
from tests.unit.posts import post_many, record, status

if TYPE_CHECKING:
    from tests.unit.harness import Bridge


def test_many_messages_are_queued_and_none_is_sent(bridge: Bridge):
    assert post_many(bridge, 250) == {"status": "queued", "accepted": 250, "rejected": []}

    chunks = [decode(entry.body) for entry in bridge.sqs.entries]
    assert [len(chunk.messages) for chunk in chunks] == [100, 100, 50]
    assert {(chunk.account, chunk.attempts, chunk.request) for chunk in chunks} == {(ACCOUNT_ID, 0, "request")}
    assert bridge.vendor.tried == []
    assert bridge.dynamodb.rows() == []
    assert bridge.counts() == {"MessagesAccepted": 250}


def test_rejected_records_are_logged_and_reported_and_the_others_queued(bridge: Bridge):
    taken = post_many(bridge, 10, rejected=(2, 5))

    assert taken["accepted"] == 8
    assert [item["index"] for item in taken["rejected"]] == [2, 5]
    assert {(row.status.value, row.report) for row in bridge.dynamodb.rows()} == {("rejected", True)}
    assert len(bridge.dynamodb.rows()) == 2


def test_where_all_are_rejected_the_answer_tells_it_and_no_report_is_due(bridge: Bridge):
    taken = post_many(bridge, 3, rejected=(0, 1, 2))

    assert taken["status"] == "rejected"
    assert "accepted" not in taken
    assert {row.report for row in bridge.dynamodb.rows()} == {False}
    assert bridge.sqs.entries == []


@pytest.mark.fault("queue-refuses-part")
def test_what_sqs_refuses_for_good_is_rejected_with_904_at_its_place(bridge: Bridge):
    bridge.sqs.refused.extend([{1}, {0}, {0}])

    taken = post_many(bridge, 250, rejected=(0, 120))

    assert taken["accepted"] == 148
    lost = [item for item in taken["rejected"] if item["code"] == "904"]
    assert [item["index"] for item in lost] == [n for n in range(101, 202) if n != 120]
    assert [item["index"] for item in taken["rejected"]] == sorted(item["index"] for item in taken["rejected"])
    assert status(bridge, 150) == "rejected"
    assert status(bridge, 50) is None
    assert bridge.dynamodb.row((number(150), message_id(150))).report is True


@pytest.mark.fault("queue-refuses", "queue-in-doubt")
@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_where_nothing_could_be_queued_nothing_is_accepted_and_nothing_will_be_sent(bridge: Bridge, fault: Fault):
    bridge.sqs.down("send_message_batch", fault)

    with pytest.raises(NothingAccepted):
        post_many(bridge, 30, rejected=(3,))

    for entry in bridge.sqs.entries:
        bridge.dispatch(decode(entry.body))
    assert bridge.vendor.sent == {}


@pytest.mark.fault("queue-in-doubt")
def test_however_long_sqs_takes_to_leave_a_batch_in_doubt_there_is_time_to_cancel_it(bridge: Bridge):
    bridge.sqs.down("send_message_batch", LOST_AFTER)
    bridge.sqs.around = lambda point: (
        bridge.clock.sleep(CALL_SECONDS - 1) if point == "before send_message_batch" else None
    )

    with pytest.raises(NothingAccepted):
        post_many(bridge, 1_000)  # two calls a round where each has long texts

    bridge.sqs.around = lambda _: None
    for entry in bridge.sqs.entries:
        bridge.dispatch(decode(entry.body))
    assert bridge.sqs.entries
    assert bridge.vendor.sent == {}


@pytest.mark.fault("queue-in-doubt")
def test_a_chunk_in_doubt_that_a_worker_has_already_sent_was_accepted(bridge: Bridge):
    # The queue took the chunk, and its answer was lost; a worker is quicker than our second call.
    def work(point: str) -> None:
        if point == "after send_message_batch":
            for entry in bridge.sqs.entries:
                bridge.dispatch(decode(entry.body))

    bridge.sqs.around = work
    bridge.sqs.down("send_message_batch", LOST_AFTER)
    try:
        refused = {item["messageId"] for item in post_many(bridge, 3)["rejected"]}
    except NothingAccepted:
        refused = {message_id(n) for n in range(3)}

    sent = {key[1] for key in bridge.vendor.sent}
    assert sent, "else there is nothing to compare"
    assert not sent & refused, "CleverTap was told that these were not taken, and they were sent"


@pytest.mark.fault("queue-in-doubt")
def test_where_a_part_of_a_batch_in_doubt_was_sent_the_rest_is_reported_as_failed(bridge: Bridge):
    # Of two chunks in doubt a worker is quick with one: the answer is a 200, so no 503 tells of the other's messages.
    def work(point: str) -> None:
        if point == "after send_message_batch":
            bridge.dispatch(decode(bridge.sqs.entries[0].body))

    bridge.sqs.around = work
    bridge.sqs.down("send_message_batch", LOST_AFTER)

    answer = post_many(bridge, 150)

    assert (answer["accepted"], len(answer["rejected"])) == (100, 50)
    rejected = [row for row in bridge.dynamodb.rows() if row.status == "rejected"]
    assert len(rejected) == 50
    assert all(row.report for row in rejected)


@pytest.mark.parametrize("fault", [THROTTLED, LOST_AFTER])
def test_a_batch_queued_at_the_second_call_is_accepted_whole(bridge: Bridge, fault: Fault):
    bridge.sqs.fail("send_message_batch", fault)

    assert post_many(bridge, 120)["accepted"] == 120


def test_rejections_that_cannot_be_logged_travel_by_the_queue(bridge: Bridge):
    bridge.dynamodb.down("put_item", UNREACHED)

    assert post_many(bridge, 5, rejected=(1, 2))["accepted"] == 3

    carried = [chunk for entry in bridge.sqs.entries if (chunk := decode(entry.body)).outcomes]
    bridge.dynamodb.heal()
    bridge.dispatch(*carried)
    assert bridge.dynamodb.statuses() == ["rejected", "rejected"]


def test_after_a_batch_is_queued_a_slow_log_does_not_use_up_the_answers_time(bridge: Bridge):
    # Each write takes 1.5 s: 320 of them, 16 at once, are 30 s.
    lock, calls = threading.Lock(), [0]

    def slow(point: str) -> None:
        if point == "before put_item":
            with lock:
                calls[0] += 1
                bridge.clock.now += 1.5 / 16

    bridge.dynamodb.around = slow
    start = bridge.clock.now

    post_many(bridge, 330, rejected=tuple(range(320)))

    assert bridge.clock.now - start <= 14.0, "CleverTap got a 5xx for a batch that was taken"


def test_texts_of_rejected_records_are_kept_for_the_log(bridge: Bridge):
    bridge.sqs.refused.extend([{0}] * 3)
    with pytest.raises(NothingAccepted):
        post_many(bridge, 2)
    bridge.sqs.refused.extend([{1}, {0}, {0}])
    post_many(bridge, 150)

    assert bridge.dynamodb.row((number(149), message_id(149))).text == text()
    assert status(bridge, 149) == "rejected"


@pytest.mark.fault("promotional-hours")
def test_a_single_promotional_message_is_queued_and_its_answer_says_until_when(bridge: Bridge):
    hours = PromotionalHours()  # it is 03:43 in India
    answer = bridge.post(record() | {"messageType": "PROMOTIONAL"}, promotional_hours=hours)

    assert answer.status == HTTPStatus.OK
    assert answer.body == {"status": "queued", "messageId": message_id(1), "until": "2023-11-15T10:00+05:30"}
    assert queued(bridge) == [([1], 0, times.LONGEST_DELAY_SECONDS)]
    assert bridge.vendor.sent == {}


@pytest.mark.parametrize("template", [{}, {"templateId": "110712345678901234"}, {"templateId": "x" * 19}])
def test_where_templates_are_required_an_indian_message_without_one_is_rejected_before_it_costs_a_call(
    bridge: Bridge, template: dict[str, str]
):
    answer = bridge.post(record() | template, require_template=True, entity_id="1101234567890123456")

    assert (answer.status, answer.body["code"]) == (HTTPStatus.UNPROCESSABLE_ENTITY, "908")
    assert bridge.vendor.sent == {}


def test_where_templates_are_required_what_has_one_or_goes_elsewhere_is_sent(bridge: Bridge):
    needs: dict[str, Any] = {"require_template": True, "entity_id": "1101234567890123456"}

    with_template = bridge.post(record() | {"templateId": "1107123456789012345"}, **needs)
    elsewhere = bridge.post({"to": "+971501234567", "text": text()}, **needs)

    assert [with_template.body["status"], elsewhere.body["status"]] == ["sent", "sent"]


# ── Counting what was accepted ───────────────────────────────────────────────


def accepted(bridge: Bridge) -> dict[str | None, tuple[int, int]]:
    """What is counted as accepted, with its parts, by campaign."""
    campaigns = Campaigns(CampaignTable(CAMPAIGNS, bridge.dynamodb), bridge.clock)  # type: ignore[arg-type] # the fake
    return {one.id: (one.accepted, one.accepted_parts) for one in campaigns.list(ACCOUNT_ID)}


def of_campaign(campaign: str, *indexes: int) -> list[dict[str, str]]:
    return [{"to": number(index), "text": "x" * 170, "campaignId": campaign} for index in indexes]


def test_a_batch_counts_what_it_queued_by_campaign(bridge: Bridge):
    bridge.post([*of_campaign("1", 1, 2, 3), *of_campaign("2", 4), {"to": number(5), "text": "x"}, {"to": "nobody"}])

    assert accepted(bridge) == {"1": (3, 6), "2": (1, 2), None: (1, 1)}


def test_a_batch_of_one_campaign_costs_one_call(bridge: Bridge):
    bridge.post(of_campaign("1", *range(50)))

    assert bridge.dynamodb.calls == {"update_item": 1}


def test_what_was_not_queued_is_not_counted(bridge: Bridge):
    bridge.sqs.refused.extend([{1}, {0}, {0}])

    bridge.post(of_campaign("1", *range(150)))

    assert accepted(bridge)["1"] == (100, 200)


def test_a_message_that_is_sent_at_once_is_counted_by_its_mark_in_the_log(bridge: Bridge):
    bridge.post(of_campaign("1", 1))

    [row] = bridge.dynamodb.rows()
    assert (row.status, row.waited_for) == (Status.SENT, True)
    assert accepted(bridge) == {}


def test_a_message_that_is_queued_before_it_was_claimed_is_counted_and_its_later_claim_bears_no_mark(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.LOST] * SINGLE_FAILURES)
    for index in range(SINGLE_FAILURES):
        bridge.post(of_campaign("1", index))

    assert bridge.post(of_campaign("1", 9)).body["status"] == "queued"
    assert accepted(bridge) == {"1": (1, 2)}, "of the others the log says it"
    [entry] = bridge.sqs.entries
    assert decode(entry.body).messages[0].waited_for is False


@pytest.mark.parametrize("fault", [LOST_BEFORE, LOST_AFTER])
def test_a_message_whose_claim_perhaps_stands_is_counted_by_its_row_whoever_claims_it(bridge: Bridge, fault: Fault):
    bridge.dynamodb.fail("put_item", *silence(fault))

    assert bridge.post(of_campaign("1", 1)).body["status"] == "queued"

    assert accepted(bridge) == {}
    [entry] = bridge.sqs.entries
    assert decode(entry.body).messages[0].waited_for is True


@pytest.mark.fault("queue-in-doubt")
def test_a_single_message_that_a_worker_took_while_its_queueing_was_in_doubt_is_counted(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(UNREACHED))  # from now on accept queues what comes without a claim
    bridge.post(of_campaign("1", 8))
    taken_out(bridge.sqs)

    # The queue takes the message, and its answer is lost; a worker is quicker than accept's second call.
    def work(point: str) -> None:
        if point == "after send_message_batch":
            bridge.dispatch(*(decode(body) for body in taken_out(bridge.sqs)))

    bridge.sqs.around = work
    bridge.sqs.down("send_message_batch", LOST_AFTER)
    answer = bridge.post(of_campaign("2", 9))

    [row] = bridge.dynamodb.rows()
    assert (answer.body["status"], row.status, row.waited_for) == ("duplicate", Status.SENT, None)
    assert accepted(bridge)["2"] == (1, 2), "its row does not count it"


@pytest.mark.fault("queue-in-doubt")
def test_a_message_that_could_not_be_forbidden_and_is_sent_counts_as_accepted_though_the_answer_was_503(bridge: Bridge):
    """It is sent, as any other: its row, which bears the mark, says so."""
    bridge.vendor.script.append(verdicts.UNREACHED)
    bridge.sqs.down("send_message_batch", LOST_AFTER)
    bridge.dynamodb.fail("put_item", None, *silence(UNREACHED))
    with pytest.raises(NothingAccepted):
        bridge.post(of_campaign("1", 1))

    bridge.dispatch(*(decode(body) for body in taken_out(bridge.sqs)))

    [row] = bridge.dynamodb.rows()
    assert (row.status, row.waited_for) == (Status.SENT, True)
    assert accepted(bridge) == {}


@pytest.mark.fault("accepted-uncounted")
@pytest.mark.parametrize("fault", [UNREACHED, LOST_AFTER, DENIED])
def test_messages_that_cannot_be_counted_are_accepted_all_the_same(
    bridge: Bridge, fault: Fault, capsys: pytest.CaptureFixture[str]
):
    bridge.dynamodb.down("update_item", fault)

    answer = bridge.post([*of_campaign("1", 1, 2), *of_campaign("2", 3)])

    assert (answer.status, answer.body["accepted"]) == (HTTPStatus.OK, 3)
    assert bridge.dynamodb.calls["update_item"] == 1, "the others would wait for the same"
    assert bridge.counts()["AcceptedUncounted"] == 3
    assert "accepted messages not counted" in capsys.readouterr().out


def test_however_many_campaigns_have_to_be_counted_rejected_records_are_written_down(bridge: Bridge):
    def takes_time(point: str) -> None:
        if point == "before update_item":
            bridge.clock.sleep(0.1)

    bridge.dynamodb.around = takes_time

    answer = bridge.post([*(record(n) | {"campaignId": str(n)} for n in range(150)), record(999, "")])

    assert answer.body["accepted"] == 150
    assert status(bridge, 999) == "rejected"
    assert "OutcomesUnrecorded" not in bridge.counts()
