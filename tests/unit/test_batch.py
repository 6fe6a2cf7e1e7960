"""The engine: messages over threads, their outcomes into the log, the rest into the leftovers."""

from __future__ import annotations

import threading
from collections import Counter
from itertools import count
from typing import Any

import pytest

from bridge import finish as module
from bridge.batch import Batch
from bridge.breaker import BATCH_FAILURES, Mode
from bridge.campaigns.shared_breaker import BreakerState, Level
from bridge.finish import BATCH
from bridge.message import Cause, Status
from bridge.message_central import verdicts
from bridge.send import TOO_OLD, Ending
from bridge.worker_time import SHARE
from tests.fakes.campaigns import breaker_in, look, shared_breaker
from tests.fakes.faults import LOST_AFTER, LOST_BEFORE, Crash, silence
from tests.fakes.values import ACCOUNT_ID, account, message
from tests.unit.batches import SENDING, TIMEOUT, batch_of, left, run, waiting
from tests.unit.harness import Bridge


class Gate:
    """Keeps threads at the vendor until it is opened, and then waits until they have ended."""

    def __init__(self, bridge: Bridge) -> None:
        self._clock = bridge.clock
        self._open = threading.Event()
        self._threads: list[threading.Thread] = []

    def hang(self) -> None:
        """Stand still, until time is over and longer."""
        self._threads.append(threading.current_thread())
        self._clock.sleep(SENDING + 5)
        self._open.wait(TIMEOUT)

    def wait(self) -> None:
        self._threads.append(threading.current_thread())
        self._open.wait(TIMEOUT)

    def open(self) -> None:
        self._open.set()
        for thread in self._threads:
            thread.join(TIMEOUT)
            assert not thread.is_alive()


@pytest.fixture
def gate(bridge: Bridge) -> Gate:
    return Gate(bridge)


def test_all_messages_are_sent_and_recorded(bridge: Bridge):
    batch = run(bridge, [message(n) for n in range(30)])

    assert bridge.dynamodb.statuses() == ["sent"] * 30
    assert [result.ending for result in batch.results] == [Ending.ATTEMPTED] * 30
    assert bridge.counts() == {"MessagesSent": 30}


def test_no_messages_are_no_work(bridge: Bridge):
    assert run(bridge, []).results == []


def test_as_many_are_at_the_vendor_at_once_as_may_be_and_no_more():
    bridge = Bridge(concurrency=4)
    together = threading.Barrier(4)
    lock = threading.Lock()
    now = most = 0

    def meanwhile() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait(TIMEOUT)  # fails where fewer come together
        with lock:
            now -= 1

    bridge.vendor.meanwhile = meanwhile

    run(bridge, [message(n) for n in range(40)])

    assert most == 4
    assert bridge.dynamodb.statuses() == ["sent"] * 40


def test_each_message_has_one_result_whatever_becomes_of_it_on_many_threads():
    bridge = Bridge(concurrency=16)
    bridge.clock.ticks = 0.001  # after a refusal messages wait for one another
    some = [verdicts.SENT, verdicts.BAD_NUMBER, verdicts.RATE, verdicts.TOO_SOON, KeyError(), verdicts.SENT]
    bridge.vendor.script.extend(some * 20)
    messages = [message(n) for n in range(300)]
    leftovers = left()

    batch = run(bridge, messages, leftovers)

    assert Counter(result.message.message_id for result in batch.results) == Counter(m.message_id for m in messages)
    assert {*bridge.vendor.sent.values()} == {1}
    assert leftovers.failed, "by the faults of ours"
    kept = [m.message_id for group in leftovers.messages.values() for m in group]
    recorded = [row.message_id for row in bridge.dynamodb.rows() if row.status in (Status.SENT, Status.REJECTED)]
    assert sorted(kept + recorded) == sorted(m.message_id for m in messages)


@pytest.mark.fault("account-slow")
def test_accounts_have_their_turns(bridge: Bridge):
    accounts = ["A"] * 6 + ["B"] * 3
    messages = [message(n, account=owner) for n, owner in enumerate(accounts)]

    run(bridge, messages)

    tried = [int(recipient[-5:]) for recipient, _ in bridge.vendor.tried]
    assert ["AB"[n >= 6] for n in tried] == ["A", "B"] * 3 + ["A"] * 3


@pytest.mark.fault("poisonous-text")
def test_what_was_tried_least_is_tried_first(bridge: Bridge):
    run(bridge, [message(0, attempts=3), message(1), message(2, attempts=1), message(3)])

    assert [int(recipient[-5:]) for recipient, _ in bridge.vendor.tried] == [1, 3, 2, 0]


