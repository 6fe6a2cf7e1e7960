"""What becomes of a sandbox account's messages: everything but the vendor's call.

The last digits of a number choose how "the vendor" treats it, as in the simulator (`behaviours.py`); what it would
answer is then read like any of its answers. Nothing is waited for: a vendor that hangs is one that did not answer.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from bridge.message_central.behaviours import behaviour_for
from bridge.message_central.verdicts import LOST, verdict
from bridge.transport import Response

if TYPE_CHECKING:
    from bridge.message import Message, Outcome
    from bridge.message_central.behaviours import Behaviour

RETRY_AFTER_SECONDS = "5"


def outcome(message: Message) -> Outcome:
    """How an attempt to send a message to a sandbox ends. `attempts` of the message counts those made before."""
    behaviour = behaviour_for(message.recipient, message.attempts)
    if behaviour.drops:
        return LOST
    retry_after = RETRY_AFTER_SECONDS if behaviour.retry_after else None
    return verdict(Response(behaviour.status, _body(behaviour), retry_after))


def _body(behaviour: Behaviour) -> bytes:
    if behaviour.raw is not None:
        return behaviour.raw
    data = {"verificationId": f"sandbox-{uuid.uuid4().hex[:12]}"} if behaviour.accepts else None
    return json.dumps({"responseCode": behaviour.code, "message": behaviour.message, "data": data}).encode()
