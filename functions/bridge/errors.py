"""Everything that can be said to have gone wrong, as one tree.

BridgeError
├── RequestError           what CleverTap posted is wrong; has an HTTP status
│   ├── BadRequest         400
│   │   └── CannotOpen     an encrypted payload
│   ├── NotAuthenticated   401
│   └── TooLarge           413
├── AccountError           the account's secret cannot be used; its messages wait
│   ├── UnknownAccount
│   ├── AccountUnavailable
│   └── Misconfigured
├── LogUnavailable         DynamoDB did not answer
│   └── LogRefused         DynamoDB says no, and will say no again: no permission, no key, no table
├── AlreadyClaimed         the log holds the message already
├── ConditionFailed        another worker changed a campaign's item, or an account's, meanwhile
├── MalformedRow           a row of the log that nobody can read
├── RowGone                a row was to be changed that is gone
├── AwsError               a call of AWS brought no answer, or an error
│   ├── AwsRefused         AWS answered with an error
│   ├── AwsUnreached       there was no connection: surely nothing was done
│   └── AwsSilent          no whole answer came: perhaps it was done
├── CapReached             an account has sent all it may in a day (campaigns/daily_cap.py)
├── TransportFailure       an HTTP request brought no response
│   ├── NotSent            surely nothing was written
│   └── MaybeSent          the request was written, at least in part
├── Refused                a person asks for what cannot be done now
├── ChangedMeanwhile       somebody else changed a secret in the same moment (operations/rotate_key.py)
└── NothingAccepted        503: neither the vendor nor the queue took anything
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.log.row import Row


class BridgeError(Exception):
    """What the bridge itself can say went wrong. Its text is safe to show and to log."""


class RequestError(BridgeError):
    """What CleverTap posted is wrong."""

    status: ClassVar[int] = 400


class BadRequest(RequestError):
    """The request holds no messages that could be read; the text says what is wrong and where."""


class CannotOpen(BadRequest):
    """An encrypted payload cannot be opened. The log says why; the caller, who may be trying out what is in it, learns
    no more than this.
    """

    def __init__(self) -> None:
        super().__init__("the encrypted payload cannot be opened")


class NotAuthenticated(RequestError):
    """Wrong key, missing key or unknown account: all three look alike from outside."""

    status = 401


class TooLarge(RequestError):
    """The body is larger than what can be taken."""

    status = 413


class AccountError(BridgeError):
    """An account's secret cannot be used now."""


class UnknownAccount(AccountError):
    """There is no secret for the account."""


class AccountUnavailable(AccountError):
    """Secrets Manager gave no secret, and it is not in memory. `refused`: it will not do so until a person fixes it."""

    def __init__(self, text: str, *, refused: bool = False) -> None:
        super().__init__(text)
        self.refused = refused


class Misconfigured(AccountError):
    """The secret is malformed; the text names the field, never its value."""


class LogUnavailable(BridgeError):
    """DynamoDB did not answer. `perhaps_written`: whether the write may have been made anyway."""

    def __init__(self, text: str, *, perhaps_written: bool = True) -> None:
        super().__init__(text)
        self.perhaps_written = perhaps_written


class LogRefused(LogUnavailable):
    """DynamoDB refuses the write, and will refuse it again until a person fixes it. `code` is AWS's error code."""

    def __init__(self, text: str, code: str, *, perhaps_written: bool = False) -> None:
        super().__init__(text, perhaps_written=perhaps_written)
        self.code = code


class AlreadyClaimed(BridgeError):
    """The log holds the message already, as `row`."""

    def __init__(self, row: Row) -> None:
        super().__init__(f"the message is in the log already, as {row.status}")
        self.row = row


class ConditionFailed(BridgeError):
    """An item of `CampaignTable` is not as it was to be; `item` is how it stands, in DynamoDB's typed JSON."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        super().__init__("the item is not as it was to be")
        self.item = item


class MalformedRow(BridgeError):
    """A row of the log that a person asks for cannot be read: somebody edited it. Its key holds a number, so that the
    text has the time when its message was accepted, where the row says it.
    """

    def __init__(self, accepted_at: str) -> None:
        super().__init__(f"the row of a message accepted at {accepted_at} cannot be read: fix it in the table")


class RowGone(BridgeError):
    """A row was to be written over, and it is gone: its message was forgotten."""


class AwsError(BridgeError):
    """A call of AWS brought no answer, or an error. `code` says which: AWS's own word, or what happened on the way.

    Nothing else is in its text: AWS quotes what it was sent, and that holds numbers and texts.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class AwsRefused(AwsError):
    """AWS answered with an error: its HTTP status, and its document with all that the error tells."""

    def __init__(self, code: str, status: int, document: Mapping[str, Any]) -> None:
        super().__init__(code)
        self.status = status
        self.document = document


class AwsUnreached(AwsError):
    """There was no connection, or nobody to sign the request: surely nothing was done."""


class AwsSilent(AwsError):
    """No whole answer came: the call may have been carried out."""


class TransportFailure(BridgeError):
    """An HTTP request brought no response."""


class NotSent(TransportFailure):
    """Nothing was written: the request surely never reached the server, and never will."""


class MaybeSent(TransportFailure):
    """The request was written, at least in part: it may have been carried out."""


class Refused(BridgeError):
    """A person asks for what cannot be done now; the text says why, and what to do first."""


class NothingAccepted(BridgeError):
    """Neither the vendor nor the queue took the request, and neither will: the answer is a 503."""
