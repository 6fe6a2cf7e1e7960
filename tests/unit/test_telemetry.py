from __future__ import annotations

import json
import logging

import pytest

from bridge.chunk import Lane
from bridge.message import Cause, Failure, Outcome, Status
from bridge.telemetry import (
    CAUSE_METRICS,
    MAX_VALUES,
    STATUS_METRICS,
    TIME_TO_VENDOR,
    VERSION,
    InvocationMetrics,
    fault_of,
    logger,
)
from tests.fakes.leaks import leaks
from tests.fakes.values import API_KEY, PASSWORD, SECRETS, number, text


def test_counts_and_latencies_are_written_by_account(capsys: pytest.CaptureFixture[str]):
    metrics = InvocationMetrics()
    metrics.add_outcome("A", Outcome(Status.SENT, vendor_code="200"), 0.25)
    metrics.add_outcome("A", Outcome(Status.RETRYING, cause=Cause.CREDITS, vendor_code="508"), 0.5)
    metrics.add_postponed("A", Cause.CREDITS)
    metrics.add_status("B", "duplicate", 3)

    metrics.emit()

    documents = {d["account"]: d for d in map(json.loads, capsys.readouterr().out.splitlines())}
    assert documents["A"]["MessagesSent"] == [1.0]
    assert documents["A"]["MessagesRetrying"] == [1.0]
    assert documents["A"]["CreditsExhausted"] == [1.0]
    assert documents["A"]["MessagesPostponed"] == [1.0]
    assert documents["A"]["SendLatency"] == [250.0, 500.0]
    assert documents["B"]["MessagesDuplicate"] == [3.0]
    assert "MessagesSent" not in documents["B"]
    assert metrics.verdicts == {"200": 1, "508": 1}


def test_nothing_that_happened_writes_nothing(capsys: pytest.CaptureFixture[str]):
    InvocationMetrics().emit()

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("cause", Cause)
def test_every_postponement_is_counted_by_its_cause(cause: Cause):
    metrics = InvocationMetrics()

    for _ in range(3):
        metrics.add_postponed("A", cause)

    assert metrics.summary()["postponed"] == {cause: 3}
    assert metrics.counts["A"]["MessagesPostponed"] == 3
    assert {*metrics.counts["A"]} == {"MessagesPostponed"} | (
        {CAUSE_METRICS[cause]} if cause in CAUSE_METRICS else set()
    )


SEEN_OTHERWISE = {
    Cause.UNREACHABLE: "several of them open the breaker: SendingPaused",
    Cause.BUSY: "the same",
    Cause.RATE: "sending goes on, slower: LateMessages",
    Cause.ACCOUNT: "AccountsMisconfigured",
    Cause.SAME_NUMBER: "as the vendor wants it",
    Cause.ACCOUNT_RATE: "as people want it",
    Cause.HOURS: "as people want it",
    Cause.NO_TIME: "the next worker goes on",
    Cause.IN_FLIGHT: "the other worker goes on",
}


@pytest.mark.parametrize("cause", Cause)
def test_whatever_makes_messages_wait_for_long_is_watched_by_an_alarm(cause: Cause):
    assert (cause in CAUSE_METRICS) is not (cause in SEEN_OTHERWISE)


def test_every_status_that_a_message_may_end_an_invocation_with_has_a_metric():
    metrics = InvocationMetrics()

    for status in STATUS_METRICS:
        metrics.add_status("A", status)

    assert len(metrics.counts["A"]) == len(STATUS_METRICS)


def test_failures_are_counted_by_kind():
    metrics = InvocationMetrics()

    metrics.add_outcome("A", Outcome(Status.REJECTED, Failure.INVALID_NUMBER, vendor_code="400"), 0.1)

    assert metrics.summary()["failures"] == {Failure.INVALID_NUMBER: 1}


def test_a_summary_leaves_out_what_did_not_happen():
    metrics = InvocationMetrics()
    metrics.add("A", "MessagesAccepted", 0)

    assert metrics.summary() == {}


def test_a_summary_adds_up_all_accounts():
    metrics = InvocationMetrics()
    metrics.add("A", "MessagesAccepted", 2)
    metrics.add("B", "MessagesAccepted", 3)

    assert metrics.summary() == {"counts": {"MessagesAccepted": 5}}


