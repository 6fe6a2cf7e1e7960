"""The operators' page without a mouse, without seeing it, in light and dark."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Run, number_of, violations

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_page_holds_what_people_without_a_mouse_or_a_screen_need(
    open_page: Callable[..., Page], run: Run, theme: str
):
    run.post(f"access-{theme}", [5_000, 98_001])
    page = open_page(theme)
    expect(page.locator(f".sms.{theme}")).to_be_visible()
    line = page.get_by_role("button", name=f"access-{theme}")
    expect(line).to_be_visible()
    assert violations(page) == []

    line.click()
    expect(page.get_by_role("heading", name="Why some failed")).to_be_visible()
    assert violations(page) == []

    page.get_by_role("button", name="All campaigns").click()
    page.get_by_label("Number, with country code").fill(number_of(98_001))
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("row", name=f"access-{theme}-98001")).to_contain_text("undelivered")
    assert violations(page) == []
    page.get_by_role("button", name=f"access-{theme}-98001").click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_role("status")).to_contain_text("It is undelivered")
    assert violations(page) == []


def test_it_is_used_by_keyboard_alone_and_live_does_not_take_the_focus_away(page: Page, run: Run):
    run.post("keys", [6_000])
    expect(page.get_by_role("button", name="keys")).to_be_visible()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "keys":
            break
    run.post("keys", [6_001])  # the page changes under the focus
    expect(page.get_by_role("row", name="keys")).to_contain_text("2 100 %")
    assert page.evaluate("document.activeElement.textContent") == "keys"

    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Campaign keys")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "widget"  # read from its beginning


def test_typing_is_not_disturbed(page: Page, run: Run):
    field = page.get_by_label("Number, with country code")
    field.press_sequentially("+9198")
    run.post("meanwhile", [7_000])
    time.sleep(3)  # several rounds of live
    field.press_sequentially("765")
    assert field.input_value() == "+9198765"
