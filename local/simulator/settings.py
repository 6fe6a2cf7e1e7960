"""How the simulator behaves; `POST /_simulator/settings` changes any of it while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from bridge.message_central.behaviours import BY_NAME

S = TypeVar("S", "SimulatorSettings", "ReceiptSettings")


class SettingError(ValueError):
    """A setting that does not exist or cannot have this value."""


@dataclass(frozen=True, slots=True)
class ReceiptSettings:
    """Delivery reports. `url` empty: none. Shares are between 0 and 1.

    A receipt leaves `delay_seconds` after the message, plus up to `spread_seconds` (which shuffles their order).
    `failures`: share that ends undelivered; `duplicates`: share sent twice; `contradictions`: share of DELIVRD
    that is followed by an UNDELIV; `intermediate`: share preceded by an ENROUTE; `lost`: share never sent.
    `number_form`: "national" (with countryCode beside it) or "international"; `format`: "json", "json_array",
    "form" or "query".
    """

    url: str = ""
    delay_seconds: float = 2.0
    spread_seconds: float = 0.0
    failures: float = 0.0
    duplicates: float = 0.0
    contradictions: float = 0.0
    intermediate: float = 0.0
    lost: float = 0.0
    number_form: str = "national"
    format: str = "json"


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """Everything that can be set. Times are seconds but for `latency_ms`.

    `rates` maps names of behaviours to shares of the send calls; they apply to numbers whose last digits ask for
    nothing. The same `seed` treats the same number's n-th call in the same way, whatever the order of the calls.
    `texts` maps texts to names of behaviours that they always meet. `byte_seconds`: between two bytes of `trickle`.
    `credits`: accepted messages until 508, None for no limit. `refuse_repeats`: a number that was accepted less
    than `repeat_seconds` ago is answered 506. `valid_tokens`: accepted without a token call, as if pasted from the
    console.
    """

    customer_id: str = "C-LOCAL"
    email: str = "dev@example.com"
    password: str = "local-password"  # noqa: S105 - made up
    latency_ms: float = 0.0
    seed: int = 0
    rates: dict[str, float] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    slow_seconds: float = 3.0
    hang_seconds: float = 60.0
    byte_seconds: float = 1.0
    token_lifetime_seconds: float = 7 * 86400
    refuse_password: bool = False
    valid_tokens: list[str] = field(default_factory=list)
    credits: int | None = None
    refuse_repeats: bool = False
    repeat_seconds: int = 60
    retry_after: str = "2"
    receipts: ReceiptSettings = field(default_factory=ReceiptSettings)


def changed(settings: SimulatorSettings, changes: dict[str, Any]) -> SimulatorSettings:
    """The settings with `changes` applied; `receipts` is changed field by field. Raises SettingError."""
    changes = dict(changes)
    if "receipts" in changes:
        changes["receipts"] = _replaced(settings.receipts, changes["receipts"])
    _check_names([*changes.get("rates", {}), *changes.get("texts", {}).values()])
    _check_sum(changes.get("rates", {}))
    return _replaced(settings, changes)


def _replaced(settings: S, changes: dict[str, Any]) -> S:
    unknown = changes.keys() - {item.name for item in fields(settings)}
    if unknown:
        raise SettingError(f"unknown settings: {', '.join(sorted(unknown))}")
    return replace(settings, **changes)


def _check_names(names: list[str]) -> None:
    unknown = {*names} - BY_NAME.keys()
    if unknown:
        raise SettingError(f"unknown behaviours: {', '.join(sorted(unknown))}")


def _check_sum(rates: dict[str, float]) -> None:
    if sum(rates.values()) > 1:
        raise SettingError("the rates add up to more than 1")