def test_of_a_message_that_somebody_waits_for_a_rejection_is_not_reported_again(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.BAD_NUMBER] * 2)

    run(bridge, [message(0)], waited_for=True)
    run(bridge, [message(1)])

    assert {row.recipient[-1]: row.report for row in bridge.dynamodb.rows()} == {"0": False, "1": True}


# Outages


@pytest.mark.fault("vendor-502")
def test_when_the_vendor_fails_for_all_the_rest_waits_for_the_breaker_and_was_no_attempt(bridge: Bridge):
    bridge.vendor.default = verdicts.UNKNOWN
    leftovers = left()

    run(bridge, [message(n) for n in range(50)], leftovers)

    assert bridge.dynamodb.statuses() == ["unknown"] * BATCH_FAILURES
    assert waiting(leftovers) == [([*range(BATCH_FAILURES, 50)], 0, 5)]
    assert bridge.metrics.causes == {Cause.BREAKER: 50 - BATCH_FAILURES}


def test_a_probe_that_fails_by_a_fault_of_ours_holds_nobody_up():
    bridge = Bridge(concurrency=3)
    breaker = _half_opened(bridge, Level.OPEN)

    def fails(point: str) -> None:
        if point == "before probe":
            raise KeyError("opensesame")

    bridge.vendor.around = fails
    leftovers = left()

    run(bridge, [message(n) for n in range(9)], leftovers)

    assert breaker.mode is Mode.NONE
    assert bridge.vendor.tried == []
    assert bridge.metrics.causes == {Cause.BREAKER: 9}


def _half_opened(bridge: Bridge, level: Level) -> Any:
    shared_breaker(bridge.dynamodb).write(ACCOUNT_ID, BreakerState(level, 1))
    breaker = bridge.dispatcher.engine.breaker(ACCOUNT_ID)
    look(breaker, may_probe=True)
    return breaker


@pytest.mark.parametrize("level", Level)
def test_after_a_probe_all_is_sent_by_many_threads_and_the_breaker_is_closed(level: Level):
    bridge = Bridge(concurrency=16)
    breaker = _half_opened(bridge, level)

    run(bridge, [message(n) for n in range(200)])

    assert bridge.dynamodb.statuses() == ["sent"] * 200
    assert breaker.mode is Mode.ALL
    assert bridge.vendor.probes == (level is Level.OPEN)


@pytest.mark.fault("outage-long")
def test_of_many_threads_one_tries_a_message_after_a_probe():
    bridge = Bridge(concurrency=16)
    _half_opened(bridge, Level.OPEN)
    bridge.vendor.default = verdicts.LOST

    run(bridge, [message(n) for n in range(200)])

    assert bridge.dynamodb.statuses() == ["unknown"]


def test_messages_that_were_sent_before_do_not_use_up_the_tries_of_a_half_open_breaker(bridge: Bridge):
    run(bridge, [message(n) for n in range(20)])
    breaker = _half_opened(bridge, Level.HALF_OPEN)

    run(bridge, [message(n) for n in range(40)])

    assert breaker.mode is Mode.ALL
    assert bridge.dynamodb.statuses() == ["sent"] * 40


# Time


@pytest.mark.parametrize(("seconds", "sending"), [(59, SENDING), (8, 8 * (1 - SHARE))])
def test_a_worker_sends_until_there_is_just_time_to_record_and_give_back(bridge: Bridge, seconds: int, sending: float):
    batch = Batch(bridge.dispatcher.engine, bridge.invocation(seconds))

    assert batch.sending.remaining() == pytest.approx(sending)


def test_the_vendor_has_no_longer_for_a_message_than_the_worker_sends(bridge: Bridge, monkeypatch: pytest.MonkeyPatch):
    allowed: list[float] = []
    send = bridge.vendor.send

    def noting(one: Any, held: Any, deadline: Any, permit: Any) -> Any:
        allowed.append(deadline.remaining())
        return send(one, held, deadline, permit)

    monkeypatch.setattr(bridge.vendor, "send", noting)

    run(bridge, [message(0)])

    assert allowed == [pytest.approx(SENDING)]


@pytest.mark.fault("out-of-time")
def test_what_was_not_begun_in_time_waits_for_nothing(bridge: Bridge):
    bridge.vendor.meanwhile = lambda: bridge.clock.sleep(33)
    leftovers = left()

    run(bridge, [message(n) for n in range(3)], leftovers)

    [(numbers, attempts, delay)] = waiting(leftovers)
    assert (numbers, attempts) == ([1, 2], 0)
    assert delay <= 1
    assert bridge.metrics.causes == {Cause.NO_TIME: 2}


