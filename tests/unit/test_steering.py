"""Campaigns and accounts that people pause and stop: what becomes of their messages, in dispatch and in accept."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bridge.accept import LOOK_SECONDS as ACCEPT_LOOK_SECONDS
from bridge.accept import MOST_LOOKS
from bridge.batch import LOOK_SECONDS
from bridge.campaigns.control import Control, State
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from bridge.chunk import Chunk, decode
from bridge.leftovers import DELAYS
from bridge.message import Cause
from bridge.message_central import verdicts
from tests.fakes.campaigns import controls_of
from tests.fakes.dynamodb import CAMPAIGNS
from tests.fakes.faults import DENIED, LOST_BEFORE, THROTTLED, UNREACHED, Fault, silence
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, START, message, message_id, number, secret, text
from tests.unit.harness import LIFETIME, VALIDITY, Bridge, chunk, queued, taken_out

if TYPE_CHECKING:
    from collections.abc import Callable

CAMPAIGN = "spring"
SOON = 5  # seconds of real time within which a worker's threads have done something


def decide(bridge: Bridge, state: State, campaign: str = campaign_key(CAMPAIGN)) -> None:
    controls_of(bridge.dynamodb, bridge.clock).change((ACCOUNT_ID, campaign), state, by="ana")


def stop(bridge: Bridge, campaign: str = campaign_key(CAMPAIGN)) -> None:
    decide(bridge, State.STOPPED, campaign)


def pause(bridge: Bridge, campaign: str = campaign_key(CAMPAIGN)) -> None:
    decide(bridge, State.PAUSED, campaign)


def resume(bridge: Bridge, campaign: str = campaign_key(CAMPAIGN)) -> None:
    decide(bridge, State.RUNNING, campaign)


def of_campaign(count: int = 3, first: int = 0, campaign: str | None = CAMPAIGN) -> Chunk:
    """A chunk of a campaign's messages."""
    one = chunk(count, first=first)
    return replace(one, messages=[replace(each, campaign_id=campaign) for each in one.messages])


def while_sending(bridge: Bridge, after: int, decide: Callable[[], None], seen: Callable[[], bool]) -> None:
    """Have something decided while the vendor has a worker's n-th message, and answer once the worker knows."""
    known = threading.Event()
    begun: list[None] = []

    def meanwhile() -> None:
        begun.append(None)
        if len(begun) == after:
            decide()
            bridge.clock.sleep(LOOK_SECONDS + 0.1)
            for _ in range(SOON * 100):
                if seen():
                    return
                known.wait(0.01)

    bridge.vendor.meanwhile = meanwhile


def state_known(bridge: Bridge) -> State:
    return bridge.dispatcher.engine.steering.state_of(message(0, campaign_id=CAMPAIGN))


def test_a_state_that_somebody_wrote_by_hand_holds_up_no_other_campaign(bridge: Bridge):
    item = {"account": {"S": ACCOUNT_ID}, "campaign": {"S": campaign_key(CAMPAIGN)}, "state": {"S": "Hold"}}
    bridge.dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, campaign_key(CAMPAIGN)] = item

    assert bridge.dispatch(of_campaign(2), of_campaign(1, 2, "summer")) == [True, True]

    assert [*bridge.vendor.sent.values()] == [1]
    assert bridge.counts()["HeldByOperators"] == 2


# Stopped before a worker begins


@pytest.mark.fault("campaign-stopped")
@pytest.mark.parametrize("what", [campaign_key(CAMPAIGN), WHOLE_ACCOUNT])
def test_the_messages_of_what_was_stopped_are_cancelled_and_reported(bridge: Bridge, what: str):
    stop(bridge, what)

    assert bridge.dispatch(of_campaign(3)) == [True]

    rows = bridge.dynamodb.rows()
    assert [(row.status, row.code, row.reason, row.report) for row in rows] == [
        ("cancelled", "915", "stopped by an operator", True)
    ] * 3
    assert all(row.final_at for row in rows)
    assert bridge.vendor.tried == []
    assert bridge.sqs.entries == []
    assert bridge.counts() == {"MessagesCancelled": 3}


