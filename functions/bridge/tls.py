"""TLS, for all neighbours."""

from __future__ import annotations

import ssl
from functools import cache


@cache
def context(ca_bundle: str | None) -> ssl.SSLContext:
    """Which certificates are trusted: the system's, or those of a file. Made once: loading them takes longer than a
    handshake.
    """
    return ssl.create_default_context(cafile=ca_bundle)
