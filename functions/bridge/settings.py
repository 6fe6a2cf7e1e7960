"""The function's environment, as the template gives it. Each setting is read when it is used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOUR = 3_600.0


class Settings:
    """Typed settings over environment variables. One that is missing is a KeyError with its name."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    @classmethod
    def from_environment(cls) -> Settings:
        """What Lambda was given."""
        return cls(os.environ)

    @property
    def stack(self) -> str:
        """The stack's name, which begins the names of its accounts' secrets."""
        return self._environ["STACK_NAME"]

    @property
    def log_table(self) -> str:
        """The table of all messages."""
        return self._environ["SMS_LOG_TABLE"]

    @property
    def campaign_table(self) -> str:
        """The table of what an account's workers share."""
        return self._environ["CAMPAIGN_TABLE"]

    @property
    def dispatch_queue_url(self) -> str:
        """The queue of chunks."""
        return self._environ["DISPATCH_QUEUE_URL"]

    @property
    def single_queue_url(self) -> str:
        """The queue of messages that came alone and have to wait."""
        return self._environ["SINGLE_QUEUE_URL"]

    @property
    def receipt_queue_url(self) -> str:
        """The queue of parked receipts."""
        return self._environ["RECEIPT_QUEUE_URL"]

    @property
    def receipts_without_number(self) -> bool:
        """Whether the log has an index by the vendor's id, for receipts that carry no number."""
        return self._environ["RECEIPTS_WITHOUT_NUMBER"] == "true"

    @property
    def unrecognised_queue_url(self) -> str:
        """The queue of receipts that were not recognised."""
        return self._environ["UNRECOGNISED_QUEUE_URL"]

    @property
    def report_queue_url(self) -> str:
        """The queue of delayed reports."""
        return self._environ["REPORT_QUEUE_URL"]

    @property
    def logs(self) -> tuple[str, list[str]] | None:
        """The region, and the names of all functions' log groups; None where another AWS than CloudWatch's is used."""
        if self._environ.get("AWS_ENDPOINT_URL"):
            return None
        return self._environ.get("AWS_REGION", ""), self._environ["LOG_GROUPS"].split()

    @property
    def message_central_url(self) -> str:
        """Where Message Central's API is."""
        return self._environ["MESSAGE_CENTRAL_URL"]

    @property
    def send_concurrency(self) -> int:
        """How many messages of one worker are at the vendor at once."""
        return int(self._environ["SEND_CONCURRENCY"])

    @property
    def validity_seconds(self) -> float:
        """How long after it was accepted a message may still be sent."""
        return float(self._environ["MESSAGE_VALIDITY_HOURS"]) * _HOUR

    @property
    def worker_lifetime(self) -> float:
        """The longest that any worker lives, in seconds."""
        return float(self._environ["WORKER_LIFETIME_SECONDS"])

    @property
    def retention_days(self) -> int:
        """How long a row stays in the log."""
        return int(self._environ["RETENTION_DAYS"])

    @property
    def store_text(self) -> bool:
        """Whether the log keeps the texts."""
        return self._environ["STORE_TEXT"] == "true"