def test_a_stop_concerns_its_campaign_alone(bridge: Bridge):
    stop(bridge)
    mixed = chunk(4)
    campaigns = [CAMPAIGN, "autumn", None, "*"]
    mixed = replace(mixed, messages=[replace(m, campaign_id=c) for m, c in zip(mixed.messages, campaigns, strict=True)])

    bridge.dispatch(mixed)

    assert bridge.dynamodb.statuses() == ["cancelled", "sent", "sent", "sent"]


def test_an_event_pays_one_read_whatever_it_holds(bridge: Bridge):
    bridge.dispatch(of_campaign(50), of_campaign(50, first=50, campaign="autumn"))

    assert bridge.dynamodb.calls["batch_get_item"] == 1
    assert bridge.dynamodb.calls["get_item"] == 0
    assert bridge.dynamodb.statuses() == ["sent"] * 100


@pytest.mark.parametrize(
    ("before", "after"),
    [("retrying", "cancelled"), ("sent", "sent"), ("delivered", "delivered"), ("unknown", "unknown"), ("expired",) * 2],
)
def test_a_stop_ends_what_was_to_be_tried_again_and_nothing_that_may_have_been_sent(
    bridge: Bridge, before: str, after: str
):
    bridge.dynamodb.put(row(0, before))
    stop(bridge)

    bridge.dispatch(of_campaign(1))

    assert bridge.dynamodb.statuses() == [after]


def test_a_message_that_names_its_unsent_claim_is_cancelled_over_it(bridge: Bridge):
    bridge.dynamodb.put(row(0, "sending", claimed_by="w/1"))
    stop(bridge)
    one = of_campaign(1)

    bridge.dispatch(replace(one, messages=[replace(one.messages[0], unsent_claims=("w/1",))]))

    assert bridge.dynamodb.statuses() == ["cancelled"]


@pytest.mark.fault("worker-killed")
def test_what_a_worker_had_that_died_is_unknown_though_its_campaign_was_stopped(bridge: Bridge):
    bridge.dispatch(of_campaign(1))
    bridge.dynamodb.items.clear()
    bridge.dynamodb.put(row(0, "sending", claimed_at="2023-11-14T22:13:20.000Z"))
    stop(bridge)

    bridge.dispatch(of_campaign(1))
    assert bridge.dynamodb.statuses() == ["sending"], "it may be alive"
    bridge.clock.sleep(LIFETIME + 60)
    bridge.dispatch(decode(taken_out(bridge.sqs)[0]))

    assert bridge.dynamodb.statuses() == ["unknown"]


def test_a_chunk_of_a_stopped_campaign_that_comes_twice_is_cancelled_once(bridge: Bridge):
    stop(bridge)

    bridge.dispatch(of_campaign(3))
    bridge.dispatch(of_campaign(3))

    assert bridge.counts() == {"MessagesCancelled": 3, "MessagesDuplicate": 3}


@pytest.mark.parametrize("fault", [LOST_BEFORE, THROTTLED, UNREACHED])
def test_what_could_not_be_cancelled_is_cancelled_later(bridge: Bridge, fault: Fault):
    stop(bridge)
    bridge.dynamodb.fail("put_item", *silence(fault))

    bridge.dispatch(of_campaign(1))
    assert bridge.counts() == {"MessagesPostponed": 1, "LogUnavailable": 1}
    bridge.dispatch(decode(taken_out(bridge.sqs)[0]))

    assert bridge.dynamodb.statuses() == ["cancelled"]
    assert bridge.vendor.tried == []


def test_what_is_stopped_is_cancelled_though_the_vendor_is_away_and_the_secret_gone(bridge: Bridge):
    bridge.vendor.default = verdicts.BUSY
    bridge.dispatch(of_campaign(9))
    chunks = [decode(body) for body in taken_out(bridge.sqs)]
    bridge.secrets.secrets.clear()
    bridge.new_environment()
    stop(bridge)

    bridge.dispatch(*chunks)

    assert bridge.dynamodb.statuses() == ["cancelled"] * 9


def test_a_campaign_that_is_resumed_sends_what_comes_and_not_what_was_cancelled(bridge: Bridge):
    stop(bridge)
    bridge.dispatch(of_campaign(2))
    resume(bridge)

    bridge.dispatch(of_campaign(4))

    assert bridge.dynamodb.statuses() == ["cancelled", "cancelled", "sent", "sent"]


