"""The alarms of a stack, watched after its deployment."""

from __future__ import annotations

from typing import Any

from scripts import watch_alarms


class CloudWatch:
    """Alarms that are on, look by look."""

    def __init__(self, *looks: set[str]) -> None:
        self._looks = list(looks)

    def get_paginator(self, operation: str) -> CloudWatch:
        assert operation == "describe_alarms"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        assert asked == {"AlarmNamePrefix": "sms-", "StateValue": "ALARM"}
        names = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        return [{"MetricAlarms": [{"AlarmName": name}]} for name in names]


def watched(client: CloudWatch, waits: list[float]) -> int:
    return watch_alarms.main(["--stack", "sms", "--minutes", "2"], client, waits.append)


def test_an_alarm_that_goes_on_ends_the_watch_at_once_with_its_name(capsys):
    waits: list[float] = []
    assert watched(CloudWatch(set(), set(), {"sms-AcceptSlow"}), waits) == 1
    assert len(waits) == 2
    assert "sms-AcceptSlow" in capsys.readouterr().err


def test_an_alarm_that_was_on_before_is_not_the_deployments(capsys):
    waits: list[float] = []
    assert watched(CloudWatch({"sms-AcceptSlow"}), waits) == 0
    assert sum(waits) == 120
