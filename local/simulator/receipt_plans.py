"""Which receipts a message gets, and when. Chosen by the end of the number, or by the shares in the settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.simulator.account import Accepted
    from local.simulator.settings import ReceiptSettings, Settings

Receipt = dict[str, str]

# Status words with an errorCode each. The words are SMPP's; the error codes are made up.
DELIVERED = ("DELIVRD", "000")
INTERMEDIATE = ("ENROUTE", "000")
FAILURES = (("UNDELIV", "001"), ("EXPIRED", "002"), ("REJECTD", "003"), ("FAILED", "004"))
UNKNOWN_WORD = ("WHATEVER", "")

# Seconds between a receipt and one that repeats or contradicts it.
GAP = 0.5


@dataclass(frozen=True, slots=True)
class Story:
    """The status words sent for one message, in order. `at_once`: without the delay of the settings."""

    suffix: str
    says: str
    words: tuple[tuple[str, str], ...]
    at_once: bool = False


STORIES = (
    Story("98001", "receipt: undelivered", (FAILURES[0],)),
    Story("98002", "receipt: expired", (FAILURES[1],)),
    Story("98003", "receipt: rejected by the network", (FAILURES[2],)),
    Story("98004", "receipt: never sent", ()),
    Story("98005", "receipt: delivered, sent twice", (DELIVERED, DELIVERED)),
    Story("98006", "receipt: delivered, then undelivered", (DELIVERED, FAILURES[0])),
    Story("98007", "receipt: under way, then delivered", (INTERMEDIATE, DELIVERED)),
    Story("98008", "receipt: before the send call is answered", (DELIVERED,), at_once=True),
    Story("98009", "receipt: a status word nobody knows", (UNKNOWN_WORD,)),
)
BY_SUFFIX = {story.suffix: story for story in STORIES}
SUFFIX_LENGTH = 5


def plans(message: Accepted, settings: Settings) -> list[tuple[float, Receipt]]:
    """The receipts of one message, each with the seconds until it leaves."""
    chance = Random(f"{settings.seed}/receipt/{message.number}/{message.verificationId}")
    story = BY_SUFFIX.get(message.mobileNumber[-SUFFIX_LENGTH:]) or _story(settings.receipts, chance)
    delay = settings.receipts.delay_seconds + chance.random() * settings.receipts.spread_seconds
    first = 0.0 if story.at_once else delay
    form = settings.receipts.number_form
    return [(first + nth * GAP, _receipt(message, word, form, nth * GAP)) for nth, word in enumerate(story.words)]


def _story(shares: ReceiptSettings, chance: Random) -> Story:
    if chance.random() < shares.lost:
        return BY_SUFFIX["98004"]
    word = chance.choice(FAILURES) if chance.random() < shares.failures else DELIVERED
    words = [INTERMEDIATE] if chance.random() < shares.intermediate else []
    words.append(word)
    if chance.random() < shares.duplicates:
        words.append(word)
    if word is DELIVERED and chance.random() < shares.contradictions:
        words.append(FAILURES[0])
    return Story("", "by the settings", tuple(words))


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