# Paused before a worker begins


@pytest.mark.fault("campaign-paused")
@pytest.mark.parametrize("what", [campaign_key(CAMPAIGN), WHOLE_ACCOUNT])
def test_a_paused_chunk_goes_back_untouched_and_is_counted(bridge: Bridge, what: str):
    pause(bridge, what)
    given = replace(of_campaign(3), attempts=2)

    assert bridge.dispatch(given) == [True]

    [(numbers, attempts, delay)] = queued(bridge)
    least, most = DELAYS[Cause.PAUSED]
    assert (numbers, attempts) == ([0, 1, 2], 2)
    assert least <= delay <= most
    assert bridge.dynamodb.rows() == []
    assert bridge.vendor.tried == []
    assert bridge.metrics.causes == {Cause.PAUSED: 3}
    assert bridge.counts() == {"MessagesPostponed": 3, "HeldByOperators": 3}


def test_what_was_paused_is_sent_once_it_is_resumed(bridge: Bridge):
    pause(bridge)
    bridge.dispatch(of_campaign(3))
    resume(bridge)

    bridge.dispatch(decode(taken_out(bridge.sqs)[0]))

    assert bridge.dynamodb.statuses() == ["sent"] * 3


def test_validity_goes_on_while_a_campaign_is_paused(bridge: Bridge):
    pause(bridge)
    bridge.clock.sleep(VALIDITY + 1)

    bridge.dispatch(of_campaign(3))

    assert bridge.dynamodb.statuses() == ["expired"] * 3


def test_a_stopped_account_cancels_what_a_paused_campaign_holds(bridge: Bridge):
    pause(bridge)
    stop(bridge, WHOLE_ACCOUNT)

    bridge.dispatch(of_campaign(3))

    assert bridge.dynamodb.statuses() == ["cancelled"] * 3


# While a worker sends


@pytest.mark.fault("campaign-stopped")
def test_a_stop_ends_what_a_worker_has_not_begun(bridge: Bridge):
    while_sending(bridge, 3, lambda: stop(bridge), lambda: state_known(bridge) is State.STOPPED)

    bridge.dispatch(of_campaign(50))

    assert len(bridge.vendor.tried) == 3
    assert bridge.dynamodb.statuses() == ["cancelled"] * 47 + ["sent"] * 3
    assert bridge.counts() == {"MessagesCancelled": 47, "MessagesSent": 3}
    assert bridge.dynamodb.calls["batch_get_item"] == 2


@pytest.mark.fault("campaign-paused")
def test_a_pause_takes_from_a_worker_what_it_has_not_begun(bridge: Bridge):
    while_sending(bridge, 3, lambda: pause(bridge), lambda: state_known(bridge) is State.PAUSED)

    bridge.dispatch(of_campaign(50))

    assert bridge.dynamodb.statuses() == ["sent"] * 3
    assert [(numbers, attempts) for numbers, attempts, _ in queued(bridge)] == [([*range(3, 50)], 0)]
    assert bridge.metrics.causes == {Cause.PAUSED: 47}


def test_a_pause_of_several_accounts_takes_from_a_worker_what_it_has_not_begun_of_each(bridge: Bridge):
    bridge.secrets.secrets["bridge/OTHER"] = secret()

    def decide() -> None:
        for account in ("OTHER", ACCOUNT_ID):
            controls_of(bridge.dynamodb, bridge.clock).change((account, WHOLE_ACCOUNT), State.PAUSED, by="ana")

    while_sending(bridge, 3, decide, lambda: state_known(bridge) is State.PAUSED)

    bridge.dispatch(chunk(10), chunk(10, first=10, account="OTHER"))

    assert len(bridge.vendor.tried) == 3
    assert bridge.metrics.causes == {Cause.PAUSED: 17}
    assert len({n for numbers, _, _ in queued(bridge) for n in numbers}) == 17


