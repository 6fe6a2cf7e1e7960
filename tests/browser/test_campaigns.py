"""Campaigns in the operators' page: funnels fill while a batch drains, and buttons that ask first steer them."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import HOSTILE, WATCHABLE_MS, Run

REFUSED = 99_409  # ends as the simulator refuses
UNDELIVERED = 98_001
HOLDS_MS = 6_000  # Message Central is waited for 8 s


def line_of(page: Page, campaign: str):
    return page.get_by_role("row").filter(has=page.get_by_role("button", name=campaign, exact=True))


def open_campaign(page: Page, campaign: str) -> None:
    page.get_by_role("button", name=campaign, exact=True).click()
    expect(page.get_by_role("heading", name=f"Campaign {campaign}")).to_be_visible()


def test_a_funnel_fills_while_its_batch_drains_without_anybody_pressing_anything(page: Page, run: Run):
    run.vendor_takes(HOLDS_MS)  # until the page has shown that they wait
    run.post("diwali", [*range(58), REFUSED, UNDELIVERED])

    line = line_of(page, "diwali")
    expect(line.get_by_role("img")).to_have_accessible_name("60 messages: 60 waiting")
    run.vendor_takes(WATCHABLE_MS)
    expect(line.get_by_role("img")).to_have_accessible_name("60 messages: 58 delivered, 2 failed")
    expect(line).to_contain_text("96.7 %")

    open_campaign(page, "diwali")
    expect(page.get_by_role("row", name="taken by Message Central")).to_contain_text("59")
    expect(page.get_by_role("row", name="rejected", exact=False)).to_contain_text("cannot be sent, or was refused")
    expect(page.get_by_role("row", name="914")).to_contain_text("undelivered")


def test_a_campaign_is_stopped_while_it_runs_and_what_was_not_begun_is_cancelled(
    page: Page, run: Run, slow_vendor, confirms
):
    run.post("wrong text", range(1_000, 1_200))
    open_campaign(page, "wrong text")
    expect(page.get_by_role("row", name="sent")).to_be_visible()  # it has begun

    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("Why").fill("wrong text")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Back").click()

    expect(page.get_by_role("heading", name="stopped")).to_be_visible()
    expect(page.get_by_text("by console, Ann: wrong text")).to_be_visible()
    expect(page.get_by_role("row", name="queued")).to_have_count(0)
    expect(page.get_by_role("row", name="cancelled")).to_contain_text("stopped before it was sent")
    assert confirms == ["Stop campaign wrong text? What is not sent yet is cancelled, and CleverTap is told."]


def test_an_account_is_paused_and_resumed(page: Page, confirms):
    page.get_by_role("button", name="The account as a whole").click()
    page.get_by_label("Why").fill("<b>DLT</b>")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="All campaigns").click()
    expect(page.get_by_role("status")).to_contain_text("by console: <b>DLT</b>")

    page.get_by_role("button", name="The account as a whole").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Back").click()

    expect(page.get_by_role("heading", name="running")).to_be_visible()
    assert [text.partition("?")[0] for text in confirms] == [
        "Pause account LOCAL-ACCOUNT",
        "Resume account LOCAL-ACCOUNT",
    ]


def test_what_is_not_confirmed_is_not_done(page: Page):
    page.get_by_role("button", name="The account as a whole").click()
    page.on("dialog", lambda dialog: dialog.dismiss())

    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_role("heading", name="running")).to_be_visible()
    page.get_by_role("button", name="All campaigns").click()
    expect(page.get_by_role("status")).to_have_count(0)


def test_ids_and_texts_full_of_markup_and_script_do_nothing(page: Page, run: Run, confirms):
    run.post(HOSTILE, [2_000], text=HOSTILE)
    open_campaign(page, HOSTILE)
    page.get_by_label("Your name").fill(HOSTILE)
    page.get_by_label("Why").fill(HOSTILE)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_text(f"by console, {HOSTILE[:60]}")).to_be_visible()

    page.get_by_role("button", name="All campaigns").click()
    page.get_by_label("Number, with country code").fill("+919876502000")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name=f"{HOSTILE}-2000", exact=True).click()
    page.get_by_text("Its text").click()
    expect(page.locator("pre")).to_have_text(HOSTILE)

    assert [HOSTILE in text for text in confirms] == [True]  # and no dialog of its own
    assert page.locator("#widget").locator("script, img, iframe, b, a").count() == 0
    assert page.evaluate("window.harm") is None
