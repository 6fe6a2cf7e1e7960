"""Each action of a person leaves a trace in its item, in the log and as a metric, from the console and from the command
line alike.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bridge import times
from bridge.campaigns.keys import WHOLE_ACCOUNT
from tests.fakes.faults import DENIED
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, START, message_id, number, text
from tests.fakes.widget import STEER, event
from tests.unit.console_page import Page
from tests.unit.operators import WHO, Operators

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = times.iso(START - 90 * 3_600)
LOG = "/aws/lambda/bridge-steer"


@pytest.fixture
def page() -> Page:
    """A bridge with a message that can be sent again, and one that can be forgotten."""
    page = Page()
    page.dynamodb.put(row(0, "expired", text=text(), campaign_id="42", final_at=times.iso(START - 3)))
    page.dynamodb.put(row(1, "delivered", accepted_at=OLD))
    return page


def by_console(view: str, **pressed: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.call(STEER, event({"view": view, "account": ACCOUNT_ID, **pressed}, {"who": "Ann"}))

    return act


SEEN = {"number": number(0), "message_id": message_id(0), "seen": f"expired w/0 {times.iso(START - 3)}"}
# What is done, in the console and from the command line; where it stands; what the log and the metrics say.
ACTIONS: list[Any] = [
    pytest.param(by_console("pause", campaign="42"), ("pause", "42"), "42", "paused", "CampaignsPaused", id="pause"),
    pytest.param(by_console("stop", campaign="42"), ("stop", "42"), "42", "stopped", "CampaignsStopped", id="stop"),
    pytest.param(
        by_console("resume", campaign=WHOLE_ACCOUNT),
        ("resume",),
        WHOLE_ACCOUNT,
        "resumed",
        "CampaignsResumed",
        id="resume",
    ),
    pytest.param(
        by_console("resend", **SEEN), ("resend", "--number", number(0)), "42", "resent", "MessagesResent", id="resend"
    ),
    pytest.param(
        by_console("forget", number=number(1), sure="yes"),
        ("forget", number(1)),
        WHOLE_ACCOUNT,
        "forgotten",
        "PeopleForgotten",
        id="forget",
    ),
]


def said(line: dict[str, Any]) -> dict[str, Any]:
    """What a line says of the action, without what differs from call to call."""
    return {name: value for name, value in line.items() if name in ("message", "account", "campaign", "action")}


@pytest.mark.parametrize(("press", "_words", "key", "what", "metric"), ACTIONS)
def test_an_action_in_the_console_leaves_its_traces(
    page: Page, capsys: pytest.CaptureFixture[str], press: Any, _words: Any, key: str, what: str, metric: str
):
    press(page)

    (action,) = page.app_now.controls.actions((ACCOUNT_ID, key))
    assert action.by == "console, Ann"
    (line,) = [one for one in map(json.loads, capsys.readouterr().out.splitlines()) if one["message"] == "steered"]
    assert (said(line), line["by"]) == (
        {"message": "steered", "account": ACCOUNT_ID, "campaign": key, "action": what},
        "console, Ann",
    )
    assert page.metrics.counts[ACCOUNT_ID] == {metric: 1}


@pytest.mark.parametrize(("_press", "words", "key", "what", "metric"), ACTIONS)
def test_an_action_from_the_command_line_leaves_the_same(
    page: Page, capsys: pytest.CaptureFixture[str], _press: Any, words: Any, key: str, what: str, metric: str
):
    operators = Operators(page, capsys)

    assert operators(*words, "--yes").code == 0

    (action,) = page.app_now.controls.actions((ACCOUNT_ID, key))
    assert action.by == WHO
    (((group, stream), (line, counted)),) = operators.logs.events.items()
    assert (group, stream.startswith("operators/")) == (LOG, True)
    assert (said(line), line["by"]) == (
        {"message": "steered", "account": ACCOUNT_ID, "campaign": key, "action": what},
        WHO,
    )
    assert (line["level"], line["service"]) == ("INFO", "steer")
    assert (counted["service"], counted["account"], counted[metric]) == ("steer", ACCOUNT_ID, 1)
    (described,) = counted["_aws"]["CloudWatchMetrics"]
    assert described == {
        "Namespace": "bridge",
        "Dimensions": [["service"], ["service", "account"]],
        "Metrics": [{"Name": metric, "Unit": "Count"}],
    }


@pytest.mark.parametrize("words", [("resend", "--number", number(0)), ("forget", number(1))])
def test_no_trace_holds_a_number_or_a_text(page: Page, capsys: pytest.CaptureFixture[str], words: Any):
    operators = Operators(page, capsys)
    operators(*words, "--yes")

    written = json.dumps([*operators.logs.events.values()])
    assert number(0)[3:] not in written
    assert number(1)[3:] not in written
    assert text() not in written


def test_what_cannot_be_logged_is_done_all_the_same_and_said(page: Page, capsys: pytest.CaptureFixture[str]):
    operators = Operators(page, capsys)
    operators.logs.fault = ClientError({"Error": {"Code": "AccessDeniedException"}}, "CreateLogStream")

    ended = operators("stop", "42", "--yes")

    assert ended.code == 0
    assert "AccessDeniedException" in ended.err
    assert page.app_now.controls.actions((ACCOUNT_ID, "42"))[0].what == "stopped"


@pytest.mark.parametrize(("press", "_words", "key", "what", "metric"), ACTIONS[3:])
def test_what_cannot_be_undone_leaves_its_line_and_metric_though_its_item_cannot_be_written(
    page: Page, capsys: pytest.CaptureFixture[str], press: Any, _words: Any, key: str, what: str, metric: str
):
    page.dynamodb.fail("update_item", DENIED)

    press(page)

    lines = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    (line,) = [one for one in lines if one["message"] == "steered"]
    assert said(line) == {"message": "steered", "account": ACCOUNT_ID, "campaign": key, "action": what}
    assert page.metrics.counts[ACCOUNT_ID] == {metric: 1}
    assert "not among its campaign's actions" in "".join(one["message"] for one in lines)


@pytest.mark.parametrize(("_press", "words", "_key", "what", "_metric"), ACTIONS[3:])
def test_the_same_from_the_command_line(
    page: Page, capsys: pytest.CaptureFixture[str], _press: Any, words: Any, _key: str, what: str, _metric: str
):
    operators = Operators(page, capsys)
    page.dynamodb.fail("update_item", DENIED)

    assert operators(*words, "--yes").code == 0

    ((line, _),) = operators.logs.events.values()
    assert (line["action"], line["by"]) == (what, WHO)


def test_nothing_is_logged_where_there_are_no_logs(page: Page, capsys: pytest.CaptureFixture[str]):
    operators = Operators(page, capsys)
    object.__setattr__(operators.target, "has_logs", False)

    assert operators("stop", "42", "--yes").code == 0
    assert not operators.logs.events


def test_a_person_of_whom_nothing_could_be_forgotten_counts_as_none(page: Page, capsys: pytest.CaptureFixture[str]):
    page.dynamodb.put(row(2, "retrying"))
    by_console("forget", number=number(2), sure="yes")(page)

    assert '"action":"forgotten"' in capsys.readouterr().out
    assert page.metrics.counts[ACCOUNT_ID] == {}
    assert page.app_now.controls.actions((ACCOUNT_ID, WHOLE_ACCOUNT)) == []
