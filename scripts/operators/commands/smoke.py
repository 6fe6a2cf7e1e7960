"""`smoke`: after a deployment, whether the stack takes a message and brings it to its end. No message is really sent.

It uses a sandbox account of its own, made for the test and removed after it: everything is done but Message Central's
call, and no account of anybody's is touched.
"""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING

import typer  # noqa: TC002 - Typer reads annotations when it runs

from bridge.errors import AccountError
from bridge.message import Status
from scripts.operators.errors import CommandError
from scripts.operators.session import session_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scripts.operators.session import Session

NUMBERS = ("+919876543210", "+919876543211")
CALL_SECONDS = 20.0
END_SECONDS = 90.0  # until a batch has gone through queue and worker, cold starts and all
STEP_SECONDS = 1.0

_sleep = time.sleep


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried: what was seen, and whether it is as it should be."""

    name: str
    good: bool
    seen: str


def smoke(context: typer.Context) -> None:
    """Try a deployment: no entry without a key, usable secrets, and sandbox messages through the whole stack."""
    session = session_of(context)
    checks = [*_usable(session)]
    with _sandbox(session) as (account, key):
        checks += _messages(session, account, key)
    dashboard = session.target.outputs.get("DashboardLink")
    lines = [f"{'ok    ' if one.good else 'FAILED'}  {one.name}: {one.seen}" for one in checks]
    document = {"checks": [asdict(one) for one in checks], "dashboard": dashboard}
    session.output.show(document, "\n".join(lines + ([f"Dashboard: {dashboard}"] if dashboard else [])))
    if bad := sum(not one.good for one in checks):
        raise CommandError(f"{bad} of {len(checks)} checks failed.")


def _usable(session: Session) -> Iterator[Check]:
    """Whether each account's secret can be used."""
    for account in session.target.accounts():
        try:
            session.bridge.secrets.get(account)
        except AccountError as error:
            yield Check(f"secret of {account}", good=False, seen=f"{error} (see docs/configuration.md, The secret)")
        else:
            yield Check(f"secret of {account}", good=True, seen="usable")


@contextmanager
def _sandbox(session: Session) -> Iterator[tuple[str, str]]:
    """A sandbox account, its id and its key, as long as it is needed."""
    client = session.target.aws.client("secretsmanager")
    account, key = f"SMOKE-{secrets.token_hex(4).upper()}", secrets.token_urlsafe(24)
    name = f"{session.target.stack}/{account}"
    client.create_secret(Name=name, SecretString=json.dumps({"apiKey": key, "sandbox": "true"}))
    try:
        yield account, key
    finally:
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def _messages(session: Session, account: str, key: str) -> Iterator[Check]:
    one = {"to": NUMBERS[0], "text": "Smoke test", "campaignId": "smoke", "messageId": f"smoke-{secrets.token_hex(6)}"}
    many = [one | {"to": number, "messageId": f"smoke-{secrets.token_hex(6)}"} for number in NUMBERS]
    status, body = _post(session, one, {"account": account})
    yield Check("without a key", status == 401, f"{status} {body}")  # noqa: PLR2004 - HTTP's word for it
    headers = {"account": account, "x-api-key": key}
    yield _accepted("one message", _post(session, one, headers), "sent")
    yield _accepted("two messages", _post(session, many, headers), "queued")
    for record in (one, *many):
        yield _ended(session, account, record["to"], record["messageId"])


def _accepted(name: str, answer: tuple[int, str], wanted: str) -> Check:
    status, body = answer
    try:
        said = json.loads(body).get("status")
    except (ValueError, AttributeError):
        said = None
    return Check(name, (status, said) == (200, wanted), f"{status} {body}")


def _ended(session: Session, account: str, number: str, message: str) -> Check:
    """Whether a message is sent, by the log, in time."""
    seen = _wait(lambda: session.bridge.messages.one(number, account, message))
    return Check(f"log of {message}", seen in (Status.SENT, Status.DELIVERED), seen or "it is not there")


def _wait(look: Callable[[], object]) -> str | None:
    """The status that a row comes to, or the last that was seen."""
    status = None
    for _ in range(int(END_SECONDS / STEP_SECONDS)):
        row = look()
        status = getattr(row, "status", None)
        if status in (Status.SENT, Status.DELIVERED, Status.REJECTED, Status.UNKNOWN):
            break
        _sleep(STEP_SECONDS)
    return status


def _post(session: Session, document: object, headers: dict[str, str]) -> tuple[int, str]:
    """POST /sms: the status, and the body as it came; 0 where there was no answer."""
    request = urllib.request.Request(  # noqa: S310 - the stack's own address
        f"{session.target.base_url}/sms",
        json.dumps(document).encode(),
        {"Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:  # noqa: S310 - as above
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        return 0, f"no answer: {error}"
