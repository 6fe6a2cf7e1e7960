"""The tumbling window of a stream's source on this machine: what a function is told, and what it has to answer."""

from __future__ import annotations

from typing import Any

import pytest

from local.errors import FunctionError
from local.tumbling import TumblingWindow

NOON = 1_795_867_200.0  # 2026-11-28T12:00:00Z
RECORDS: list[dict[str, Any]] = [{"dynamodb": {"SequenceNumber": "1"}}]
MINUTE = 60


class Reader:
    """As far as it is asked."""

    shard_id, arn = "shardId-1", "arn:stream"


@pytest.fixture
def window() -> TumblingWindow:
    return TumblingWindow(MINUTE, Reader())  # type: ignore[arg-type] # as above


def test_an_event_has_the_shard_and_the_window_that_it_is_in(window):
    assert window.event(RECORDS, NOON + 10) == {
        "Records": RECORDS,
        "window": {"start": "2026-11-28T12:00:00Z", "end": "2026-11-28T12:01:00Z"},
        "state": {},
        "shardId": "shardId-1",
        "eventSourceARN": "arn:stream",
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }


def test_the_state_of_an_answer_is_in_the_next_event_of_the_window(window):
    window.event(RECORDS, NOON)
    window.keep({"state": {"counted": 1}})

    assert window.event(RECORDS, NOON + 1)["state"] == {"counted": 1}


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, "done"])
def test_an_answer_without_a_state_is_a_failure(window, answer):
    with pytest.raises(FunctionError):
        window.keep(answer)


def test_a_window_ends_with_an_event_without_records_and_the_next_begins_anew(window):
    window.event(RECORDS, NOON)
    window.keep({"state": {"counted": 1}})
    assert window.ended(NOON + MINUTE - 1) is None

    last = window.ended(NOON + MINUTE)
    assert last
    assert (last["Records"], last["isFinalInvokeForWindow"], last["state"]) == ([], True, {"counted": 1})
    window.close({"state": {}})

    assert window.ended(NOON + MINUTE) is None
    assert window.event(RECORDS, NOON + MINUTE)["window"]["start"] == "2026-11-28T12:01:00Z"
