"""What the simulator was asked and what it accepted: what the tests compare with."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that goes out. `form` holds every parameter of its send call; `time` is ISO-8601 UTC."""

    verificationId: str  # noqa: N815 - the vendor's word
    countryCode: str  # noqa: N815
    mobileNumber: str  # noqa: N815
    message: str
    senderId: str  # noqa: N815
    customerId: str  # noqa: N815
    time: str
    form: dict[str, str]

    @property
    def number(self) -> str:
        """Country code and national number, digits only."""
        return self.countryCode + self.mobileNumber


class VendorAccount:
    """Messages accepted and requests counted. Used from one thread; reading a copy is safe from any."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget everything."""
        self.accepted: list[Accepted] = []
        self.requests: Counter[str] = Counter()
        self.behaviours: Counter[str] = Counter()
        self.calls_for: Counter[str] = Counter()
        self._latest: dict[str, tuple[float, str]] = {}
        self._ids = count(1)

    def accept(self, form: dict[str, str], now: float) -> Accepted:
        """Accept a message. `now` is in epoch seconds."""
        words = {name: form.get(name, "") for name in ("countryCode", "mobileNumber", "senderId", "customerId")}
        message = Accepted(
            verificationId=str(next(self._ids)),
            message=_text_sent(form),
            time=datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
            form=form,
            **words,
        )
        self.accepted.append(message)
        self._latest[message.number] = (now, message.verificationId)
        return message

    def latest(self, number: str, within: float, now: float) -> str | None:
        """The verificationId of the number's last message, if it is younger than `within` seconds."""
        at, verification_id = self._latest.get(number, (float("-inf"), ""))
        return verification_id if now - at < within else None

    def accepted_as_json(self, parameters: dict[str, str]) -> list[dict[str, Any]]:
        """What was accepted, in order; `parameters` may narrow it by `mobileNumber` or from an index `since`."""
        since, number = int(parameters.get("since", 0)), parameters.get("mobileNumber")
        return [asdict(one) for one in self.accepted[since:] if number in (None, one.mobileNumber)]


def _text_sent(form: dict[str, str]) -> str:
    # Without type=SMS the vendor may send a text of its own (docs/contracts/message_central.md).
    return form["message"] if form.get("type") == "SMS" else "Your verification code is 4711"
