"""What every handler begins and ends with: its `Invocation`, and the last line of defence."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bridge.invocation import Invocation
from bridge.telemetry import VERSION, InvocationMetrics, fault_of, logger
from bridge.times import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    Event = dict[str, Any]
    Answer = dict[str, Any] | str  # a text only where a widget of CloudWatch asks
    Handler = Callable[[Event, LambdaContext], Answer]


# The same in each line of a log group, which has the function's name: together a third of a line.
_OF_THE_FUNCTION = ("function_name", "function_memory_size", "function_arn")


class Failed(Exception):
    """An invocation failed by a fault of ours. Lambda logs an error's text and trace: these hold nothing."""


def lambda_handler(rules: Callable[[Event, Invocation], Answer], margin_seconds: float) -> Handler:
    """A Lambda handler for `rules`; of the function's time `margin_seconds` are kept to give the answer.

    Metrics are written whatever happens. Events hold keys, numbers and texts: no setting may have them logged.
    """

    def handler(event: Event, context: LambdaContext) -> Answer:
        logger.append_keys(version=VERSION)
        logger.remove_keys(_OF_THE_FUNCTION)
        seconds = context.get_remaining_time_in_millis() / 1_000 - margin_seconds
        metrics = InvocationMetrics()
        invocation = Invocation(context.aws_request_id, Deadline.within(seconds, time.monotonic), metrics)
        try:
            return rules(event, invocation)
        except Exception as error:  # noqa: BLE001 - logged, and turned into a 5xx or a failed event
            logger.error("the invocation failed: AWS tries it again, or the caller gets a 5xx", **fault_of(error))
            raise Failed(type(error).__name__) from None
        finally:
            metrics.emit()

    return logger.inject_lambda_context(clear_state=True, log_event=False)(handler)
