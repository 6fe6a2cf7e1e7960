"""A campaign through a real nginx that lets 50 requests a second pass, by two workers at once."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from bridge.app import App
from bridge.chunk import Chunk, decode
from bridge.invocation import Invocation
from bridge.message import Status
from bridge.settings import Settings
from bridge.telemetry import InvocationMetrics
from bridge.times import Deadline
from bridge.transport import HttpTransport
from tests.fakes.aws import FakeAws
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.environment import ENVIRONMENT
from tests.fakes.secrets_manager import FakeSecretsManager
from tests.fakes.sqs import Entry, FakeSQS
from tests.fakes.values import ACCOUNT_ID, message, secret
from tests.nginx.server import Nginx

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.nginx.world import Backend

MESSAGES, IDEAL_SECONDS = 1_500, 30
UNLIMITED = 500  # messages: how fast this machine is where nothing limits it
GIVEN_UP_AFTER = 10 * IDEAL_SECONDS
CHUNKS_IN_EVENT = 2  # what is refused goes back to the queue when its event has ended
LIMITED = """
        location / {{ limit_req zone=all burst=5 nodelay; proxy_pass http://127.0.0.1:{port}; }}
        location /unlimited/ {{ proxy_pass http://127.0.0.1:{port}/; }}
"""


class Campaign:
    """Two workers on the same queue and the same log, each with its own memory, on real time."""

    def __init__(self, url: str) -> None:
        self.dynamodb, self._sqs = FakeDynamoDB(), FakeSQS(time.time)
        secrets = FakeSecretsManager({f"bridge/{ACCOUNT_ID}": secret()})
        settings = Settings(ENVIRONMENT | {"MESSAGE_CENTRAL_URL": url, "SEND_CONCURRENCY": "32"})
        aws: Any = FakeAws(self.dynamodb, self._sqs, secrets)
        self._apps = [App.build(settings, aws, time.time, time.sleep, transport=HttpTransport) for _ in range(2)]
        self._messages, self._until = 0, 0.0

    def run(self, messages: int) -> float:
        """Send so many; the seconds that it took."""
        since = time.time()
        self._messages, self._until = messages, since + GIVEN_UP_AFTER
        queue = self._apps[0].dispatch._queue
        chunks = [_chunk(first, since) for first in range(0, messages, 100)]
        queue.put([(one, 0) for one in chunks], Deadline.within(10, time.time))
        workers = [threading.Thread(target=self._work, args=(app,)) for app in self._apps]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return time.time() - since

    def _work(self, app: App) -> None:
        while time.time() < self._until and not self._is_over():
            due = self._receive()
            if due:
                deadline = Deadline.within(59, time.time)
                invocation = Invocation("worker", deadline, InvocationMetrics())
                assert all(app.dispatch.dispatch([decode(entry.body) for entry in due], invocation))
            time.sleep(0.02)

    def _receive(self) -> list[Entry]:
        with self._sqs.lock:
            due = [entry for entry in self._sqs.entries if entry.due <= time.time()][:CHUNKS_IN_EVENT]
            self._sqs.entries = [entry for entry in self._sqs.entries if entry not in due]
        return due

    def _is_over(self) -> bool:
        with self.dynamodb.lock:
            statuses = self.dynamodb.statuses()
        return len(statuses) == self._messages and not {*statuses} & {Status.SENDING.value, Status.RETRYING.value}


def _chunk(first: int, accepted_at: float) -> Chunk:
    messages = [message(index, accepted_at=accepted_at) for index in range(first, first + 100)]
    return Chunk(ACCOUNT_ID, accepted_at, 0, messages)


@pytest.fixture
def url(backend: Backend, tmp_path: Path) -> Iterator[str]:
    nginx = Nginx(tmp_path, LIMITED.format(port=backend.server_port), rate="50r/s")
    yield f"http://127.0.0.1:{nginx.port}"
    nginx.stop()


@pytest.mark.fault("rate-limit")
def test_a_vendor_that_takes_50_a_second_gets_1500_messages_in_little_more_than_30_seconds(url: str, backend: Backend):
    unlimited = Campaign(f"{url}/unlimited").run(UNLIMITED) * MESSAGES / UNLIMITED
    backend.took.clear()
    campaign = Campaign(url)

    seconds = campaign.run(MESSAGES)

    assert campaign.dynamodb.statuses() == [Status.SENT.value] * MESSAGES
    assert len(backend.took) == len({*backend.took}) == MESSAGES
    assert seconds <= 1.15 * IDEAL_SECONDS + unlimited, "the limit's time, and that which this machine takes without it"
