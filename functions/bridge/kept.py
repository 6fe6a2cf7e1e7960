"""Calls of Message Central's in which something was not recognised: kept as they came, to be read again once the tables
(`message_central/receipts.py`) are fixed.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass, field
from typing import Any

from bridge import times
from bridge.errors import TooLarge
from bridge.sqs import MAX_BYTES

MOST_BYTES = 10_485_760  # of a body: API Gateway takes no larger one


@dataclass(frozen=True, slots=True)
class ReceiptCall:
    """What one call held; `since`: when it came, in epoch seconds. `source`, the address it came from, is not kept.
    People's numbers stay out of its `repr`.
    """

    account: str
    body: bytes = field(repr=False)
    query: str = field(repr=False)
    method: str
    content_type: str
    since: float = 0.0
    source: str = ""

    def encode(self) -> str:
        """As an SQS body: the call's own body as it stands, or compressed where it would be too long.

        Raises:
            TooLarge: SQS would not take it.
        """
        texts = ({"kept": self._document(encoding)} for encoding in _ENCODINGS)
        for text in map(json.dumps, texts):
            if len(text) <= MAX_BYTES:
                return text
        raise TooLarge("the call is too large to be kept")

    @classmethod
    def decode(cls, document: Any) -> ReceiptCall:
        """What `encode` wrote, out of its JSON.

        Raises:
            ValueError, KeyError, TypeError: it is malformed.
        """
        kept = document["kept"]
        return cls(
            account=kept["account"],
            since=times.epoch(kept["since"]),
            body=_BODIES[kept["encoding"]](kept["body"]),
            query=kept["query"],
            method=kept["method"],
            content_type=kept["contentType"],
        )

    def _document(self, encoding: str) -> dict[str, str]:
        return {
            "account": self.account,
            "since": times.iso(self.since),
            "method": self.method,
            "contentType": self.content_type,
            "query": self.query,
            "encoding": encoding,
            "body": _ENCODINGS[encoding](self.body),
        }


def _plain(body: bytes) -> str:
    """The body as a text. Bytes that are none come back as they were: `_bytes` knows how they were written."""
    return body.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _packed(body: bytes) -> str:
    return base64.b64encode(zlib.compress(body, 9)).decode()


def _unpacked(text: str) -> bytes:
    try:
        return zlib.decompressobj().decompress(base64.b64decode(text, validate=True), MOST_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from None


_ENCODINGS = {"text": _plain, "zlib": _packed}
_BODIES = {"text": _bytes, "zlib": _unpacked}
