"""The send call: what it becomes, and the answer in the vendor's form (contract §2)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from local.http_message import Answer, Drop
from local.simulator import fates
from local.simulator.fates import Fate, Pause

if TYPE_CHECKING:
    from local.simulator.account import Accepted, Account
    from local.simulator.settings import Settings

# A 506 carries the verificationId of an earlier message; this one, where there was none. Nothing was sent under it.
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


def decide(call: Call, settings: Settings, account: Account, now: float) -> Fate:
    """What becomes of the call. Rules of the vendor come first, then the number's end, then the rates."""
    if not call.is_authorized:
        return fates.UNAUTHORIZED
    broken = _broken_rule(call.form, settings)
    if broken:
        return broken
    if settings.credits is not None and len(account.accepted) >= settings.credits:
        return fates.NO_CREDIT
    if settings.refuse_repeats and account.latest(call.number, settings.repeat_seconds, now):
        return fates.REPEATED
    earlier = account.calls_for[call.number] - 1
    fate = fates.fate_of_number(call.number, earlier)
    return fate if fate is not fates.OK else _by_rate(settings, call.number, earlier)


def _broken_rule(form: dict[str, str], settings: Settings) -> Fate | None:
    if form.get("customerId", settings.customer_id) != settings.customer_id:
        return fates.BAD_CUSTOMER
    if not form.get("countryCode", "").isdecimal():
        return fates.BAD_COUNTRY
    has_message = form.get("mobileNumber", "").isdecimal() and form.get("message")
    has_half_of_dlt = bool(form.get("templateId")) != bool(form.get("entityId"))
    return None if has_message and not has_half_of_dlt else fates.BAD_REQUEST


def _by_rate(settings: Settings, number: str, earlier: int) -> Fate:
    if not settings.rates:
        return fates.OK
    point = Random(f"{settings.seed}/{number}/{earlier}").random()
    for name, share in settings.rates.items():
        if point < share:
            return fates.BY_NAME[name]
        point -= share
    return fates.OK


def answer(fate: Fate, message: Accepted | None, earlier_id: str | None, settings: Settings) -> Answer | Drop:
    """The fate as HTTP. `earlier_id` is the verificationId that a 506 carries."""
    after = settings.latency_ms / 1000 + _pause(fate, settings)
    if fate.drops:
        return Drop(after)
    headers = [("Content-Type", "application/json" if fate.raw is None else "text/html")]
    if fate.retry_after:
        headers.append(("Retry-After", settings.retry_after))
    body = json.dumps(_body(fate, message, earlier_id, settings)).encode() if fate.raw is None else fate.raw
    return Answer(fate.status, body, headers, after)


def _pause(fate: Fate, settings: Settings) -> float:
    return {Pause.NONE: 0.0, Pause.SLOW: settings.slow_seconds, Pause.HANG: settings.hang_seconds}[fate.pause]


def _body(fate: Fate, message: Accepted | None, earlier_id: str | None, settings: Settings) -> dict[str, Any]:
    body: dict[str, Any] = {"message": fate.message, "data": None}
    if fate.code is not None:
        body["responseCode"] = fate.code
    if message or fate.code == fates.REPEATED.code:
        body["data"] = {
            "verificationId": message.verificationId if message else earlier_id or MADE_UP_EARLIER_ID,
            "mobileNumber": message.mobileNumber if message else None,
            "responseCode": str(fate.code),
            "errorMessage": None if message else fate.message,
            "timeout": str(settings.repeat_seconds),
            "smsCLI": None,
            "transactionId": None,
        }
    return body
