"""When a call of AWS may be made again, and what a failed one may have done anyway."""

from __future__ import annotations

import random
from http import HTTPStatus
from typing import TYPE_CHECKING

from bridge.aws_api.route import CALL_SECONDS
from bridge.errors import AwsError, AwsRefused, AwsSilent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bridge.times import Deadline

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


def passing(error: AwsError) -> bool:
    """Whether the same call may do better in a moment."""
    return not isinstance(error, AwsRefused) or error.code in THROTTLED or _broken(error)


def perhaps_done(error: AwsError) -> bool:
    """Whether a call that failed like this may have been carried out."""
    return isinstance(error, AwsSilent) or (isinstance(error, AwsRefused) and _broken(error))


def _broken(error: AwsRefused) -> bool:
    return error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
