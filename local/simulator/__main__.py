"""`python -m local.simulator --port 4010`: the simulator alone."""

from __future__ import annotations

import argparse
import json
import sys

from local import process
from local.simulator.guide import guide
from local.simulator.server import Simulator
from local.simulator.settings import SimulatorSettings, changed


def main() -> int:
    """Serve until SIGTERM or Ctrl-C. 1 when the port is taken."""
    parser = argparse.ArgumentParser(
        prog="local.simulator",
        description=guide(),
        formatter_class=argparse.RawDescriptionHelpFormatter,  # keeps the table of suffixes as it is
    )
    parser.add_argument("--port", type=int, default=4010)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 to be reached from a container")
    parser.add_argument("--settings", type=json.loads, default={}, help='JSON, e.g. {"latency_ms": 350}')
    options = parser.parse_args()
    try:
        with Simulator(
            changed(SimulatorSettings(), options.settings), port=options.port, host=options.host
        ) as simulator:
            process.wait_for_signal(lambda: print(f"Message Central simulator on {simulator.url}", flush=True))
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
