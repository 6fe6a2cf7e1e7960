"""The whole bridge on one machine: no AWS account, no Docker, no vendor."""

import sys
from pathlib import Path

# The simulator has the endings of numbers from the bridge (bridge/message_central/behaviours.py).
_FUNCTIONS = str(Path(__file__).resolve().parent.parent / "functions")
if _FUNCTIONS not in sys.path:
    sys.path.append(_FUNCTIONS)
