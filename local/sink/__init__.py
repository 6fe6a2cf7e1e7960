"""CleverTap's callback for delivery reports (docs/contracts/clevertap.md): strict about form, and fails on demand."""

from local.sink.server import Sink
from local.sink.state import SinkSettings

__all__ = ["Sink", "SinkSettings"]
