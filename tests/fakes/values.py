"""The recognisable values that tests use. What must not leak is made of these, so that a leak can be seen."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from bridge.account import Account
from bridge.message import Message

ACCOUNT_ID = "6K9-TST-XX7Z"
CUSTOMER_ID = "C-LEAKCUSTOMER"
EMAIL = "leak.owner@example.com"
PASSWORD = "Pa55w0rd+LEAK/ÿ?"
API_KEY = "ApiKeyLEAK0123456789abcdef"
AUTH_TOKEN = "PastedLEAK.eyJsZWFrIjoxfQ.token"
VENDOR_TOKEN = "VendorLEAK.e30.token"
RECEIPT_KEY = "ReceiptKeyLEAK4711"

TEXT_MARK = "opensesame"
"""Stands in every text."""

NUMBER_PREFIX = "98765"
"""Every Indian test number begins with it, after the country code."""

START = 1_700_000_000.0  # 2023-11-14T22:13:20Z

_KEY = base64.b64encode(PASSWORD.encode()).decode()
SECRETS = (PASSWORD, _KEY, quote(_KEY, safe=""), quote(PASSWORD), API_KEY, AUTH_TOKEN, VENDOR_TOKEN, RECEIPT_KEY)
"""All forms in which a secret could be written."""


def number(index: int = 0) -> str:
    """A test number, E.164."""
    return f"+91{NUMBER_PREFIX}{index:05}"


def text(words: str = "your code is on its way") -> str:
    """A text in which a leak can be recognised."""
    return f"{TEXT_MARK} {words}"


def message_id(index: int = 0) -> str:
    """An id as CleverTap makes them: it holds the number."""
    return f"{number(index)[1:]}.1656678144.{index}.20230607.0.wzrk_default.-1092441."


def secret(**changes: Any) -> dict[str, Any]:
    """What an account's secret holds; a change to None leaves the field out."""
    fields = {
        "customerId": CUSTOMER_ID,
        "email": EMAIL,
        "password": PASSWORD,
        "apiKey": API_KEY,
        "senderId": "BRIDGE",
        "receiptKey": RECEIPT_KEY,
        "callbackUrl": "https://eu1.cb.example/sms/generic?account=1",
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


def account(**changes: Any) -> Account:
    """An account as it comes out of its secret."""
    fields: dict[str, Any] = {
        "id": ACCOUNT_ID,
        "customer_id": CUSTOMER_ID,
        "email": EMAIL,
        "password": PASSWORD,
        "sender_id": "BRIDGE",
        "receipt_key": RECEIPT_KEY,
        "callback_url": "https://eu1.cb.example/sms/generic?account=1",
    }
    return Account(**(fields | changes))


def message(index: int = 0, **changes: Any) -> Message:
    """A message to test number `index`."""
    fields: dict[str, Any] = {
        "account": ACCOUNT_ID,
        "recipient": number(index),
        "country_code": "91",
        "message_id": message_id(index),
        "text": text(),
        "segments": 1,
        "accepted_at": START,
    }
    return Message(**(fields | changes))