def test_a_stop_while_sending_leaves_the_other_campaigns_of_the_worker_alone(bridge: Bridge):
    while_sending(bridge, 3, lambda: stop(bridge), lambda: state_known(bridge) is State.STOPPED)

    bridge.dispatch(of_campaign(10), of_campaign(10, first=10, campaign="autumn"))

    statuses = bridge.dynamodb.statuses()
    assert statuses == ["cancelled"] * 7 + ["sent"] * 13


@pytest.mark.parametrize("fault", [UNREACHED, LOST_BEFORE, THROTTLED, DENIED])
def test_a_look_that_fails_while_sending_is_said_and_changes_nothing(
    bridge: Bridge, capsys: pytest.CaptureFixture[str], fault: Fault
):
    stop(bridge, campaign_key("autumn"))
    looks = bridge.dynamodb.calls

    def table_fails() -> None:
        bridge.dynamodb.down("batch_get_item", fault)

    while_sending(bridge, 3, table_fails, lambda: looks["batch_get_item"] > 1)
    bridge.dispatch(of_campaign(10), of_campaign(10, first=10, campaign="autumn"))
    bridge.dispatch(of_campaign(10, first=20), of_campaign(10, first=30, campaign="autumn"))

    assert bridge.dynamodb.statuses() == ["cancelled"] * 20 + ["sent"] * 20
    assert "pauses and stops cannot be read" in capsys.readouterr().out


@pytest.mark.fault("campaigns-unreadable")
def test_a_look_that_hangs_delays_nothing(bridge: Bridge):
    hanging, over = threading.Event(), threading.Event()
    looks: list[None] = []

    def hang(point: str) -> None:
        if point == "before batch_get_item":
            looks.append(None)
            if len(looks) > 1:
                hanging.set()
                over.wait(SOON)

    bridge.dynamodb.around = hang
    while_sending(bridge, 3, lambda: None, hanging.is_set)
    try:
        bridge.dispatch(of_campaign(60))
        assert not over.is_set()
        assert bridge.dynamodb.statuses() == ["sent"] * 60
    finally:
        over.set()


@pytest.mark.fault("campaigns-unreadable")
def test_while_the_table_is_silent_everything_goes_on_and_what_was_stopped_stays_so(bridge: Bridge):
    stop(bridge)
    bridge.dispatch(of_campaign(1))
    bridge.dynamodb.down("batch_get_item", LOST_BEFORE)

    bridge.dispatch(of_campaign(2, first=10), of_campaign(2, first=20, campaign="autumn"))

    assert bridge.dynamodb.statuses() == ["cancelled"] * 3 + ["sent"] * 2


def test_a_look_that_was_slow_does_not_undo_what_a_later_one_saw(bridge: Bridge):
    steering = bridge.dispatcher.engine.steering
    key = ACCOUNT_ID, campaign_key(CAMPAIGN)

    def meanwhile(point: str) -> None:
        if point == "after batch_get_item":  # the table has answered that it runs
            bridge.dynamodb.around = lambda _point: None
            stop(bridge)
            steering.look([key])

    bridge.dynamodb.around = meanwhile
    steering.look([key])

    assert state_known(bridge) is State.STOPPED


def test_a_look_that_was_under_way_does_not_undo_what_the_worker_itself_decided(bridge: Bridge):
    steering = bridge.dispatcher.engine.steering
    key = ACCOUNT_ID, campaign_key(CAMPAIGN)

    def meanwhile(point: str) -> None:
        if point == "after batch_get_item":  # the table has answered that it runs
            steering.note(key, Control(State.PAUSED))

    bridge.dynamodb.around = meanwhile
    steering.look([key])

    assert state_known(bridge) is State.PAUSED


def test_what_a_worker_decides_itself_hides_no_other_decision_that_is_being_read(bridge: Bridge):
    stop(bridge)
    steering = bridge.dispatcher.engine.steering
    another = "ANOTHER", WHOLE_ACCOUNT

    def meanwhile(point: str) -> None:
        if point == "after batch_get_item":
            steering.note(another, Control(State.PAUSED))

    bridge.dynamodb.around = meanwhile
    steering.look([(ACCOUNT_ID, campaign_key(CAMPAIGN)), another])

    assert state_known(bridge) is State.STOPPED
    assert steering.state_of(message(0, account="ANOTHER")) is State.PAUSED, "newer than what was read"


