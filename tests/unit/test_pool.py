from __future__ import annotations

import threading
import time

import pytest

from bridge.pool import as_done
from bridge.times import Deadline


def within(seconds: float) -> Deadline:
    return Deadline.within(seconds, time.monotonic)


def test_every_job_is_yielded_once_with_its_result():
    jobs = [lambda n=n: n * n for n in range(50)]

    done = dict(filter(None, as_done(jobs, 4, within(5), 1.0)))

    assert {index: future.result() for index, future in done.items()} == {n: n * n for n in range(50)}


def test_no_jobs_are_done_at_once():
    assert list(as_done([], 4, within(5), 1.0)) == []


def test_an_error_of_a_job_is_in_its_future():
    def fail() -> None:
        raise KeyError("x")

    [done] = filter(None, as_done([fail], 1, within(5), 1.0))

    assert isinstance(done[1].exception(), KeyError)


def test_none_is_yielded_while_nothing_ends():
    go = threading.Event()
    results = as_done([go.wait], 1, within(5), 0.01)

    assert next(results) is None
    go.set()
    [(index, _)] = filter(None, results)
    assert index == 0


def test_at_the_end_those_running_are_left_and_those_waiting_are_cancelled():
    go = threading.Event()
    began: list[int] = []

    def job(n: int) -> None:
        began.append(n)
        go.wait()

    results = dict(filter(None, as_done([lambda n=n: job(n) for n in range(3)], 1, within(0.05), 1.0)))
    go.set()

    assert not results[0].cancelled()
    assert results[1].cancelled()
    assert results[2].cancelled()
    time.sleep(0.02)
    assert began == [0]


def test_no_more_threads_than_asked_for():
    seen: set[int] = set()

    def job() -> None:
        seen.add(threading.get_ident())
        time.sleep(0.002)

    list(as_done([job] * 20, 3, within(5), 1.0))

    assert len(seen) <= 3


def test_a_consumer_that_fails_stops_the_jobs_that_wait():
    ran: list[int] = []

    def job(n: int) -> None:
        ran.append(n)
        time.sleep(0.01)

    def consume() -> None:
        for _ in as_done([lambda n=n: job(n) for n in range(40)], 1, within(5), 1.0):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        consume()
    time.sleep(0.1)

    assert len(ran) < 5, "messages would be sent by a worker that has already failed"
