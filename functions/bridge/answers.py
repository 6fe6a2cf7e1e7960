"""The answers to `POST /sms`, as CleverTap reads them: docs/contracts/clevertap.md §3."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.clevertap.codes import CODES
from bridge.message import Status
from bridge.promotional_hours import until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.message import Failure, Message, Rejection
    from bridge.send import SendResult


class Answer(NamedTuple):
    """An HTTP status and a JSON body for CleverTap."""

    status: int
    body: dict[str, Any]


def about(result: SendResult) -> Answer:
    """What became of a message that does not wait to be sent."""
    message, outcome = result.message, result.outcome
    if outcome is None:
        # Without `was` it is our own call that has not ended.
        return duplicate(message, result.was) if result.was else _accepted(message, Status.UNKNOWN)
    if outcome.failure:
        return rejected(outcome.failure, outcome.reason)
    return _accepted(message, outcome.status, outcome.verification_id)


def queued(message: Message) -> Answer:
    """The message is on the queue."""
    return _accepted(message, "queued")


def held(result: SendResult, now: float) -> Answer:
    """The message is on the queue until promotional messages may go."""
    answer = queued(result.message)
    return Answer(answer.status, answer.body | {"until": until(now, result.busy_for)})


def duplicate(message: Message, was: Status) -> Answer:
    """The log held the message already."""
    return Answer(HTTPStatus.OK, {"status": "duplicate", "messageId": message.message_id, "was": str(was)})


def rejected(failure: Failure, reason: str | None) -> Answer:
    """The message was rejected."""
    body = {"status": "rejected", "code": CODES[failure], "reason": reason}
    return Answer(HTTPStatus.UNPROCESSABLE_ENTITY, body)


def many(accepted: int, rejections: Sequence[Rejection]) -> Answer:
    """So many messages are on the queue, the other records were rejected; if all were, the first one's code counts."""
    about_each = {"rejected": [_about(rejection) for rejection in rejections]}
    if accepted:
        return Answer(HTTPStatus.OK, {"status": "queued", "accepted": accepted} | about_each)
    answer = rejected(rejections[0].failure, rejections[0].reason)
    return Answer(answer.status, answer.body | about_each)


def _accepted(message: Message, status: str, verification_id: str | None = None) -> Answer:
    body = {"status": str(status), "messageId": message.message_id}
    return Answer(HTTPStatus.OK, body | ({"verificationId": verification_id} if verification_id else {}))


def _about(rejection: Rejection) -> dict[str, Any]:
    return {
        "index": rejection.index,
        "messageId": rejection.message_id,
        "code": CODES[rejection.failure],
        "reason": rejection.reason,
    }
