from __future__ import annotations

from bridge.breaker import THRESHOLD, Breaker


def test_it_trips_after_so_many_outages_in_a_row():
    breaker = Breaker()

    for _ in range(THRESHOLD - 1):
        breaker.note(outage=True)
    assert not breaker.tripped
    breaker.note(outage=True)
    assert breaker.tripped


def test_one_success_begins_the_count_anew():
    breaker = Breaker()
    for _ in range(THRESHOLD - 1):
        breaker.note(outage=True)

    breaker.note(outage=False)
    breaker.note(outage=True)

    assert not breaker.tripped


def test_it_can_be_tripped_at_once():
    breaker = Breaker()

    breaker.trip()

    assert breaker.tripped
