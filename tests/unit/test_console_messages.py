"""The operators' page: messages to a number, one message, and sending it again."""

from __future__ import annotations

from typing import Any

import pytest

from bridge import times
from bridge.campaigns.control import State
from bridge.chunk import decode
from bridge.message import Status
from tests.fakes.faults import DENIED, LOST_BEFORE, THROTTLED
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, START, message_id, number, text
from tests.fakes.widget import CONSOLE, PARAMS, STEER, event
from tests.unit.console_page import Page
from tests.unit.harness import taken_out
from tests.unit.logs_console import decoded

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{ 7*7 }}</cwdb-action>&amp;"""
END = times.iso(START - 3)


@pytest.fixture
def page() -> Page:
    return Page()


def found(page: Page, typed: str, message: str = "") -> Any:
    return page.press(page.show(), "Search", number=typed, message_id=message)


@pytest.mark.parametrize(
    "typed", [number(), number()[1:], f" {number()[:3]} {number()[3:8]} {number()[8:]} ", f"00{number()[1:]}"]
)
def test_messages_to_a_number_are_found_however_it_is_written_with_its_country_code(page, typed):
    page.dynamodb.put(row(status="delivered", campaign_id="42", final_at=END))
    page.dynamodb.put(row(1))

    shown = found(page, typed)

    assert message_id() in shown.labels()
    assert "42 delivered" in shown.text
    assert message_id(1) not in shown.labels()


def test_the_number_is_masked_in_the_list_and_in_the_message(page):
    page.dynamodb.put(row())

    listed = page.show({"view": "messages", "number": number()})
    one = page.press(listed, message_id())

    for shown in (listed, one):
        assert "+9198*****000" in shown.text
        assert number() not in shown.text


def test_a_message_id_narrows_the_search_and_alone_is_not_enough(page):
    page.dynamodb.put(row())
    page.dynamodb.put(row(message_id="other"))

    assert "other" in found(page, number(), "other").labels()
    assert message_id() not in found(page, number(), "other").labels()
    alone = found(page, "", "other").text
    assert "a message id alone cannot be looked up" in alone
    assert "Type a number" in alone


def test_what_the_log_does_not_hold_and_what_belongs_to_another_account_is_not_found(page):
    page.dynamodb.put(row(account="OTHER"))

    assert "The log holds no such message" in found(page, number()).text
    assert "No such message" in page.show({"view": "message", "number": number(), "message_id": "x"}).text


@pytest.mark.parametrize("view", ["messages", "message", "resend", "forget"])
@pytest.mark.parametrize(("name", "value"), [("status", "posted"), ("claimedAt", "yesterday")])
def test_a_row_that_somebody_edited_is_named_and_the_page_does_not_fail(page, view: str, name: str, value: str):
    page.dynamodb.put(row(0, "expired"))
    page.dynamodb.items[row(0).key][name] = {"S": value}
    pressed = {"view": view, "account": ACCOUNT_ID, "number": number(), "message_id": message_id()}

    shown = page.call(STEER if view in ("resend", "forget") else CONSOLE, event(pressed))

    assert f"the row of a message accepted at {row().accepted_at} cannot be read" in shown.text
    assert number() not in shown.text


def test_nothing_is_ever_scanned(page):
    page.count("42", accepted=1)
    page.dynamodb.put(row())
    message = {"number": number(), "message_id": message_id()}
    calls = [
        {},
        {"view": "campaign", "campaign": "42"},
        {"view": "messages", **message},
        {"view": "message", **message},
    ]
    for call in calls:
        assert page.show(call).text
    assert page.dynamodb.calls.keys() <= {"query", "batch_get_item"}
    for view in ("resend", "forget", "stop"):
        assert page.call(STEER, event({"view": view, "campaign": "42", "sure": "yes", **message})).text
    assert page.dynamodb.calls.keys() <= {"query", "batch_get_item", "update_item", "delete_item"}


def test_a_message_tells_what_happened_when(page):
    times_ = {"sent_at": times.iso(START - 4), "final_at": times.iso(START + 60)}
    page.dynamodb.put(row(status="undelivered", code="914", reason="absent subscriber", text=text(), **times_))

    shown = page.show({"view": "message", "number": number(), "message_id": message_id()})

    steps = [
        "accepted",
        "a worker began to send it",
        "taken by Message Central",
        "undelivered 914: absent subscriber; CleverTap",
    ]
    places = [shown.text.index(step) for step in steps]
    assert places == sorted(places)
    assert "+ 1 min 4 s" in shown.text
    assert "CleverTap is told" in shown.text
    assert "914: undelivered" in shown.text
    assert text() in shown.text


def test_a_reply_is_shown_in_its_place(page):
    known = {"sent_at": times.iso(START - 4), "final_at": times.iso(START + 60), "replied_at": times.iso(START + 20)}
    page.dynamodb.put(row(status="delivered", reply_text="  Call me\nback", **known))

    shown = page.show({"view": "message", "number": number(), "message_id": message_id()})

    steps = ["taken by Message Central", "replied Call me back", "delivered"]
    places = [shown.text.index(step) for step in steps]
    assert places == sorted(places)


def test_texts_reasons_and_ids_full_of_markup_are_only_shown(page):
    fields = {"message_id": HOSTILE, "campaign_id": HOSTILE, "text": HOSTILE, "reason": HOSTILE, "sender_id": HOSTILE}
    fields |= {"reply_text": HOSTILE, "replied_at": END, "claimed_by": HOSTILE}
    page.dynamodb.put(row(status="expired", final_at=END, **fields))

    listed = found(page, number())
    one = page.press(listed, HOSTILE)
    preview = page.press(one, "Send it again …")

    for shown in (listed, one, preview):  # reading it has raised, had any of it become an element
        assert "alert(1)" in shown.text


# The log lines of its worker


def links(shown: Any) -> list[str]:
    return [values["href"] for tag, values in shown.elements if tag == "a"]


def test_a_message_links_to_the_log_lines_of_its_worker(page):
    claimed = {"accepted_at": "2026-11-28T10:00:00.000Z", "claimed_at": "2026-11-28T10:00:05.000Z"}
    page.dynamodb.put(
        row(status="sent", claimed_by="5b56e810-b084-4d0b/ff59", sent_at=claimed["claimed_at"], **claimed)
    )

    (link,) = links(page.show({"view": "message", "number": number(), "message_id": message_id()}))

    region, asked = decoded(link)
    assert (region, asked["source"]) == ("eu-west-1", ["/aws/lambda/bridge-accept", "/aws/lambda/bridge-dispatch"])
    assert '"5b56e810-b084-4d0b"' in asked["editorString"]
    assert (asked["timeType"], asked["tz"]) == ("ABSOLUTE", "UTC")
    assert (asked["start"], asked["end"]) == ("2026-11-28T09:59:00.000Z", "2026-11-28T11:00:05.000Z")


@pytest.mark.parametrize("claimed_by", [None, "", 'x" | delete', "/"])
def test_a_message_without_a_worker_links_nowhere(page, claimed_by):
    page.dynamodb.put(row(status="expired", claimed_by=claimed_by, final_at=END))
    assert links(page.show({"view": "message", "number": number(), "message_id": message_id()})) == []


def test_where_there_is_no_cloudwatch_there_is_no_link():
    page = Page(AWS_ENDPOINT_URL="http://127.0.0.1:4566")
    page.dynamodb.put(row(status="sent"))
    assert links(page.show({"view": "message", "number": number(), "message_id": message_id()})) == []


# Sending again


def opened(page: Page, status: str, **changes: Any) -> Any:
    page.dynamodb.put(row(status=status, text=text(), campaign_id="42", final_at=END, **changes))
    return page.show({"view": "message", "number": number(), "message_id": message_id()})


def test_a_message_that_expired_is_sent_again_after_a_look_at_what_would_happen(page):
    shown = opened(page, "expired")

    preview = page.press(shown, "Send it again …")
    assert page.sqs.entries == []
    assert "It was surely not sent" in preview.text
    assert "CleverTap was told that it is expired" in preview.text
    assert preview.button("Send it again").confirmation

    done = page.press(preview, "Send it again", who="Ann")

    (body,) = taken_out(page.sqs)
    (again,) = decode(body).messages
    assert (again.message_id, again.resend.by, again.resend.status) == (message_id(), "console, Ann", Status.EXPIRED)
    assert "is queued" in done.text
    assert again.text not in done.text


def test_of_an_unknown_message_it_is_said_that_it_may_arrive_twice(page):
    preview = page.press(opened(page, "unknown"), "Send it again …")
    assert "the person may get it twice" in preview.text


def test_a_message_that_changed_since_somebody_looked_is_shown_once_more(page):
    preview = page.press(opened(page, "expired"), "Send it again …")
    page.dynamodb.put(row(status="unknown", text=text(), campaign_id="42", claimed_by="w/9"))

    again = page.press(preview, "Send it again")

    assert page.sqs.entries == []
    assert "It has changed since you looked" in again.text


@pytest.mark.parametrize(
    ("status", "changes", "why"),
    [
        ("delivered", {}, "It is delivered"),
        ("sending", {}, "still under way"),
        ("rejected", {"code": "910"}, "It is rejected"),
        ("expired", {"text": None}, "does not keep its text"),
    ],
)
def test_what_cannot_be_sent_again_says_why(page, status, changes, why):
    page.dynamodb.put(row(status=status, final_at=END, **({"text": text()} | changes)))
    shown = page.show({"view": "message", "number": number(), "message_id": message_id()})

    preview = page.press(shown, "Send it again …")

    assert why in preview.text
    assert preview.labels() == ["Back to the message"]


def test_a_message_of_a_campaign_that_is_stopped_is_not_sent_again(page):
    shown = opened(page, "expired")
    preview = page.press(shown, "Send it again …")
    page.app_now.controls.change((ACCOUNT_ID, "42"), State.STOPPED, by="Ann")

    for asked in (page.press(shown, "Send it again …"), page.press(preview, "Send it again")):
        assert "campaign 42 is stopped: resume it first" in asked.text
    assert page.sqs.entries == []


def test_a_queue_that_does_not_answer_is_told(page):
    preview = page.press(opened(page, "expired"), "Send it again …")
    page.sqs.down("send_message_batch", LOST_BEFORE)

    assert "was not queued" in page.press(preview, "Send it again").text


@pytest.mark.parametrize("fault", [THROTTLED, DENIED], ids=repr)
def test_a_log_that_does_not_answer_is_told(page, fault):
    shown = opened(page, "expired")
    page.dynamodb.down("query", fault)

    assert "Not now" in page.show({"view": "messages", "number": number()}).text
    assert "It may have been done" in page.press(shown, "Send it again …").text


def test_a_widget_that_only_shows_has_no_button_to_send_again(page):
    page.dynamodb.put(row(status="expired"))
    call = {"view": "message", "number": number(), "message_id": message_id()}
    shown = page.show(call, params={key: value for key, value in PARAMS.items() if key != "steer"})
    assert {one.endpoint for one in shown.buttons} == {CONSOLE}


# Forgetting


def test_a_person_is_forgotten_after_a_look_at_what_goes(page):
    old = {"accepted_at": times.iso(START - 90 * 3_600), "final_at": END, "text": text()}
    page.dynamodb.put(row(status="delivered", **old))
    page.dynamodb.put(row(status="expired", message_id="young", final_at=END, text=text()))
    page.dynamodb.put(row(1, status="delivered", **old))

    preview = page.press(found(page, number()), "Forget this person …")
    assert "2 messages" in preview.text
    assert "1 delivered, 1 expired" in preview.text
    assert len(page.dynamodb.items) == 3
    assert preview.button("Forget this person").confirmation

    done = page.press(preview, "Forget this person", who="Ann")

    assert "1 deleted; 1 emptied of their texts" in done.text
    (other, emptied) = sorted(page.dynamodb.rows(), key=lambda one: one.recipient, reverse=True)
    assert other.recipient == number(1)
    assert (emptied.message_id, emptied.text) == ("young", None)
    for shown in (preview, done):
        assert number() not in shown.text


def test_what_is_still_under_way_is_not_forgotten_and_told(page):
    page.dynamodb.put(row(status="retrying"))

    done = page.press(page.press(found(page, number()), "Forget this person …"), "Forget this person")

    assert "Not all is forgotten" in done.text
    assert "1 still under way" in done.text
    assert page.dynamodb.rows()[0].status is Status.RETRYING


def test_nobody_is_forgotten_whom_the_log_does_not_hold(page):
    assert "No such message" in page.call(STEER, event({"view": "forget", "number": number(), "sure": "yes"})).text
