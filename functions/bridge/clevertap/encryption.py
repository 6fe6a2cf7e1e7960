"""What CleverTap encrypted: AES-256-CBC over the whole payload (docs/contracts/clevertap.md §5).

Whatever is wrong with an encrypted payload, the caller gets one and the same answer. After the look at its form, which
the caller knows anyway, each one takes the same steps, so that the time tells nothing either: somebody with a key to
the endpoint, but none to a payload, must not be able to try out what is in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.clevertap.records import parse_records, read_document
from bridge.clevertap.seal import BLOCK_BYTES, IV_HEADER, VERSION_HEADER, Seal
from bridge.encodings import read_blocks, read_exactly
from bridge.errors import BadRequest, CannotOpen, RequestError, TooLarge
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bridge.account import Account
    from bridge.clevertap.records import Record

    Decrypt = Callable[[bytes, bytes, bytes], tuple[bytes, bool]]
    """`bridge.aes.decrypt`, which is imported when it is called."""

_NO_KEY = bytes(32)  # in place of one that is not known
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Sealed:
    seal: Seal
    iv: bytes
    ciphertext: bytes


def is_encrypted(headers: Mapping[str, str]) -> bool:
    """Whether a request's headers, their names in lower case, say that its body is encrypted."""
    return IV_HEADER in headers or VERSION_HEADER in headers


class Opener:
    """Opens what CleverTap encrypted."""

    def __init__(self, reload: Callable[[str], Account], decrypt: Decrypt) -> None:
        """`reload` reads an account's secret again: a key that CleverTap has just begun to use may be there now."""
        self._reload = reload
        self._decrypt = decrypt

    def open(self, headers: Mapping[str, str], body: bytes, account: Account) -> tuple[Sequence[Record | None], Seal]:
        """The records in an encrypted body, and how it was encrypted.

        Raises:
            TooLarge: the body cannot be one of CleverTap's.
            CannotOpen: whatever else is wrong with it.
            AccountError: the secret had to be read again, for another key, and cannot be used now.
        """
        sealed = _sealed(headers, body, account.id)
        key = self._key(sealed.seal.version, account)
        plain, whole = self._decrypt(key or _NO_KEY, sealed.iv, sealed.ciphertext)
        records = _records(plain)
        if key is None:
            raise _refused(account.id, "its key version is not in encryptionKeys", sealed.seal.version)
        if records is None or not whole:
            raise _refused(account.id, "key and payload do not fit, or it holds no messages", sealed.seal.version)
        return records, sealed.seal

    def _key(self, version: str, account: Account) -> bytes | None:
        if version not in account.encryption_keys:
            account = self._reload(account.id)
        return account.encryption_keys.get(version)


def _sealed(headers: Mapping[str, str], body: bytes, account_id: str) -> _Sealed:
    """The parts of an encrypted request."""
    try:
        version = headers.get(VERSION_HEADER, "").strip()
        iv_encoding, iv = read_exactly(headers.get(IV_HEADER, "").strip(), BLOCK_BYTES)
        encoding, ciphertext = read_blocks(_ciphertext(body), BLOCK_BYTES)
    except TooLarge:
        raise
    except (ValueError, BadRequest):
        raise _refused(account_id, f"no {IV_HEADER} of 16 bytes, or no ciphertext of whole blocks") from None
    return _Sealed(Seal(version, iv_encoding, encoding), iv, ciphertext)


def _ciphertext(body: bytes) -> str:
    document = read_document(body)
    text = document.get("ciphertext") if isinstance(document, dict) else None
    return text if isinstance(text, str) else ""


def _records(plain: bytes) -> Sequence[Record | None] | None:
    try:
        return parse_records(plain)
    except RequestError:
        return None


def _refused(account_id: str, why: str, version: str = "") -> CannotOpen:
    # Anything may stand in the header; what is no version of CleverTap's, a UUID, is not logged.
    shown = version if _UUID.fullmatch(version) else "-"
    reason = f"{why} (version {shown})"
    logger.error("encrypted payload not opened: answered 400", account=account_id, reason=reason, key_version=shown)
    return CannotOpen()
