"""`python -m local.sink --port 4020`: the sink as a process of its own."""

from __future__ import annotations

import argparse
import sys

from local import process
from local.http_server import PortTakenError
from local.sink.server import Sink


def main() -> int:
    """Serve until SIGTERM or Ctrl-C. 1 when the port is taken."""
    parser = argparse.ArgumentParser(prog="local.sink")
    parser.add_argument("--port", type=int, default=4020)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 to be reached from a container")
    parser.add_argument("--child", action="store_true", help="end when standard input ends")
    options = parser.parse_args()
    try:
        sink = Sink(port=options.port, host=options.host).start()
    except PortTakenError as error:
        print(error, file=sys.stderr)
        return 1
    if options.child:
        process.end_with_parent()
    process.wait_for_signal(lambda: print(f"CleverTap callback sink on {sink.url}", flush=True))
    sink.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
