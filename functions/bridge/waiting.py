"""Work that waits for its account's secret: logged and counted by one rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.aws import CALL_SECONDS
from bridge.errors import AccountError, AccountUnavailable
from bridge.telemetry import logger

if TYPE_CHECKING:
    from bridge.account import Account
    from bridge.invocation import Invocation
    from bridge.secrets import Secrets

LOOK_UP_SECONDS = 2 * CALL_SECONDS
"""How long the two calls of a look-up take where Secrets Manager hangs. A batch may name ten accounts: who has less
time left looks none up, or Lambda ends it half-way.
"""


def account_or_none(secrets: Secrets, account_id: str, invocation: Invocation, waiting: str) -> Account | None:
    """The account of queued work; None when its secret cannot be used now: `waiting` (in the plural) has to wait."""
    try:
        return secrets.get(account_id)
    except AccountError as error:
        note_unusable(error, account_id, invocation, waiting)
        return None


def note_unusable(error: AccountError, account_id: str, invocation: Invocation, waiting: str) -> None:
    """Log that something waits for its account, and count it if a person has to fix the secret.

    A caller that lets strangers name an account handles `UnknownAccount` before: else guessing would raise the alarm.
    """
    logger.error(f"account cannot be used: {waiting} wait", account=account_id, reason=str(error))
    # Secrets Manager will answer again by itself.
    if not isinstance(error, AccountUnavailable) or error.refused:
        invocation.metrics.add(account_id, "AccountMisconfigured")