@pytest.mark.fault("answer-late")
def test_an_answer_that_came_while_the_table_was_slow_is_used(monkeypatch: pytest.MonkeyPatch):
    # While the first outcome is being written time runs out; the second message's answer is there by then.
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.01)
    bridge = Bridge(concurrency=2)
    go, threads = threading.Event(), []
    turns = count()

    def meanwhile() -> None:
        if next(turns) == 1:  # the second
            threads.append(threading.current_thread())
            go.wait(TIMEOUT)
            bridge.clock.sleep(SENDING + 1)

    def slow(point: str) -> None:
        if point == "before batch_write_item":
            go.set()
            for thread in threads:
                thread.join(TIMEOUT)

    bridge.vendor.meanwhile, bridge.dynamodb.around = meanwhile, slow
    leftovers = left()

    run(bridge, [message(0), message(1)], leftovers)

    assert bridge.dynamodb.statuses() == ["sent", "sent"]
    assert waiting(leftovers) == []
    assert bridge.counts() == {"MessagesSent": 2}


@pytest.mark.fault("name-lookup-hangs")
def test_an_attempt_that_hangs_before_anything_was_written_is_revoked_and_never_sends(bridge: Bridge, gate: Gate):
    bridge.vendor.before_writing = gate.hang
    leftovers = left()

    run(bridge, [message(0)], leftovers)
    [(numbers, attempts, _)] = waiting(leftovers)
    [(again, _)] = leftovers.chunks()
    gate.open()

    assert (numbers, attempts) == ([0], 0)
    assert bridge.vendor.tried == []
    assert bridge.metrics.causes == {Cause.NO_TIME: 1}
    bridge.vendor.before_writing = lambda: None
    run(bridge, again.messages)
    assert {*bridge.vendor.sent.values()} == {1}
    assert bridge.dynamodb.statuses() == ["sent"]


@pytest.mark.fault("vendor-trickles")
def test_an_attempt_that_is_at_the_vendor_when_time_is_over_is_looked_at_when_the_worker_is_gone(
    bridge: Bridge, gate: Gate
):
    bridge.vendor.meanwhile = gate.hang
    leftovers = left()

    batch = run(bridge, [message(0)], leftovers)
    gate.open()

    [(numbers, attempts, delay)] = waiting(leftovers)
    assert (numbers, attempts) == ([0], 0)
    assert delay >= 59 - (SENDING + 5) + 15
    assert [result.ending for result in batch.results] == [Ending.IN_FLIGHT]
    assert bridge.counts() == {"MessagesPostponed": 1}


@pytest.mark.fault("vendor-hangs")
@pytest.mark.parametrize("where", ["before_writing", "meanwhile"])
def test_attempts_that_do_not_end_open_the_breaker(where: str):
    bridge = Bridge(concurrency=BATCH_FAILURES)
    gate = Gate(bridge)
    together = threading.Barrier(BATCH_FAILURES, action=lambda: bridge.clock.sleep(SENDING + 5))

    def hang() -> None:
        together.wait(TIMEOUT)
        gate.wait()

    setattr(bridge.vendor, where, hang)

    run(bridge, [message(n) for n in range(BATCH_FAILURES)])

    assert bridge.dispatcher.engine.breaker(ACCOUNT_ID).mode is Mode.NONE
    gate.open()
    assert bridge.dispatcher.engine.breaker(ACCOUNT_ID).mode is Mode.NONE


@pytest.mark.fault("vendor-hangs")
def test_threads_left_over_leave_all_places_to_the_next_invocation(bridge: Bridge, gate: Gate):
    bridge.vendor.meanwhile = gate.hang
    run(bridge, [message(0)])
    bridge.vendor.meanwhile = lambda: None

    run(bridge, [message(1)])
    gate.open()
    run(bridge, [message(2)])

    sent = {row.recipient for row in bridge.dynamodb.rows() if row.status is Status.SENT}
    assert sent == {message(1).recipient, message(2).recipient}


def test_an_expiry_that_hangs_is_tried_again(bridge: Bridge, gate: Gate):
    bridge.dynamodb.around = lambda point: gate.hang() if point == "before put_item" else None
    leftovers = left()
    batch = batch_of(bridge, [], leftovers)
    batch.end(message(0), leftovers, TOO_OLD)

    batch.run()
    bridge.dynamodb.around = lambda _point: None
    gate.open()

    assert [numbers for numbers, _, _ in waiting(leftovers)] == [[0]]


