"""Message Central's delivery reports (docs/contracts/message_central.md).

No public document tells their format. What is expected stands in the tables below; when the vendor tells its format,
they are the one place to change. What does not fit is told with the name of what was missing, and never guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from bridge.documents import writable
from bridge.errors import BadRequest
from bridge.message import Failure, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAX_RECEIPTS = 1_000  # in one call
MAX_BYTES = 1_000_000  # of one call that is read: 1,000 receipts with a lot in each
MAX_VALUE = 100  # characters of a value; an id is noted in the log with as many

# An error code that may stand beside a failure; zeros mean none.
_ERROR_CODE = re.compile(r"(?!0+$)[A-Za-z0-9_-]{1,8}", re.ASCII)

# What may be a number: digits, and what people separate them with. A masked one is none.
_NUMBER = re.compile(r"[+()\-./\s]*[0-9][0-9()\-./\s]*", re.ASCII)

MOST_DIGITS = 3  # in a status word that is shown

# What is needed of a receipt, and the names under which it may come, compared without case.
FIELDS: dict[str, tuple[str, ...]] = {
    "verification_id": ("verificationId", "messageId", "transactionId"),
    "number": ("mobileNumber", "mobile", "phoneNumber", "msisdn"),
    "status": ("status", "deliveryStatus", "dlrStatus"),
}
# What a receipt has to hold; and where receipts are known to carry no number.
WHOLE = frozenset(FIELDS)
WITHOUT_NUMBER = WHOLE - {"number"}
OPTIONAL: dict[str, tuple[str, ...]] = {
    "country_code": ("countryCode",),
    "error_code": ("errorCode", "error"),
}
# A reply: a text and the number of who sent it. The vendor has not confirmed it. Whatever else stands beside them makes
# it something else, most likely a receipt that repeats the text that was sent, which nobody answered.
TEXT = ("text",)
ANSWERED = ("to", "shortcode", "longcode")  # the number that a person replied to
BESIDE_A_REPLY = (*ANSWERED, "keyword", "time", "timestamp", "date", "datetime", "receivedat")
MAX_TEXT = 512  # characters of a reply that CleverTap is told
_SMPP_RECEIPT = re.compile(r"\bid:.*\bstat:", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """What a status word means for a message: its final status, why it ended badly, and both in words."""

    status: Status
    failure: Failure | None
    description: str


# The vendor's words, SMPP's and their long forms. None: nothing is known yet of how it ended.
STATUS_WORDS: dict[str, DeliveryStatus | None] = {
    "DELIVRD": (delivered := DeliveryStatus(Status.DELIVERED, None, "Delivered to handset")),
    "DELIVERED": delivered,
    "UNDELIV": (undelivered := DeliveryStatus(Status.UNDELIVERED, Failure.UNDELIVERED, "Undelivered")),
    "UNDELIVERED": undelivered,
    "FAILED": DeliveryStatus(Status.UNDELIVERED, Failure.UNDELIVERED, "Failed"),
    "EXPIRED": DeliveryStatus(Status.UNDELIVERED, Failure.EXPIRED, "Expired before it could be delivered"),
    "REJECTD": (rejected := DeliveryStatus(Status.UNDELIVERED, Failure.NETWORK, "Rejected by the network")),
    "REJECTED": rejected,
    "DELETED": DeliveryStatus(Status.UNDELIVERED, Failure.DROPPED, "Deleted by the network"),
    "ACCEPTD": None,
    "ACCEPTED": None,
    "ENROUTE": None,
    "SUBMITTED": None,
    "SENT": None,
    "PENDING": None,
    "UNKNOWN": None,  # the network does not know: that is no end, and another receipt may tell one
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """One delivery report. `number` as the vendor wrote it, if it did; `country_code` where it stands beside it."""

    verification_id: str
    number: str | None
    status: str
    country_code: str | None = None
    error_code: str | None = None

    @property
    def delivery(self) -> DeliveryStatus | None:
        """What it means for the message; None while it does not say how the message ended."""
        delivery = STATUS_WORDS[self.status]
        if delivery and delivery.failure and _ERROR_CODE.fullmatch(self.error_code or ""):
            return replace(delivery, description=f"{delivery.description} (error {self.error_code})")
        return delivery


@dataclass(frozen=True, slots=True)
class TextBack:
    """A reply: what a person answered to a message. `number` as the vendor wrote it; `answered`, if it says so, is the
    number that the person wrote to.
    """

    number: str
    text: str = field(repr=False)
    country_code: str | None = None
    answered: str | None = None


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """A receipt that could not be read, and why; `word`: the status word that is not in the table."""

    index: int
    error: str
    word: str = field(default="", repr=False)
    document: Any = field(default=None, repr=False)


Part = Receipt | TextBack | Unrecognised
Reader = Callable[[int, Any], Part]


def read_receipts(body: bytes, query: str, *, without_number: bool = False) -> list[Part]:
    """The receipts and replies of one call: in the query, or in a body that is a form or JSON, one or an array; each as
    it stands, or one level deeper, in whatever field. `without_number`: receipts without one are read as well.

    Raises:
        BadRequest: nothing in the call can hold a receipt.
    """
    documents = documents_of(body, query)
    if not documents:
        raise BadRequest("no delivery report: expected one or an array, as JSON, form or query")
    found: list[Part] = []
    for document in documents:
        found += _read(len(found), document, _READERS[without_number])
        if len(found) > MAX_RECEIPTS:
            raise BadRequest(f"more than {MAX_RECEIPTS} delivery reports in one call")
    return found


def documents_of(body: bytes, query: str) -> list[Any]:
    """What a call holds, as JSON's types: an array's items, or the one object; numbers as their digits.

    Raises:
        BadRequest: it is too large, or neither JSON nor a form.
    """
    if len(body) > MAX_BYTES:
        raise BadRequest(f"the call has more than {MAX_BYTES} bytes")
    try:
        text = body.decode("utf-8-sig").strip()
        if text.startswith(("{", "[")):
            document = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
            return document if isinstance(document, list) else [document]
        fields = _form(text or query)
    except (ValueError, RecursionError):
        raise BadRequest("the delivery report is neither JSON nor a form in UTF-8") from None
    return [fields] if fields else []


def _form(text: str) -> dict[str, str | list[str]]:
    """A form's fields. One that has several values has all of them, which no receipt has: the form may hold several.

    Raises:
        ValueError: it is none.
    """
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, max_num_fields=100, errors="strict"):
        if value not in (known := values.setdefault(name, [])):
            known.append(value)
    return {name: known[0] if len(known) == 1 else known for name, known in values.items()}


def _read(index: int, document: Any, readers: Sequence[Reader]) -> list[Part]:
    """What a document holds, as the first reader finds it that finds anything."""
    found = [_read_as(reader, index, document) for reader in readers]
    return next((parts for parts in found if _any_read(parts)), found[0])


def _read_as(reader: Reader, index: int, document: Any) -> list[Part]:
    """What a document is, or what one of its fields holds."""
    whole = [reader(index, document)]
    if _any_read(whole) or not isinstance(document, dict):
        return whole
    nested = [[reader(index + n, one) for n, one in enumerate(inner)] for inner in _nested(document)]
    readable = [inner for inner in nested if _any_read(inner)]
    # Where two fields hold receipts, nobody knows which are meant.
    return readable[0] if len(readable) == 1 else whole


def _any_read(parts: Sequence[Part]) -> bool:
    return any(not isinstance(part, Unrecognised) for part in parts)


def _nested(document: Mapping[str, Any]) -> Iterator[list[Any]]:
    for value in document.values():
        if isinstance(value, dict):
            yield [value]
        elif isinstance(value, list) and len(value) <= MAX_RECEIPTS:
            yield value


def _read_receipt(index: int, document: Any, *, needed: frozenset[str]) -> Receipt | Unrecognised:
    if not isinstance(document, dict):
        return Unrecognised(index, "it is not an object", document=document)
    given = _texts(document, MAX_VALUE)
    fields = {name: _first(given, names) for name, names in FIELDS.items()}
    missing = [" or ".join(FIELDS[name]) for name, value in fields.items() if name in needed and not value]
    if missing:
        return Unrecognised(index, f"missing: {'; '.join(missing)}", document=document)
    number = fields["number"] if _NUMBER.fullmatch(fields["number"] or "") else None
    if "number" in needed and number is None:
        return Unrecognised(index, f"no digits: {' or '.join(FIELDS['number'])}", document=document)
    status = str(fields["status"]).upper()
    if status not in STATUS_WORDS:
        return Unrecognised(index, "unknown status", _shown(status), document)
    if _contradicts_itself(document):
        return Unrecognised(index, "several statuses", document=document)
    optional = {name: _first(given, names) for name, names in OPTIONAL.items()}
    return Receipt(str(fields["verification_id"]), number, status, **optional)


def _contradicts_itself(document: Mapping[str, Any]) -> bool:
    """Whether a receipt has fields whose status words do not mean the same: nobody knows which is meant."""
    names = {*map(str.lower, FIELDS["status"])}
    texts = [value for key, value in document.items() if key.lower() in names and isinstance(value, str)]
    known = [STATUS_WORDS[word] for text in texts if (word := text.strip().upper()) in STATUS_WORDS]
    return len({delivery and (delivery.status, delivery.failure) for delivery in known}) > 1


def _read_reply(index: int, document: Any) -> TextBack | Unrecognised:
    names = {*TEXT, *map(str.lower, (*FIELDS["number"], *OPTIONAL["country_code"])), *BESIDE_A_REPLY}
    if isinstance(document, dict) and {key.lower() for key in document} <= names:
        given = _texts(document, MAX_TEXT)
        number, text = _first(given, FIELDS["number"]), _first(given, TEXT)
        if number and text and not any(map(_tells_a_status, given.values())):
            answered = _first(given, ANSWERED)
            return TextBack(
                number[:MAX_VALUE],
                text,
                _first(given, OPTIONAL["country_code"]),
                answered[:MAX_VALUE] if answered else None,
            )
    return Unrecognised(index, "it is not a reply", document=document)


def _tells_a_status(value: str) -> bool:
    return value.upper() in STATUS_WORDS or _SMPP_RECEIPT.search(value) is not None


def _texts(document: Mapping[str, Any], longest: int) -> dict[str, str]:
    """The fields of a document that are texts, by their names in small letters."""
    return {
        key.lower(): writable(value.strip(), longest)
        for key, value in document.items()
        if isinstance(value, str) and value.strip()
    }


def _shown(status: str) -> str:
    """A word that is not known, for whoever fixes the table; without its digits where they could be a number or a
    one-time password.
    """
    return re.sub(r"\d", "#", status[:30]) if sum(map(str.isdigit, status)) > MOST_DIGITS else status[:30]


def _first(given: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((given[name.lower()] for name in names if given.get(name.lower())), None)


_READERS: dict[bool, Sequence[Reader]] = {
    False: [(whole := partial(_read_receipt, needed=WHOLE)), _read_reply],
    True: [whole, partial(_read_receipt, needed=WITHOUT_NUMBER), _read_reply],
}
"""How documents are read, the most telling way first; by whether receipts are known to carry no number."""
