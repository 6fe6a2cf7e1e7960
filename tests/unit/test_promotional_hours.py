"""When promotional messages may go to India."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bridge.promotional_hours import PromotionalHours, until
from tests.fakes.values import account, message

TAKES = 60.0
HOURS = PromotionalHours()


def at(clock: str) -> float:
    """Epoch seconds of a time of a day in India."""
    return datetime.fromisoformat(f"2026-11-28T{clock}").replace(tzinfo=ZoneInfo("Asia/Kolkata")).timestamp()


@pytest.mark.parametrize(
    ("clock", "opens"),
    [
        ("10:00:00", None),
        ("20:59:00", None),
        ("09:59:59", "2026-11-28T10:00:00"),
        ("00:00:00", "2026-11-28T10:00:00"),
        ("20:59:01", "2026-11-29T10:00:00"),
        ("21:00:00", "2026-11-29T10:00:00"),
        ("23:59:59", "2026-11-29T10:00:00"),
    ],
)
def test_they_wait_until_the_hours_begin_and_none_begins_that_could_end_after_them(clock: str, opens: str | None):
    now = at(clock)

    wait = HOURS.wait(now, TAKES)

    assert wait == (datetime.fromisoformat(f"{opens}+05:30").timestamp() - now if opens else 0.0)


@pytest.mark.parametrize(("text", "opens", "closes"), [("10:00-21:00", 10, 21), ("00:00-24:00", 0, 24)])
def test_hours_are_read(text: str, opens: int, closes: int):
    assert PromotionalHours.parse(text) == PromotionalHours(opens * 3_600, closes * 3_600)


@pytest.mark.parametrize("text", ["", "10-21", "21:00-10:00", "10:00-10:00", "10:00-24:01", "24:00-24:00", "1:00-2:00"])
def test_what_is_no_span_of_a_day_is_refused(text: str):
    with pytest.raises(ValueError, match=r"HH:MM|same day"):
        PromotionalHours.parse(text)


@pytest.mark.parametrize(
    ("message_type", "account_type", "country_code", "waits"),
    [
        ("PROMOTIONAL", None, "91", True),
        ("promotional", None, "91", True),
        (" PROMOTIONAL\n", None, "91", True),
        (None, "PROMOTIONAL", "91", True),
        ("OTP", "PROMOTIONAL", "91", False),
        (None, None, "91", False),
        ("PROMOTIONAL", None, "971", False),
    ],
)
def test_they_hold_promotional_messages_to_india_and_no_others(
    message_type: str | None,
    account_type: str | None,
    country_code: str,
    waits: bool,  # noqa: FBT001 - expected
):
    held = account(promotional_hours=HOURS, message_type=account_type)
    one = message(message_type=message_type, country_code=country_code)

    assert bool(held.promotional_wait(one, at("03:00:00"), TAKES)) is waits
    assert account(message_type=account_type).promotional_wait(one, at("03:00:00"), TAKES) == 0.0


def test_when_a_wait_is_over_is_said_in_indias_time():
    assert until(at("03:00:00"), timedelta(hours=7).total_seconds()) == "2026-11-28T10:00+05:30"
