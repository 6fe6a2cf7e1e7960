"""The send call: how it is treated, and the answer in the vendor's form (docs/contracts/message_central.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from bridge.message_central import behaviours
from bridge.message_central.behaviours import Behaviour, Pause
from local.http_server import Drop, HttpAnswer

if TYPE_CHECKING:
    from local.simulator.account import Accepted, VendorAccount
    from local.simulator.settings import SimulatorSettings

# The verificationId in a 506 when there was no earlier message. Nothing was sent under it.
MADE_UP_EARLIER_ID = "4711"


@dataclass(frozen=True, slots=True)
class Call:
    """One send call: its parameters, and whether its token is in force."""

    form: dict[str, str]
    is_authorized: bool

    @property
    def number(self) -> str:
        """Country code and national number as sent."""
        return self.form.get("countryCode", "") + self.form.get("mobileNumber", "")


def decide(call: Call, settings: SimulatorSettings, account: VendorAccount, now: float) -> Behaviour:
    """How to treat the call: the vendor's rules come first, then text, last digits of the number, and rates."""
    if not call.is_authorized:
        return behaviours.UNAUTHORIZED
    broken = _broken_rule(call.form, settings)
    if broken:
        return broken
    if settings.credits is not None and len(account.accepted) >= settings.credits:
        return behaviours.NO_CREDIT
    if settings.refuse_repeats and account.latest(call.number, settings.repeat_seconds, now):
        return behaviours.REPEATED
    if call.form["message"] in settings.texts:
        return behaviours.BY_NAME[settings.texts[call.form["message"]]]
    earlier = account.calls_for[call.number] - 1
    behaviour = behaviours.behaviour_for(call.number, earlier)
    return behaviour if behaviour is not behaviours.OK else _by_rate(settings, call.number, earlier)


def _broken_rule(form: dict[str, str], settings: SimulatorSettings) -> Behaviour | None:
    if form.get("customerId", settings.customer_id) != settings.customer_id:
        return behaviours.BAD_CUSTOMER
    if not form.get("countryCode", "").isdecimal():
        return behaviours.BAD_COUNTRY
    has_message = form.get("mobileNumber", "").isdecimal() and form.get("message")
    has_half_of_dlt = bool(form.get("templateId")) != bool(form.get("entityId"))
    return None if has_message and not has_half_of_dlt else behaviours.BAD_REQUEST


def _by_rate(settings: SimulatorSettings, number: str, earlier: int) -> Behaviour:
    if not settings.rates:
        return behaviours.OK
    point = Random(f"{settings.seed}/{number}/{earlier}").random()
    for name, share in settings.rates.items():
        if point < share:
            return behaviours.BY_NAME[name]
        point -= share
    return behaviours.OK


def answer(
    behaviour: Behaviour, message: Accepted | None, earlier_id: str | None, settings: SimulatorSettings
) -> HttpAnswer | Drop:
    """The behaviour as HTTP. `earlier_id` is the verificationId that a 506 carries."""
    after = settings.latency_ms / 1000 + _pause(behaviour, settings)
    if behaviour.drops:
        return Drop(after)
    headers = [("Content-Type", "application/json" if behaviour.raw is None else "text/html")]
    if behaviour.retry_after:
        headers.append(("Retry-After", settings.retry_after))
    body = (
        json.dumps(_body(behaviour, message, earlier_id, settings)).encode() if behaviour.raw is None else behaviour.raw
    )
    return HttpAnswer(behaviour.status, body, headers, after, settings.byte_seconds if behaviour.trickles else 0.0)


def _pause(behaviour: Behaviour, settings: SimulatorSettings) -> float:
    return {Pause.NONE: 0.0, Pause.SLOW: settings.slow_seconds, Pause.HANG: settings.hang_seconds}[behaviour.pause]


def _body(
    behaviour: Behaviour, message: Accepted | None, earlier_id: str | None, settings: SimulatorSettings
) -> dict[str, Any]:
    body: dict[str, Any] = {"message": behaviour.message, "data": None}
    if behaviour.code is not None:
        body["responseCode"] = behaviour.code
    if message or behaviour.code == behaviours.REPEATED.code:
        body["data"] = {
            "verificationId": message.verificationId if message else earlier_id or MADE_UP_EARLIER_ID,
            "mobileNumber": message.mobileNumber if message else None,
            "responseCode": str(behaviour.code),
            "errorMessage": None if message else behaviour.message,
            "timeout": str(settings.repeat_seconds),
            "smsCLI": None,
            "transactionId": None,
        }
    return body
