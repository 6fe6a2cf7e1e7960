"""The command line itself: options for all commands, and which commands there are."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "CRITICAL")  # the bridge's own log lines are Lambda's

from bridge.errors import BridgeError
from local.terminal import printable
from scripts.operators import target
from scripts.operators.commands import audit, campaigns, form, keys, messages, receipts, reports, smoke, steering
from scripts.operators.errors import CommandError, Exit, UsageError
from scripts.operators.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scripts.operators.target import Target

# Options of all commands, each with how many words follow it. They may stand anywhere.
EVERYWHERE = {"--stack": 1, "--local": 0, "--account": 1, "--json": 0}

app = typer.Typer(
    name="bridge",
    help="Look at, steer and fix a bridge between CleverTap and Message Central.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def everywhere(
    context: typer.Context,
    *,
    stack: Annotated[str | None, typer.Option(help="a deployed stack, by its name")] = None,
    local: Annotated[bool, typer.Option("--local", help="`make run`, by PORT and AWS_PORT")] = False,
    account: Annotated[
        str | None, typer.Option(help="CleverTap's account id; not needed where the stack has one account")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, for machines")] = False,
) -> None:
    """Say where a command works, and for which account."""
    connect: Callable[[str | None, bool], Target] = context.obj
    context.obj = Session(partial(connect, stack, local), account, as_json=as_json)


app.command()(campaigns.campaigns)
app.command()(campaigns.campaign)
app.command()(steering.pause)
app.command()(steering.resume)
app.command()(steering.stop)
app.command()(messages.status)
app.command()(messages.resend)
app.command()(messages.forget)
app.command()(messages.export)
app.add_typer(receipts.receipts, name="receipts")
app.command()(reports.report_again)
app.command()(keys.rotate_key)
app.command()(audit.audit)
app.command()(form.form)
app.command()(smoke.smoke)


def main(arguments: Sequence[str] | None = None, connect: Callable[[str | None, bool], Target] | None = None) -> int:
    """Run a command; its exit code (`Exit`)."""
    words = hoisted(sys.argv[1:] if arguments is None else arguments)
    try:
        app(words, prog_name="scripts/bridge", obj=connect or to_target)
    except CommandError as error:
        return _failed(str(error), error.code)
    except (BridgeError, BotoCoreError, ClientError) as error:
        return _failed(str(error), Exit.FAILED)
    except SystemExit as end:  # Typer's own: 0, or 2 for what it could not read
        return int(end.code or 0)
    return Exit.DONE


def to_target(stack: str | None, local: bool) -> Target:  # noqa: FBT001 - an option of the command line
    """Where to work. Raises CommandError."""
    if bool(stack) == local:
        raise UsageError("Say where: --stack NAME, or --local for `make run`.")
    return target.local() if local else target.of_stack(stack or "")


def hoisted(words: Sequence[str]) -> list[str]:
    """The words with the options of all commands in front, wherever they stood."""
    first, rest = [], list(words)
    place = 0
    while place < len(rest) and rest[place] != "--":
        name, equals, _ = rest[place].partition("=")
        if name in EVERYWHERE:
            count = 1 if equals else 1 + EVERYWHERE[name]
            first += rest[place : place + count]
            del rest[place : place + count]
        else:
            place += 1
    return first + rest


def _failed(text: str, code: Exit) -> Exit:
    print(printable(text), file=sys.stderr)
    return code
