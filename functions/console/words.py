"""Numbers, times and codes as people read them: the filters of the templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.clevertap.codes import CODES
from bridge.operations.messages import masked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from console.figures import Figures


def duration(seconds: float) -> str:
    """A time span: `3.2 s`, `45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if whole < 10 else f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3_600} h {whole % 3_600 // 60} min"


def percent(share: float) -> str:
    """A share in percent. Nothing becomes none or all by rounding."""
    if 0 < share < 0.1:
        return "<0.1 %"
    if 99.9 < share < 100:
        return ">99.9 %"
    return f"{share:.1f} %".replace(".0 %", " %")


def rate(per_second: float) -> str:
    """Messages a second, to two digits where there are few."""
    if per_second < 0.01:
        return "<0.01"
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.2g}"


def utc(iso: str) -> str:
    """A time of `times.iso`, to the second."""
    return f"{iso[:10]} {iso[11:19]} UTC"


def spoken(figures: Figures) -> str:
    """A bar in words, for people who do not see it."""
    parts = ", ".join(f"{part.count:,} {part.name}" for part in figures.bar)
    return f"{figures.total:,} messages: {parts}" if parts else "no messages"


def meaning(code: str) -> str:
    """What a code of CleverTap's stands for."""
    return ", ".join(failure.value for failure, known in CODES.items() if known == code) or "another cause"


WORDS: Mapping[str, Callable[[Any], str]] = {
    "duration": duration,
    "masked": masked,
    "meaning": meaning,
    "number": "{:,}".format,
    "percent": percent,
    "rate": rate,
    "spoken": spoken,
    "utc": utc,
}