# One message that CleverTap waits for


def record(index: int = 0, campaign: str | None = CAMPAIGN) -> dict[str, str | None]:
    return {"to": number(index), "text": text(), "messageId": message_id(index), "campaignId": campaign}


@pytest.mark.fault("campaign-stopped")
def test_one_message_of_a_stopped_campaign_is_refused_and_the_log_says_so(bridge: Bridge):
    stop(bridge)

    answer = bridge.post(record())

    assert answer == (422, {"status": "rejected", "code": "915", "reason": "stopped by an operator"})
    [found] = bridge.dynamodb.rows()
    assert (found.status, found.code, found.report) == ("cancelled", "915", False), "the answer has told it"
    assert bridge.counts() == {"MessagesCancelled": 1}


def test_one_message_of_a_stopped_campaign_that_was_sent_before_is_a_duplicate(bridge: Bridge):
    bridge.dynamodb.put(row(0, "sent"))
    stop(bridge)

    assert bridge.post(record()).body == {"status": "duplicate", "messageId": message_id(0), "was": "sent"}


@pytest.mark.fault("campaign-paused")
@pytest.mark.parametrize("what", [campaign_key(CAMPAIGN), WHOLE_ACCOUNT])
def test_one_message_of_what_is_paused_is_queued(bridge: Bridge, what: str):
    pause(bridge, what)

    assert bridge.post(record()) == (200, {"status": "queued", "messageId": message_id(0)})
    assert [(numbers, attempts) for numbers, attempts, _ in queued(bridge)] == [([0], 0)]
    assert bridge.dynamodb.rows() == []
    assert bridge.counts() == {"MessagesAccepted": 1, "MessagesPostponed": 1, "HeldByOperators": 1}


def test_one_message_that_could_not_be_cancelled_is_queued_and_reported_when_it_is(bridge: Bridge):
    stop(bridge)
    bridge.dynamodb.fail("put_item", *silence(UNREACHED))

    assert bridge.post(record()).body["status"] == "queued"
    bridge.dispatch(decode(taken_out(bridge.sqs)[0]))

    [found] = bridge.dynamodb.rows()
    assert (found.status, found.report) == ("cancelled", True)


@pytest.mark.parametrize("state", [State.PAUSED, State.STOPPED])
def test_a_batch_is_accepted_whatever_was_decided_and_read_nothing_for_it(bridge: Bridge, state: State):
    decide(bridge, state)

    answer = bridge.post([record(0), record(1)])

    assert answer == (200, {"status": "queued", "accepted": 2, "rejected": []})
    assert bridge.dynamodb.calls["batch_get_item"] == 0


def test_accept_goes_on_for_five_seconds_with_what_it_read(bridge: Bridge):
    bridge.post(record(0))
    stop(bridge)

    bridge.clock.sleep(ACCEPT_LOOK_SECONDS - 1)
    assert bridge.post(record(1)).status == 200
    assert bridge.dynamodb.calls["batch_get_item"] == 1
    bridge.clock.sleep(1)
    assert bridge.post(record(2)).status == 422
    assert bridge.dynamodb.calls["batch_get_item"] == 2


def test_accept_reads_another_campaign_at_once(bridge: Bridge):
    stop(bridge)
    bridge.post(record(0, "autumn"))

    assert bridge.post(record(1)).status == 422


def test_accept_remembers_no_more_campaigns_than_it_needs(bridge: Bridge):
    stop(bridge)
    bridge.post(record(0))
    for nth in range(MOST_LOOKS + 100):
        bridge.clock.sleep(0.02)
        bridge.post(record(1, str(nth)))

    assert len(bridge.acceptor._looked_at) < MOST_LOOKS
    bridge.dynamodb.down("batch_get_item", DENIED)
    assert bridge.post(record(2)).status == 422, "what was stopped is not forgotten"


def test_the_account_without_a_campaign_can_be_stopped_too(bridge: Bridge):
    stop(bridge, campaign_key(None))

    assert bridge.post(record(0, None)).status == 422
    assert bridge.post(record(1)).status == 200
    assert bridge.clock() < START + 60
