"""When promotional messages may go to Indian numbers (TRAI's rule), and how long one has to wait.

India has one time zone and no summer time: a fixed offset says the same as Asia/Kolkata and costs no import.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

KOLKATA = timezone(timedelta(hours=5, minutes=30), "Asia/Kolkata")
INDIA = "91"
PROMOTIONAL = "PROMOTIONAL"

_DAY = 86_400
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class PromotionalHours:
    """The span of each day in which they may be sent, in seconds since midnight in Asia/Kolkata."""

    opens: int = 10 * 3_600
    closes: int = 21 * 3_600

    @classmethod
    def parse(cls, text: str) -> PromotionalHours:
        """Of a span like `10:00-21:00`.

        Raises:
            ValueError: it is none within one day; the text says so.
        """
        if not (found := _SPAN.fullmatch(text)):
            raise ValueError("expected HH:MM-HH:MM, in Asia/Kolkata")
        hour, minute, last_hour, last_minute = map(int, found.groups())
        hours = cls(60 * (60 * hour + minute), 60 * (60 * last_hour + last_minute))
        if not hours.opens < hours.closes <= _DAY:
            raise ValueError("it has to end after it begins, on the same day")
        return hours

    def wait(self, now: float, takes: float) -> float:
        """Seconds until they may be sent, from `now` in epoch seconds; 0.0 where there is time for what `takes` so
        long before they close.
        """
        local = datetime.fromtimestamp(now, KOLKATA)
        second = 3_600 * local.hour + 60 * local.minute + local.second + local.microsecond / 1e6
        if self.opens <= second and second + takes <= self.closes:
            return 0.0
        return (self.opens - second) % _DAY or float(_DAY)


def until(now: float, wait: float) -> str:
    """When a wait is over, in India's time, for people: `2026-11-29T10:00+05:30`."""
    return datetime.fromtimestamp(now + wait, UTC).astimezone(KOLKATA).isoformat(timespec="minutes")
