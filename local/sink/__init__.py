"""CleverTap's side of the delivery reports (contracts/clevertap.md §4): strict about form, and moody on demand.

`python -m local.sink --port 4020` starts it as a process of its own; `Sink` is the same in a test.
"""

from local.sink.server import Sink
from local.sink.state import SinkSettings

__all__ = ["Sink", "SinkSettings"]
