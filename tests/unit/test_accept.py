"""What CleverTap asked for: one message is sent while it waits, many go to the queue."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from bridge import times
from bridge.accept import LOG_PAUSE_SECONDS, LOOK_SECONDS
from bridge.aws import CALL_SECONDS
from bridge.breaker import SINGLE_FAILURES
from bridge.campaigns.counters import Campaigns
from bridge.campaigns.shared_breaker import FIRST_PROBE_SECONDS
from bridge.campaigns.table import CampaignTable
from bridge.chunk import decode
from bridge.errors import NothingAccepted
from bridge.message import Outcome, Status
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
    Crash,
    Fault,
    silence,
)
from tests.fakes.values import ACCOUNT_ID, message, message_id, number, text
from tests.unit.harness import queued

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.harness import Bridge

KEY = (number(1), message_id(1))


def record(index: int = 1, words: str = text()) -> dict[str, str]:
    return {"to": number(index), "text": words, "messageId": message_id(index)}


def post_one(bridge: Bridge, index: int = 1, **changes: Any) -> dict[str, Any]:
    """What CleverTap is told of one message."""
    return bridge.post(record(index), **changes).body


def post_many(bridge: Bridge, count: int, rejected: tuple[int, ...] = ()) -> dict[str, Any]:
    """What CleverTap is told of a batch, some of whose records have no text."""
    return bridge.post([record(n, "" if n in rejected else text()) for n in range(count)]).body


def status(bridge: Bridge, index: int = 1) -> str | None:
    row = bridge.dynamodb.row((number(index), message_id(index)))
    return row and row.status.value


def answered(status: str, **more: str) -> dict[str, str]:
    return {"status": status, "messageId": message_id(1), **more}


def work(bridge: Bridge, seconds: float = 59) -> None:
    """Dispatch processes what is on the queues."""
    entries, bridge.sqs.entries = bridge.sqs.entries, []
    bridge.dispatch(*(decode(entry.body) for entry in entries), seconds=seconds)


def lay(bridge: Bridge, status: str) -> None:
    """Message 1 is in the log already."""
    claim = bridge.log.new_claim(message(1), "w/1", report=True)
    bridge.dynamodb.put(replace(claim.row, status=Status(status)))


# One message


@pytest.mark.fault("vendor-hangs", "breaker-unreadable")
def test_an_outcome_is_recorded_before_the_breaker_is_told_which_may_take_the_time_that_is_left(bridge: Bridge):
    bridge.vendor.default = verdicts.LOST
    post_one(bridge, 2)
    seen: list[str | None] = []
    bridge.dynamodb.around = lambda point: seen.append(status(bridge)) if point == "before update_item" else None

    post_one(bridge)

    assert seen == ["unknown"]


def test_one_message_is_sent_while_clevertap_waits(bridge: Bridge):
    assert post_one(bridge) == answered("sent", verificationId="v1")

    assert status(bridge) == "sent"
    assert bridge.sqs.entries == []
    assert bridge.counts() == {"MessagesSent": 1, "MessagesAccepted": 1}


def test_what_the_vendor_rejects_is_told_in_the_answer_and_not_reported(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BAD_NUMBER)

    answer = bridge.post(record())

    assert (answer.status, answer.body["code"]) == (HTTPStatus.UNPROCESSABLE_ENTITY, "910")
    assert bridge.dynamodb.rows()[0].report is False
    assert bridge.counts() == {"MessagesRejected": 1}


def test_without_an_answer_of_the_vendors_it_is_unknown_and_not_queued(bridge: Bridge):
    bridge.vendor.script.append(verdicts.LOST)

    assert post_one(bridge)["status"] == "unknown"

    assert status(bridge) == "unknown"
    assert bridge.sqs.entries == []


@pytest.mark.fault("vendor-down")
def test_what_is_not_taken_now_is_queued_as_its_second_attempt(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BUSY)

    assert post_one(bridge) == answered("queued")

    [back] = [decode(entry.body) for entry in bridge.sqs.entries]
    assert (back.attempts, len(back.messages)) == (1, 1)
    assert status(bridge) == "retrying"
    bridge.dispatch(back)
    assert status(bridge) == "sent"


def test_the_vendors_own_wait_is_the_delay(bridge: Bridge):
    bridge.vendor.script.append(verdicts.TOO_SOON)

    post_one(bridge)

    assert [entry.delay for entry in bridge.sqs.entries] == [60]


@pytest.mark.fault("posted-twice")
@pytest.mark.parametrize("before", ["sent", "rejected", "unknown", "delivered", "undelivered", "expired", "sending"])
def test_a_message_posted_again_is_a_duplicate(bridge: Bridge, before: str):
    lay(bridge, before)

    assert post_one(bridge) == answered("duplicate", was=before)
    assert bridge.vendor.tried == []
    counted = "MessagesPostponed" if before == "sending" else "MessagesDuplicate"
    assert bridge.counts() == {counted: 1}


def test_a_message_that_was_retrying_is_sent_by_a_second_post(bridge: Bridge):
    lay(bridge, "retrying")

    assert post_one(bridge)["status"] == "sent"


@pytest.mark.fault("table-hangs", "answer-lost")
@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_when_the_log_does_not_answer_a_message_is_queued_unsent(bridge: Bridge, fault: Fault):
    bridge.dynamodb.fail("put_item", *silence(fault))

    assert post_one(bridge)["status"] == "queued"
    assert bridge.vendor.tried == []

    [back] = [decode(entry.body) for entry in bridge.sqs.entries]
    bridge.dispatch(back)
    assert status(bridge) == "sent"


@pytest.mark.fault("outcome-unwritten")
@pytest.mark.parametrize("outcome", [verdicts.SENT, verdicts.LOST, verdicts.BAD_NUMBER])
@pytest.mark.parametrize("fault", [UNREACHED, LOST_AFTER, DENIED])
def test_an_outcome_that_cannot_be_written_is_written_later(bridge: Bridge, outcome: Outcome, fault: Fault):
    bridge.vendor.script.append(outcome)
    bridge.dynamodb.fail("put_item", None, *silence(fault))

    post_one(bridge)

    carried = [chunk for entry in bridge.sqs.entries if (chunk := decode(entry.body)).outcomes]
    assert len(carried) == 1
    bridge.dispatch(*carried)
    assert status(bridge) == outcome.status.value


@pytest.mark.fault("queue-refuses")
def test_when_neither_vendor_nor_queue_can_be_reached_nothing_is_accepted_and_nothing_will_be_sent(bridge: Bridge):
    bridge.vendor.script.append(verdicts.UNREACHED)
    bridge.sqs.down("send_message_batch", LOST_AFTER)

    with pytest.raises(NothingAccepted):
        post_one(bridge)

    # … though the chunk is there: the answer that said so was lost.
    assert status(bridge) == "rejected"
    for entry in bridge.sqs.entries:
        bridge.dispatch(decode(entry.body))
    assert bridge.vendor.sent == {}
    assert bridge.dynamodb.rows()[0].report is False


@pytest.mark.fault("queue-in-doubt")
@pytest.mark.parametrize("fault", [LOST_BEFORE, LOST_AFTER])
@pytest.mark.parametrize("outage", ["vendor", "log"])
def test_a_doubt_about_the_queue_is_no_promise_that_it_has_the_message(bridge: Bridge, fault: Fault, outage: str):
    # The row that cancelling finds may be this request's own claim: that does not tell that a worker has the message.
    if outage == "vendor":
        bridge.vendor.script.append(verdicts.UNREACHED)
    else:
        bridge.dynamodb.fail("put_item", *silence(LOST_AFTER))
    bridge.sqs.down("send_message_batch", fault)
    try:
        post_one(bridge)
    except NothingAccepted:
        accepted = False
    else:
        accepted = True

    for entry in bridge.sqs.entries:
        bridge.dispatch(decode(entry.body))
    if accepted:
        assert status(bridge) not in (None, "retrying", "sending"), "told that it is queued, and it is nowhere"
    else:
        assert bridge.vendor.sent == {}


def test_when_neither_log_nor_queue_can_be_reached_nothing_will_be_sent(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_BEFORE))
    bridge.sqs.down("send_message_batch", LOST_AFTER)

    with pytest.raises(NothingAccepted):
        post_one(bridge)

    for entry in bridge.sqs.entries:
        bridge.dispatch(decode(entry.body))
    assert bridge.vendor.sent == {}


@pytest.mark.fault("poisonous-text")
def test_one_message_that_fails_is_no_evidence_however_often_it_comes(bridge: Bridge):
    for _ in range(3):
        bridge.vendor.script.append(verdicts.UNREACHED)
        post_one(bridge, 1)

    assert post_one(bridge, 2)["status"] == "sent"


@pytest.mark.fault("outage-long")
def test_after_two_messages_that_failed_single_messages_go_to_the_queue_for_a_while(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.LOST] * SINGLE_FAILURES)
    for index in range(SINGLE_FAILURES):
        post_one(bridge, index + 10)

    assert post_one(bridge, 2)["status"] == "queued"
    assert len(bridge.vendor.tried) == SINGLE_FAILURES
    assert status(bridge, 2) is None, "not claimed: the queue's worker does that"
    assert bridge.counts()["SendingPaused"] == 1
    [entry] = bridge.sqs.entries
    assert (entry.queue, entry.delay) == ("single", FIRST_PROBE_SECONDS)

    bridge.clock.sleep(max(entry.delay, LOOK_SECONDS))
    work(bridge)
    assert post_one(bridge, 3)["status"] == "queued", "one was sent: a few more have to be"
    work(bridge)
    bridge.clock.sleep(LOOK_SECONDS)
    assert post_one(bridge, 4)["status"] == "sent"


def test_other_instances_learn_of_an_outage(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.LOST] * SINGLE_FAILURES)
    for index in range(SINGLE_FAILURES):
        post_one(bridge, index + 10)

    bridge.new_environment()

    assert post_one(bridge)["status"] == "queued"


def test_an_outage_of_one_account_does_not_pause_another(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.NO_CREDIT] * SINGLE_FAILURES)
    for index in range(SINGLE_FAILURES):
        post_one(bridge, index + 10)

    assert post_one(bridge, id="OTHER")["status"] == "sent"


@pytest.mark.fault("table-hangs")
def test_while_the_log_does_not_answer_the_next_messages_do_not_wait_for_it(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_BEFORE))
    post_one(bridge, 1)
    asked = bridge.dynamodb.calls["put_item"]

    assert post_one(bridge, 2)["status"] == "queued"
    assert bridge.dynamodb.calls["put_item"] == asked

    bridge.clock.sleep(LOG_PAUSE_SECONDS)
    assert post_one(bridge, 3)["status"] == "sent"


@contextmanager
def hangs(bridge: Bridge) -> Iterator[None]:
    """A vendor that has the message and does not answer until the block is left."""
    go = threading.Event()

    def hang() -> None:
        bridge.clock.sleep(10.2)  # past the time for sending
        go.wait(5)

    bridge.vendor.meanwhile = hang
    yield
    go.set()
    bridge.vendor.meanwhile = lambda: None


@pytest.mark.fault("vendor-hangs")
def test_a_call_that_does_not_end_is_unknown_and_looked_after_by_the_queue(bridge: Bridge):
    with hangs(bridge):
        assert post_one(bridge) == answered("unknown")

    [entry] = bridge.sqs.entries
    bridge.clock.sleep(900)
    bridge.dispatch(decode(entry.body))
    assert status(bridge) == "unknown"
    assert bridge.counts()["MessagesUnknown"] == 1
    assert bridge.vendor.sent[KEY] <= 1


def test_a_call_that_does_not_end_is_unknown_even_without_the_queue(bridge: Bridge):
    bridge.sqs.down("send_message_batch", UNREACHED)

    with hangs(bridge):
        assert post_one(bridge) == answered("unknown"), "a 5xx would make CleverTap send it by another way"


@pytest.mark.fault("name-lookup-hangs")
def test_a_call_that_hangs_before_anything_was_written_is_given_up_and_sent_later(bridge: Bridge):
    go = threading.Event()

    def hang() -> None:
        bridge.clock.sleep(10.2)
        go.wait(5)

    bridge.vendor.before_writing = hang
    assert post_one(bridge) == answered("queued")
    bridge.vendor.before_writing = lambda: None
    assert bridge.vendor.tried == []

    work(bridge)
    go.set()
    assert status(bridge) == "sent"
    assert bridge.vendor.sent == {KEY: 1}


@pytest.mark.fault("accept-killed")
def test_a_crash_is_no_answer(bridge: Bridge):
    bridge.vendor.script.append(Crash())

    with pytest.raises(Crash):
        post_one(bridge)

    assert status(bridge) == "sending"


@pytest.mark.parametrize("outcome", [verdicts.LOST, verdicts.BUSY, verdicts.SENT])
def test_the_answer_is_there_in_time_though_the_log_hangs_after_the_vendor_took_all_it_may(
    bridge: Bridge, outcome: Outcome
):
    bridge.vendor.script.append(outcome)
    bridge.vendor.meanwhile = lambda: bridge.clock.sleep(9.5)
    bridge.dynamodb.fail("put_item", None)
    bridge.dynamodb.down("put_item", LOST_BEFORE)
    slow = iter([0.0] + [CALL_SECONDS] * 10)
    bridge.dynamodb.around = lambda point: bridge.clock.sleep(next(slow)) if point == "before put_item" else None
    start = bridge.clock.now

    post_one(bridge)

    assert bridge.clock.now - start <= 14.0, "CleverTap got a 5xx for a message that was taken"


# Records that cannot be messages


def test_a_single_rejected_record_is_logged_and_not_reported(bridge: Bridge):
    answer = bridge.post(record(words=""))

    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.body == {"status": "rejected", "code": "900", "reason": "text is empty"}
    [row] = bridge.dynamodb.rows()
    assert (row.status, row.report, row.attempts) == ("rejected", False, 0)


@pytest.mark.parametrize("queue_fault", [None, UNREACHED])
def test_a_rejection_is_answered_though_it_cannot_be_logged(bridge: Bridge, queue_fault: Fault | None):
    bridge.dynamodb.down("put_item", UNREACHED)
    bridge.sqs.down("send_message_batch", queue_fault)

    assert bridge.post(record(words="")).body["status"] == "rejected"
    assert bridge.counts().get("OutcomesUnrecorded") == (1 if queue_fault else None)


# Many


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


@pytest.mark.fault("accepted-uncounted")
@pytest.mark.parametrize("fault", [UNREACHED, LOST_AFTER, DENIED])
def test_messages_that_cannot_be_counted_are_accepted_all_the_same(bridge: Bridge, fault: Fault):
    bridge.dynamodb.down("update_item", fault)

    answer = bridge.post([*of_campaign("1", 1, 2), *of_campaign("2", 3)])

    assert (answer.status, answer.body["accepted"]) == (HTTPStatus.OK, 3)
    assert bridge.dynamodb.calls["update_item"] == 1, "the others would wait for the same"
    assert bridge.counts()["AcceptedUncounted"] == 3
