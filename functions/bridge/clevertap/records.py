"""The records in a body that CleverTap posts (docs/contracts/clevertap.md).

JSON or form, one record or many, with or without fields beside the array: told apart by looking at the body, because
CleverTap sends no `Content-Type` unless the customer adds one.

Whatever is posted, memory stays bounded: the size of a body, of a form, and the number of values in a JSON document
are checked before they are parsed, and of each record only the known fields are kept.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from bridge.errors import BadRequest, CannotOpen, TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_RECORDS = 1_000
MAX_BODY_BYTES = 5_000_000  # 1,000 of the longest texts with every character escaped; Lambda itself takes 6 MB
MAX_FORM_BYTES = 100_000  # a form holds one message
MAX_VALUES = 100_000  # in a JSON document: 100 for each record

FIELDS = ("to", "text", "messageId", "campaignId", "templateId", "senderId", "messageType")
"""What a record may hold. Everything else is ignored."""

# CleverTap leaves a macro as it is when it has no value for it, above all in *Send Test SMS*.
_MACRO = re.compile(r"\s*\$\$[A-Za-z]\w*\s*", re.ASCII)

_BOM = b"\xef\xbb\xbf"
_QUOTE = ord('"')
_STRING_OR_VALUE = re.compile(rb'"[^"]*"?|[\[{,]')

Record = dict[str, Any]
"""The fields that a record gives. None in its place stands for what is not a JSON object."""


def parse_records(body: bytes) -> list[Record | None]:
    """The 1 to 1,000 records of a request's body.

    Raises:
        TooLarge: the body cannot be one of CleverTap's.
        BadRequest: it is neither JSON nor a form, or holds no records, or too many.
        CannotOpen: it is encrypted, and its headers do not say how.
    """
    return _records(read_document(body))


def read_document(body: bytes) -> Any:
    """The JSON or the form that a body is; numbers in it are texts.

    Raises:
        TooLarge: the body cannot be one of CleverTap's.
        BadRequest: it is neither.
    """
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"the body has {len(body)} bytes; at most {MAX_BODY_BYTES} are read")
    body = body.removeprefix(_BOM).strip()
    return _json(body) if body.startswith((b"{", b"[")) else _form(body)


def _json(body: bytes) -> Any:
    if _more_values_than(MAX_VALUES, body):
        raise BadRequest(f"the JSON holds more than {MAX_VALUES} values; {MAX_RECORDS} records need far fewer")
    try:
        # Numbers stay the digits that were written: a phone number may come as a JSON number. Not `strict`: a macro may
        # be put into the template as it is, line breaks and all.
        return json.loads(_text_of(body), strict=False, parse_int=str, parse_float=str, parse_constant=str)
    except RecursionError:
        raise BadRequest("the JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"the body is not valid JSON: {error.msg} at {where}") from None


def _more_values_than(most: int, body: bytes) -> bool:
    """Whether a JSON document has so many values that they could fill the memory: a million empty objects fit into
    3 MB, and take 100 MB. Each value stands behind a comma or an opening bracket; those within strings are text.
    """
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) <= most:
        return False
    values = 0
    for found in _STRING_OR_VALUE.finditer(body.replace(rb"\\", b"").replace(rb"\"", b"")):
        values += found[0][0] != _QUOTE
        if values > most:
            return True
    return False


def _form(body: bytes) -> Record:
    if len(body) > MAX_FORM_BYTES:
        raise TooLarge(f"the body is no JSON, and has {len(body)} bytes; of a form at most {MAX_FORM_BYTES} are read")
    try:
        fields = dict(parse_qsl(_text_of(body), max_num_fields=100, errors="strict"))
    except ValueError:
        fields = {}
    if not fields:
        raise BadRequest("the body is neither JSON nor a form")
    return dict(fields)


def _text_of(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not UTF-8: byte {error.start} cannot be read") from None


def _records(document: Any) -> list[Record | None]:
    """The records in a document: the document itself, or the one array in it, with the fields beside as defaults."""
    if isinstance(document, list):
        return _all_given(document, {})
    if "ciphertext" in document:
        raise CannotOpen
    arrays = [key for key, value in document.items() if _holds_records(value)]
    named = [key for key in arrays if _holds_messages(document[key])]
    if named or {"to", "text"} <= document.keys():
        arrays = named  # the others are fields of something else, like a template's variables
    if len(arrays) > 1:
        raise BadRequest(f"{len(arrays)} arrays of records in one request; one is taken")
    if arrays:
        items = document.pop(arrays[0])
        return _all_given(items, _given(document))
    if "to" in document or "text" in document:
        return [_given(document)]
    raise BadRequest('no records: expected "to" and "text", or one array of such records')


def _holds_records(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _holds_messages(items: list[Any]) -> bool:
    return any("to" in item or "text" in item for item in items if isinstance(item, dict))


def _all_given(items: list[Any], defaults: Record) -> list[Record | None]:
    if not _holds_records(items):
        raise BadRequest("no records: the array holds no object")
    if len(items) > MAX_RECORDS:
        raise BadRequest(f"{len(items)} records in one request; at most {MAX_RECORDS} are taken")
    return [defaults | _given(item) if isinstance(item, dict) else None for item in items]


def _given(fields: Mapping[str, Any]) -> Record:
    """Of a record's fields those that are known and present, so that absent ones do not hide the defaults."""
    return {name: value for name in FIELDS if not _absent(value := fields.get(name))}


def _absent(value: Any) -> bool:
    if isinstance(value, str):
        return not value or value.isspace() or ("$$" in value and _MACRO.fullmatch(value) is not None)
    return value is None
