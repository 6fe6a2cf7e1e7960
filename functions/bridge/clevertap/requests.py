"""CleverTap's requests: from the bytes it posts to messages and rejections (contracts/clevertap.md §§1-2).

JSON or form, one record or many, with or without fields beside the array: told apart by looking at the body, because
CleverTap sends no `Content-Type` unless the customer adds one.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from bridge.clevertap.codes import INVALID_NUMBER, OTHER
from bridge.message import OWN_ID_PREFIX, BadRequest, Message, Rejection, TooLarge
from bridge.phone import Number, read_number
from bridge.segments import segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.accounts import Account

MAX_RECORDS = 1_000
MAX_SEGMENTS = 8  # the vendor's console counts up to 1,224 characters: 8 parts of 153
MAX_FIELD_BYTES = 512  # of an id; a `$$MessageID` has about 70
MAX_BODY_BYTES = 5_000_000  # 1,000 of the longest texts with every character escaped; Lambda itself takes 6 MB

# CleverTap leaves a macro as it is when it has no value for it, above all in *Send Test SMS*.
_MACRO = re.compile(r"\s*\$\$[A-Za-z]\w*\s*", re.ASCII)

Record = dict[str, Any]


class _Unfit(Exception):
    """A record cannot become a message. Arguments: CleverTap's code, the reason."""


@dataclass(frozen=True, slots=True)
class Readings:
    """What a request's records turned out to be; `single` when there was one record, however wrapped."""

    messages: list[Message]
    indexes: list[int]
    """Of each message, its place in the request, from 0."""
    rejections: list[Rejection]

    @property
    def single(self) -> bool:
        """Whether CleverTap waits for the fate of one message."""
        return len(self.messages) + len(self.rejections) == 1


def read_records(body: bytes) -> list[Record]:
    """The 1 to 1,000 records of a request's body.

    Raises:
        TooLarge: the body cannot be one of CleverTap's.
        BadRequest: it is neither JSON nor a form, or holds no records, or too many, or is encrypted.
    """
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"the body has {len(body)} bytes; at most {MAX_BODY_BYTES} are read")
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not UTF-8: byte {error.start} cannot be read") from None
    return _records(_json(text) if text.startswith(("{", "[")) else _form(text))


def read_messages(records: Sequence[Record], account: Account, now: float) -> Readings:
    """Every record as a message or a rejection; `now` in epoch seconds becomes `accepted_at`."""
    readings = Readings([], [], [])
    for index, record in enumerate(records):
        reading = _read(index, record, account, now)
        if isinstance(reading, Message):
            readings.messages.append(reading)
            readings.indexes.append(index)
        else:
            readings.rejections.append(reading)
    return readings


def _json(text: str) -> Any:
    try:
        # Numbers stay the digits that were written: a phone number may come as a JSON number.
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except RecursionError:
        raise BadRequest("the JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"the body is not valid JSON: {error.msg} at {where}") from None


def _form(text: str) -> Record:
    try:
        fields = dict(parse_qsl(text, max_num_fields=100, errors="strict"))
    except ValueError:
        fields = {}
    if not fields:
        raise BadRequest("the body is neither JSON nor a form")
    return dict(fields)


def _records(document: Any) -> list[Record]:
    """The records in a document: the document itself, or the one array in it, with the fields beside as defaults."""
    if isinstance(document, list):
        return _checked(document)
    if "ciphertext" in document:
        raise BadRequest("the payload is encrypted: switch encryption off in CleverTap's provider settings")
    arrays = [key for key, value in document.items() if _holds_records(value)]
    if len(arrays) > 1:
        raise BadRequest(f"{len(arrays)} arrays of records in one request; one is taken")
    if arrays:
        _checked(document[arrays[0]])
        defaults = {key: value for key, value in document.items() if key != arrays[0]}
        return [
            {**defaults, **_given(record)} if isinstance(record, dict) else record for record in document[arrays[0]]
        ]
    if "to" in document or "text" in document:
        return [document]
    raise BadRequest('no records: expected "to" and "text", or one array of such records')


def _holds_records(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _given(record: Record) -> Record:
    """A record without its absent fields, so that they do not hide the defaults."""
    return {key: value for key, value in record.items() if not _absent(value)}


def _checked(items: list[Any]) -> list[Any]:
    if not _holds_records(items):
        raise BadRequest("no records: the array holds no object")
    if len(items) > MAX_RECORDS:
        raise BadRequest(f"{len(items)} records in one request; at most {MAX_RECORDS} are taken")
    return items


def _absent(value: Any) -> bool:
    if isinstance(value, str):
        return not value or value.isspace() or ("$$" in value and _MACRO.fullmatch(value) is not None)
    return value is None


def _read(index: int, record: Any, account: Account, now: float) -> Message | Rejection:
    """One record as a message, or the rejection that says why it is none."""
    if not isinstance(record, dict):
        return Rejection(index, "-", own_id(), OTHER, "the record is no JSON object")
    number = None
    try:
        number = _number(record, account.country)
        return _message(record, number, account, now)
    except _Unfit as unfit:
        code, reason = unfit.args
        return _rejection(index, record, number, code, reason)


def _message(record: Record, number: Number, account: Account, now: float) -> Message:
    text = _text(record, "text", limit=None)
    if text is None:
        raise _Unfit(OTHER, "text is empty")
    parts = segments(text)
    if parts > MAX_SEGMENTS:
        raise _Unfit(OTHER, f"text has {parts} parts; at most {MAX_SEGMENTS} can be sent")
    return Message(
        account=account.id,
        recipient=number.e164,
        country_code=number.country_code,
        message_id=_text(record, "messageId") or own_id(),
        text=text,
        segments=parts,
        accepted_at=now,
        campaign_id=_text(record, "campaignId"),
        template_id=_text(record, "templateId"),
        sender_id=_text(record, "senderId"),
        message_type=_text(record, "messageType"),
    )


def _number(record: Record, country: str) -> Number:
    written = _text(record, "to", code=INVALID_NUMBER)
    if written is None:
        raise _Unfit(INVALID_NUMBER, "to is missing")
    number = read_number(written, country)
    if number is None:
        raise _Unfit(INVALID_NUMBER, "to is no possible phone number")
    return number


def _text(record: Record, field: str, *, code: str = OTHER, limit: int | None = MAX_FIELD_BYTES) -> str | None:
    """A field's text, or None where it is absent."""
    value = record.get(field)
    if value is None or _absent(value):
        return None
    if not isinstance(value, str):
        raise _Unfit(code, f"{field} is no text")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise _Unfit(code, f"{field} holds half a character (a lone surrogate)") from None
    if limit is not None and size > limit:
        raise _Unfit(code, f"{field} has {size} bytes; at most {limit} are taken")
    return value


def _rejection(index: int, record: Record, number: Number | None, code: str, reason: str) -> Rejection:
    return Rejection(
        index=index,
        recipient=number.e164 if number else _key(record, "to")[:64] or "-",
        message_id=_key(record, "messageId") or own_id(),
        code=code,
        reason=reason,
        text=_key(record, "text")[: MAX_SEGMENTS * 153],
        campaign_id=_key(record, "campaignId") or None,
    )


def _key(record: Record, field: str) -> str:
    """What a rejected record has in a field, as far as it can stand in the log; else nothing."""
    try:
        return _text(record, field, limit=None if field == "text" else MAX_FIELD_BYTES) or ""
    except _Unfit:
        return ""


def own_id() -> str:
    """A message id of our own, for a record without one."""
    return f"{OWN_ID_PREFIX}{uuid.uuid4().hex}"
