from __future__ import annotations

import base64

import pytest

from bridge.clevertap.credentials import Credentials, read_credentials
from bridge.errors import NotAuthenticated
from tests.fakes.values import ACCOUNT_ID, API_KEY, CUSTOMER_ID, EMAIL, PASSWORD


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


TRIPLE = {"customerid": CUSTOMER_ID, "email": EMAIL, "password": PASSWORD}


@pytest.mark.parametrize(
    ("headers", "claims"),
    [
        ({"account": ACCOUNT_ID, "x-api-key": API_KEY}, {"apiKey": API_KEY}),
        ({"account": f" {ACCOUNT_ID} ", "x-api-key": f" {API_KEY} "}, {"apiKey": API_KEY}),
        ({"authorization": basic(ACCOUNT_ID, API_KEY)}, {"apiKey": API_KEY}),
        ({"account": ACCOUNT_ID, "authorization": basic(ACCOUNT_ID, API_KEY)}, {"apiKey": API_KEY}),
        ({"authorization": basic(ACCOUNT_ID, "with:colon")}, {"apiKey": "with:colon"}),
        ({"authorization": basic(ACCOUNT_ID, API_KEY).replace("Basic", "bAsIc")}, {"apiKey": API_KEY}),
        ({"account": ACCOUNT_ID, **TRIPLE}, {"customerId": CUSTOMER_ID, "email": EMAIL, "password": PASSWORD}),
    ],
)
def test_the_three_ways_to_say_who_is_calling(headers: dict[str, str], claims: dict[str, str]):
    assert read_credentials(headers) == Credentials(ACCOUNT_ID, claims)


def test_an_api_key_counts_before_the_others():
    headers = {"account": ACCOUNT_ID, "x-api-key": API_KEY, "authorization": basic(ACCOUNT_ID, "x"), **TRIPLE}

    assert read_credentials(headers).claims == {"apiKey": API_KEY}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"account": ACCOUNT_ID},
        {"x-api-key": API_KEY},
        {"account": "", "x-api-key": API_KEY},
        {"account": ACCOUNT_ID, "x-api-key": ""},
        {"account": ACCOUNT_ID, "x-api-key": "   "},
        {"account": ACCOUNT_ID, **TRIPLE, "password": ""},
        {"account": ACCOUNT_ID, "customerid": CUSTOMER_ID, "email": EMAIL},
        {"account": "../other", "x-api-key": API_KEY},
        {"account": "a/b", "x-api-key": API_KEY},
        {"account": "-a", "x-api-key": API_KEY},
        {"account": "a" * 65, "x-api-key": API_KEY},
        {"account": "ä", "x-api-key": API_KEY},
        {"account": "a\nb", "x-api-key": API_KEY},
        {"account": "arn:aws:x", "x-api-key": API_KEY},
        {"authorization": basic("../x", API_KEY)},
        {"authorization": basic(ACCOUNT_ID, "")},
        {"account": "OTHER", "authorization": basic(ACCOUNT_ID, API_KEY)},
        {"authorization": "Basic"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic " + base64.b64encode(b"nocolon").decode()},
        {"authorization": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()},
        {"authorization": f"Bearer {API_KEY}"},
        {"authorization": ""},
    ],
)
def test_what_is_incomplete_or_impossible_is_not_authenticated(headers: dict[str, str]):
    with pytest.raises(NotAuthenticated, match=r"^not authenticated$"):
        read_credentials(headers)


def test_credentials_do_not_show_what_was_claimed():
    assert API_KEY not in repr(read_credentials({"account": ACCOUNT_ID, "x-api-key": API_KEY}))
