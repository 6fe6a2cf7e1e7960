"""Which receipts a message gets, and when. Chosen by the end of the number, or by the shares in the settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from bridge.message_central.behaviours import SUFFIX_LENGTH

if TYPE_CHECKING:
    from local.simulator.account import Accepted
    from local.simulator.settings import ReceiptSettings, SimulatorSettings

Receipt = dict[str, str]

# Status words with an errorCode each. The words are SMPP's; the error codes are made up.
DELIVERED = ("DELIVRD", "000")
INTERMEDIATE = ("ENROUTE", "000")
FAILURES = (("UNDELIV", "001"), ("EXPIRED", "002"), ("REJECTD", "003"), ("FAILED", "004"))
UNKNOWN_WORD = ("WHATEVER", "")

# Seconds between a receipt and one that repeats or contradicts it.
GAP = 0.5


@dataclass(frozen=True, slots=True)
class ReceiptPlan:
    """The status words sent for one message, in order. `at_once`: without the delay of the settings."""

    suffix: str
    says: str
    words: tuple[tuple[str, str], ...]
    at_once: bool = False


RECEIPT_PLANS = (
    ReceiptPlan("98001", "receipt: undelivered", (FAILURES[0],)),
    ReceiptPlan("98002", "receipt: expired", (FAILURES[1],)),
    ReceiptPlan("98003", "receipt: rejected by the network", (FAILURES[2],)),
    ReceiptPlan("98004", "receipt: never sent", ()),
    ReceiptPlan("98005", "receipt: delivered, sent twice", (DELIVERED, DELIVERED)),
    ReceiptPlan("98006", "receipt: delivered, then undelivered", (DELIVERED, FAILURES[0])),
    ReceiptPlan("98007", "receipt: under way, then delivered", (INTERMEDIATE, DELIVERED)),
    ReceiptPlan("98008", "receipt: before the send call is answered", (DELIVERED,), at_once=True),
    ReceiptPlan("98009", "receipt: a status word nobody knows", (UNKNOWN_WORD,)),
)
BY_SUFFIX = {plan.suffix: plan for plan in RECEIPT_PLANS}


def plans(message: Accepted, settings: SimulatorSettings) -> list[tuple[float, Receipt]]:
    """The receipts of one message, each with the seconds until it leaves."""
    chance = Random(f"{settings.seed}/receipt/{message.number}/{message.verificationId}")
    plan = BY_SUFFIX.get(message.mobileNumber[-SUFFIX_LENGTH:]) or _plan_by(settings.receipts, chance)
    delay = settings.receipts.delay_seconds + chance.random() * settings.receipts.spread_seconds
    first = 0.0 if plan.at_once else delay
    form = settings.receipts.number_form
    return [(first + nth * GAP, _receipt(message, word, form, nth * GAP)) for nth, word in enumerate(plan.words)]


def _plan_by(shares: ReceiptSettings, chance: Random) -> ReceiptPlan:
    if chance.random() < shares.lost:
        return BY_SUFFIX["98004"]
    word = chance.choice(FAILURES) if chance.random() < shares.failures else DELIVERED
    words = [INTERMEDIATE] if chance.random() < shares.intermediate else []
    words.append(word)
    if chance.random() < shares.duplicates:
        words.append(word)
    if word is DELIVERED and chance.random() < shares.contradictions:
        words.append(FAILURES[0])
    return ReceiptPlan("", "by the settings", tuple(words))


def _receipt(message: Accepted, word: tuple[str, str], number_form: str, later: float) -> Receipt:
    status, error_code = word
    receipt = {
        "verificationId": message.verificationId,
        "mobileNumber": message.mobileNumber,
        "countryCode": message.countryCode,
        "status": status,
        "errorCode": error_code,
        "time": (datetime.now(UTC) + timedelta(seconds=later)).isoformat(timespec="seconds"),
    }
    if number_form == "international":
        receipt["mobileNumber"] = message.number
        del receipt["countryCode"]
    return receipt
