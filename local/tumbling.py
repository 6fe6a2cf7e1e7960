"""The tumbling window of a stream's event source: what Lambda adds to the events, and asks of the answers.

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-windows.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.errors import FunctionError

if TYPE_CHECKING:
    from local.stream import StreamReader


class TumblingWindow:
    """The windows of one shard, one after the other."""

    def __init__(self, seconds: int, reader: StreamReader) -> None:
        self._seconds = seconds
        self._reader = reader
        self._start: float | None = None  # of the window that is open, in epoch seconds
        self._state: dict[str, Any] = {}

    def event(self, records: list[dict[str, Any]], now: float) -> dict[str, Any]:
        """The event for a batch. It opens a window, if none is open."""
        if self._start is None:
            self._start, self._state = now - now % self._seconds, {}
        return self._event(records, self._start, is_final=False)

    def ended(self, now: float) -> dict[str, Any] | None:
        """The event at the end of the window that was open, if it is over; None: there is none."""
        if self._start is None or now < self._start + self._seconds:
            return None
        return self._event([], self._start, is_final=True)

    def keep(self, answer: Any) -> Any:
        """An answer, whose state the next event of the window holds. Raises FunctionError when it has none."""
        if not isinstance(answer, dict) or "state" not in answer:
            raise FunctionError("an answer without a state")
        self._state = answer["state"]
        return answer

    def close(self, answer: Any) -> None:
        """The window has ended with this answer. Raises FunctionError when that has no state."""
        self.keep(answer)
        self._start = None

    def _event(self, records: list[dict[str, Any]], start: float, *, is_final: bool) -> dict[str, Any]:
        return {
            "Records": records,
            "window": {"start": _written(start), "end": _written(start + self._seconds)},
            "state": self._state,
            "shardId": self._reader.shard_id,
            "eventSourceARN": self._reader.arn,
            "isFinalInvokeForWindow": is_final,
            "isWindowTerminatedEarly": False,
        }


def _written(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
