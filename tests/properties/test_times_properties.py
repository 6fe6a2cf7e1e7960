"""Points in time and waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.times import LONGEST_DELAY_SECONDS, backoff, epoch, iso


@given(st.floats(0, 4e9))
def test_what_iso_wrote_epoch_reads_to_the_millisecond(moment: float):
    assert epoch(iso(moment)) == pytest.approx(moment, abs=0.001001)
    assert iso(epoch(iso(moment))) == iso(moment)


@given(st.floats(0, 4e9), st.floats(0, 4e9))
def test_written_times_sort_like_times(one: float, other: float):
    assert (iso(one) <= iso(other)) or one > other


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_wait_is_always_one_that_sqs_takes(attempts: int, fraction: float):
    assert 1 <= backoff(attempts, fraction) <= LONGEST_DELAY_SECONDS
