"""The operators' page in a real browser: `make run`'s bridge with simulators, and Debian's Chromium before it."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from local.bridge import ACCOUNT, CREDENTIALS, LIVE, RECEIPTS_PATH, Bridge, Options
from local.ports import free_port
from local.simulator import ReceiptSettings, Simulator, SimulatorSettings
from local.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from playwright.sync_api import Browser, Page

HOSTILE = """<script>window.harm=1</script>"><img src=x onerror="window.harm=2">{{ 7*7 }}</cwdb-action>'&amp;<b>"""
SECONDS = 120  # until a test gives up on something that has to happen in another process
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

WATCHABLE_MS, SLOW_MS = 100, 2_000  # that Message Central takes for an answer

http = urllib3.PoolManager(retries=False, timeout=SECONDS)
expect.set_options(timeout=SECONDS * 1_000)


def number_of(one: int) -> str:
    """A number that the simulator delivers to, unless its last digits ask for something else."""
    return f"+9198765{one:05}"


class Run:
    """What `make run` starts, in this process."""

    def __init__(self, bridge: Bridge, vendor: Simulator) -> None:
        self.bridge, self.vendor = bridge, vendor

    @property
    def url(self) -> str:
        return f"{self.bridge.url}/console"

    def post(self, campaign: str | None, numbers: Iterable[int], text: str = "Hello") -> None:
        """Post a batch, as CleverTap does."""
        messages = [{"to": number_of(one), "text": text, "messageId": f"{campaign}-{one}"} for one in numbers]
        headers = {"account": ACCOUNT, "x-api-key": CREDENTIALS["apiKey"]}
        body = {"campaignId": campaign, "messages": messages}
        answer = http.request("POST", f"{self.bridge.url}/sms", json=body, headers=headers)
        assert answer.status == 200, answer.data

    def vendor_takes(self, milliseconds: int) -> None:
        """Have Message Central answer no sooner from now on."""
        answer = http.request("POST", f"{self.vendor.url}/_simulator/settings", json={"latency_ms": milliseconds})
        assert answer.status == 200, answer.data


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    port = free_port()
    receipts = ReceiptSettings(f"http://127.0.0.1:{port}{RECEIPTS_PATH}", delay_seconds=1, spread_seconds=1)
    with Simulator(SimulatorSettings(latency_ms=WATCHABLE_MS, receipts=receipts)) as vendor, Sink() as sink:
        options = Options(
            message_central_url=vendor.url,
            callback_url=f"{sink.url}/sms/generic",
            port=port,
            parameters={"SendConcurrency": 4},
            overrides=LIVE,
        )
        with Bridge(options) as bridge:
            yield Run(bridge, vendor)


@pytest.fixture
def slow_vendor(run: Run) -> Iterator[None]:
    """A batch of some hundred takes a minute, so that there is time to steer it."""
    run.vendor_takes(SLOW_MS)
    yield
    run.vendor_takes(WATCHABLE_MS)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser, run: Run) -> Iterator[Callable[..., Page]]:
    """Open the operators' page. What its scripts complain of, and every dialog that nobody expects, fails the test."""
    complaints: list[str] = []
    opened: list[Page] = []

    def open_(theme: str = "light", **options: Any) -> Page:
        page = browser.new_page(color_scheme=theme, viewport={"width": 1_280, "height": 800}, **options)
        page.set_default_timeout(SECONDS * 1_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("requestfailed", lambda one: complaints.append(f"{one.url}: {one.failure}"))
        page.goto(run.url)
        expect(page.get_by_role("heading", name=f"Campaigns of {ACCOUNT}")).to_be_visible()
        opened.append(page)
        return page

    yield open_
    for page in opened:
        page.close()
    assert complaints == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()


@pytest.fixture
def confirms(page: Page) -> list[str]:
    """What the page asks to confirm from now on; everything is confirmed."""
    asked: list[str] = []

    def accept(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.on("dialog", accept)
    return asked


def violations(page: Page) -> list[str]:
    """What axe finds wrong for people who use a keyboard or a screen reader."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {json.dumps([node['html'][:160] for node in one['nodes']])}" for one in found]


def eventually(question: Callable[[], Any]) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + SECONDS
    while not (answer := question()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)
    return answer
