"""Message Central as far as it is known (docs/contracts/message_central.md), on a port of this machine.

`python -m local.simulator --port 4010` runs it alone.
"""

from local.simulator.server import Simulator
from local.simulator.settings import ReceiptSettings, SimulatorSettings

__all__ = ["ReceiptSettings", "Simulator", "SimulatorSettings"]
