"""What people decide about campaigns and accounts: written, read, and which of two decisions holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge import times
from bridge.campaigns.control import LONGEST_NOTE, MOST_ACTIONS, RUNNING, Control, Controls, State, announce, strictest
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from bridge.campaigns.table import MOST_KEYS, CampaignTable
from bridge.errors import LogUnavailable
from bridge.telemetry import InvocationMetrics
from tests.fakes.dynamodb import CAMPAIGNS, FakeDynamoDB
from tests.fakes.faults import DENIED, LOST_AFTER, LOST_BEFORE, THROTTLED, UNREACHED, Fault
from tests.fakes.values import ACCOUNT_ID, START

if TYPE_CHECKING:
    from tests.fakes.clock import Clock

KEY = ACCOUNT_ID, campaign_key("42")
ACCOUNT = ACCOUNT_ID, WHOLE_ACCOUNT
NOW = times.iso(START)


@pytest.fixture
def controls(dynamodb: FakeDynamoDB, clock: Clock) -> Controls:
    return Controls(CampaignTable(CAMPAIGNS, dynamodb), clock)  # type: ignore[arg-type] # the fake


def actions(dynamodb: FakeDynamoDB) -> list[tuple[str, str]]:
    item = dynamodb.tables[CAMPAIGNS][KEY]
    return [(one["M"]["state"]["S"], one["M"]["changedBy"]["S"]) for one in item["actions"]["L"]]


def test_a_campaign_about_which_nobody_decided_is_running(controls: Controls):
    assert controls.read([KEY, ACCOUNT]) == {KEY: RUNNING, ACCOUNT: RUNNING}


def test_a_decision_is_read_with_when_by_whom_and_why(controls: Controls):
    changed = controls.change(KEY, State.STOPPED, by="ana", note="wrong price")

    assert changed == Control(State.STOPPED, NOW, "ana", "wrong price")
    assert controls.read([KEY, ACCOUNT]) == {KEY: changed, ACCOUNT: RUNNING}


@pytest.mark.parametrize(("written", "holds"), [("Paused", "paused"), ("STOPPED", "stopped"), ("hold", "paused")])
def test_a_state_that_somebody_wrote_by_hand_holds_and_breaks_nothing(
    controls: Controls, dynamodb: FakeDynamoDB, written: str, holds: str
):
    dynamodb.tables[CAMPAIGNS][KEY] = {
        "account": {"S": KEY[0]},
        "campaign": {"S": KEY[1]},
        "state": {"S": written},
    }

    assert controls.read([KEY])[KEY] == Control(State(holds))


def test_the_last_decision_holds_and_leaves_nothing_of_the_one_before_but_its_line(
    controls: Controls, dynamodb: FakeDynamoDB
):
    controls.change(KEY, State.PAUSED, by="ana", note="look at this", until="2099-01-01T00:00:00.000Z")

    assert controls.change(KEY, State.RUNNING, by="ben") == Control(State.RUNNING, NOW, "ben")
    assert controls.read([KEY])[KEY] == Control(State.RUNNING, NOW, "ben")
    assert actions(dynamodb) == [("paused", "ana"), ("running", "ben")]


def test_the_last_actions_are_kept_and_older_ones_dropped(controls: Controls, dynamodb: FakeDynamoDB):
    for nth in range(MOST_ACTIONS + 3):
        controls.change(KEY, State.PAUSED, by=str(nth))

    assert actions(dynamodb) == [("paused", str(nth)) for nth in range(3, MOST_ACTIONS + 3)]


def test_a_decision_holds_though_older_actions_could_not_be_dropped_and_the_next_one_drops_them(
    controls: Controls, dynamodb: FakeDynamoDB
):
    for nth in range(MOST_ACTIONS):
        controls.change(KEY, State.PAUSED, by=str(nth))
    dynamodb.fail("update_item", None, UNREACHED)

    controls.change(KEY, State.STOPPED, by="ana")

    assert controls.read([KEY])[KEY].state is State.STOPPED
    controls.change(KEY, State.STOPPED, by="ben")
    assert len(actions(dynamodb)) == MOST_ACTIONS


def test_a_decision_leaves_the_rest_of_the_item_alone(controls: Controls, dynamodb: FakeDynamoDB):
    dynamodb._write(CAMPAIGNS, {"account": {"S": KEY[0]}, "campaign": {"S": KEY[1]}, "n_sent": {"N": "7"}})

    controls.change(KEY, State.STOPPED, by="ana")

    assert dynamodb.tables[CAMPAIGNS][KEY]["n_sent"] == {"N": "7"}


def test_a_long_note_is_cut_and_half_a_character_does_no_harm(controls: Controls):
    controls.change(KEY, State.PAUSED, by="a\ud800", note="x" * 5_000)

    found = controls.read([KEY])[KEY]
    assert (found.changed_by, found.note) == ("a?", "x" * LONGEST_NOTE)


def test_who_it_was_is_kept_whole_where_aws_names_a_person_at_length(controls: Controls):
    role = "AWSReservedSSO_SmsCampaignOperatorsOnCall_0123456789abcdef"
    person = f"arn:aws:sts::123456789012:assumed-role/{role}/ana.maria.fernandes@example.com"

    controls.change(KEY, State.STOPPED, by=person)
    controls.note(KEY, "messages sent again: 3", by=person)

    assert controls.read([KEY])[KEY].changed_by == person
    assert [action.by for action in controls.actions(KEY)] == [person, person]


def test_a_pause_with_an_end_is_over_by_itself(controls: Controls, clock: Clock):
    controls.change(ACCOUNT, State.PAUSED, by="daily cap", until=times.iso(START + 60))

    assert controls.read([ACCOUNT])[ACCOUNT].state is State.PAUSED
    clock.sleep(60)
    assert controls.read([ACCOUNT])[ACCOUNT] == RUNNING


@pytest.mark.parametrize(
    ("states", "holds"),
    [
        ([], "running"),
        (["running", "running"], "running"),
        (["running", "paused"], "paused"),
        (["stopped", "paused"], "stopped"),
        (["paused", "stopped"], "stopped"),
    ],
)
def test_the_strictest_holds(states: list[str], holds: str):
    assert strictest(Control(State(state)) for state in states).state == holds


@pytest.mark.parametrize("fault", [UNREACHED, LOST_BEFORE, THROTTLED, DENIED])
def test_a_table_that_cannot_be_read_is_told(controls: Controls, dynamodb: FakeDynamoDB, fault: Fault):
    dynamodb.fail("batch_get_item", fault)

    with pytest.raises(LogUnavailable):
        controls.read([KEY])


@pytest.mark.parametrize("fault", [UNREACHED, LOST_BEFORE, LOST_AFTER, THROTTLED, DENIED])
def test_a_table_that_does_not_take_a_decision_says_so_and_it_can_be_made_again(
    controls: Controls, dynamodb: FakeDynamoDB, fault: Fault
):
    dynamodb.fail("update_item", fault)

    with pytest.raises(LogUnavailable):
        controls.change(KEY, State.STOPPED, by="ana")
    assert controls.change(KEY, State.STOPPED, by="ana") == controls.read([KEY])[KEY]


def test_what_dynamodb_leaves_unread_is_read_once_more(controls: Controls, dynamodb: FakeDynamoDB):
    controls.change(ACCOUNT, State.STOPPED, by="ana")
    dynamodb.unread.extend([1])

    assert controls.read([KEY, ACCOUNT])[ACCOUNT].state is State.STOPPED


def test_what_dynamodb_still_leaves_unread_is_no_running_campaign(controls: Controls, dynamodb: FakeDynamoDB):
    dynamodb.unread.extend([1, 1])

    with pytest.raises(LogUnavailable):
        controls.read([KEY, ACCOUNT])


def test_many_campaigns_are_read_by_the_hundred(controls: Controls, dynamodb: FakeDynamoDB):
    last = ACCOUNT_ID, campaign_key(str(MOST_KEYS))
    controls.change(last, State.STOPPED, by="ana")

    found = controls.read((ACCOUNT_ID, campaign_key(str(nth))) for nth in range(MOST_KEYS + 1))

    assert [key for key, control in found.items() if control.state is State.STOPPED] == [last]
    assert dynamodb.calls["batch_get_item"] == 2


def test_a_change_on_lambda_is_logged_and_counted(controls: Controls, capsys: pytest.CaptureFixture[str]):
    metrics = InvocationMetrics()

    announce(KEY, controls.change(KEY, State.STOPPED, by="ana", note="wrong price"), metrics)

    assert metrics.counts[ACCOUNT_ID] == {"CampaignsStopped": 1}
    assert '"campaign":"42","action":"stopped","by":"ana"' in capsys.readouterr().out


def test_what_was_done_is_told_the_last_first(controls: Controls):
    controls.change(KEY, State.PAUSED, by="ana", note="wrong price")
    controls.note(KEY, "messages sent again: 3", by="ben")
    controls.change(KEY, State.RUNNING, by="ana")

    told = [(action.what, action.by, action.note) for action in controls.actions(KEY)]

    assert told == [("resumed", "ana", None), ("messages sent again: 3", "ben", None), ("paused", "ana", "wrong price")]
    assert controls.actions(ACCOUNT) == []


@pytest.mark.parametrize("state", [State.PAUSED, State.STOPPED])
def test_a_campaign_that_is_held_back_stays_so_however_long_nothing_is_counted(
    controls: Controls, dynamodb: FakeDynamoDB, state: State
):
    dynamodb._write(CAMPAIGNS, {"account": {"S": KEY[0]}, "campaign": {"S": KEY[1]}, "expiresAt": {"N": "1"}})

    controls.change(KEY, state, by="ana")

    assert "expiresAt" not in dynamodb.tables[CAMPAIGNS][KEY]


def test_a_campaign_that_runs_again_is_forgotten_as_others_are(controls: Controls, dynamodb: FakeDynamoDB):
    dynamodb._write(CAMPAIGNS, {"account": {"S": KEY[0]}, "campaign": {"S": KEY[1]}, "expiresAt": {"N": "1"}})

    controls.change(KEY, State.RUNNING, by="ana")

    assert dynamodb.tables[CAMPAIGNS][KEY]["expiresAt"] == {"N": "1"}
