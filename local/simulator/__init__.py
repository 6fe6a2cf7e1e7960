"""Message Central as far as it is known (contracts/message_central.md), on a port of this machine.

`python -m local.simulator --port 4010` starts it as a process of its own; `Simulator` is the same in a test.
"""

from local.simulator.server import Simulator
from local.simulator.settings import ReceiptSettings, Settings

__all__ = ["ReceiptSettings", "Settings", "Simulator"]
