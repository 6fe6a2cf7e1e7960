"""One person's messages in the operators' page: found, looked at, sent again."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Run, number_of

WAITS = 3_000  # its campaign is stopped before anything is sent


def search(page: Page, number: str) -> None:
    page.get_by_label("Number, with country code").fill(number)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="Messages to one number")).to_be_visible()


def steer(page: Page, campaign: str, button: str, state: str | re.Pattern[str]) -> None:
    page.get_by_role("button", name=campaign, exact=True).click()
    page.get_by_role("button", name=button).click()
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_role("heading", name=state)).to_be_visible()
    page.get_by_role("button", name="All campaigns").click()


def test_a_message_is_found_by_its_number_and_tells_its_story(page: Page, run: Run):
    run.post("found", [4_000, 4_001])

    search(page, f"{number_of(4_000)[:3]} {number_of(4_000)[3:]}")

    expect(page.get_by_role("row", name="found-4000")).to_contain_text("delivered")
    expect(page.get_by_role("row", name="found-4001")).to_have_count(0)
    assert number_of(4_000) not in page.locator("#widget").inner_text()
    page.get_by_role("button", name="found-4000").click()
    history = page.get_by_role("listitem")
    for place, step in enumerate(("accepted", "a worker began to send it", "taken by Message Central", "delivered")):
        expect(history.nth(place)).to_contain_text(step)


def test_a_number_that_the_log_does_not_hold_is_told(page: Page):
    search(page, "+919000000000")
    expect(page.get_by_role("status")).to_contain_text("The log holds no such message")


def test_a_message_that_was_cancelled_is_sent_again(page: Page, run: Run, slow_vendor, confirms):
    run.post("again", range(WAITS, WAITS + 200))
    steer(page, "again", "Stop", "stopped")
    search(page, number_of(WAITS + 199))  # of the last chunk
    expect(page.get_by_role("row", name=f"again-{WAITS + 199}")).to_contain_text("cancelled")
    page.get_by_role("button", name=f"again-{WAITS + 199}").click()

    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_role("status")).to_contain_text("campaign again is stopped: resume it first")
    page.get_by_role("button", name="Back to the message").click()
    page.get_by_role("button", name="All campaigns").click()
    steer(page, "again", "Resume", re.compile("running|finished"))

    search(page, number_of(WAITS + 199))
    page.get_by_role("button", name=f"again-{WAITS + 199}").click()
    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_role("status")).to_contain_text("It was surely not sent")
    page.get_by_label("Your name").fill("Ann")
    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_role("heading", name="is queued")).to_be_visible()
    page.get_by_role("button", name="Back to the message").click()

    expect(page.get_by_role("listitem").nth(0)).to_contain_text("sent again by console, Ann")
    expect(page.get_by_text("delivered: on the handset")).to_be_visible()
    assert confirms[-1] == "Send this message again?"


def test_a_person_is_forgotten(page: Page, run: Run, confirms):
    run.post("forgotten", [8_000])
    search(page, number_of(8_000))
    expect(page.get_by_role("row", name="forgotten-8000")).to_contain_text("delivered")

    page.get_by_role("button", name="Forget this person").click()
    expect(page.get_by_role("status")).to_contain_text(
        "The log holds 1 message of LOCAL-ACCOUNT to this number: 1 delivered"
    )
    page.get_by_role("button", name="Forget this person").click()
    expect(page.get_by_role("heading", name="Forgotten")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("1 emptied of their texts")

    page.get_by_role("button", name="Back to the messages").click()
    page.get_by_role("button", name="forgotten-8000").click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    expect(page.get_by_text("Its text")).to_have_count(0)
    assert confirms == ["Forget this person? This cannot be undone."]
