"""No token is too strange to be looked at."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.message_central.tokens import (
    expiry,
)


@given(st.text(max_size=60) | st.text(max_size=30).map(lambda text: f"h.{text}.s"))
def test_no_token_is_too_strange_to_be_looked_at(token: str):
    assert expiry(token) is None or isinstance(expiry(token), float)
