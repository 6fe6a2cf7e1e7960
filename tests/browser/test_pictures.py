"""The pictures of the operators' page in the documents; `make pictures` keeps them (PICTURES names their directory)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Run

ACCOUNT = "6K9-XXX-XX7Y"
LARGEST_BYTES = 100_000
CAMPAIGNS: dict[str, dict[str, int]] = {
    "diwali-2026": {
        "accepted": 48_000,
        "n_delivered": 31_410,
        "n_sent": 4_180,
        "n_undelivered": 1_020,
        "n_sending": 64,
    },
    "order-shipped": {"accepted": 2_317, "n_delivered": 2_231, "n_sent": 12, "n_undelivered": 74},
    "weekend-offer": {"accepted": 12_000, "n_delivered": 5_204, "n_rejected": 18, "n_cancelled": 6_778},
    "welcome": {"accepted": 861, "n_delivered": 822, "n_sent": 9, "n_undelivered": 27, "n_unknown": 3},
    "cart-reminder": {"accepted": 3_450, "n_delivered": 3_268, "n_undelivered": 131, "n_rejected": 51},
}
STATES = {"weekend-offer": "stopped"}


def lay(run: Run) -> None:
    table, client = run.bridge.stack.tables["CampaignTable"].name, run.bridge.aws.dynamodb()
    for number, (name, counts) in enumerate(CAMPAIGNS.items()):
        at = {"firstAt": {"S": "2026-11-24T09:00:00.000Z"}, "lastAt": {"S": f"2026-11-24T09:{20 - number}:07.000Z"}}
        state = {"state": {"S": STATES[name]}} if name in STATES else {}
        item: Any = {"account": {"S": ACCOUNT}, "campaign": {"S": name}, **at, **state}
        client.put_item(TableName=table, Item=item | {key: {"N": str(count)} for key, count in counts.items()})


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_is_taken(open_page: Callable[..., Page], run: Run, tmp_path: Path, theme: str):
    lay(run)
    page = open_page(theme)
    page.set_viewport_size({"width": 1_000, "height": 700})
    page.get_by_role("textbox", name="Another account").fill(ACCOUNT)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name=f"Campaigns of {ACCOUNT}")).to_be_visible()
    page.mouse.move(0, 0)

    picture = tmp_path / f"console_{theme}.png"
    page.locator("#widget").screenshot(path=picture)

    assert 5_000 < picture.stat().st_size < LARGEST_BYTES
    if kept := os.environ.get("PICTURES"):
        shutil.copy(picture, Path(kept) / picture.name)
