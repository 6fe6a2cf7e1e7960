"""The alarms of a stack, watched after its deployment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scripts import watch_alarms

BEGAN = datetime(2026, 11, 28, 6, tzinfo=UTC)


class CloudWatch:
    """Alarms that are on, look by look: each with the seconds after the deployment's beginning at which it went on."""

    def __init__(self, *looks: dict[str, int]) -> None:
        self._looks = list(looks)

    def get_paginator(self, operation: str) -> CloudWatch:
        assert operation == "describe_alarms"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        assert asked == {"AlarmNamePrefix": "sms-", "StateValue": "ALARM"}
        alarms = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        return [
            {"MetricAlarms": [{"AlarmName": name, "StateTransitionedTimestamp": BEGAN + timedelta(seconds=after)}]}
            for name, after in alarms.items()
        ]


def watched(client: CloudWatch, waits: list[float]) -> int:
    arguments = ["--stack", "sms", "--since", "2026-11-28T06:00:00Z", "--minutes", "2"]
    return watch_alarms.main(arguments, client, waits.append)


def test_an_alarm_that_goes_on_ends_the_watch_at_once_with_its_name(capsys):
    waits: list[float] = []
    assert watched(CloudWatch({}, {}, {"sms-AcceptSlow": 300}), waits) == 1
    assert len(waits) == 2
    assert "sms-AcceptSlow" in capsys.readouterr().err


def test_an_alarm_that_went_on_between_the_deployment_and_the_first_look_is_the_deployments():
    waits: list[float] = []
    assert watched(CloudWatch({"sms-DispatchErrors": 40}), waits) == 1
    assert waits == []


def test_an_alarm_that_was_on_before_is_not_the_deployments():
    waits: list[float] = []
    assert watched(CloudWatch({"sms-AcceptSlow": -3_600}), waits) == 0
    assert sum(waits) == 120


def test_a_time_without_its_offset_is_refused(capsys):
    with pytest.raises(SystemExit):
        watch_alarms.main(["--stack", "sms", "--since", "2026-11-28T06:00:00", "--minutes", "2"], CloudWatch({}))
    assert "--since" in capsys.readouterr().err
