"""The alarms on shares: a campaign that is over within a minute raises them, and little traffic does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit import template_checks as checks
from tests.unit.test_template import TEMPLATE

Sums = dict[tuple[str, str], int]
NOTHING = 1e-9  # what is missing, so that a share of it can be asked for

CAME, BAD, SENT_ALONE = ((f"Messages{what}", "accept") for what in ("Accepted", "Rejected", "Sent"))
SENT, REFUSED, UNKNOWN = ((f"Messages{what}", "dispatch") for what in ("Sent", "Rejected", "Unknown"))


class Values(dict[str, float]):
    """The metrics and expressions of an alarm, by their ids, where only one period has anything."""

    def __init__(self, alarm: dict[str, Any], sums: Sums) -> None:
        super().__init__()
        self._metrics = {one["Id"]: one for one in alarm["Metrics"]}
        self._sums = sums

    def __missing__(self, name: str) -> float:
        metric = self._metrics[name]
        if "MetricStat" in metric:
            watched = metric["MetricStat"]["Metric"]
            return self._sums.get((watched["MetricName"], watched["Dimensions"][0]["Value"]), NOTHING)
        functions = {"IF": _if, "SUM": sum, "MAX": max, "METRICS": self._all}
        return float(eval(metric["Expression"], functions, self))

    def _all(self) -> list[float]:
        return [self[name] for name, metric in self._metrics.items() if "MetricStat" in metric]


def _if(test: bool, then: float, otherwise: float) -> float:  # noqa: FBT001 - CloudWatch's
    return then if test else otherwise


def raised(name: str, sums: Sums) -> bool:
    """Whether an alarm goes on where all this falls into one period, and nothing into those before and after it."""
    alarm = checks.of_type(TEMPLATE, "AWS::CloudWatch::Alarm")[f"{name}Alarm"]
    needed = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    return bool(needed == 1 and Values(alarm, sums)["watched"] >= alarm["Threshold"])


@pytest.mark.parametrize(
    ("name", "sums"),
    [
        ("RejectedShare", {CAME: 10_000, REFUSED: 10_000}),
        ("RejectedShare", {CAME: 10_000, SENT: 7_900, REFUSED: 2_100}),
        ("RejectedShare", {CAME: 700, BAD: 300}),
        ("RejectedShare", {BAD: 1_000}),
        ("UnknownShare", {CAME: 1_000, SENT: 970, UNKNOWN: 30}),
        ("UnknownShare", {UNKNOWN: 5}),
    ],
)
def test_a_campaign_that_is_over_within_a_minute_raises_the_alarm(name: str, sums: Sums):
    assert raised(name, sums)


@pytest.mark.parametrize(
    ("name", "sums"),
    [
        ("RejectedShare", {CAME: 95_000, BAD: 5_000, SENT: 2_000}),  # the others are sent yet
        ("RejectedShare", {CAME: 9, BAD: 40}),
        ("RejectedShare", {CAME: 10_000, SENT: 9_000, REFUSED: 1_000}),
        ("UnknownShare", {SENT_ALONE: 49, UNKNOWN: 1}),
        ("UnknownShare", {SENT: 10_000, UNKNOWN: 57}),
        ("UnknownShare", {}),
    ],
)
def test_a_few_messages_or_a_small_share_raise_nothing(name: str, sums: Sums):
    assert not raised(name, sums)
