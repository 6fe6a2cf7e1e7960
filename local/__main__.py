"""`python -m local` (`make run`): the bridge and its neighbours, until Ctrl-C."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from local.bridge import LIVE, RECEIPTS_PATH, Bridge, Options
from local.ports import StartError
from local.screen import Screen
from local.settings import from_environment
from local.simulator import ReceiptSettings, Simulator, SimulatorSettings
from local.sink import Sink, SinkSettings
from local.welcome import welcome

if TYPE_CHECKING:
    from local.settings import RunSettings


def main() -> int:
    """Run until Ctrl-C or SIGTERM. 1 when something could not be started."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job would ignore the first
        signal.signal(number, signal.default_int_handler)
    try:
        settings = from_environment(os.environ)
        settings.check_ports()
        settings.logs.mkdir(parents=True, exist_ok=True)
        with ExitStack() as running:
            run(settings, running)
    except (StartError, OSError) as error:
        print(f"Could not start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def run(settings: RunSettings, running: ExitStack) -> None:
    """Start everything and show what passes, until Ctrl-C. `running` then stops what was started."""
    start_neighbours(settings, running)
    options = Options(
        message_central_url=settings.message_central_url,
        callback_url=settings.callback_url,
        port=settings.port,
        aws_port=settings.aws_port,
        host=settings.host,
        secret={"encryptionKeys": settings.encryption_keys},
        logs=settings.logs,
        overrides=LIVE,
    )
    bridge = running.enter_context(Bridge(options))
    screen = Screen(bridge)
    print(welcome(settings, bridge), flush=True)
    running.callback(lambda: print(screen.summary(), flush=True))
    running.callback(screen.stop)
    running.callback(bridge.stop_working)  # first: while workers ask AWS, the screen's last look takes seconds
    running.callback(ignore_signals)
    screen.start()  # last: a Ctrl-C can come before it returns, and AWS must not go while the screen still reads
    while True:  # Ctrl-C and SIGTERM raise KeyboardInterrupt
        time.sleep(3600)


def start_neighbours(settings: RunSettings, running: ExitStack) -> None:
    """Start Message Central and CleverTap's callback, unless they are somewhere else."""
    if settings.simulator_port:
        # Receipts as a vendor's: some seconds later, in no order, a few of them bad.
        url = f"http://127.0.0.1:{settings.port}{RECEIPTS_PATH}"
        receipts = ReceiptSettings(url, delay_seconds=2, spread_seconds=3, failures=0.05, duplicates=0.02)
        vendor = Simulator(SimulatorSettings(receipts=receipts), port=settings.simulator_port, host=settings.host)
        running.enter_context(vendor)
    if settings.sink_port:
        keys = SinkSettings(encryption_keys=settings.encryption_keys)
        running.enter_context(Sink(keys, port=settings.sink_port, host=settings.host))


def ignore_signals() -> None:
    """Keep another Ctrl-C from interrupting the end, which would leave processes behind."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    print("\nending …", flush=True)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # everything has ended; Python would take half a second more to tidy its memory
