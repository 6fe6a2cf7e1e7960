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


def test_when_tripped_it_admits_one_probe():
    breaker = Breaker()
    breaker.trip()
    assert not breaker.admits()

    breaker.probe()

    assert [breaker.admits(), breaker.admits()] == [True, False]


def test_a_probe_that_failed_or_showed_nothing_leaves_it_tripped():
    breaker = Breaker()
    breaker.trip()
    breaker.probe()
    breaker.admits()

    breaker.note(outage=True)

    assert breaker.tripped
    assert not breaker.admits()


def test_a_probe_that_went_well_ends_the_outage():
    breaker = Breaker()
    breaker.trip()
    breaker.probe()
    breaker.admits()

    breaker.note(outage=False)
    breaker.note(outage=True)

    assert breaker.admits()


def test_while_nothing_fails_it_admits_all():
    breaker = Breaker()
    breaker.probe()
    breaker.note(outage=True)

    assert [breaker.admits() for _ in range(3)] == [True] * 3
