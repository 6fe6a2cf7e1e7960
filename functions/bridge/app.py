"""The one place that puts the bridge together: real parts on Lambda, fakes in tests.

Each part is made when it is first used, and imports what it needs only then: a function pays at its cold start for
nothing that it does not use. That is why this file imports inside its functions; beside it only `aws_api/` does, for
what is rarely needed.
"""

from __future__ import annotations

import time
from functools import cached_property, partial
from typing import TYPE_CHECKING

from bridge.aws import Aws
from bridge.secrets import Secrets
from bridge.settings import Settings
from bridge.sqs import Queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.accept import Acceptor
    from bridge.account import Account
    from bridge.allowance import Allowance
    from bridge.authentication import Authenticator
    from bridge.aws_clients import Sqs
    from bridge.campaigns.control import Controls
    from bridge.campaigns.counters import Campaigns
    from bridge.campaigns.counting import Counters
    from bridge.campaigns.table import CampaignTable
    from bridge.chunk import ChunkQueue
    from bridge.count import CampaignCounter
    from bridge.dispatch import Dispatcher
    from bridge.dynamodb import DynamoDB
    from bridge.engine import Engine
    from bridge.log.log import Log
    from bridge.log.reader import Reader
    from bridge.message import Message, Outcome
    from bridge.message_central.client import MessageCentral
    from bridge.operations.audit import Auditor
    from bridge.operations.export import Exporter
    from bridge.operations.forget import Forgetter
    from bridge.operations.logs_insights import LogsInsights
    from bridge.operations.messages import Messages
    from bridge.operations.resend import Resender
    from bridge.receive import Receiver
    from bridge.report import Reporter
    from bridge.steering import Steering
    from bridge.transport import HttpTransport

    Transport = Callable[[str, int, Callable[[], float]], HttpTransport]


