"""What a command works with: the bridge, the account, who works, and how results are shown."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from bridge.app import App
from bridge.campaigns.keys import NO_CAMPAIGN, WHOLE_ACCOUNT, campaign_key
from scripts.operators.errors import CommandError, UsageError
from scripts.operators.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable

    import typer

    from scripts.operators.target import Target

    Connect = Callable[[], Target]


class Session:
    """One call of the command line. AWS is asked for nothing that the command does not use."""

    def __init__(self, connect: Connect, account: str | None, *, as_json: bool) -> None:
        self._connect = connect
        self._account = account
        self.output = Output(as_json=as_json)

    @cached_property
    def target(self) -> Target:
        """The stack, or `make run`."""
        return self._connect()

    @cached_property
    def bridge(self) -> App:
        """Its rules, with the rights of the person who calls."""
        return App.build(self.target.settings, self.target.aws, time.time, time.sleep)

    @cached_property
    def account(self) -> str:
        """The account that is meant: the one that was named, or the only one. Raises CommandError."""
        if self._account:
            if not self._may_be(self._account):
                self.output.remark(f"There is no secret {self.target.stack}/{self._account}: is that the account's id?")
            return self._account
        accounts = self.target.accounts()
        if not accounts:
            raise CommandError(
                f"The stack {self.target.stack} has no account: no secret {self.target.stack}/… is there."
            )
        if len(accounts) > 1:
            raise UsageError(f"The stack has {len(accounts)} accounts: choose with --account ({', '.join(accounts)}).")
        return accounts[0]

    def _may_be(self, account: str) -> bool:
        """Whether an account has a secret, by which a mistyped id shows. Where nobody can say, yes."""
        try:
            return account in self.target.accounts()
        except (BotoCoreError, ClientError):
            return True

    @cached_property
    def by(self) -> str:
        """Who works, as it will stand in the log."""
        return self.target.who()

    def key(self, campaign: str | None) -> tuple[str, str]:
        """The key of a campaign's control; without a campaign the whole account's."""
        return self.account, WHOLE_ACCOUNT if campaign is None else campaign_key(campaign_id(campaign))


def session_of(context: typer.Context) -> Session:
    """The session of a command that is called."""
    session = context.obj
    assert isinstance(session, Session)  # noqa: S101 - the callback before all commands made it
    return session


def campaign_id(written: str) -> str | None:
    """A campaign as it is written on the command line: `-` are the messages without an id. Raises UsageError."""
    if not written:
        raise UsageError("The campaign's id is empty: - are the messages without one.")
    return None if written == NO_CAMPAIGN else written


def campaign_name(campaign: str | None) -> str:
    """How it is written."""
    return NO_CAMPAIGN if campaign is None else campaign
