"""Message Central's send call (contracts/message_central.md §2)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from bridge.message import Outcome
from bridge.message_central import verdicts
from bridge.message_central.tokens import Tokens
from bridge.message_central.wire import CONNECT_SECONDS, Fate, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.accounts import Account
    from bridge.message import Message
    from bridge.message_central.tokens import Token
    from bridge.times import Deadline

PATH = "/verification/v3/send"
SHORTEST_SECONDS = CONNECT_SECONDS + 1.0
"""A call is not started with less time than this: it would only leave a message in doubt."""


class MessageCentral:
    """The vendor, for all accounts and many threads."""

    def __init__(
        self, base_url: str, connections: int, reload: Callable[[str], Account], clock: Callable[[], float]
    ) -> None:
        """`reload` gives an account as its secret is now; `clock` gives epoch seconds."""
        self._wire = Wire(base_url, connections, clock)
        self._tokens = Tokens(self._wire, reload, clock)

    def send(self, message: Message, account: Account, deadline: Deadline) -> Outcome:
        """Give one message to Message Central, at most once. Never raises for anything the vendor does."""
        token = self._tokens.get(account, deadline)
        outcome = self._send(message, token, deadline)
        if not isinstance(token, Outcome) and verdicts.refuses_token(outcome):
            return self._send(message, self._tokens.renew(token, deadline), deadline)
        return outcome

    def _send(self, message: Message, token: Token | Outcome, deadline: Deadline) -> Outcome:
        if isinstance(token, Outcome):
            return token
        if not deadline.allows(SHORTEST_SECONDS):
            return verdicts.NO_TIME
        headers = {
            "authToken": token.value,
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        }
        answer = self._wire.request("POST", PATH, headers, deadline, body=_form(message, token.account))
        if isinstance(answer, Fate):
            return verdicts.UNREACHED if answer is Fate.UNREACHED else verdicts.LOST
        return verdicts.verdict(answer)


def _form(message: Message, account: Account) -> str:
    """The call's parameters, as a form in the body, so that number and text stay out of URLs."""
    fields = {
        "flowType": "SMS",
        "type": "SMS",  # without it the vendor may send its own one-time password
        "countryCode": message.country_code,
        "mobileNumber": message.national_number,
        "message": message.text,
        "senderId": message.sender_id or account.sender_id,
        "customerId": account.customer_id,
        "messageType": message.message_type or account.message_type,
    }
    if message.template_id and account.entity_id:  # DLT ids: both or neither
        fields |= {"templateId": message.template_id, "entityId": account.entity_id}
    return urlencode({name: value for name, value in fields.items() if value})
