"""AWS's signature version 4 for one service and one kind of request: a JSON service's POST to "/".

botocore's signer works for any request and derives the day's key again for each: a tenth of a claim's CPU. Tests
compare this with botocore's (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
"""

from __future__ import annotations

import hashlib
import hmac
from time import gmtime, strftime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

_DEFAULT_PORTS = {"http": 80, "https": 443}


class AwsCredentials(NamedTuple):
    """Who signs. Those that last for some hours only have a token."""

    access_key: str
    secret_key: str
    token: str | None


class Signer:
    """Signs requests to one endpoint. The key of a day is kept, for the credentials that are in use."""

    def __init__(self, url: str, service: str, region: str, content_type: str, clock: Callable[[], float]) -> None:
        """`service` as AWS calls it in signatures; `clock` gives epoch seconds."""
        parts = urlsplit(url)
        port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
        self._host = f"{parts.hostname}{port}"
        self._scope = (region, service, "aws4_request")
        self._content_type = content_type
        self._clock = clock
        self._kept: tuple[str, str, hmac.HMAC | None] = ("", "", None)  # day, secret, what signs with their key

    def headers(self, credentials: AwsCredentials, target: str, body: bytes) -> dict[str, str]:
        """The headers of a call of the operation `target`, signed with credentials that do not change meanwhile."""
        moment = strftime("%Y%m%dT%H%M%SZ", gmtime(self._clock()))
        headers = {"Content-Type": self._content_type, "Host": self._host, "X-Amz-Date": moment}
        if credentials.token:
            headers["X-Amz-Security-Token"] = credentials.token
        headers["X-Amz-Target"] = target
        names = ";".join(headers).lower()
        lines = "".join(f"{name.lower()}:{value}\n" for name, value in headers.items())
        canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = "/".join((moment[:8], *self._scope))
        to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = self._begun(moment[:8], credentials.secret_key)
        signature.update(to_sign.encode())
        credential = f"Credential={credentials.access_key}/{scope}"
        signed = f"SignedHeaders={names}, Signature={signature.hexdigest()}"
        headers["Authorization"] = f"AWS4-HMAC-SHA256 {credential}, {signed}"
        return headers

    def _begun(self, day: str, secret: str) -> hmac.HMAC:
        """A signature with a day's key, of nothing yet."""
        kept_day, kept_secret, begun = self._kept
        if begun is None or (kept_day, kept_secret) != (day, secret):
            key = f"AWS4{secret}".encode()
            for part in (day, *self._scope):
                key = hmac.digest(key, part.encode(), "sha256")
            begun = hmac.new(key, digestmod="sha256")
            self._kept = (day, secret, begun)  # replaced as a whole: other threads read it
        return begun.copy()
