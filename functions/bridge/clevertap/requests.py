"""CleverTap's requests: records as messages and rejections (docs/contracts/clevertap.md)."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.documents import writable
from bridge.message import OWN_ID_PREFIX, Failure, Message, Rejection
from bridge.phone import Number, read_number
from bridge.promotional_hours import INDIA
from bridge.segments import segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.account import Account
    from bridge.clevertap.records import Record

MAX_SEGMENTS = 8  # the vendor's console counts up to 1,224 characters: 8 parts of 153
MAX_CHARACTERS = MAX_SEGMENTS * 153  # a text with more has more parts, whatever the characters
MAX_FIELD_BYTES = 512  # of an id; a `$$MessageID` has about 70
MAX_RECIPIENT = 64  # characters of what is not a number, kept in its place

_TEMPLATE_ID = re.compile(r"[0-9]{19}")  # a DLT content template's


class InvalidRecord(Exception):
    """A record cannot become a message. Stays within this file."""

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """What a request's records are: messages by their places in the request, from 0, and rejections."""

    messages: dict[int, Message] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)

    @property
    def single(self) -> bool:
        """Whether CleverTap waits for the outcome of one message: there was one record, however wrapped."""
        return len(self.messages) + len(self.rejections) == 1


@dataclass(frozen=True, slots=True)
class _Source:
    """What all messages of a request have in common."""

    account: Account
    accepted_at: float
    encryption: str | None


def parse_request(
    records: Sequence[Record | None], account: Account, now: float, encryption: str | None = None
) -> ParsedRequest:
    """Every record as a message or a rejection; `now` in epoch seconds becomes `accepted_at`."""
    source = _Source(account, now, encryption)
    parsed = ParsedRequest()
    for place, record in enumerate(records):
        try:
            parsed.messages[place] = _message(record, source)
        except InvalidRecord as invalid:
            parsed.rejections.append(_rejection(place, record or {}, source, invalid))
    return parsed


def own_id() -> str:
    """A message id of our own, for a record without one."""
    return f"{OWN_ID_PREFIX}{uuid.uuid4().hex}"


def _message(record: Record | None, source: _Source) -> Message:
    if record is None:
        raise InvalidRecord(Failure.INVALID_RECORD, "the record is not a JSON object")
    number = _number(record, source.account.country)
    template_id = _field(record, "templateId")
    if (
        source.account.require_template
        and number.country_code == INDIA
        and not _TEMPLATE_ID.fullmatch(template_id or "")
    ):
        raise InvalidRecord(Failure.NO_TEMPLATE, "an Indian number needs a templateId of 19 digits")
    text = _field(record, "text", most_bytes=4 * MAX_CHARACTERS)
    if text is None:
        raise InvalidRecord(Failure.INVALID_RECORD, "text is empty")
    return Message(
        account=source.account.id,
        recipient=number.e164,
        country_code=number.country_code,
        message_id=_field(record, "messageId") or own_id(),
        text=text,
        segments=_segments(text),
        accepted_at=source.accepted_at,
        encryption=source.encryption,
        campaign_id=_field(record, "campaignId"),
        template_id=template_id,
        sender_id=_field(record, "senderId"),
        message_type=_field(record, "messageType"),
    )


def _number(record: Record, country: str) -> Number:
    written = _field(record, "to", failure=Failure.INVALID_NUMBER)
    if written is None:
        raise InvalidRecord(Failure.INVALID_NUMBER, "to is missing")
    number = read_number(written, country)
    if number is None:
        raise InvalidRecord(Failure.INVALID_NUMBER, "to is not a possible phone number")
    return number


def _segments(text: str) -> int:
    parts = segments(text)
    if parts > MAX_SEGMENTS:
        raise InvalidRecord(Failure.INVALID_RECORD, f"text has {parts} parts; at most {MAX_SEGMENTS} can be sent")
    return parts


def _field(
    record: Record, name: str, *, failure: Failure = Failure.INVALID_RECORD, most_bytes: int = MAX_FIELD_BYTES
) -> str | None:
    """A field's text, or None where it is absent."""
    value = record.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidRecord(failure, f"{name} is neither text nor a number")
    if len(value) > MAX_CHARACTERS:  # counted first: encoding megabytes, in each of 1,000 records, takes seconds
        raise InvalidRecord(failure, f"{name} has {len(value)} characters; at most {MAX_CHARACTERS} are taken")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidRecord(failure, f"{name} holds half a character (a lone surrogate)") from None
    if size > most_bytes:
        raise InvalidRecord(failure, f"{name} has {size} bytes; at most {most_bytes} are taken")
    return value


def _rejection(place: int, record: Record, source: _Source, invalid: InvalidRecord) -> Rejection:
    """The rejection, with what the record has as far as it can stand in the log."""
    return Rejection(
        index=place,
        recipient=_recipient(record, source.account.country),
        message_id=_field_or_none(record, "messageId") or own_id(),
        failure=invalid.failure,
        reason=invalid.reason,
        accepted_at=source.accepted_at,
        encryption=source.encryption,
        text=_beginning(record.get("text"), MAX_CHARACTERS),
        campaign_id=_field_or_none(record, "campaignId"),
    )


def _recipient(record: Record, country: str) -> str:
    try:
        return _number(record, country).e164
    except InvalidRecord:
        return _beginning(record.get("to"), MAX_RECIPIENT) or "-"


def _field_or_none(record: Record, name: str) -> str | None:
    try:
        return _field(record, name)
    except InvalidRecord:
        return None


def _beginning(value: Any, length: int) -> str:
    return writable(value, length) if isinstance(value, str) else ""
