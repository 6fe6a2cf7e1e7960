"""The count function: what the log's stream tells is counted once, by campaign and status."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bridge import times
from bridge.campaigns.counters import Campaign, Campaigns
from bridge.campaigns.counting import PLACE, PLACE_SECONDS
from bridge.campaigns.keys import campaign_key
from bridge.campaigns.table import CampaignTable
from bridge.invocation import Invocation
from bridge.message import Status
from bridge.telemetry import InvocationMetrics
from tests.fakes.dynamodb import CAMPAIGNS
from tests.fakes.environment import as_on_lambda
from tests.fakes.faults import APPLIED, NOT_APPLIED, UNREACHED, Fault
from tests.fakes.log import row
from tests.fakes.stream import FIRST, OTHER_SHARD, SHARD, batch, record, way
from tests.fakes.values import ACCOUNT_ID, START
from tests.unit.harness import Fakes

with as_on_lambda():
    from handlers.count import count

if TYPE_CHECKING:
    from collections.abc import Sequence


DAY = 86_400
SENDING, SENT = (row(0, status, campaign_id="42", segments=2) for status in ("sending", "sent"))
DELIVERED = replace(SENT, status=Status.DELIVERED)
REJECTED = replace(SENT, status=Status.REJECTED, code="910")


class Count(Fakes):
    """One execution environment of count."""

    def __init__(self) -> None:
        super().__init__()
        self.counter = self.app().count
        self.metrics = InvocationMetrics()

    def give(self, records: Sequence[dict[str, Any]], shard: str = SHARD, seconds: float = 59.0) -> list[int]:
        """Give a batch; the places of those from which on it has to come again."""
        invocation = Invocation("request-id", self.clock.deadline(seconds), self.metrics)
        answer = count(self.counter, batch(records, shard), invocation)
        assert {*answer} == {"state", "batchItemFailures"}
        return [int(failure["itemIdentifier"]) - FIRST for failure in answer["batchItemFailures"]]

    def campaign(self, campaign_id: str | None = "42") -> Campaign:
        table = CampaignTable(CAMPAIGNS, self.dynamodb)  # type: ignore[arg-type] # the fake
        found = Campaigns(table, self.clock).get(ACCOUNT_ID, campaign_id)
        assert found
        return found

    def statuses(self, campaign_id: str | None = "42") -> dict[str, int]:
        return {str(status): number for status, number in self.campaign(campaign_id).statuses.items()}

    def item(self, campaign_id: str | None = "42") -> dict[str, Any]:
        return self.dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, campaign_key(campaign_id)]

    def places(self) -> set[str]:
        return {name for name in self.item() if name.startswith(PLACE)}


@pytest.fixture
def counting() -> Count:
    return Count()


def messages(number: int, campaign_id: str | None = "42", status: str = "sent", start: int = 0) -> list[dict[str, Any]]:
    return [record(start + n, row(start + n, status, campaign_id=campaign_id)) for n in range(number)]


# ── What is counted ──────────────────────────────────────────────────────────


def test_a_message_is_counted_where_it_stands_with_its_parts(counting: Count):
    assert counting.give(way(SENDING, SENT)) == []

    campaign = counting.campaign()
    assert campaign.statuses == {Status.SENT: 1}
    assert campaign.parts == {Status.SENT: 2}


@pytest.mark.parametrize("cut", range(5))
def test_a_messages_way_leaves_one_however_it_is_cut_into_batches(counting: Count, cut: int):
    retrying = replace(SENDING, status=Status.RETRYING)
    records = way(SENDING, retrying, SENDING, SENT, DELIVERED)

    counting.give(records[:cut])
    counting.give(records[cut:])

    assert counting.statuses() == {"delivered": 1}


def test_codes_are_counted_and_a_code_that_is_gone_is_counted_back(counting: Count):
    counting.give(way(REJECTED))
    assert counting.campaign().codes == {"910": 1}

    counting.give([record(1, SENDING, REJECTED)])
    assert counting.campaign().codes == {}
    assert counting.statuses() == {"sending": 1}


def test_each_campaign_is_counted_for_itself_and_what_has_none_as_well(counting: Count):
    counting.give([*messages(2, "1"), *messages(3, None, start=2), *messages(1, "*", start=5)])

    assert (counting.statuses("1"), counting.statuses(None), counting.statuses("*")) == (
        {"sent": 2},
        {"sent": 3},
        {"sent": 1},
    )


def test_a_message_that_comes_again_with_another_campaign_is_that_ones(counting: Count):
    counting.give(way(REJECTED, replace(SENDING, campaign_id="43")))

    assert counting.statuses("42") == {}
    assert counting.statuses("43") == {"sending": 1}


def test_rows_that_expire_or_are_forgotten_stay_counted(counting: Count):
    counting.give(way(SENDING, DELIVERED, None))

    assert counting.statuses() == {"delivered": 1}


def test_a_write_that_changes_nothing_that_is_counted_costs_no_call(counting: Count):
    counting.give([record(0, replace(REJECTED, report=False), REJECTED)])

    assert counting.dynamodb.calls == {}


def test_the_first_message_was_accepted_then_and_the_last_counted_now(counting: Count):
    early, late = (times.iso(START + seconds) for seconds in (-100, -10))
    counting.clock.now = START + 5
    counting.give([record(0, row(0, campaign_id="42", accepted_at=late))])
    assert counting.campaign().first_at == late

    counting.clock.now = START + 65
    counting.give([record(n, row(n, campaign_id="42", accepted_at=early)) for n in (1, 2)])
    assert (counting.campaign().first_at, counting.campaign().last_at) == (late, times.iso(START + 65))


def test_a_campaign_is_kept_as_long_as_a_row_after_it_was_last_counted(counting: Count):
    counting.give(way(SENT))
    counting.clock.now += 10
    counting.give([record(1, DELIVERED, SENT)])

    assert counting.item()["expiresAt"] == {"N": str(int(START) + 10 + 30 * DAY)}


@pytest.mark.parametrize("state", ["paused", "stopped"])
def test_a_campaign_that_is_held_back_does_not_run_again_by_being_forgotten(counting: Count, state: str):
    counting.give(way(SENT))
    counting.item()["state"] = {"S": state}

    counting.give([record(1, DELIVERED, SENT)])

    assert "expiresAt" not in counting.item()
    assert counting.statuses() == {"delivered": 1}


# ── Accepted ─────────────────────────────────────────────────────────────────


def test_a_message_that_accept_sends_at_once_is_accepted_when_it_is_claimed(counting: Count):
    claim = replace(SENDING, waited_for=True)
    retried = replace(SENDING, claimed_by="dispatch/2")

    counting.give(way(claim, replace(claim, status=Status.RETRYING), retried, SENT))

    assert (counting.campaign().accepted, counting.campaign().accepted_parts) == (1, 2)


def test_a_message_of_which_two_copies_are_tried_in_turn_is_accepted_once(counting: Count):
    """CleverTap posted it again: accept counted the one that it queued, the row counts the other."""
    claim, other = replace(SENDING, waited_for=True), replace(SENDING, claimed_by="dispatch/2")
    turns = [one for name in "345" for one in (replace(other, claimed_by=f"d/{name}"), replace(claim, claimed_by=name))]

    counting.give(way(claim, *turns, SENT))

    assert counting.campaign().accepted == 1


def test_a_message_that_was_refused_and_is_posted_again_is_accepted(counting: Count):
    claim = replace(SENDING, waited_for=True)

    counting.give(way(replace(REJECTED, code="904"), claim, replace(SENT, waited_for=True)))

    assert counting.campaign().accepted == 1


def test_what_dispatch_claims_was_counted_by_accept(counting: Count):
    counting.give(way(SENDING, SENT))

    assert counting.campaign().accepted == 0


def test_a_message_that_could_not_be_queued_for_another_attempt_was_not_accepted(counting: Count):
    claim = replace(SENDING, waited_for=True)

    counting.give(way(claim, replace(REJECTED, segments=None, code="904")))

    assert (counting.campaign().accepted, counting.campaign().accepted_parts) == (0, 0)
    assert counting.statuses() == {"rejected": 1}


@pytest.mark.parametrize(("attempts", "refused"), [(0, 1), (1, 0)], ids=["by accept", "by the vendor"])
def test_what_accept_rejected_is_told_apart_from_what_the_vendor_did(counting: Count, attempts: int, refused: int):
    before = [] if attempts == 0 else [SENDING]

    counting.give(way(*before, replace(REJECTED, attempts=attempts)))

    assert (counting.campaign().refused, counting.statuses()) == (refused, {"rejected": 1})


def test_what_was_refused_and_is_sent_again_is_refused_no_more(counting: Count):
    counting.give(way(replace(REJECTED, attempts=0, code="904"), SENDING, SENT))

    assert counting.campaign().refused == 0


RESENT = replace(SENDING, resent_by="a person", claimed_by="dispatch/2")


def test_what_was_refused_is_accepted_when_a_person_has_it_sent_again(counting: Count):
    """Nobody else counts it: accept did not queue it."""
    retrying = replace(RESENT, status=Status.RETRYING)
    refused = replace(REJECTED, attempts=0, code="904")

    counting.give(
        way(refused, RESENT, retrying, replace(RESENT, claimed_by="dispatch/3"), replace(RESENT, status=Status.SENT))
    )

    campaign = counting.campaign()
    assert (campaign.accepted, campaign.accepted_parts, campaign.refused, campaign.rows) == (1, 2, 0, 1)


@pytest.mark.parametrize("ended", ["expired", "cancelled", "unknown"])
@pytest.mark.parametrize("waited_for", [None, True], ids=["from a batch", "alone"])
def test_what_ended_otherwise_was_accepted_before_it_is_sent_again(
    counting: Count,
    ended: str,
    waited_for: bool | None,  # noqa: FBT001 - the row's attribute
):
    end = replace(SENDING, status=Status(ended), waited_for=waited_for)

    counting.give(way(end, RESENT, replace(RESENT, status=Status.SENT)))

    assert counting.campaign().accepted == (1 if waited_for else 0), "accept counts a batch itself"


def test_what_is_refused_again_after_it_was_sent_again_counts_back(counting: Count):
    """CleverTap posted it once more, and that attempt could not be queued."""
    refused = replace(REJECTED, attempts=0, code="904")
    posted = replace(SENDING, waited_for=True)

    counting.give(way(refused, RESENT, replace(RESENT, status=Status.RETRYING), posted, refused))

    campaign = counting.campaign()
    assert (campaign.accepted, campaign.refused, campaign.rows) == (0, 1, 1)


# ── Exactly once ─────────────────────────────────────────────────────────────


def test_a_batch_that_comes_twice_is_counted_once(counting: Count):
    for _ in range(2):
        assert counting.give(messages(3)) == []

    assert counting.statuses() == {"sent": 3}


@pytest.mark.parametrize("cuts", [(1, 4), (2, 3), (3, 5)])
def test_records_that_come_again_in_other_batches_are_counted_once(counting: Count, cuts: tuple[int, int]):
    """Places of 5 digits and of 6 are among them: they are compared as numbers."""
    records = messages(20)
    counting.give(records[: 4 * cuts[0]])

    for start, end in ((0, 4 * cuts[0] - 2), (4 * cuts[0] - 2, 4 * cuts[1]), (4 * cuts[1], 20)):
        counting.give(records[start:end])

    assert counting.statuses() == {"sent": 20}


def test_an_old_batch_that_comes_once_more_is_not_counted(counting: Count):
    records = messages(4)
    counting.give(records[:2])
    counting.give(records[2:])

    assert counting.give(records[:1]) == []

    assert counting.statuses() == {"sent": 4}


def test_steps_that_cancel_each_other_out_are_remembered_as_counted(counting: Count):
    """Else a first part of them that came once more, late, would be counted."""
    bad = replace(SENT, status=Status.UNKNOWN)
    records = way(SENT, bad, SENT)
    counting.give(records[:1])
    counting.give(records[1:])

    counting.give(records[1:2])

    assert counting.statuses() == {"sent": 1}


def test_each_shard_has_a_place_of_its_own(counting: Count):
    counting.give(messages(2, start=10), SHARD)
    counting.give(messages(3, start=1), OTHER_SHARD)
    counting.give(messages(1, start=12), SHARD)

    assert counting.statuses() == {"sent": 6}


@pytest.mark.fault("counter-killed")
def test_a_reader_that_dies_between_two_campaigns_counts_each_once(counting: Count):
    records = [*messages(2, "1"), *messages(2, "2", start=2), *messages(2, "3", start=4)]
    counting.dynamodb.fail("update_item", None, UNREACHED)

    assert counting.give(records) == [2]
    assert counting.give(records) == []

    assert [counting.statuses(name) for name in "123"] == [{"sent": 2}] * 3


@pytest.mark.fault("counter-killed")
@pytest.mark.parametrize("fault", [*APPLIED, *NOT_APPLIED])
def test_an_update_without_an_answer_is_repeated_and_counted_once(counting: Count, fault: Fault):
    counting.dynamodb.fail("update_item", fault)

    assert counting.give(messages(3)) == [0]
    assert counting.give(messages(3)) == []

    assert counting.statuses() == {"sent": 3}


@pytest.mark.fault("counters-unwritable")
def test_while_the_table_does_not_answer_nothing_is_given_up(counting: Count):
    counting.dynamodb.down("update_item", UNREACHED)
    assert counting.give(messages(3)) == [0]
    assert counting.dynamodb.calls["update_item"] == 1

    counting.dynamodb.heal()
    counting.give(messages(3))

    assert counting.statuses() == {"sent": 3}


def test_what_there_is_no_time_for_comes_again(counting: Count):
    records = [*messages(1, "1"), *messages(1, "2", start=1)]

    assert counting.give(records, seconds=2) == [0]

    assert counting.dynamodb.calls == {}


# ── Places ───────────────────────────────────────────────────────────────────


def test_places_from_which_nothing_can_come_again_are_dropped(counting: Count):
    counting.give(messages(1), OTHER_SHARD)
    counting.clock.now += PLACE_SECONDS + 1

    counting.give(messages(1, start=1), SHARD)

    assert counting.places() == {PLACE + SHARD}
    assert counting.statuses() == {"sent": 2}


def test_a_place_from_which_something_may_come_again_is_kept(counting: Count):
    counting.give(messages(1), OTHER_SHARD)
    counting.clock.now += PLACE_SECONDS - 1

    counting.give(messages(1, start=1), SHARD)

    assert counting.places() == {PLACE + SHARD, PLACE + OTHER_SHARD}


def test_what_could_not_be_dropped_is_dropped_the_next_time(counting: Count):
    counting.give(messages(1), OTHER_SHARD)
    counting.clock.now += PLACE_SECONDS + 1
    counting.dynamodb.fail("update_item", None, UNREACHED)

    assert counting.give(messages(1, start=1), SHARD) == []
    counting.give(messages(1, start=2), SHARD)

    assert counting.places() == {PLACE + SHARD}


def test_more_places_than_fit_into_an_expression_are_dropped_bit_by_bit(counting: Count):
    """A log of 100 partitions has 650 shards in a day, and a campaign that rests after it drops none."""
    counting.give(messages(1))
    old = {f"{PLACE}shardId-{n:020}-0a1b2c3d": {"S": f"{FIRST:040} {int(START)}"} for n in range(1_200)}
    counting.item().update(old)
    counting.clock.now += PLACE_SECONDS + 1

    for n in range(1, 4):
        assert counting.give(messages(1, start=n)) == []

    assert counting.places() == {PLACE + SHARD}


# ── Malformed ────────────────────────────────────────────────────────────────

MALFORMED = {
    "status": {"S": "posted"},
    "account": {"S": " "},
    "segments": {"N": "-1"},
    "code": {"S": ""},
    "campaignId": {"N": "7"},
}


@pytest.mark.fault("row-malformed")
@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_row_is_not_counted_and_harms_no_other(counting: Count, name: str, capsys: Any):
    records = messages(3)
    records[1]["dynamodb"]["NewImage"][name] = MALFORMED[name]

    assert counting.give(records) == []

    assert counting.statuses() == {"sent": 2}
    assert sum(one["CountsMalformed"] for one in counting.metrics.counts.values()) == 1
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "malformed" in line]
    assert (line["message"], line["place"]) == ("malformed row in the stream: not counted", str(FIRST + 1))


@pytest.mark.parametrize("name", MALFORMED)
def test_a_row_that_somebody_broke_and_mended_is_counted_once(counting: Count, name: str):
    broken = SENT.to_item() | {name: MALFORMED[name]}
    counting.give(way(SENT))
    breaking, fixing = record(1, SENT, SENT, **{name: MALFORMED[name]}), record(2, DELIVERED, SENT)
    fixing["dynamodb"]["OldImage"] = broken

    counting.give([breaking])
    assert counting.statuses() == {}

    counting.give([fixing])
    assert counting.statuses() == {"delivered": 1}
    assert sum(one["CountsMalformed"] for one in counting.metrics.counts.values()) == 1


@pytest.mark.fault("counters-unwritable")
def test_a_campaign_whose_counter_somebody_broke_is_named(counting: Count, capsys: Any):
    counting.give(messages(1))
    counting.item()["n_sent"] = {"S": "1"}
    capsys.readouterr()

    assert counting.give(messages(1, start=1)) == [1]

    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "not counted yet" in line]
    assert (line["account"], line["campaign"]) == (ACCOUNT_ID, "42")
    assert line["reason"].endswith("ValidationException")


@pytest.mark.parametrize("mark", ["waited_for", "resent_by"])
@pytest.mark.parametrize("name", MALFORMED)
def test_a_row_that_somebody_broke_and_mended_is_accepted_once(counting: Count, name: str, mark: str):
    claim = replace(SENDING, **{mark: True if mark == "waited_for" else "a person"})
    before = [] if mark == "waited_for" else [replace(REJECTED, attempts=0, code="904")]
    breaking, fixing = record(2, claim, claim, **{name: MALFORMED[name]}), record(3, claim)
    fixing["dynamodb"]["OldImage"] = breaking["dynamodb"]["NewImage"]
    counting.give([*way(*before, claim), breaking])
    assert counting.campaign().accepted == 0

    counting.give([fixing])

    assert counting.campaign().accepted == 1


# ── The event ────────────────────────────────────────────────────────────────


def test_the_end_of_a_window_has_no_records_and_is_done(counting: Count):
    assert counting.give([]) == []


def test_an_event_that_names_no_shard_is_refused(counting: Count):
    """Its source has no tumbling window: nothing could be counted exactly."""
    event = batch(messages(1))
    del event["shardId"]
    invocation = Invocation("request-id", counting.clock.deadline(59), counting.metrics)

    with pytest.raises(KeyError, match="shardId"):
        count(counting.counter, event, invocation)


def test_a_line_tells_how_much_was_counted(counting: Count, capsys: Any):
    counting.give([*messages(2, "1"), *messages(1, "2", start=2)])

    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {name: line[name] for name in ("message", "changes", "campaigns", "left")} == {
        "message": "counted",
        "changes": 3,
        "campaigns": 2,
        "left": 0,
    }
