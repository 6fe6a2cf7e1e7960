"""Who says they are calling: the three ways in which CleverTap can be set up to authenticate (docs/clevertap.md)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.errors import NotAuthenticated

if TYPE_CHECKING:
    from collections.abc import Mapping

# CleverTap's account ids look like `6K9-XXX-XX7Z` or `TEST-6K9-XXX-XX7Z`. Checked because the id becomes part of a
# secret's name: nothing but these characters may reach it.
ACCOUNT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a caller gave: the account, and for each field of its secret the value that has to be there. `source` is the
    address that the call came from.
    """

    account: str
    claims: Mapping[str, str] = field(repr=False)
    source: str = ""


def read_credentials(headers: Mapping[str, str], source: str = "") -> Credentials:
    """The credentials in the headers, their names in lower case, of a request from the address `source`.

    The first way that is there counts: `x-api-key`, then Basic authentication, then Message Central's own triple.

    Raises:
        NotAuthenticated: none is complete, or the account's id has an impossible shape.
    """
    account = headers.get("account", "").strip()
    if api_key := headers.get("x-api-key"):
        claims = {"apiKey": api_key.strip()}
    elif "authorization" in headers:
        user, password = _basic(headers["authorization"])
        if account not in ("", user):
            raise NotAuthenticated("not authenticated")
        account, claims = user, {"apiKey": password}
    else:
        claims = {name: headers.get(name.lower(), "").strip() for name in ("customerId", "email", "password")}
    if not ACCOUNT_ID.fullmatch(account) or not all(claims.values()):
        raise NotAuthenticated("not authenticated")
    return Credentials(account, claims, source)


def _basic(header: str) -> tuple[str, str]:
    """User and password of an `Authorization: Basic` header (RFC 7617)."""
    scheme, _, encoded = header.strip().partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    user, colon, password = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise NotAuthenticated("not authenticated")
    return user, password
