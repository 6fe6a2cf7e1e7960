"""Campaigns in the operators' page."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import violations


def test_an_account_is_paused_and_resumed_by_buttons_that_ask_first(page, confirms):
    page.get_by_role("button", name="The account as a whole").click()
    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("Why").fill("<b>wrong</b> text")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", name="paused")).to_be_visible()

    page.get_by_role("button", name="All campaigns").click()
    expect(page.get_by_role("status")).to_contain_text("by console, Ann: <b>wrong</b> text")

    page.get_by_role("button", name="The account as a whole").click()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("heading", name="running")).to_be_visible()
    assert [text.partition("?")[0] for text in confirms] == [
        "Pause account LOCAL-ACCOUNT",
        "Resume account LOCAL-ACCOUNT",
    ]


def test_what_is_not_confirmed_is_not_done(page):
    page.get_by_role("button", name="The account as a whole").click()
    page.on("dialog", lambda dialog: dialog.dismiss())

    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_role("heading", name="running")).to_be_visible()


def test_all_of_it_can_be_read_and_used_without_seeing_it_in_light_and_dark(open_page):
    for theme in ("light", "dark"):
        page = open_page(theme)
        expect(page.locator(f".sms.{theme}")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("button", name="The account as a whole").click()
        expect(page.get_by_role("heading", name="Control")).to_be_visible()
        assert violations(page) == []
