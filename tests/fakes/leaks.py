"""Looks for what must never be written down: secrets in any form, full phone numbers, texts."""

from __future__ import annotations

import logging
import re
import traceback

from tests.fakes.values import NUMBER_PREFIX, SECRETS, TEXT_MARK

# Epoch milliseconds of an EMF document, and ids made of hexadecimal digits, may have ten digits in a row.
_TIME = re.compile(r'"Timestamp":\s*\d{13}\b')
_LONG_NUMBER = re.compile(r"(?<![0-9a-zA-Z_./-])\+?\d{10,}(?![0-9a-zA-Z_-])")
_TEST_NUMBER = re.compile(rf"{NUMBER_PREFIX}\d{{5}}")
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime"}


def leaks(written: str, *, numbers: bool = True) -> list[str]:
    """What in a text must not be there."""
    found = [secret for secret in SECRETS if secret in written]
    if TEXT_MARK in written:
        found.append(TEXT_MARK)
    if numbers:
        found += _TEST_NUMBER.findall(written) + _LONG_NUMBER.findall(_TIME.sub("", written))
    return found


class LogWatch(logging.Handler):
    """Keeps every log record as text, with its extra fields and its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        self.lines.append(f"{record.name} {record.levelname} {record.getMessage()} {extra or ''} {trace}")

    def take(self) -> list[str]:
        """What was logged since the last time."""
        lines, self.lines = self.lines, []
        return lines
