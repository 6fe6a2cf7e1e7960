"""Whatever waits in SQS comes back as it went."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from bridge.pending import PARKED_RECEIPTS, Pending
from tests.fakes.values import ACCOUNT_ID

ITEMS = st.lists(st.dictionaries(st.text(), st.none() | st.text() | st.integers()), min_size=1, max_size=20)


@given(ITEMS, st.floats(0, 4e9), st.floats(0, 1e6), st.integers(0, 1_000))
def test_what_waits_comes_back_as_it_went(items: list[dict[str, object]], since: float, wait: float, attempts: int):
    pending = Pending(ACCOUNT_ID, items, since, since + wait, attempts)

    found = Pending.decode(pending.encode())

    assert (found.account, found.items, found.attempts) == (ACCOUNT_ID, items, attempts)
    assert math.isclose(found.since, since, abs_tol=0.002)
    assert math.isclose(found.due, since + wait, abs_tol=0.002)


@given(st.integers(1, 10**6))
def test_no_wait_is_longer_than_the_schedules_longest(attempts: int):
    assert 0 < PARKED_RECEIPTS.wait(attempts) <= 900