def test_of_many_latencies_no_more_are_written_than_one_document_holds(capsys: pytest.CaptureFixture[str]):
    metrics = InvocationMetrics()
    for n in range(1_000):
        metrics.add_outcome("A", Outcome(Status.SENT), n / 1_000)

    metrics.emit()

    [document] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert MAX_VALUES / 2 < len(document["SendLatency"]) <= MAX_VALUES
    assert document["SendLatency"] == sorted(document["SendLatency"])
    assert document["SendLatency"][0] == 0
    assert document["SendLatency"][-1] >= 980, "of the last ones, too"
    assert document["MessagesSent"] == [1_000.0]


def test_the_version_is_one():
    assert all(part.isdecimal() for part in VERSION.split("."))


# The watch that judges every test sees what it has to


@pytest.mark.parametrize("secret", SECRETS)
def test_the_watch_sees_every_form_of_a_secret(secret: str):
    assert leaks(f"… {secret} …")


@pytest.mark.parametrize(
    "written", [number(7), number(7)[1:], number(7)[3:], "+14155550123", text(), "0091 9876500007"]
)
def test_the_watch_sees_numbers_and_texts(written: str):
    assert leaks(f'{{"to":"{written}"}}')


@pytest.mark.parametrize(
    "written",
    [
        "+91******0001",
        '{"_aws":{"Timestamp": 1795374352258}}',
        '"SendLatency":[0.21076202392578125]',
        "bridge-0123456789abcdef0123456789abcdef",
        "2026-11-22 19:01:33,156+0000",
    ],
)
def test_the_watch_does_not_see_what_is_none(written: str):
    assert not leaks(written)


@pytest.mark.leaks_on_purpose
def test_the_watch_hears_every_logger_at_every_level(request: pytest.FixtureRequest):
    watch = request.config.bridge_log_watch  # type: ignore[attr-defined]
    watch.take()

    logging.getLogger("some.library").debug("key %s", API_KEY)
    logger.info("sent", to=number(1))
    try:
        int(PASSWORD)
    except ValueError:
        logging.getLogger("another").exception("failed")

    heard = watch.take()  # some twice: from their own logger and from the root
    assert len({line for line in heard if leaks(line)}) == 3


@pytest.mark.parametrize("name", ["botocore.parsers", "botocore.endpoint", "boto3.resources", "urllib3.connectionpool"])
def test_libraries_that_log_whole_requests_say_nothing_at_the_templates_debug_level(name: str):
    # Lambda gives the root logger the template's LogLevel; the suite runs with DEBUG on it.
    assert logging.getLogger().level == logging.DEBUG
    assert not logging.getLogger(name).isEnabledFor(logging.DEBUG)


def test_latencies_are_told_to_a_tenth_of_a_millisecond(capsys: pytest.CaptureFixture[str]):
    metrics = InvocationMetrics()
    metrics.latencies["a", "SendLatency"].append(12.345678901234)

    metrics.emit()

    assert json.loads(capsys.readouterr().out)["SendLatency"] == [12.3]


def test_the_time_to_the_vendor_is_measured_for_the_stack_as_a_whole(capsys: pytest.CaptureFixture[str]):
    metrics = InvocationMetrics()
    metrics.add_outcome("A", Outcome(Status.SENT), 0.1)
    metrics.add_time_to_vendor("A", Lane.SINGLE, 1.5)

    metrics.emit()

    document = json.loads(capsys.readouterr().out)
    by_service, of_stack = document["_aws"]["CloudWatchMetrics"]
    assert document["SingleTimeToVendor"] == [1500.0]
    assert of_stack["Dimensions"] == [[]]
    assert [metric["Name"] for metric in of_stack["Metrics"]] == ["SingleTimeToVendor"]
    assert "SingleTimeToVendor" not in json.dumps(by_service)


@pytest.mark.parametrize("lane", Lane)
def test_the_time_to_the_vendor_is_measured_for_each_lane(lane: Lane):
    assert lane in TIME_TO_VENDOR


def test_an_error_that_was_never_raised_has_no_place():
    assert fault_of(KeyError("x")) == {"error": "KeyError", "where": "?"}
