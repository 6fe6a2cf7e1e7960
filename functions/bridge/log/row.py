"""One row of the log, typed, and the claim that lets a worker write it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from bridge.message import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How a message stands in the log. What is None is no attribute of its item.

    Times are ISO-8601 texts in UTC with milliseconds (`times.iso`): they sort, and read well in the console.
    `expires_at` is in epoch seconds, as DynamoDB's time to live wants it. `attempts` counts the one under way.
    `waited_for`: accept claimed it, or tried to, while CleverTap waited: the row counts it. Else there is no attribute.
    `report`: CleverTap is still to be told how the message ended. `code` is CleverTap's (`clevertap/codes.py`).
    `resent_by`, `resent_at`: who had it sent again after an end that it came to before, and when.
    `replied_at`, `reply_text`: the last reply to it.
    `encryption` says how a message came that came encrypted (`clevertap/encryption.py`).
    """

    recipient: str
    message_id: str
    account: str
    status: Status
    accepted_at: str
    attempts: int
    report: bool
    expires_at: int
    segments: int | None = None
    text: str | None = None
    campaign_id: str | None = None
    sender_id: str | None = None
    template_id: str | None = None
    message_type: str | None = None
    encryption: str | None = None
    claimed_at: str | None = None
    claimed_by: str | None = None
    sent_at: str | None = None
    final_at: str | None = None
    verification_id: str | None = None
    code: str | None = None
    reason: str | None = None
    resent_by: str | None = None
    resent_at: str | None = None
    waited_for: bool | None = None
    replied_at: str | None = None
    reply_text: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The item's key: recipient, and account with message id. Two accounts may use the same id."""
        return self.recipient, f"{self.account}/{self.message_id}"

    @property
    def worker(self) -> str:
        """The request id of the worker whose claim stands, with which claims' ids begin; empty where none does."""
        return (self.claimed_by or "").partition("/")[0]

    def to_item(self) -> dict[str, dict[str, Any]]:
        """The row in DynamoDB's typed JSON."""
        item = {
            attribute: {kind: value if kind == "BOOL" else str(value)}
            for (attribute, kind), value in zip(_ITEM, _values(self), strict=True)
            if value is not None
        }
        item["messageId"] = {"S": self.key[1]}
        return item

    @classmethod
    def from_item(cls, item: Mapping[str, Mapping[str, Any]]) -> Row:
        """The row in DynamoDB's typed JSON; attributes that it does not know, a later version's, are left out.

        Raises:
            KeyError, TypeError, ValueError: it is not a row.
        """
        known = ((_READ[attribute], value) for attribute, value in item.items() if attribute in _READ)
        values = {name: kind(value[letter]) for (name, kind, letter), value in known}
        if "account" in values and "message_id" in values:  # else it is not a row, as the next line says
            values["message_id"] = values["message_id"].removeprefix(f"{values['account']}/")
        return cls(**values)

    def to_document(self) -> dict[str, Any]:
        """The row in plain JSON, under the names of the item's attributes."""
        return {
            field.attribute: value
            for field, value in zip(_FIELDS, _values(self), strict=True)
            if value is not None
        }  # fmt: skip

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Row:
        """The row that `to_document` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is not a row, or another version's.
        """
        return cls(**{_BY_ATTRIBUTE[name].name: _BY_ATTRIBUTE[name].read(value) for name, value in document.items()})


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one worker to send a message, under an id that is used once; and the row that says so."""

    message: Message
    id: str
    row: Row


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a row: its attribute's name in the table (`messageId` for `message_id`), and its type."""

    name: str
    attribute: str
    kind: type[Any]

    def read(self, value: Any) -> Any:
        """The field's value, out of JSON."""
        if self.kind is Status:
            return Status(value)
        if type(value) is not self.kind:
            raise TypeError(f"{self.attribute} is of a wrong type")
        return value


def _attribute(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


# All that is not text. Looked up once: a row is written twice for each message.
_TYPES = {"status": Status, "attempts": int, "expires_at": int, "segments": int, "report": bool, "waited_for": bool}
_KINDS: dict[type[Any], str] = {str: "S", Status: "S", int: "N", bool: "BOOL"}
_FIELDS = [_Field(field.name, _attribute(field.name), _TYPES.get(field.name, str)) for field in fields(Row)]
_BY_ATTRIBUTE = {field.attribute: field for field in _FIELDS}
_READ = {field.attribute: (field.name, field.kind, _KINDS[field.kind]) for field in _FIELDS}
_ITEM = [(field.attribute, _KINDS[field.kind]) for field in _FIELDS]
_values = attrgetter(*(field.name for field in _FIELDS))

ATTRIBUTES = tuple(_BY_ATTRIBUTE)
"""The names of an item's attributes."""
