"""Whatever a secret holds, it makes an account or a fault."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.account import LOGIN, Account, account_of
from bridge.errors import Misconfigured
from tests.fakes.values import ACCOUNT_ID

OPTIONAL = ("senderId", "country", "messageType", "entityId", "authToken", "receiptKey", "callbackUrl", "apiKey")


@given(st.dictionaries(st.sampled_from([*LOGIN, *OPTIONAL]), st.text(min_size=1).map(str.strip).filter(bool)))
def test_whatever_fields_there_are_make_an_account_or_a_fault(fields: dict[str, Any]):
    try:
        held = account_of(ACCOUNT_ID, fields)
    except Misconfigured:
        return
    assert isinstance(held, Account)
    json.dumps([held.customer_id, held.email, held.password], ensure_ascii=False).encode()