# Our own faults


@pytest.mark.fault("bug")
def test_a_fault_of_ours_fails_its_own_chunk_alone(bridge: Bridge, capsys: pytest.CaptureFixture[str]):
    bridge.vendor.script.append(RuntimeError("opensesame"))
    bad, good = left(), left()
    batch = batch_of(bridge, [message(0), message(1)], bad)
    batch.send(message(2), account(), good)

    batch.run()

    assert (bad.failed, good.failed) == (True, False)
    assert bridge.dynamodb.statuses() == ["sending", "sent", "sent"]
    assert '"error":"RuntimeError"' in capsys.readouterr().out


def test_faults_of_ours_are_no_outage(bridge: Bridge):
    bridge.vendor.script.extend([KeyError()] * (BATCH + 5))

    run(bridge, [message(n) for n in range(BATCH + 10)])

    assert bridge.counts()["MessagesSent"] == 5


def test_the_workers_end_ends_the_batch_and_no_thread_goes_on_sending(bridge: Bridge, gate: Gate):
    bridge.vendor.script.append(Crash())
    bridge.vendor.meanwhile = lambda: gate.wait() if bridge.vendor.tried else None

    with pytest.raises(Crash):
        run(bridge, [message(n) for n in range(5)])
    gate.open()

    assert len(bridge.vendor.tried) <= 2


def test_a_batch_that_fails_while_it_records_leaves_no_thread_that_goes_on_sending(
    bridge: Bridge, gate: Gate, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.01)
    bridge.vendor.meanwhile = lambda: gate.wait() if bridge.vendor.tried else None

    def fails(point: str) -> None:
        if point == "before batch_write_item":
            raise KeyError("x")

    bridge.dynamodb.around = fails

    with pytest.raises(KeyError):
        run(bridge, [message(n) for n in range(5)])
    gate.open()

    assert len(bridge.vendor.tried) <= 2


def _threads(monkeypatch: pytest.MonkeyPatch, most: int) -> threading.Event:
    """Only so many threads can be started: Lambda allows 1,024 at once. Whether a look was among the rest."""
    start, started, cannot_look = threading.Thread.start, count(), threading.Event()

    def starts(thread: threading.Thread) -> None:
        if next(started) >= most:
            if "_look" in thread.name:
                cannot_look.set()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", starts)
    return cannot_look


def test_a_worker_that_cannot_start_all_its_threads_goes_on_with_those_that_it_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    bridge = Bridge(concurrency=3)
    monkeypatch.setattr("bridge.batch.LOOK_SECONDS", 0.0)
    cannot_look = _threads(monkeypatch, most=1)
    bridge.vendor.meanwhile = lambda: cannot_look.wait(TIMEOUT)

    batch_of(bridge, [message(n) for n in range(5)], left()).run()

    assert bridge.dynamodb.statuses() == ["sent"] * 5
    assert cannot_look.is_set()
    assert '"threads":1' in capsys.readouterr().out


@pytest.mark.parametrize("waited_for", [False, True])
def test_outcomes_are_written_though_no_more_threads_can_be_started(
    bridge: Bridge,
    monkeypatch: pytest.MonkeyPatch,
    waited_for: bool,  # noqa: FBT001
):
    bridge.dynamodb.fail("batch_write_item", LOST_BEFORE)  # then each is written by itself
    _threads(monkeypatch, most=1)

    batch_of(bridge, [message(n) for n in range(3)], left(), waited_for=waited_for).run()

    assert bridge.dynamodb.statuses() == ["sent"] * 3


def test_a_worker_that_can_start_no_thread_fails_so_that_sqs_delivers_its_messages_again(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
):
    _threads(monkeypatch, most=0)

    with pytest.raises(RuntimeError):
        batch_of(bridge, [message(0)], left()).run()

    assert bridge.vendor.tried == []


@pytest.mark.fault("answer-lost")
def test_a_message_whose_claim_may_stand_is_sent_from_what_is_left(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_AFTER))
    leftovers = left()
    run(bridge, [message(0)], leftovers)
    [(again, _)] = leftovers.chunks()

    run(bridge, again.messages)

    assert bridge.dynamodb.statuses() == ["sent"]


def test_a_batch_with_fewer_messages_than_the_few_closes_the_breaker_for_all(bridge: Bridge):
    breaker = _half_opened(bridge, Level.HALF_OPEN)

    run(bridge, [message(n) for n in range(2)])

    assert breaker.mode is Mode.ALL
    assert breaker_in(bridge.dynamodb) is None
