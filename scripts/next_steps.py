"""What is left to do once the stack stands, filled in: the text that `make deploy` ends with."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from scripts.clevertap_form import form

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scripts.clevertap_form import Deployed

# What is not published of Message Central's delivery reports, so that it has to be asked for
# (docs/contracts/message_central.md).
FOR_MESSAGE_CENTRAL = """\
Please send the delivery reports (DLR) of customer id {customer_id} to {url}
by POST as JSON, or by GET, once for each message, with the fields verificationId (as your send call answered it),
mobileNumber and the status. Please repeat a report that is not answered with HTTP 200. We would be glad of a sample
beforehand, and of the list of all status values."""


def next_steps(stack: str, outputs: Mapping[str, str], deployed: Deployed, *, show_keys: bool) -> str:
    """The steps that are left, numbered, each with what to paste where."""
    steps = _steps(stack, outputs, deployed, show_keys=show_keys)
    numbered = [textwrap.indent(step, "   ").replace("  ", f"{number}.", 1) for number, step in enumerate(steps, 1)]
    return "\n\n".join([f"The stack {stack} stands. What is left:", *numbered, *_links(outputs)])


def _steps(stack: str, outputs: Mapping[str, str], deployed: Deployed, *, show_keys: bool) -> Iterator[str]:
    if deployed.missing:
        yield f"Fill in the secret's {', '.join(deployed.missing)}:\n{deployed.secret_link}"
    if not deployed.receipt_key:
        yield "Put a receiptKey into the same secret, for delivery reports: openssl rand -hex 24"
    yield f"Try it:\nscripts/bridge --stack {stack} smoke"
    yield f"Fill in CleverTap's form:\n{form(deployed, show_keys=show_keys)}"
    yield f"Write to Message Central's team:\n{textwrap.indent(_request(outputs, deployed, show_keys=show_keys), '| ')}"
    yield "Confirm the mail that subscribes you to the alarms, if you gave an address."


def _request(outputs: Mapping[str, str], deployed: Deployed, *, show_keys: bool) -> str:
    key = deployed.receipt_key if show_keys and deployed.receipt_key else "<receiptKey>"
    base = outputs["Endpoint"].removesuffix("/sms")
    return FOR_MESSAGE_CENTRAL.format(
        customer_id=deployed.customer_id or "<customerId>", url=f"{base}/receipts/{deployed.account}/{key}"
    )


def _links(outputs: Mapping[str, str]) -> Iterator[str]:
    yield f"Dashboard  {outputs['DashboardLink']}\nMessages   {outputs['TableLink']}"
