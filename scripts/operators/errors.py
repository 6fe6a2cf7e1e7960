"""How the command line ends (docs/operations.md lists it for scripts that call it)."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes. 2 is a command that was written wrongly."""

    DONE = 0
    FAILED = 1
    """It could not be done, or not all of it; the text on stderr says what and why."""
    USAGE = 2
    NOT_CONFIRMED = 3
    """Nothing was changed: the answer was no, or nobody was there to be asked."""


class CommandError(Exception):
    """Why a command ends without having done its work; the text says what to do."""

    code = Exit.FAILED


class UsageError(CommandError):
    """The command was written wrongly."""

    code = Exit.USAGE


class NotConfirmed(CommandError):
    """A person said no, or could not be asked."""

    code = Exit.NOT_CONFIRMED
