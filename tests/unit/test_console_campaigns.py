"""The operators' page: campaigns, one campaign, and steering it."""

from __future__ import annotations

import json
import re

import pytest

from bridge.campaigns.control import State
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from bridge.message import Status
from console.campaigns import ROWS
from console.figures import GROUPS, MEANINGS, figures
from tests.fakes.dynamodb import CAMPAIGNS
from tests.fakes.faults import THROTTLED
from tests.fakes.values import ACCOUNT_ID
from tests.fakes.widget import CONSOLE, PARAMS, STEER
from tests.unit.console_page import Page

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{ 7*7 }}{% endraw %}</cwdb-action>\u2028&amp;"""


@pytest.fixture
def page() -> Page:
    return Page()


def test_campaigns_are_listed_with_what_became_of_them_the_last_changed_first(page):
    page.count("old", at=1, accepted=10, delivered=10)
    page.count("new", at=2, accepted=1_000, delivered=700, sent=100, undelivered=50)

    shown = page.show()

    assert shown.text.index("new") < shown.text.index("old")
    assert "1,000 700 70 % 150 50" in shown.text
    bars = [values["aria-label"] for tag, values in shown.elements if tag == "svg" and "aria-label" in values]
    assert bars == ["1,000 messages: 700 delivered, 100 sent, 150 waiting, 50 failed", "10 messages: 10 delivered"]


def test_the_account_s_own_item_and_its_days_are_no_campaigns(page):
    page.app_now.controls.change((ACCOUNT_ID, WHOLE_ACCOUNT), State.PAUSED, by="Ann")

    shown = page.show()

    assert "No message of this account was counted yet" in shown.text
    assert "The whole account is paused" in shown.text


def test_a_long_list_is_shown_in_parts(page):
    for number in range(ROWS + 5):
        page.count(f"c{number:02}", at=number, accepted=1)

    first = page.show()
    second = page.press(first, "Older")

    assert f"1 to {ROWS} of {ROWS + 5}" in first.text
    assert f"{ROWS + 1} to {ROWS + 5} of {ROWS + 5}" in second.text
    assert "c00" in second.text
    assert page.press(second, "Newer").text == first.text


def test_a_campaign_shows_its_funnel_its_statuses_and_its_codes(page):
    page.count("42", accepted=100, delivered=60, sent=20, undelivered=5, retrying=3)
    page.dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, "42"]["code_914"] = {"N": "5"}

    shown = page.press(page.show(), "42")

    assert "came from CleverTap 100 100 %" in shown.text
    assert "taken by Message Central 85 85 %" in shown.text
    assert "queued 12 " in shown.text
    assert "retrying 3 6" in shown.text
    assert "914 5 undelivered" in shown.text


def test_a_campaign_nobody_counted_yet_can_be_stopped_all_the_same(page):
    shown = page.show({"view": "campaign", "campaign": "to come"})

    assert "Nothing was counted of this campaign yet" in shown.text
    page.press(shown, "Stop")
    assert page.control("to come").state is State.STOPPED


@pytest.mark.parametrize(("label", "state"), [("Pause", State.PAUSED), ("Stop", State.STOPPED)], ids=["pause", "stop"])
def test_a_campaign_is_steered_with_who_and_why_after_a_confirmation(page, label, state):
    page.count("42", accepted=100, delivered=60)
    shown = page.show({"view": "campaign", "campaign": "42"})
    assert "campaign 42" in shown.button(label).confirmation

    done = page.press(shown, label, who="Ann", why="wrong text")

    control = page.control("42")
    assert (control.state, control.changed_by, control.note) == (state, "console, Ann", "wrong text")
    assert f"Campaign 42: {state.value}" in done.text
    back = page.press(done, "Back")
    assert "by console, Ann: wrong text" in back.text
    assert label not in back.labels()
    assert "Resume" in back.labels()
    assert sum(page.metrics.counts[ACCOUNT_ID].values()) == 1


def test_a_paused_campaign_is_resumed(page):
    page.count("42", accepted=1)
    page.app_now.controls.change((ACCOUNT_ID, "42"), State.PAUSED, by="Ann")

    page.press(page.show({"view": "campaign", "campaign": "42"}), "Resume")

    assert page.control("42").state is State.RUNNING


def test_the_account_as_a_whole_is_steered_too_and_its_campaigns_say_so(page):
    page.count("42", accepted=1)
    page.press(page.press(page.show(), "The account as a whole"), "Pause", why="DLT")

    assert page.control(WHOLE_ACCOUNT).state is State.PAUSED
    assert "The whole account is paused" in page.show({"view": "campaign", "campaign": "42"}).text


@pytest.mark.parametrize("key", ["*#2026-11-28", "~x", "~*", "**", "-", ""])
def test_no_key_that_somebody_makes_up_steers_what_is_no_campaign(page, key):
    page.press(page.show({"view": "campaign", "campaign": key}), "Stop")

    ((_, steered),) = page.dynamodb.tables[CAMPAIGNS]
    assert not steered.startswith(WHOLE_ACCOUNT)


def test_a_widget_without_the_function_that_changes_only_shows(page):
    page.count("42", accepted=1)
    shown = page.show({"view": "campaign", "campaign": "42"}, params={**PARAMS, "steer": "arn:aws:s3:::bucket"})

    assert "This widget only shows" in shown.text
    assert {one.endpoint for one in shown.buttons} == {CONSOLE}


def test_another_account_is_shown_on_request_and_stays(page):
    shown = page.show({"view": "other"}, {"other": "OTHER-ACCOUNT"})

    assert "Campaigns of OTHER-ACCOUNT" in shown.text
    assert {one.parameters["account"] for one in shown.buttons} == {"OTHER-ACCOUNT"}


def test_campaign_ids_notes_and_names_full_of_markup_are_only_shown(page):
    page.count(HOSTILE, accepted=1)
    listed = page.show()

    one = page.press(listed, HOSTILE)
    done = page.press(one, "Pause", who=HOSTILE, why=HOSTILE)
    again = page.press(done, "Back")

    for shown in (listed, one, done, again):  # reading it has raised, had any of it become an element
        assert "alert(1)" in shown.text
    assert page.control(campaign_key(HOSTILE)).note == HOSTILE


def test_what_a_button_gives_survives_a_reader_that_takes_its_html_for_its_text(page):
    page.count("</cwdb-action>&lt;'\"", accepted=1)

    inside = re.findall(r"<cwdb-action [^>]*>(.*?)</cwdb-action>", page.show().html)

    assert inside
    assert not any(set("<>&'") & set(one) for one in inside)


@pytest.mark.parametrize(
    "hostile",
    [
        {},
        {"widgetContext": None},
        {"widgetContext": {"params": [], "forms": {"all": "x"}}},
        {"widgetContext": {"params": {"account": 3, "console": {}, "steer": 1}}},
        {"view": ["campaign"], "campaign": {"S": 1}, "widgetContext": {"params": PARAMS, "forms": None}},
        {"first": "٣", "widgetContext": {"params": PARAMS}},
        {"first": "9" * 400, "widgetContext": {"params": PARAMS}},
        {"first": "-1", "widgetContext": {"params": PARAMS, "theme": '"><script>'}},
        {"view": "campaign", "campaign": "\ud800", "widgetContext": {"params": PARAMS}},
        {"view": "campaign", "campaign": "x" * 5_000, "widgetContext": {"params": PARAMS}},
    ],
    ids=lambda one: json.dumps(one)[:40],
)
def test_a_malformed_call_is_answered_with_a_page(page, hostile):
    assert page.call(CONSOLE, hostile).text
    assert page.call(STEER, hostile).text


def test_a_table_that_does_not_answer_is_told_in_words(page):
    page.dynamodb.fail("query", THROTTLED)

    shown = page.show()

    assert "campaigns cannot be read: ThrottlingException. Try again in a moment." in shown.text


@pytest.mark.parametrize(("given", "theme"), [("dark", "dark"), ("light", "light"), ("x", "light"), (None, "light")])
def test_a_page_is_in_the_dashboards_mode(page, given, theme):
    (root, *_) = page.show(theme=given).elements
    assert root[1]["class"].split()[:2] == ["sms", theme]


# Figures


def test_every_status_is_in_one_group_and_has_a_meaning():
    assert sorted(status for members in GROUPS.values() for status in members) == sorted(Status)
    assert {str(status) for status in Status} <= MEANINGS.keys()


def test_the_parts_of_a_bar_fill_it(page):
    page.count("42", accepted=7, delivered=3, sent=1, unknown=1)
    bar = figures(page.app_now.campaigns.list(ACCOUNT_ID)[0]).bar
    assert sum(part.width for part in bar) == pytest.approx(100)
    assert [part.name for part in bar] == ["delivered", "sent", "waiting", "unknown"]


def test_a_campaign_with_more_rows_than_were_accepted_is_shown_by_its_rows(page):
    page.count("42", accepted=5, delivered=5, rejected=2)
    assert figures(page.app_now.campaigns.list(ACCOUNT_ID)[0]).total == 7


def test_a_rate_is_written_in_plain_digits_however_low_it_is(page):
    page.count("42", accepted=3, delivered=3)
    page.dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, "42"]["lastAt"] = {"S": "2026-12-01T01:00:00.000Z"}  # the last receipt

    assert "Rate <0.01 messages a second, on average" in page.show({"view": "campaign", "campaign": "42"}).text


def test_what_accept_rejected_takes_nothing_from_what_waits(page):
    page.count("42", accepted=900, delivered=200, rejected=100)
    page.dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, "42"]["refused"] = {"N": "100"}

    shown = figures(page.app_now.campaigns.list(ACCOUNT_ID)[0])

    assert (shown.total, shown.groups["waiting"], shown.groups["failed"]) == (1_000, 700, 100)


def test_a_campaign_shows_what_people_did_the_last_first(page):
    page.count("42", accepted=1)
    page.press(page.show({"view": "campaign", "campaign": "42"}), "Pause", who="Ann", why="wrong text")
    page.press(page.show({"view": "campaign", "campaign": "42"}), "Resume", who="Ben")

    shown = page.show({"view": "campaign", "campaign": "42"}).text

    assert shown.index("resumed console, Ben") < shown.index("paused console, Ann wrong text")
    assert "What people did" not in page.show({"view": "campaign", "campaign": "43"}).text


def test_a_campaign_that_has_nothing_to_send_any_more_is_finished_unless_somebody_holds_it(page):
    page.count("over", accepted=2, delivered=1, undelivered=1)
    page.count("going on", accepted=2, delivered=1)
    page.count("held", accepted=1, cancelled=1)
    page.app_now.controls.change((ACCOUNT_ID, "held"), State.STOPPED, by="Ann")

    for name, state in (("over", "finished"), ("going on", "running"), ("held", "stopped")):
        assert f"Campaign {name} {state}" in page.show({"view": "campaign", "campaign": name}).text
        assert f" {state} " in page.show().text
