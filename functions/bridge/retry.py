"""When a call of AWS may be made again, and what a failed one may have done all the same."""

from __future__ import annotations

import random
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
)

from bridge.aws import CALL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bridge.times import Deadline

AwsError = (ClientError, BotoCoreError)
"""Everything that a call of AWS may raise."""

# Answers that say that nothing was done, and that later something will be.
THROTTLED = frozenset({"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"})


def tries(pauses: Sequence[float], deadline: Deadline, sleep: Callable[[float], None]) -> Iterator[None]:
    """Yield once for each try: at first at once, then after each of the jittered pauses (seconds), as long as the
    deadline leaves time for one more call.
    """
    for pause in (0.0, *pauses):
        if pause:
            sleep(pause * (0.5 + random.random() / 2))  # noqa: S311 - jitter, no secret
        if not deadline.allows(CALL_SECONDS):
            return
        yield


def error_code(error: ClientError | BotoCoreError) -> str:
    """What went wrong, in a word: AWS's error code, or the kind of failure on the way to it."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def passing(error: ClientError | BotoCoreError) -> bool:
    """Whether the same call may do better in a moment."""
    return not isinstance(error, ClientError) or error_code(error) in THROTTLED or _broken(error)


def perhaps_done(error: ClientError | BotoCoreError) -> bool:
    """Whether a call that failed like this may have been carried out."""
    if isinstance(error, ClientError):
        return _broken(error)
    return not isinstance(error, EndpointConnectionError | ConnectTimeoutError | ProxyConnectionError)


def _broken(error: ClientError) -> bool:
    return error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= HTTPStatus.INTERNAL_SERVER_ERROR
