"""Posts the vendor's receipts when they are due.

The vendor's format is not published (docs/contracts/message_central.md); this is the form that the bridge expects.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING

import urllib3

from local.simulator.receipt_plans import plans

if TYPE_CHECKING:
    from local.simulator.account import Accepted
    from local.simulator.receipt_plans import Receipt
    from local.simulator.settings import ReceiptSettings, SimulatorSettings

# At once; more would only queue at the gateway.
SENDERS = 8
# API Gateway answers within 30 s.
TIMEOUT = urllib3.Timeout(connect=2, read=30)


class ReceiptSender:
    """Posts receipts when they are due, from threads of its own. Nothing is retried."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Receipt, ReceiptSettings]] = []
        self._order = count()
        self._changed = threading.Condition()
        self._runs = False
        self._posting = 0
        self._counts: Counter[str] = Counter()
        self._http = urllib3.PoolManager(maxsize=SENDERS, retries=False, timeout=TIMEOUT)

    def plan(self, message: Accepted, settings: SimulatorSettings, now: float) -> None:
        """Schedule the receipts of a message. `now` is in epoch seconds."""
        if not settings.receipts.url:
            return
        with self._changed:
            for wait, receipt in plans(message, settings):
                heapq.heappush(self._waiting, (now + wait, next(self._order), receipt, settings.receipts))
            self._changed.notify()

    def start(self) -> None:
        """Send what is and what becomes due."""
        self._runs, self._posting = True, 0
        self._senders = ThreadPoolExecutor(SENDERS, "receipt")
        self._clock = threading.Thread(target=self._run, name="receipts", daemon=True)
        self._clock.start()

    def stop(self) -> None:
        """Hold everything back. Receipts being posted are finished first."""
        with self._changed:
            self._runs = False
            self._changed.notify()
        self._clock.join()
        self._senders.shutdown(cancel_futures=True)

    def forget(self) -> None:
        """Drop what waits, and the counts."""
        with self._changed:
            self._waiting.clear()
            self._counts.clear()

    def counts(self) -> dict[str, int]:
        """Receipts that are not answered yet, and the others by the status of the answer."""
        return {"waiting": len(self._waiting) + self._posting, **self._counts}

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._runs or self._waiting)
                if not self._runs:
                    return
                wait = self._waiting[0][0] - time.time()
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                _, _, receipt, settings = heapq.heappop(self._waiting)
                self._posting += 1
            self._senders.submit(self._post, receipt, settings)

    def _post(self, receipt: Receipt, settings: ReceiptSettings) -> None:
        try:
            status = self._request(receipt, settings).status
            self._count(f"answered {status}")
        except urllib3.exceptions.HTTPError as error:
            self._count(type(error).__name__)

    def _request(self, receipt: Receipt, settings: ReceiptSettings) -> urllib3.BaseHTTPResponse:
        if settings.format == "query":
            return self._http.request("GET", settings.url, fields=receipt)
        if settings.format == "form":
            return self._http.request("POST", settings.url, fields=receipt, encode_multipart=False)
        body = [receipt] if settings.format == "json_array" else receipt
        return self._http.request("POST", settings.url, json=body)

    def _count(self, what: str) -> None:
        with self._changed:
            self._posting -= 1
            self._counts[what] += 1
