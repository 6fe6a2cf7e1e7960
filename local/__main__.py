"""`python -m local` (`make run`): everything up, until Ctrl-C."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from local import ports, process
from local.bridge import RECEIPTS_PATH, Bridge, Options
from local.http_server import PortTakenError
from local.screen import Screen
from local.settings import RunSettings, SettingsError, from_environment
from local.welcome import about_simulator, welcome

if TYPE_CHECKING:
    from collections.abc import Sequence

# Receipts as a vendor's: some seconds later, in no order, a few of them bad.
RECEIPTS = {"delay_seconds": 2, "spread_seconds": 3, "failures": 0.05, "duplicates": 0.02}


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
    except (SettingsError, PortTakenError, ports.StartError) as error:
        print(f"Could not start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def run(settings: RunSettings, running: ExitStack) -> None:
    """Start everything, show what passes, and end when told to. Whatever was started is ended with `running`."""
    receipts_url = f"http://127.0.0.1:{settings.port}{RECEIPTS_PATH}"
    simulator_settings: dict[str, object] = {"receipts": {"url": receipts_url, **RECEIPTS}}
    simulator_pid = None
    if settings.simulator_port:
        arguments = ["--settings", json.dumps(simulator_settings)]
        simulator_pid = start_program(running, settings, "simulator", settings.simulator_port, arguments)
    if settings.sink_port:
        start_program(running, settings, "sink", settings.sink_port)
    options = Options(
        message_central_url=settings.message_central_url,
        callback_url=settings.callback_url,
        port=settings.port,
        aws_port=settings.aws_port,
        host=settings.host,
        logs=settings.logs,
    )
    bridge = running.enter_context(Bridge(options))
    screen = Screen(bridge)
    print(welcome(settings, bridge), flush=True)
    if simulator_pid:
        print("\n" + about_simulator(settings, simulator_pid, simulator_settings), flush=True)
    running.callback(lambda: print(screen.summary(), flush=True))
    running.callback(screen.stop)
    running.callback(be_left_alone)
    screen.start()  # last: a Ctrl-C can come before it returns, and AWS must not go while the screen still reads
    wait_until_told()


def start_program(
    running: ExitStack, settings: RunSettings, name: str, port: int, arguments: Sequence[str] = ()
) -> int:
    """Start the simulator or the sink as a process of its own, and give its id. Raises StartError."""
    log = settings.logs / f"{name}.log"
    listen = ["--host", settings.host, "--port", str(port), "--child"]
    program = process.start(f"local.{name}", [*listen, *arguments], log=log)
    running.callback(process.stop, program)
    ports.wait_until_open(port, program)
    return program.pid


def wait_until_told() -> None:
    """Return never: Ctrl-C and SIGTERM raise KeyboardInterrupt."""
    while True:
        time.sleep(3600)


def be_left_alone() -> None:
    """Another Ctrl-C must not break off the ending, or processes would be left behind."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    print("\nending …", flush=True)


if __name__ == "__main__":
    sys.exit(main())
