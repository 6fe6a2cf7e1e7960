"""No headers are too strange to be read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.clevertap.credentials import ACCOUNT_ID as SHAPE
from bridge.clevertap.credentials import read_credentials
from bridge.errors import NotAuthenticated

HEADERS = ["account", "x-api-key", "authorization", "customerid", "email", "password"]


@given(st.dictionaries(st.sampled_from(HEADERS), st.text()))
def test_no_headers_are_too_strange(headers: dict[str, str]):
    try:
        credentials = read_credentials(headers)
    except NotAuthenticated:
        return
    assert SHAPE.fullmatch(credentials.account)
    assert credentials.claims, "nothing claimed would open everything"
    assert all(credentials.claims.values())
