"""What follows from how an attempt ended: outcomes into the log, the rest into the leftovers, everything counted."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from bridge.breaker import BATCH_FAILURES, Mode
from bridge.finish import BATCH
from bridge.message import Cause
from bridge.message_central import verdicts
from bridge.send import CLOCK_SKEW_SECONDS, TOO_OLD, SendResult
from tests.fakes.faults import DENIED, UNREACHED, Crash
from tests.fakes.values import ACCOUNT_ID, account, message
from tests.unit.batches import TIMEOUT, batch_of, left, run, waiting
from tests.unit.harness import LIFETIME, Bridge

# Recording


def test_no_more_is_unrecorded_than_one_batch_and_what_is_at_the_vendor():
    bridge = Bridge(concurrency=3)
    everything, seen = threading.Event(), []
    bridge.vendor.meanwhile = lambda: everything.set() if len(bridge.vendor.tried) >= 90 else None

    def hangs(point: str) -> None:
        if point == "before batch_write_item" and not seen:
            everything.wait(0.3)
            seen.append(len(bridge.vendor.tried))

    bridge.dynamodb.around = hangs

    run(bridge, [message(n) for n in range(100)])

    assert BATCH <= seen[0] <= BATCH + 3
    assert bridge.dynamodb.statuses() == ["sent"] * 100


def test_outcomes_do_not_wait_for_a_full_batch_while_messages_go_on_ending(bridge: Bridge):
    # One message ends every 0.2 s, and the next result is always there when one has been taken.
    ahead, written = threading.Condition(), []

    class Results(list[SendResult]):
        def append(self, result: SendResult) -> None:
            super().append(result)
            two_further_on = min(len(self) + 2, BATCH - 1)  # then the next has ended
            with ahead:
                assert ahead.wait_for(lambda: len(bridge.vendor.tried) >= two_further_on, TIMEOUT)
            bridge.clock.sleep(0.2)
            written.append(bridge.dynamodb.statuses().count("sent"))

    bridge.vendor.around = lambda _point: _notify(ahead)
    batch = batch_of(bridge, [message(n) for n in range(BATCH - 1)], left())
    batch._finisher.results = Results()

    batch.run()

    assert len(written) == BATCH - 1
    assert all(count >= n - 4 for n, count in enumerate(written))


def _notify(condition: threading.Condition) -> None:
    with condition:
        condition.notify_all()


def test_outcomes_that_cannot_be_written_are_left_over_with_their_chunk(bridge: Bridge):
    bridge.dynamodb.fail("put_item", None, None)
    for operation in ("batch_write_item", "put_item"):
        bridge.dynamodb.down(operation, UNREACHED)
    one, other = left(), left()
    batch = batch_of(bridge, [message(0)], one)
    batch.send(message(1), account(), other)

    batch.run()

    assert [[row.recipient for row in leftovers.rows] for leftovers in (one, other)] == [
        [message(0).recipient],
        [message(1).recipient],
    ]
    assert bridge.counts()["OutcomesUnrecorded"] == 2


def test_a_breaker_that_opens_is_told_while_other_accounts_go_on(bridge: Bridge):
    told, in_time = threading.Event(), []
    bridge.dynamodb.around = lambda point: told.set() if point == "after update_item" else None
    bridge.vendor.script.extend([verdicts.LOST, verdicts.SENT] * BATCH_FAILURES)

    def meanwhile() -> None:
        if len(bridge.vendor.tried) == 2 * BATCH_FAILURES:
            in_time.append(told.wait(TIMEOUT))

    bridge.vendor.meanwhile = meanwhile
    a = [message(n, account="A") for n in range(BATCH_FAILURES + 1)]
    b = [message(n, account="B") for n in range(50, 50 + BATCH_FAILURES + 1)]

    run(bridge, [*a, *b])

    assert in_time == [True]
    assert bridge.dispatcher.engine.breaker("B").mode is Mode.ALL


# What follows from how an attempt ends


@pytest.mark.fault("worker-killed")
def test_what_a_dead_worker_left_is_counted_as_unknown_once(bridge: Bridge):
    bridge.vendor.script.append(Crash())
    with pytest.raises(Crash):
        run(bridge, [message(0)])
    bridge.clock.sleep(LIFETIME + CLOCK_SKEW_SECONDS)

    for _ in range(2):
        run(bridge, [message(0)])

    assert bridge.counts() == {"MessagesUnknown": 1, "MessagesDuplicate": 1}
    assert bridge.vendor.sent == {}


@pytest.mark.fault("table-refuses")
def test_a_log_that_refuses_fails_the_chunk(bridge: Bridge):
    bridge.dynamodb.down("put_item", DENIED)
    leftovers = left()

    run(bridge, [message(0)], leftovers)

    assert leftovers.failed
    assert bridge.counts() == {"MessagesPostponed": 1, "LogRefused": 1}


@pytest.mark.fault("table-throttled")
def test_a_log_that_does_not_answer_is_no_outage_of_the_vendor(bridge: Bridge):
    bridge.dynamodb.down("put_item", UNREACHED)
    leftovers = left()

    run(bridge, [message(n) for n in range(2 * BATCH_FAILURES)], leftovers)

    assert bridge.dispatcher.engine.breaker(ACCOUNT_ID).mode is Mode.ALL
    assert not leftovers.failed
    assert bridge.metrics.causes == {Cause.LOG: 2 * BATCH_FAILURES}


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        (verdicts.UNREACHED, Cause.UNREACHABLE),
        (verdicts.RATE, Cause.RATE),
        (verdicts.GATEWAY, Cause.GATEWAY),
        (verdicts.TOO_SOON, Cause.SAME_NUMBER),
        (verdicts.NO_CREDIT, Cause.CREDITS),
    ],
)
def test_what_is_tried_again_is_counted_by_its_cause(bridge: Bridge, outcome: Any, cause: Cause):
    bridge.vendor.script.append(outcome)
    leftovers = left()

    run(bridge, [message(0)], leftovers)

    assert bridge.metrics.causes == {cause: 1}
    assert bridge.counts()["MessagesRetrying"] == 1
    [(_, attempts, _)] = waiting(leftovers)
    assert attempts == 1


def test_what_is_postponed_is_counted_and_left(bridge: Bridge):
    leftovers = left()
    batch = batch_of(bridge, [], leftovers)

    batch.postpone(message(0), leftovers, Cause.ACCOUNT, 100)
    batch.run()

    assert waiting(leftovers) == [([0], 0, 100)]
    assert bridge.metrics.causes == {Cause.ACCOUNT: 1}


def test_what_is_too_old_expires_whatever_holds_its_account_back(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.LOST] * BATCH_FAILURES)
    run(bridge, [message(n) for n in range(BATCH_FAILURES)])
    batch = batch_of(bridge, [message(9)], left())

    batch.end(message(50), left(), TOO_OLD)
    batch.run()

    assert bridge.counts()["MessagesExpired"] == 1
    assert bridge.dynamodb.statuses() == ["expired"] + ["unknown"] * BATCH_FAILURES
