"""`python -m local.simulator --port 4010`: the simulator as a process of its own."""

from __future__ import annotations

import argparse
import json
import sys

from local import process
from local.http_server import PortTakenError
from local.simulator.guide import guide
from local.simulator.server import Simulator
from local.simulator.settings import Settings, changed


def main() -> int:
    """Serve until SIGTERM or Ctrl-C. 1 when the port is taken."""
    parser = argparse.ArgumentParser(prog="local.simulator", description=guide(), formatter_class=_Plain)
    parser.add_argument("--port", type=int, default=4010)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 to be reached from a container")
    parser.add_argument("--settings", type=json.loads, default={}, help='JSON, e.g. {"latency_ms": 350}')
    parser.add_argument("--child", action="store_true", help="end when standard input ends")
    options = parser.parse_args()
    try:
        simulator = Simulator(changed(Settings(), options.settings), port=options.port, host=options.host).start()
    except PortTakenError as error:
        print(error, file=sys.stderr)
        return 1
    if options.child:
        process.end_with_parent()
    process.wait_for_signal(lambda: print(f"Message Central simulator on {simulator.url}", flush=True))
    simulator.stop()
    return 0


class _Plain(argparse.RawDescriptionHelpFormatter):
    """Keep the table of suffixes as it is."""


if __name__ == "__main__":
    sys.exit(main())
