"""Message Central's send call (docs/contracts/message_central.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from bridge.errors import MaybeSent, NotSent, TransportFailure
from bridge.message_central import verdicts
from bridge.message_central.tokens import SHORTEST_SECONDS, NoToken, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.account import Account
    from bridge.message import Message, Outcome
    from bridge.message_central.tokens import Token
    from bridge.permit import Permit
    from bridge.times import Deadline
    from bridge.transport import HttpTransport

PATH = "/verification/v3/send"


class MessageCentral:
    """The vendor, for all accounts and many threads."""

    def __init__(
        self,
        transport: HttpTransport,
        reload: Callable[[str], Account],
        sandbox: Callable[[Message], Outcome],
        clock: Callable[[], float],
    ) -> None:
        """`reload` gives an account as its secret is now; `sandbox` what becomes of a sandbox account's message;
        `clock` epoch seconds.
        """
        self._transport = transport
        self._sandbox = sandbox
        self._tokens = Tokens(transport, reload, clock)

    def send(self, message: Message, account: Account, deadline: Deadline, permit: Permit) -> Outcome:
        """Give one message to Message Central, at most once. Never raises for anything the vendor does.

        Until the first byte of the message is written the permit can be revoked; then nothing is sent.
        """
        if account.sandbox:
            return self._sandbox(message) if permit.begin() else verdicts.NO_TIME
        try:
            token = self._tokens.get(account, deadline)
            outcome = self._send(message, token, deadline, permit)
            if not outcome.token_refused:
                return outcome
            permit.take_back()
            return self._send(message, self._tokens.renew(token, deadline), deadline, permit)
        except NoToken as failure:
            return failure.outcome

    def probe(self, account: Account, deadline: Deadline) -> bool:
        """Whether Message Central works, as far as a call tells that sends nothing. Never raises."""
        if account.sandbox:
            return True
        try:
            return self._tokens.probe(account, deadline)
        except TransportFailure:
            return False

    def _send(self, message: Message, token: Token, deadline: Deadline, permit: Permit) -> Outcome:
        if not deadline.allows(SHORTEST_SECONDS):
            return verdicts.NO_TIME  # it would only leave the message in doubt
        headers = {
            "authToken": token.value,
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        }
        form = _form(message, token.account)
        try:
            response = self._transport.request("POST", PATH, headers, deadline, body=form, permit=permit)
        except NotSent:
            return verdicts.NO_TIME if permit.revoked else verdicts.UNREACHED
        except MaybeSent:
            return verdicts.LOST
        return verdicts.verdict(response)


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