class App:
    """The bridge of one execution environment."""

    def __init__(
        self,
        settings: Settings,
        aws: Aws,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        transport: Transport | None,
    ) -> None:
        self._settings = settings
        self._aws = aws
        self._clock = clock
        self._sleep = sleep
        self._transport = transport

    @classmethod
    def build(
        cls,
        settings: Settings,
        aws: Aws,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        *,
        transport: Transport | None = None,
    ) -> App:
        """A bridge of these parts. `clock` gives epoch seconds; `transport` makes connections to the neighbours."""
        return cls(settings, aws, clock, sleep, transport)

    @classmethod
    def from_environment(cls) -> App:
        """The bridge on Lambda."""
        return cls.build(Settings.from_environment(), Aws(), time.time, time.sleep)

    # ── The rules, one a function ─────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def accept(self) -> Acceptor:
        """Of POST /sms."""
        from bridge.accept import Acceptor
        from bridge.accept_log import AcceptLog
        from bridge.breaker import SINGLE_FAILURES
        from bridge.clevertap.encryption import Opener
        from bridge.forbid import Forbidder

        engine = self._engine(1, SINGLE_FAILURES)
        queue = self._chunk_queue()
        return Acceptor(
            engine,
            queue=queue,
            forbidder=Forbidder(engine.log),
            accept_log=AcceptLog(engine.log, self._counters(), queue, self._clock),
            opener=Opener(self.secrets.reload, _decrypt),
            clock=self._clock,
        )

    @cached_property
    def dispatch(self) -> Dispatcher:
        """Of the queues of chunks."""
        from bridge.breaker import BATCH_FAILURES
        from bridge.dispatch import Dispatcher

        engine = self._engine(self._settings.send_concurrency, BATCH_FAILURES)
        validity = self._settings.validity_seconds
        return Dispatcher(engine, self.secrets, self._chunk_queue(), validity_seconds=validity, clock=self._clock)

    @cached_property
    def receive(self) -> Receiver:
        """Of Message Central's receipts."""
        from bridge.receive import Receiver
        from bridge.replies import Replies

        parked, kept = map(self._queue, (self._settings.receipt_queue_url, self._settings.unrecognised_queue_url))
        without_number, log = self._settings.receipts_without_number, self._log()
        replies = Replies(log, self._queue(self._settings.report_queue_url), self._clock)
        return Receiver(
            self.secrets,
            log,
            authenticator=self.authenticator,
            parked=parked,
            kept=kept,
            replies=replies,
            without_number=without_number,
            clock=self._clock,
        )

    @cached_property
    def report(self) -> Reporter:
        """Of the log's stream."""
        from bridge.clevertap.callbacks import Callbacks
        from bridge.report import Reporter

        callbacks = Callbacks(self._transport_factory(), self._clock, _encrypt)
        return Reporter(self.secrets, callbacks, self._queue(self._settings.report_queue_url), self._clock)

    @cached_property
    def count(self) -> CampaignCounter:
        """Of the log's stream, for the campaigns' counters."""
        from bridge.count import CampaignCounter

        return CampaignCounter(self._counters())

    # ── What people do ────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def messages(self) -> Messages:
        """Looks up messages."""
        from bridge.operations.messages import Messages

        return Messages(self._reader())

    @cached_property
    def logs_insights(self) -> LogsInsights | None:
        """Links to the functions' log lines; None where there is no CloudWatch."""
        from bridge.operations.logs_insights import LogsInsights

        logs = self._settings.logs
        return LogsInsights(*logs) if logs else None

    @cached_property
    def resend(self) -> Resender:
        """Sends messages again."""
        from bridge.operations.resend import Resender

        return Resender(self._chunk_queue(), self.controls, self._clock)

    @cached_property
    def forget(self) -> Forgetter:
        """Forgets people."""
        from bridge.operations.forget import Forgetter

        return Forgetter(self._reader(), self.controls, self._clock)

    @cached_property
    def export(self) -> Exporter:
        """Takes messages out of the log."""
        from bridge.operations.export import Exporter

        return Exporter(self._reader())

    @cached_property
    def campaigns(self) -> Campaigns:
        """Campaigns and their counters."""
        from bridge.campaigns.counters import Campaigns

        return Campaigns(self._campaign_table, self._clock)

    @cached_property
    def audit(self) -> Auditor:
        """Recounts campaigns from the log."""
        from bridge.operations.audit import Auditor

        return Auditor(self._settings.log_table, self._dynamodb, self._campaign_table, self._clock)

    @cached_property
    def controls(self) -> Controls:
        """Pauses, stops and resumes."""
        from bridge.campaigns.control import Controls

        return Controls(self._campaign_table, self._clock)

    # ── What they are made of ─────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def secrets(self) -> Secrets:
        """The accounts of this stack."""
        return Secrets(self._settings.stack, self._aws.secrets_manager(), self._clock)

    @cached_property
    def authenticator(self) -> Authenticator:
        """Who may call."""
        from bridge.authentication import Authenticator

        return Authenticator(self.secrets, self._clock)

    @cached_property
    def _dynamodb(self) -> DynamoDB:
        return self._aws.dynamodb()

    @cached_property
    def _sqs(self) -> Sqs:
        return self._aws.sqs()

    def _engine(self, concurrency: int, failures: int) -> Engine:
        from bridge.campaigns.shared_breaker import SharedBreaker
        from bridge.engine import Engine
        from bridge.send import Sender
        from bridge.steering import Steering

        sender = Sender(self._log(), self.vendor(concurrency), self._settings.worker_lifetime, self._clock)
        shared, steering = SharedBreaker(self._campaign_table), Steering(self._campaign_table, self._clock)
        return Engine(
            sender,
            shared,
            steering,
            allowance=partial(self._allowance, steering),
            concurrency=concurrency,
            failures=failures,
            clock=self._clock,
        )

    def _allowance(self, steering: Steering, account: Account, *, single: bool) -> Allowance:
        from bridge.allowance import Allowance, Limits
        from bridge.campaigns.control import Controls
        from bridge.campaigns.daily_cap import DailyCaps
        from bridge.campaigns.schedule import RateSchedule

        table = self._campaign_table
        caps = DailyCaps(table, Controls(table, self._clock), self._clock)
        return Allowance(account, Limits(RateSchedule(table, self._clock), caps, steering, self._clock), single=single)

    def vendor(self, concurrency: int) -> MessageCentral:
        """Message Central, for so many threads."""
        from bridge.message_central.client import MessageCentral

        transport = self._transport_factory()(self._settings.message_central_url, concurrency, self._clock)
        return MessageCentral(transport, self.secrets.reload, self._sandbox, self._clock)

    @staticmethod
    def _sandbox(message: Message) -> Outcome:
        from bridge.message_central.sandbox import outcome

        return outcome(message)

    def _log(self) -> Log:
        from bridge.log.log import Log

        return Log(
            self._settings.log_table,
            self._dynamodb,
            retention_days=self._settings.retention_days,
            store_text=self._settings.store_text,
            clock=self._clock,
            sleep=self._sleep,
        )

    def _reader(self) -> Reader:
        from bridge.log.reader import Reader

        return Reader(self._settings.log_table, self._dynamodb, self._sleep)

    def _counters(self) -> Counters:
        from bridge.campaigns.counting import Counters

        return Counters(self._campaign_table, retention_days=self._settings.retention_days, clock=self._clock)

    @cached_property
    def _campaign_table(self) -> CampaignTable:
        from bridge.campaigns.table import CampaignTable

        return CampaignTable(self._settings.campaign_table, self._dynamodb)

    def _chunk_queue(self) -> ChunkQueue:
        from bridge.chunk import ChunkQueue, Lane

        urls = {Lane.BATCH: self._settings.dispatch_queue_url, Lane.SINGLE: self._settings.single_queue_url}
        return ChunkQueue({lane: self._queue(url) for lane, url in urls.items()})

    def _queue(self, url: str) -> Queue:
        return Queue(url, self._sqs, self._sleep)

    def _transport_factory(self) -> Transport:
        from bridge.transport import HttpTransport

        return self._transport or HttpTransport


# ── What only encrypted payloads pay for: each call imports it, if that was not done before ───────────────────────────


def _decrypt(key: bytes, iv: bytes, ciphertext: bytes) -> tuple[bytes, bool]:
    from bridge.aes import decrypt

    return decrypt(key, iv, ciphertext)


def _encrypt(key: bytes, iv: bytes, plain: bytes) -> bytes:
    from bridge.aes import encrypt

    return encrypt(key, iv, plain)
